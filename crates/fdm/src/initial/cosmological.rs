//! Linear perturbations of an expanding universe.

use std::f64::consts::{SQRT_2, TAU};

use adastra_core::Real;
use adastra_cosmology::{Cosmology, LinearPower};
use adastra_gravity::G;
use adastra_grid::{Fft, Mesh};
use ndarray::{Array3, Zip};
use num_complex::Complex;

use super::random::{signed, uniform};
use crate::error::positive;
use crate::units::M_PER_HBAR_22;
use crate::{FdmError, WaveState};

/// A Gaussian random field of linear perturbations in its growing mode.
#[derive(Debug, Clone)]
pub struct Perturbations {
    /// The background.
    pub cosmology: Cosmology,
    /// The linear power of today.
    pub power: LinearPower,
    /// Whether the power of cold dark matter is cut off at the Jeans scale of the boson at
    /// matter-radiation equality (Hu, Barkana & Gruzinov 2000, PRL 85, 1158, eq. 9).
    pub fuzzy: bool,
    /// The scale factor of the start.
    pub scale_factor: f64,
    /// Each mode depends on this and on the mode's integers alone: a finer mesh of the same box has
    /// the same waves.
    pub seed: u64,
}

impl Perturbations {
    /// The linear power of the density contrast today, in kpc^3, at a wavenumber in rad/kpc, for a
    /// boson of `mass` (1e-22 eV).
    fn power_at(&self, mass: f64, k: f64) -> f64 {
        let transfer = if self.fuzzy {
            let x = 1.61 * mass.powf(1.0 / 18.0) * k / (9e-3 * mass.sqrt());
            x.powi(3).cos() / (1.0 + x.powi(8))
        } else {
            1.0
        };
        self.power.at(k) * transfer * transfer
    }

    /// The contrast delta, and the velocity potential S in kpc km/s: dx/dt^ = grad S.
    ///
    /// Continuity and growth, d delta/dt = f H delta, give nabla^2 S = -a^2 f H delta.
    fn fields(&self, mesh: &Mesh, mass: f64) -> [Array3<f64>; 2] {
        let a = self.scale_factor;
        let rate = a * a * self.cosmology.hubble_rate(a) * self.cosmology.growth_rate(a);
        let k = [0, 1, 2].map(|axis| mesh.wavenumbers(axis));
        let cells = mesh.cells();
        // The forward transform is unnormalized: <|delta_k|^2> = N^2 P/V.
        let growth = self.cosmology.growth(a);
        let factor = growth * mesh.len() as f64 / (mesh.cell_volume() * mesh.len() as f64).sqrt();
        let mut contrast = mesh.zeros_complex::<f64>();
        let mut potential = mesh.zeros_complex::<f64>();
        let modes = Zip::indexed(&mut contrast).and(&mut potential);
        modes.par_for_each(|(i, j, l), delta, s| {
            let at = [i, j, l];
            let k2: f64 = (0..3).map(|axis| k[axis][at[axis]].powi(2)).sum();
            if k2 == 0.0 {
                return;
            }
            let mode = signed(cells, at);
            // Modes and their opposites are drawn apart; the real part is the mean of both.
            let size = (-(1.0 - uniform(self.seed, mode)).ln()).sqrt();
            let turn = TAU * uniform(!self.seed, mode);
            let amplitude = SQRT_2 * factor * self.power_at(mass, k2.sqrt()).sqrt();
            *delta = Complex::from_polar(amplitude * size, turn);
            *s = *delta * (rate / k2);
        });
        let fft = Fft::new(cells);
        [contrast, potential].map(|mut field| {
            fft.inverse(&mut field);
            field.mapv(|z| z.re)
        })
    }
}

/// The wave of a boson of `mass` (1e-22 eV) that holds all matter of a universe with
/// `perturbations`, in supercomoving variables: |psi|^2 is the comoving density, and the phase is
/// (m/hbar) S.
///
/// # Errors
/// [`FdmError::Range`] unless the mass is positive, the contrast stays above -1, and the velocities
/// below the velocity pi hbar/(m dx) that the mesh resolves.
pub fn cosmological<T: Real>(
    mesh: &Mesh,
    mass: f64,
    perturbations: &Perturbations,
) -> Result<WaveState<T>, FdmError> {
    let m_per_hbar = positive("mass", mass)? * M_PER_HBAR_22;
    positive("scale_factor", perturbations.scale_factor)?;
    let [contrast, potential] = perturbations.fields(mesh, mass);
    let lowest = contrast.iter().copied().fold(f64::INFINITY, f64::min);
    if lowest <= -1.0 {
        return Err(FdmError::Range {
            name: "density contrast",
            value: lowest,
            allowed: "above -1: start at a higher redshift",
        });
    }
    let steepest = turn_between_cells(&potential) * m_per_hbar;
    if steepest >= std::f64::consts::PI {
        return Err(FdmError::Range {
            name: "phase between cells",
            value: steepest,
            allowed: "below pi: take more cells, a smaller box or a lighter boson",
        });
    }
    let mean = perturbations.cosmology.mean_density(G);
    let mut psi = mesh.zeros_complex();
    Zip::from(&mut psi)
        .and(&contrast)
        .and(&potential)
        .par_for_each(|z: &mut Complex<T>, delta, s| {
            let value = Complex::from_polar((mean * (1.0 + delta)).sqrt(), m_per_hbar * s);
            *z = Complex::new(T::of(value.re), T::of(value.im));
        });
    Ok(WaveState { psi })
}

/// The largest difference of neighbouring cells.
fn turn_between_cells(field: &Array3<f64>) -> f64 {
    let (nx, ny, nz) = field.dim();
    let differences = field.indexed_iter().map(|((i, j, l), s)| {
        let next = [
            field[[(i + 1) % nx, j, l]],
            field[[i, (j + 1) % ny, l]],
            field[[i, j, (l + 1) % nz]],
        ];
        next.map(|n| (n - s).abs()).into_iter().fold(0.0, f64::max)
    });
    differences.fold(0.0, f64::max)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn perturbations(seed: u64) -> Perturbations {
        let cosmology = Cosmology::flat(0.7, 0.3).unwrap();
        let power = LinearPower::new(&cosmology, 0.045, 0.96, 0.8).unwrap();
        Perturbations {
            cosmology,
            power,
            fuzzy: true,
            scale_factor: 0.02,
            seed,
        }
    }

    #[test]
    fn the_power_is_as_asked() {
        let mesh = Mesh::new([16; 3], [4e3; 3]).unwrap();
        let k: Vec<_> = mesh.wavenumbers(0);
        let (mut ratio, mut count) = (0.0, 0);
        for seed in 0..8 {
            let p = perturbations(seed);
            let growth = p.cosmology.growth(p.scale_factor);
            let [mut contrast, _] = p
                .fields(&mesh, 1.0)
                .map(|f| f.mapv(|x| Complex::new(x, 0.0)));
            Fft::new(mesh.cells()).forward(&mut contrast);
            for ((i, j, l), z) in contrast.indexed_iter() {
                let k2 = k[i].powi(2) + k[j].powi(2) + k[l].powi(2);
                // Modes that are their own opposites have no imaginary part.
                if k2 > 0.0 && [i, j, l].iter().all(|i| *i != 8) {
                    let found = z.norm_sqr() * 4e3f64.powi(3) / (mesh.len() as f64).powi(2);
                    ratio += found / (growth * growth * p.power_at(1.0, k2.sqrt()));
                    count += 1;
                }
            }
        }
        // The mean of exponential deviates, two and two the same.
        let sigma = (2.0 / f64::from(count)).sqrt();
        let mean = ratio / f64::from(count);
        assert!((mean - 1.0).abs() < 5.0 * sigma, "{mean} +- {sigma}");
    }

    #[test]
    fn velocities_are_those_of_the_growing_mode() {
        let mesh = Mesh::new([16, 8, 8], [4e3, 2e3, 2e3]).unwrap();
        let p = perturbations(3);
        let [contrast, potential] = p.fields(&mesh, 2.0);
        let (a, c) = (p.scale_factor, &p.cosmology);
        let rate = a * a * c.hubble_rate(a) * c.growth_rate(a);
        let mut spectra = [contrast, potential].map(|f| f.mapv(|x| Complex::new(x, 0.0)));
        let fft = Fft::new(mesh.cells());
        spectra.iter_mut().for_each(|f| fft.forward(f));
        let k = [0, 1, 2].map(|axis| mesh.wavenumbers(axis));
        let scale = rate * spectra[0].iter().map(|z| z.norm()).fold(0.0, f64::max);
        for ((i, j, l), delta) in spectra[0].indexed_iter() {
            let k2 = k[0][i].powi(2) + k[1][j].powi(2) + k[2][l].powi(2);
            let residual = -spectra[1][[i, j, l]] * k2 + delta * rate;
            assert!(residual.norm() < 1e-10 * scale);
        }
    }
}
