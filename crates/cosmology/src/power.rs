//! The linear power spectrum of cold dark matter.

use std::f64::consts::{E, PI};

use crate::background::check;
use crate::quadrature::integral;
use crate::{Cosmology, CosmologyError};

/// The linear matter power spectrum of today: a power law times the square of the transfer
/// function without wiggles of Eisenstein & Hu (1998, ApJ 496, 605, eqs. 26 and 28-31), normalized
/// to sigma_8.
#[derive(Debug, Clone)]
pub struct LinearPower {
    /// Omega_m h, Omega_m h^2.
    gamma: f64,
    sound_horizon: f64,
    alpha: f64,
    index: f64,
    amplitude: f64,
}

/// Temperature of the microwave background over 2.7 K.
const THETA: f64 = 2.7255 / 2.7;

impl LinearPower {
    /// The spectrum for a density parameter of baryons, a primordial spectral index and sigma_8.
    ///
    /// # Errors
    /// [`CosmologyError`] unless the baryons are a positive part of matter and sigma_8 is
    /// positive.
    pub fn new(
        cosmology: &Cosmology,
        omega_baryon: f64,
        index: f64,
        sigma_8: f64,
    ) -> Result<Self, CosmologyError> {
        let omega_matter = cosmology.omega_matter();
        let part = omega_baryon > 0.0 && omega_baryon < omega_matter;
        check(
            "omega_baryon",
            omega_baryon,
            part,
            "a positive part of omega_matter",
        )?;
        check("spectral index", index, index.is_finite(), "finite")?;
        check("sigma_8", sigma_8, sigma_8 > 0.0, "positive")?;
        let h = cosmology.h();
        let (matter, baryon) = (omega_matter * h * h, omega_baryon * h * h);
        let fraction = omega_baryon / omega_matter;
        // Mpc, eq. 26.
        let sound_horizon = 44.5 * (9.83 / matter).ln() / (1.0 + 10.0 * baryon.powf(0.75)).sqrt();
        let alpha = 1.0 - 0.328 * (431.0 * matter).ln() * fraction
            + 0.38 * (22.3 * matter).ln() * fraction * fraction;
        let mut power = Self {
            gamma: matter,
            sound_horizon,
            alpha,
            index,
            amplitude: 1.0,
        };
        // Spheres of 8 Mpc/h.
        let variance = power.variance(8e3 / h);
        power.amplitude = sigma_8 * sigma_8 / variance;
        Ok(power)
    }

    /// The transfer function at a wavenumber in rad/kpc.
    pub fn transfer(&self, k: f64) -> f64 {
        let k = 1e3 * k;
        if k == 0.0 {
            return 1.0;
        }
        let ks = 0.43 * k * self.sound_horizon;
        let shape = self.gamma * (self.alpha + (1.0 - self.alpha) / (1.0 + ks.powi(4)));
        let q = k * THETA * THETA / shape;
        let l = (2.0 * E + 1.8 * q).ln();
        let c = 14.2 + 731.0 / (1.0 + 62.5 * q);
        l / (l + c * q * q)
    }

    /// The power at a wavenumber in rad/kpc, in kpc^3.
    pub fn at(&self, k: f64) -> f64 {
        self.amplitude * k.powf(self.index) * self.transfer(k).powi(2)
    }

    /// The variance of the density contrast in spheres of a radius in kpc.
    pub fn variance(&self, radius: f64) -> f64 {
        let by_ln_k = |ln_k: f64| {
            let k = ln_k.exp();
            let x = k * radius;
            // The series where the difference would cancel.
            let window = if x < 1e-2 {
                1.0 - 0.1 * x * x
            } else {
                3.0 * (x.sin() - x * x.cos()) / x.powi(3)
            };
            k.powi(3) * self.at(k) * window * window / (2.0 * PI * PI)
        };
        let centre = radius.recip().ln();
        integral(by_ln_k, centre - 16.0, centre + 6.0, 2048)
    }
}
