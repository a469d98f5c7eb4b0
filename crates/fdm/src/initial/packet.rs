//! A Gaussian wave packet, whose free motion is known.

use adastra_core::Real;
use adastra_grid::Mesh;
use num_complex::Complex;

use super::{at_centres, displacement, dot};
use crate::error::{finite, positive};
use crate::units::M_PER_HBAR_22;
use crate::{FdmError, WaveState};

/// A packet of density rho_0 exp(-r^2/(2 sigma^2)) that moves with the velocity v.
///
/// Without gravity its centre moves uniformly and its width grows as
/// sigma(t)^2 = sigma^2 + (hbar t/(2 m sigma))^2, while the mass
/// (2 pi)^(3/2) sigma^3 rho_0 stays.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GaussianPacket {
    /// Density at the centre, rho_0, in Msun/kpc^3.
    pub peak_density: f64,
    /// Standard deviation of the density along each axis, sigma, in kpc.
    pub width: f64,
    /// In kpc; periodic.
    pub centre: [f64; 3],
    /// In km/s.
    pub velocity: [f64; 3],
}

impl GaussianPacket {
    /// The width (kpc) after a free flight of `time`, in kpc/(km/s), for a boson of `mass`
    /// (1e-22 eV).
    pub fn width_after(&self, mass: f64, time: f64) -> f64 {
        let spread = time / (2.0 * mass * M_PER_HBAR_22 * self.width);
        self.width.hypot(spread)
    }
}

/// The packet as a wave of a boson of `mass` (1e-22 eV), around its nearest image.
///
/// # Errors
/// [`FdmError::Range`] unless mass, density and width are positive and the other numbers finite.
pub fn wave_packet<T: Real>(
    mesh: &Mesh,
    mass: f64,
    packet: &GaussianPacket,
) -> Result<WaveState<T>, FdmError> {
    let m_per_hbar = positive("mass", mass)? * M_PER_HBAR_22;
    let amplitude = positive("peak_density", packet.peak_density)?.sqrt();
    let width = positive("width", packet.width)?;
    packet
        .centre
        .into_iter()
        .try_for_each(|x| finite("centre", x).map(drop))?;
    packet
        .velocity
        .into_iter()
        .try_for_each(|v| finite("velocity", v).map(drop))?;
    Ok(at_centres(mesh, |x| {
        let d = displacement(mesh.size(), packet.centre, x);
        let envelope = (-dot(d, d) / (4.0 * width * width)).exp();
        Complex::from_polar(amplitude * envelope, m_per_hbar * dot(packet.velocity, d))
    }))
}
