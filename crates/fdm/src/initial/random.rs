//! Waves of random phases: a gas of bosons with a velocity distribution.

use std::f64::consts::{PI, TAU};

use adastra_core::Real;
use adastra_grid::{Fft, Mesh};
use num_complex::Complex;

use crate::error::positive;
use crate::units::M_PER_HBAR_22;
use crate::{FdmError, WaveState};

/// Plane waves of random phases with a Maxwellian distribution of velocities, as in the kinetic
/// condensation of Levkov, Panin & Tkachev (2018, PRL 121, 151301):
///
/// ```text
/// |psi_k|^2 ~ exp(-k^2/k_0^2) = exp(-v^2/(2 sigma^2)),   v = hbar k/m,   k_0 = sqrt(2) (m/hbar) sigma
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RandomPhases {
    /// In Msun/kpc^3.
    pub mean_density: f64,
    /// Standard deviation sigma of each component of the velocity, in km/s.
    pub velocity_dispersion: f64,
    /// The phase of a mode depends on this and on the mode's integers alone: a finer mesh of the
    /// same box has the same waves.
    pub seed: u64,
}

/// The wave of a boson of `mass` (1e-22 eV).
///
/// # Errors
/// [`FdmError::Range`] unless mass, density and dispersion are positive, and three dispersions
/// stay below the velocity pi hbar/(m dx) of the shortest wave on the mesh.
pub fn random_phases<T: Real>(
    mesh: &Mesh,
    mass: f64,
    options: &RandomPhases,
) -> Result<WaveState<T>, FdmError> {
    let m_per_hbar = positive("mass", mass)? * M_PER_HBAR_22;
    let mean = positive("mean_density", options.mean_density)?;
    let dispersion = positive("velocity_dispersion", options.velocity_dispersion)?;
    let coarsest = mesh.spacing().into_iter().fold(0.0, f64::max);
    if 3.0 * dispersion > PI / (m_per_hbar * coarsest) {
        let allowed = "at most a third of the velocity pi hbar/(m dx) that the mesh resolves";
        let (name, value) = ("velocity_dispersion", dispersion);
        return Err(FdmError::Range {
            name,
            value,
            allowed,
        });
    }
    let k0 = std::f64::consts::SQRT_2 * m_per_hbar * dispersion;
    let k = [0, 1, 2].map(|axis| mesh.wavenumbers(axis));
    let cells = mesh.cells();
    let mut psi = mesh.zeros_complex::<f64>();
    let mut power = 0.0;
    for ((i, j, l), z) in psi.indexed_iter_mut() {
        let at = [i, j, l];
        let k2: f64 = (0..3).map(|axis| (k[axis][at[axis]] / k0).powi(2)).sum();
        let amplitude = (-0.5 * k2).exp();
        power += amplitude * amplitude;
        *z = Complex::from_polar(amplitude, TAU * uniform(options.seed, signed(cells, at)));
    }
    // Parseval, with the inverse transform's 1/N: mean |psi|^2 = sum |psi_k|^2 / N^2.
    let factor = mesh.len() as f64 * (mean / power).sqrt();
    Fft::new(cells).inverse(&mut psi);
    let psi = psi.mapv(|z| Complex::new(T::of(factor * z.re), T::of(factor * z.im)));
    Ok(WaveState { psi })
}

/// The integers of a mode: k = 2 pi n/L.
pub(super) fn signed(cells: [usize; 3], at: [usize; 3]) -> [i64; 3] {
    std::array::from_fn(|axis| {
        let (n, i) = (cells[axis], at[axis]);
        if i < n / 2 {
            i as i64
        } else {
            i as i64 - n as i64
        }
    })
}

/// Uniform in [0, 1), of the seed and three integers: the finalizer of SplitMix64 (Steele, Lea &
/// Flood 2014) over one after the other.
pub(super) fn uniform(seed: u64, mode: [i64; 3]) -> f64 {
    let bits = mode
        .into_iter()
        .fold(mix(seed), |state, n| mix(state ^ n.cast_unsigned()));
    (bits >> 11) as f64 / (1u64 << 53) as f64
}

fn mix(state: u64) -> u64 {
    let mut z = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(seed: u64) -> RandomPhases {
        RandomPhases {
            mean_density: 3e6,
            velocity_dispersion: 40.0,
            seed,
        }
    }

    #[test]
    fn mean_density_and_dispersion_are_as_asked() {
        let mesh = Mesh::new([32, 32, 16], [10.0, 10.0, 5.0]).unwrap();
        let mass = 1.5;
        let x = random_phases::<f64>(&mesh, mass, &options(1)).unwrap();
        let mean = x.psi.iter().map(|z| z.norm_sqr()).sum::<f64>() / mesh.len() as f64;
        assert!((mean / 3e6 - 1.0).abs() < 1e-12, "{mean}");
        // <v_x^2> over the spectrum; the modes of the box sample the Gaussian finely.
        let mut spectrum = x.psi;
        Fft::new(mesh.cells()).forward(&mut spectrum);
        for axis in 0..3 {
            let k = mesh.wavenumbers(axis);
            let (mut weight, mut square) = (0.0, 0.0);
            for ((i, j, l), z) in spectrum.indexed_iter() {
                let v = k[[i, j, l][axis]] / (mass * M_PER_HBAR_22);
                weight += z.norm_sqr();
                square += z.norm_sqr() * v * v;
            }
            let dispersion = (square / weight).sqrt();
            assert!(
                (dispersion / 40.0 - 1.0).abs() < 0.01,
                "axis {axis}: {dispersion}"
            );
        }
    }

    #[test]
    fn independent_of_type_and_resolution() {
        let mesh = |n| Mesh::new([n; 3], [14.0; 3]).unwrap();
        let coarse = random_phases::<f64>(&mesh(16), 0.5, &options(7))
            .unwrap()
            .psi;
        let single = random_phases::<f32>(&mesh(16), 0.5, &options(7))
            .unwrap()
            .psi;
        let rounded = coarse.mapv(|z| Complex::new(z.re as f32, z.im as f32));
        assert_eq!(single, rounded);
        let other = random_phases::<f64>(&mesh(16), 0.5, &options(8))
            .unwrap()
            .psi;
        assert_ne!(coarse, other);
        // The same waves on a finer mesh: the amplitudes of the modes that both have.
        let spectrum = |n: usize| {
            let mut psi = random_phases::<f64>(&mesh(n), 0.5, &options(7))
                .unwrap()
                .psi;
            Fft::new([n; 3]).forward(&mut psi);
            let rest = psi[[0, 0, 0]];
            psi.mapv(|z| z / rest)
        };
        let (coarse, fine) = (spectrum(16), spectrum(32));
        for (i, j, l) in [(0, 0, 0), (1, 0, 3), (5, 2, 0)] {
            let difference = (coarse[[i, j, l]] - fine[[i, j, l]]).norm();
            assert!(difference < 1e-10 * fine[[i, j, l]].norm(), "{i} {j} {l}");
        }
        assert!((coarse[[15, 1, 0]] - fine[[31, 1, 0]]).norm() < 1e-10 * fine[[31, 1, 0]].norm());
    }

    #[test]
    fn phases_are_spread_evenly() {
        let mut bins = [0u32; 16];
        for n in 0..16_000i64 {
            bins[(16.0 * uniform(3, [n % 20 - 10, n / 20 % 20 - 10, n / 400])) as usize] += 1;
        }
        // 1000 each, with a deviation of 31.
        assert!(bins.iter().all(|&n| (850..1150).contains(&n)), "{bins:?}");
    }

    #[test]
    fn unresolved_waves_are_refused() {
        let mesh = Mesh::new([8; 3], [10.0; 3]).unwrap();
        let error = random_phases::<f64>(&mesh, 1.0, &options(0)).unwrap_err();
        assert!(
            error.to_string().starts_with("velocity_dispersion = 40"),
            "{error}"
        );
    }
}
