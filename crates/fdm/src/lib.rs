//! Wave (fuzzy) dark matter, differentiable and reversible.
//!
//! [`Wave`] solves the Schroedinger-Poisson equations as [`Matter`](adastra_gravity::Matter): a
//! spectral drift and a potential kick, each with a hand-written adjoint, and with the gradient of
//! the boson mass and of the axion's self-interaction. Both motions are unitary, so a reverse
//! sweep rebuilds the wave instead of storing it. [`AbsorbingWave`] adds an absorbing boundary.
//!
//! # Units
//! Lengths in kpc, velocities in km/s, masses in Msun, times in kpc/(km/s). The wave function is
//! in sqrt(Msun/kpc^3), so that |psi|^2 is the mass density; the boson mass in 1e-22 eV, so that
//! no power of it leaves the range of `f32`.
//!
//! # Gradients
//! The cotangent of psi is dL/dRe psi + i dL/dIm psi.
//!
//! ```
//! use adastra_core::Operator;
//! use adastra_fdm::{Soliton, Wave, WaveParams, solitons};
//! use adastra_gravity::{Background, Element, SelfGravity, elements};
//! use adastra_grid::Mesh;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let mesh = Mesh::new([16; 3], [8.0; 3])?;
//! let system = SelfGravity::new(&mesh, Wave::<f32>::new(&mesh));
//! let p = (WaveParams::free(1.0), Background::none());
//! let mut x = solitons(&mesh, 1.0, &[Soliton::at([4.0; 3], 1.0)])?;
//! for motion in elements(&[0.002; 10], |_| 1.0) {
//!     x = Element::new(&system, motion).apply(&p, x)?;
//! }
//! let mass: f32 = x.psi.iter().map(|z| z.norm_sqr()).sum::<f32>() * 0.125;
//! assert!((mass / 2.20e8 - 1.0).abs() < 0.01, "{mass:e} Msun");
//! # Ok(())
//! # }
//! ```

mod absorb;
mod adjoint;
mod drift;
mod energy;
mod error;
mod field;
mod initial;
mod kick;
mod operators;
mod phase;
mod state;
mod units;
mod velocity;
mod wave;

#[cfg(feature = "cuda")]
pub mod cuda;
#[cfg(feature = "pipeline")]
pub mod pipeline;

pub use absorb::{AbsorberParams, AbsorbingWave, sponge};
pub use energy::Energies;
pub use error::FdmError;
pub use initial::{
    GaussianPacket, Perturbations, RandomPhases, Soliton, boost, cosmological, ground_states,
    periodic_velocity, random_phases, solitons, uniform, wave_packet,
};
pub use operators::{Density, Drift, Kick};
pub use state::{Interaction, WaveParams, WaveState};
pub use units::{
    ELECTRON_VOLT, HBAR, M_PER_HBAR_22, SELF_INTERACTION_22_15, SPEED_OF_LIGHT, coupling,
};
pub use wave::Wave;
