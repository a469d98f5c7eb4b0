//! Random solenoidal velocities.

use std::f64::consts::TAU;

use adastra_core::Real;
use adastra_grid::{Fft, Mesh};
use ndarray::Array3;
use num_complex::Complex;
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{RngCore, SeedableRng};

use super::{positive, range};
use crate::GasError;

/// A Gaussian random velocity field without divergence.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Turbulence {
    /// Standard deviation of each component, in km/s; zero for gas at rest.
    pub velocity_dispersion: f64,
    /// Exponent n of the energy spectrum `E(k) ~ k^-n`: 5/3 after Kolmogorov, 2 of shocks.
    pub slope: f64,
    /// Waves per longest side of the box, at least and at most.
    pub waves: [f64; 2],
    /// Seed of the amplitudes. A mode's depends on the seed and on the mode's integers alone: a
    /// finer mesh of the same box has the same field.
    pub seed: u64,
}

/// The velocities along x, y and z, in km/s.
///
/// # Errors
/// [`GasError::Range`] unless the dispersion and the slope are finite, and the range of waves
/// holds modes that the mesh resolves.
pub fn turbulent_velocity<T: Real>(
    mesh: &Mesh,
    options: &Turbulence,
) -> Result<[Array3<T>; 3], GasError> {
    let Turbulence {
        velocity_dispersion: dispersion,
        slope,
        waves: [least, most],
        seed,
    } = *options;
    let good = dispersion >= 0.0 && dispersion.is_finite();
    range(
        "velocity_dispersion",
        dispersion,
        good,
        "finite and not negative, in km/s",
    )?;
    range("slope", slope, slope.is_finite(), "finite")?;
    positive("waves", least, "two positive numbers, the smaller first")?;
    let coarsest = mesh.spacing().into_iter().fold(0.0, f64::max);
    let longest = mesh.size().into_iter().fold(0.0, f64::max);
    let good = most >= least && most < 0.5 * longest / coarsest;
    range(
        "waves",
        most,
        good,
        "at least the smaller one, and below half the cells of a side",
    )?;

    let cells = mesh.cells();
    let size = mesh.size();
    let mut modes: [Array3<Complex<f64>>; 3] = std::array::from_fn(|_| mesh.zeros_complex());
    let mut power = 0.0;
    for at in ndarray::indices(mesh.shape()) {
        let at = [at.0, at.1, at.2];
        let n: [i64; 3] = std::array::from_fn(|d| signed(cells[d], at[d]));
        let k: [f64; 3] = std::array::from_fn(|d| n[d] as f64 * longest / size[d]);
        let k2: f64 = k.iter().map(|k| k * k).sum();
        if !(least * least..=most * most).contains(&k2) {
            continue;
        }
        // Power per mode falls by two more powers than that per shell.
        let amplitude = k2.powf(-0.25 * (slope + 2.0));
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(stream(seed, n));
        let free = [(); 3].map(|()| normal(&mut rng) * amplitude);
        let along: Complex<f64> = (0..3).map(|d| free[d] * k[d]).sum::<Complex<f64>>() / k2;
        for d in 0..3 {
            let value = free[d] - along * k[d];
            power += value.norm_sqr();
            modes[d][at] = value;
        }
    }
    range(
        "waves",
        most,
        power > 0.0,
        "a range that holds modes of the box",
    )?;
    let mut fields = Vec::with_capacity(3);
    let fft = Fft::new(cells);
    let mut squares = 0.0;
    for mut mode in modes {
        fft.inverse(&mut mode);
        // The real part of independent modes: those of k and -k add up to a real field.
        let field = mode.mapv(|z| z.re);
        squares += field.iter().map(|v| v * v).sum::<f64>();
        fields.push(field);
    }
    let factor = dispersion * (3.0 * mesh.len() as f64 / squares).sqrt();
    let mut fields = fields.into_iter();
    Ok(std::array::from_fn(|_| {
        let field = fields.next().unwrap_or_else(|| mesh.zeros());
        field.mapv(|v| T::of(factor * v))
    }))
}

fn signed(n: usize, i: usize) -> i64 {
    if i < n / 2 {
        i as i64
    } else {
        i as i64 - n as i64
    }
}

/// The seed of a mode.
pub(crate) fn stream(seed: u64, mode: [i64; 3]) -> u64 {
    // Each folded in by a round of SplitMix64's multiplier (Steele, Lea & Flood 2014); the
    // generator's own seeding mixes the rest.
    mode.into_iter().fold(seed, |state, n| {
        (state ^ n.cast_unsigned().wrapping_mul(0x9e37_79b9_7f4a_7c15))
            .rotate_left(23)
            .wrapping_mul(0xbf58_476d_1ce4_e5b9)
    })
}

/// A complex normal deviate (Box & Muller 1958).
pub(crate) fn normal(rng: &mut Xoshiro256PlusPlus) -> Complex<f64> {
    const UNIT: f64 = 1.0 / (1u64 << 53) as f64;
    let mut uniform = || (rng.next_u64() >> 11) as f64 * UNIT;
    // 1 - u is in (0, 1]: its logarithm is finite.
    let radius = (-(1.0 - uniform()).ln()).sqrt();
    Complex::from_polar(radius, TAU * uniform())
}
