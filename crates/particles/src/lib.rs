//! Particles on a periodic mesh: sets of positions, velocities and masses, cloud-in-cell deposit
//! and readout with exact adjoints, and [`Particles`] that gravitate.
//!
//! ```
//! use adastra_core::Operator;
//! use adastra_grid::Mesh;
//! use adastra_particles::{Deposit, InitialParticles, Positions, Velocities};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let mesh = Mesh::new([32, 32, 32], [20.0, 20.0, 20.0])?;
//! let stars = InitialParticles {
//!     positions: Positions::Lattice { count: [8, 8, 1] },
//!     velocities: Velocities::Gaussian { dispersion: 10.0, seed: 1 },
//!     bulk_velocity: [0.0; 3],
//!     mass: 1e7,
//! };
//! let stars = stars.generate::<f64>(&mesh)?;
//! let rho = Deposit::new(&mesh).apply(&(), (stars.position, stars.mass))?;
//! assert!((rho.sum() * mesh.cell_volume() - 64.0 * 1e7).abs() < 1.0);
//! # Ok(())
//! # }
//! ```
//!
//! # Cloud-in-cell and its derivatives
//!
//! Cell centres lie at `(i + 1/2) dx`. A particle spreads over the eight centres around it with
//! trilinear weights, which are continuous but have a kink where it crosses a centre. Derivatives
//! there are the ones on the side of larger x; the set of such points has no volume, and the
//! derivative is exact everywhere else.
//!
//! # Threads
//!
//! Deposits, and the adjoints of readouts, which are deposits, sum in an order that depends on
//! the particles alone: first those in even slabs of cells along x, then those in odd ones, slab
//! by slab and by ascending index. Slabs of equal parity touch different cells, so they run in
//! parallel, and the bits are the same for any number of threads.

mod arrays;
mod cic;
mod conserved;
mod deposit;
mod error;
mod initial;
mod matter;
mod random;
mod readout;
mod slabs;
mod state;

#[cfg(feature = "pipeline")]
pub mod pipeline;

pub use conserved::Conserved;
pub use deposit::Deposit;
pub use error::ParticleError;
pub use initial::{InitialParticles, Positions, Velocities};
pub use matter::Particles;
pub use readout::Readout;
pub use state::ParticleState;
