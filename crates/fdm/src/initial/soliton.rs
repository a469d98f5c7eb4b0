//! Solitons: the ground states of self-gravitating waves.

use adastra_core::Real;
use adastra_grid::Mesh;
use num_complex::Complex;

use super::ground_state::GroundState;
use super::{at_centres, displacement, dot};
use crate::error::{finite, positive};
use crate::units::M_PER_HBAR_22;
use crate::{FdmError, WaveState};

/// A soliton, with the fitted profile of Schive, Chiueh & Broadhurst (2014, Nature Physics 10,
/// 496, eq. 3),
///
/// ```text
/// rho(r) = rho_c / (1 + 0.091 (r/r_c)^2)^8,
/// rho_c = 1.9e7 (m/1e-22 eV)^-2 (r_c/kpc)^-4 Msun/kpc^3
/// ```
///
/// The fit has 4 per cent less mass than the ground state of the same core radius, and the central
/// density goes with the fourth power of the mass: such a soliton pulsates by some 15 per cent
/// around a density that much lower. [`ground_states`] draws one that rests.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Soliton {
    /// Where the density has dropped to half its peak, r_c, in kpc.
    pub core_radius: f64,
    /// Of its centre, in kpc; periodic.
    pub centre: [f64; 3],
    /// Of its centre, in km/s.
    pub velocity: [f64; 3],
    /// At its centre, in radians: solitons in phase attract, in antiphase they avoid each other.
    pub phase: f64,
}

impl Soliton {
    /// A soliton at rest with phase zero.
    pub fn at(centre: [f64; 3], core_radius: f64) -> Self {
        Self {
            core_radius,
            centre,
            velocity: [0.0; 3],
            phase: 0.0,
        }
    }

    /// Density at the centre (Msun/kpc^3) for a boson of `mass` (1e-22 eV).
    pub fn central_density(&self, mass: f64) -> f64 {
        1.9e7 / (mass * mass * self.core_radius.powi(4))
    }

    /// Density (Msun/kpc^3) at the distance `r` (kpc) from the centre.
    pub fn density(&self, mass: f64, r: f64) -> f64 {
        self.central_density(mass) / (1.0 + 0.091 * (r / self.core_radius).powi(2)).powi(8)
    }

    fn check(&self) -> Result<(), FdmError> {
        positive("core_radius", self.core_radius)?;
        self.centre
            .into_iter()
            .try_for_each(|x| finite("centre", x).map(drop))?;
        self.velocity
            .into_iter()
            .try_for_each(|v| finite("velocity", v).map(drop))?;
        finite("phase", self.phase).map(drop)
    }
}

/// The sum of the wave functions of `solitons` of a boson of `mass` (1e-22 eV).
///
/// Each is drawn around its nearest image and moves by the phase (m/hbar) v.(x - centre). Its
/// velocity need not suit the box, because the phase jumps where the profile has all but vanished:
/// keep the box above some 8 core radii.
///
/// # Errors
/// [`FdmError::Range`] unless mass and core radii are positive and the other numbers finite.
pub fn solitons<T: Real>(
    mesh: &Mesh,
    mass: f64,
    solitons: &[Soliton],
) -> Result<WaveState<T>, FdmError> {
    superpose(mesh, mass, solitons, |soliton, r| {
        soliton.density(mass, r).sqrt()
    })
}

/// As [`solitons`], with the profile of the ground state itself instead of the fit: the radial
/// Schroedinger-Poisson equations, integrated once. The central density is
/// 1.937e7 (m/1e-22 eV)^-2 (r_c/kpc)^-4 Msun/kpc^3.
///
/// # Errors
/// As [`solitons`].
pub fn ground_states<T: Real>(
    mesh: &Mesh,
    mass: f64,
    solitons: &[Soliton],
) -> Result<WaveState<T>, FdmError> {
    let profile = GroundState::new();
    superpose(mesh, mass, solitons, |soliton, r| {
        profile.amplitude(mass, soliton.core_radius, r)
    })
}

fn superpose<T: Real>(
    mesh: &Mesh,
    mass: f64,
    solitons: &[Soliton],
    amplitude: impl Fn(&Soliton, f64) -> f64 + Sync,
) -> Result<WaveState<T>, FdmError> {
    let m_per_hbar = positive("mass", mass)? * M_PER_HBAR_22;
    solitons.iter().try_for_each(Soliton::check)?;
    Ok(at_centres(mesh, |x| {
        let each = solitons.iter().map(|soliton| {
            let d = displacement(mesh.size(), soliton.centre, x);
            let phase = m_per_hbar * dot(soliton.velocity, d) + soliton.phase;
            Complex::from_polar(amplitude(soliton, dot(d, d).sqrt()), phase)
        });
        each.sum()
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_the_peak_at_the_core_radius() {
        let soliton = Soliton::at([0.0; 3], 0.7);
        let peak = soliton.density(3.0, 0.0);
        assert!((peak * 9.0 * 0.7f64.powi(4) / 1.9e7 - 1.0).abs() < 1e-14);
        assert!((soliton.density(3.0, 0.7) / peak - 0.5).abs() < 2e-3);
    }

    #[test]
    fn the_ground_state_is_near_the_fit() {
        let mesh = Mesh::new([16; 3], [8.0; 3]).unwrap();
        let soliton = [Soliton::at([4.0; 3], 1.0)];
        let fit = solitons::<f64>(&mesh, 1.0, &soliton).unwrap().psi;
        let exact = ground_states::<f64>(&mesh, 1.0, &soliton).unwrap().psi;
        let mass =
            |psi: &ndarray::Array3<Complex<f64>>| psi.iter().map(|z| z.norm_sqr()).sum::<f64>();
        assert!((mass(&fit) / mass(&exact) - 0.96).abs() < 0.01);
        for (fit, exact) in fit.iter().zip(&exact) {
            assert!((fit - exact).norm() < 0.02 * 1.9e7f64.sqrt());
        }
    }

    #[test]
    fn centre_and_image_are_the_same_soliton() {
        let mesh = Mesh::new([8, 4, 2], [8.0, 4.0, 2.0]).unwrap();
        let draw = |centre| {
            let moving = Soliton {
                velocity: [3.0, -50.0, 0.1],
                ..Soliton::at(centre, 0.5)
            };
            solitons::<f64>(&mesh, 1.0, &[moving]).unwrap().psi
        };
        let (here, image) = (draw([1.25, 0.75, 0.3]), draw([9.25, -3.25, 2.3]));
        let scale = here.iter().map(|z| z.norm()).fold(0.0, f64::max);
        assert!(
            here.iter()
                .zip(&image)
                .all(|(a, b)| (a - b).norm() < 1e-12 * scale)
        );
        // The peak is where the centre is, and the phase there is zero.
        let peak = draw([2.5, 1.5, 0.5])[[2, 1, 0]];
        assert!((peak.re - 1.9e7f64.sqrt() * 4.0).abs() < 1e-8 && peak.im.abs() < 1e-8);
    }

    #[test]
    fn bad_numbers_are_named() {
        let mesh = Mesh::new([2; 3], [1.0; 3]).unwrap();
        let good = Soliton::at([0.5; 3], 0.2);
        let name = |mass, soliton| match solitons::<f32>(&mesh, mass, &[good, soliton]) {
            Err(FdmError::Range { name, .. }) => name,
            other => panic!("{other:?}"),
        };
        assert_eq!(name(0.0, good), "mass");
        assert_eq!(
            name(
                1.0,
                Soliton {
                    core_radius: -1.0,
                    ..good
                }
            ),
            "core_radius"
        );
        assert_eq!(
            name(
                1.0,
                Soliton {
                    centre: [0.0, f64::NAN, 0.0],
                    ..good
                }
            ),
            "centre"
        );
        assert_eq!(
            name(
                1.0,
                Soliton {
                    velocity: [f64::INFINITY; 3],
                    ..good
                }
            ),
            "velocity"
        );
        assert_eq!(
            name(
                1.0,
                Soliton {
                    phase: f64::NAN,
                    ..good
                }
            ),
            "phase"
        );
    }
}
