//! Friedmann's equation and linear growth.

use crate::quadrature::integral;

/// A number of the background is out of range.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{name} = {value}: must be {allowed}")]
pub struct CosmologyError {
    /// The number's name.
    pub name: &'static str,
    /// Its value.
    pub value: f64,
    /// The allowed range, in words.
    pub allowed: &'static str,
}

/// `value` if `good`, and an error otherwise.
pub(crate) fn check(
    name: &'static str,
    value: f64,
    good: bool,
    allowed: &'static str,
) -> Result<f64, CosmologyError> {
    if good && value.is_finite() {
        Ok(value)
    } else {
        Err(CosmologyError {
            name,
            value,
            allowed,
        })
    }
}

/// A background of matter, a cosmological constant and curvature.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cosmology {
    h: f64,
    omega_matter: f64,
    omega_lambda: f64,
}

impl Cosmology {
    /// A background with Hubble's constant `100 h` km/s/Mpc and density parameters of today; what
    /// is missing to one is curvature.
    ///
    /// # Errors
    /// [`CosmologyError`] unless `h` and the density of matter are positive and that of the
    /// cosmological constant is between 0 and 2.
    pub fn new(h: f64, omega_matter: f64, omega_lambda: f64) -> Result<Self, CosmologyError> {
        Ok(Self {
            h: check("h", h, h > 0.0, "positive")?,
            omega_matter: check("omega_matter", omega_matter, omega_matter > 0.0, "positive")?,
            omega_lambda: check(
                "omega_lambda",
                omega_lambda,
                (0.0..=2.0).contains(&omega_lambda),
                "from 0 to 2",
            )?,
        })
    }

    /// A flat background.
    ///
    /// # Errors
    /// As [`Cosmology::new`].
    pub fn flat(h: f64, omega_matter: f64) -> Result<Self, CosmologyError> {
        Self::new(h, omega_matter, 1.0 - omega_matter)
    }

    /// Hubble's constant over 100 km/s/Mpc.
    pub fn h(&self) -> f64 {
        self.h
    }

    /// Density parameter of matter today.
    pub fn omega_matter(&self) -> f64 {
        self.omega_matter
    }

    /// Hubble's constant, in km/s/kpc.
    pub fn hubble_constant(&self) -> f64 {
        0.1 * self.h
    }

    /// The expansion rate at a scale factor, in km/s/kpc.
    pub fn hubble_rate(&self, a: f64) -> f64 {
        let curvature = 1.0 - self.omega_matter - self.omega_lambda;
        let square = self.omega_matter / a.powi(3) + curvature / (a * a) + self.omega_lambda;
        self.hubble_constant() * square.sqrt()
    }

    /// The mean comoving density of matter, 3 H0^2 Omega_m / (8 pi G), in Msun/kpc^3, for Newton's
    /// constant `newton` in kpc (km/s)^2 / Msun.
    pub fn mean_density(&self, newton: f64) -> f64 {
        let h0 = self.hubble_constant();
        3.0 * h0 * h0 * self.omega_matter / (8.0 * std::f64::consts::PI * newton)
    }

    /// The time since the beginning at a scale factor, in kpc/(km/s).
    pub fn age(&self, a: f64) -> f64 {
        // With u = a^(3/2) the integrand of da/(a H) stays finite at zero.
        let by_u = |u: f64| {
            let a = u.powf(2.0 / 3.0);
            2.0 / (3.0 * u * self.hubble_rate(a))
        };
        integral(by_u, 0.0, a.powf(1.5), 64)
    }

    /// The growing mode of linear perturbations over its value today: proportional to
    /// H(a) int_0^a da'/(a' H(a'))^3 (Heath 1977, MNRAS 179, 351).
    pub fn growth(&self, a: f64) -> f64 {
        self.heath(a) / self.heath(1.0)
    }

    fn heath(&self, a: f64) -> f64 {
        // With u = a^(5/2) the integrand stays finite at zero.
        let by_u = |u: f64| {
            let a = u.powf(0.4);
            0.4 * a.powf(-1.5) / (a * self.hubble_rate(a)).powi(3)
        };
        self.hubble_rate(a) * integral(by_u, 0.0, a.powf(2.5), 64)
    }

    /// The growth rate d ln D / d ln a.
    pub fn growth_rate(&self, a: f64) -> f64 {
        // D = H I with dI/da = (a H)^-3.
        let rate = self.hubble_rate(a);
        let h0 = self.hubble_constant();
        let curvature = 1.0 - self.omega_matter - self.omega_lambda;
        let slope = -h0 * h0 * (1.5 * self.omega_matter / a.powi(3) + curvature / (a * a));
        let integral = self.heath(a) / rate;
        slope / (rate * rate) + a / ((a * rate).powi(3) * integral)
    }
}
