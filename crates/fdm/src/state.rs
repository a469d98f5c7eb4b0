//! The wave function and its parameters.

use adastra_core::{Real, state};
use ndarray::Array3;
use num_complex::Complex;

use crate::FdmError;
use crate::error::{finite, positive};
use crate::units::{M_PER_HBAR_22, SELF_INTERACTION_22_15, SPEED_OF_LIGHT};

state! {
    /// The wave function of dark matter.
    #[derive(Debug)]
    pub struct WaveState<T> {
        /// Shape (nx, ny, nz), in sqrt(Msun/kpc^3): |psi|^2 is the mass density.
        pub psi: Array3<Complex<T>>,
    }
}

state! {
    /// The parameters of a wave, in units whose powers stay in the range of `f32`.
    ///
    /// ```
    /// let axion = adastra_fdm::WaveParams { mass: 2.5f32, coupling: 0.0 };
    /// assert!((axion.m_per_hbar() / 0.1304017 - 1.0).abs() < 1e-6);
    /// ```
    #[derive(Debug, Copy, PartialEq)]
    pub struct WaveParams<T> {
        /// Boson mass m, in 1e-22 eV; positive.
        pub mass: T,
        /// Self-interaction sign(f)/f^2 with the axion decay constant f in 1e15 GeV (see
        /// [`coupling`](crate::coupling)): positive repels, negative attracts, zero is none.
        pub coupling: T,
    }
}

impl<T: Real> WaveParams<T> {
    /// Free but for gravity: a boson of `mass` (1e-22 eV) without self-interaction.
    pub fn free(mass: T) -> Self {
        Self {
            mass,
            coupling: T::zero(),
        }
    }

    /// m/hbar, in 1/(kpc km/s).
    pub fn m_per_hbar(&self) -> f64 {
        self.mass.f64() * M_PER_HBAR_22
    }

    /// The self-interaction.
    pub fn interaction(&self) -> Interaction {
        Interaction::new(self.mass.f64(), self.coupling.f64())
    }

    /// # Errors
    /// [`FdmError::Range`] unless the mass is positive and finite and the coupling finite.
    pub(crate) fn check(&self) -> Result<(), FdmError> {
        positive("mass", self.mass.f64())?;
        finite("coupling", self.coupling.f64())?;
        Ok(())
    }
}

/// The potential of the self-interaction of an axion, V_si = c1 rho + c2 rho^2.
///
/// c1 = 4 pi (a_s/m) (hbar/m)^2 and c2 = (32 pi^2/3) (a_s/(m c))^2 (hbar/m)^4 with the
/// scattering length a_s = sign(f) hbar c^3 m/(32 pi f^2). Hence
/// c1 = C g/m^2 with the coupling g = sign(f)/f^2, and c2 = (2/3) (c1/c)^2.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interaction {
    /// In (km/s)^2 / (Msun/kpc^3).
    pub c1: f64,
    /// In (km/s)^2 / (Msun/kpc^3)^2; never negative.
    pub c2: f64,
    /// dc1/dg = C/m^2.
    pub(crate) c1_by_coupling: f64,
}

/// c2/c1^2.
pub(crate) const C2_BY_C1_SQUARED: f64 = 2.0 / (3.0 * SPEED_OF_LIGHT * SPEED_OF_LIGHT);

impl Interaction {
    /// Of a boson of `mass` (1e-22 eV) with the given `coupling`.
    pub(crate) fn new(mass: f64, coupling: f64) -> Self {
        let c1_by_coupling = SELF_INTERACTION_22_15 / (mass * mass);
        let c1 = coupling * c1_by_coupling;
        Self {
            c1,
            c2: C2_BY_C1_SQUARED * c1 * c1,
            c1_by_coupling,
        }
    }

    /// 2 K c1, in s = 1 + 2 K c1 rho with dV_si/drho = c1 s.
    pub(crate) fn slope(&self) -> f64 {
        2.0 * C2_BY_C1_SQUARED * self.c1
    }

    /// The potential at density `rho` (Msun/kpc^3), in (km/s)^2.
    pub fn potential(&self, rho: f64) -> f64 {
        rho * (self.c1 + self.c2 * rho)
    }

    /// The energy density, int V_si drho, in Msun/kpc^3 (km/s)^2.
    pub fn energy(&self, rho: f64) -> f64 {
        rho * rho * (self.c1 / 2.0 + self.c2 / 3.0 * rho)
    }
}
