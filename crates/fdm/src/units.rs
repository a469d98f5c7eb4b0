//! Constants in kpc, km/s, Msun, and what follows from them for an axion.

use crate::FdmError;

/// Reduced Planck constant, in Msun kpc km/s.
pub const HBAR: f64 = 1.718_181_34e-87;

/// Electron volt, in Msun (km/s)^2.
pub const ELECTRON_VOLT: f64 = 8.054_781_73e-56;

/// Speed of light, in km/s.
pub const SPEED_OF_LIGHT: f64 = 299_792.458;

/// m/hbar of a boson of 1e-22 eV, in 1/(kpc km/s): about 0.0522.
pub const M_PER_HBAR_22: f64 = 1e-22 * ELECTRON_VOLT / (SPEED_OF_LIGHT * SPEED_OF_LIGHT) / HBAR;

/// Self-interaction potential per density, c_1 = 4 pi (a_s/m) (hbar/m)^2, for a boson of 1e-22 eV
/// and a decay constant f = 1e15 GeV, in (km/s)^2 / (Msun/kpc^3).
///
/// The scattering length of an axion is a_s = hbar c^3 m / (32 pi f^2), so that
/// c_1 = (hbar c^3 / (8 f^2)) (hbar/m)^2.
pub const SELF_INTERACTION_22_15: f64 = {
    const F: f64 = 1e24 * ELECTRON_VOLT;
    HBAR * SPEED_OF_LIGHT * SPEED_OF_LIGHT * SPEED_OF_LIGHT
        / (8.0 * F * F)
        / (M_PER_HBAR_22 * M_PER_HBAR_22)
};

/// The coupling of [`WaveParams`](crate::WaveParams) of an axion with decay constant `f_15`, in
/// units of 1e15 GeV: sign(f)/f^2. A positive one repels; infinity means no self-interaction.
///
/// # Errors
/// [`FdmError::Range`] where `f_15` is zero, NaN, or so small that the coupling overflows.
///
/// ```
/// # fn main() -> Result<(), adastra_fdm::FdmError> {
/// assert_eq!(adastra_fdm::coupling(-2.0)?, -0.25);
/// assert_eq!(adastra_fdm::coupling(f64::INFINITY)?, 0.0);
/// # Ok(())
/// # }
/// ```
pub fn coupling(f_15: f64) -> Result<f64, FdmError> {
    let coupling = f_15.signum() / (f_15 * f_15);
    if coupling.is_finite() {
        Ok(coupling)
    } else {
        let allowed = "a number away from zero";
        Err(FdmError::Range {
            name: "f_15",
            value: f_15,
            allowed,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constants_are_those_of_the_scattering_length() {
        assert!((M_PER_HBAR_22 / 0.052_160_695_351_191_3 - 1.0).abs() < 1e-14);
        // As published, for m = 3e-22 eV and f = -2e15 GeV.
        let (m_22, f_15): (f64, f64) = (3.0, -2.0);
        let m = m_22 * 1e-22 * ELECTRON_VOLT / SPEED_OF_LIGHT.powi(2);
        let f = f_15 * 1e24 * ELECTRON_VOLT;
        let pi = std::f64::consts::PI;
        let a_s = f_15.signum() * HBAR * SPEED_OF_LIGHT.powi(3) * m / (32.0 * pi * f * f);
        let m_per_hbar = m / HBAR;
        let c1 = 4.0 * pi * a_s / m / m_per_hbar.powi(2);
        let c2 = 32.0 * pi * pi / 3.0 * (a_s / (m * SPEED_OF_LIGHT)).powi(2) / m_per_hbar.powi(4);
        let factors = crate::Interaction::new(m_22, coupling(f_15).unwrap());
        assert!((factors.c1 / c1 - 1.0).abs() < 1e-13);
        assert!((factors.c2 / c2 - 1.0).abs() < 1e-13);
    }

    #[test]
    fn a_vanishing_decay_constant_is_refused() {
        for f_15 in [0.0, -0.0, f64::NAN, 1e-200] {
            let error = coupling(f_15).unwrap_err();
            assert!(error.to_string().contains("f_15"), "{error}");
        }
    }
}
