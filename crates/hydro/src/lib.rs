//! Gas: unsplit second-order Godunov finite volumes on a periodic mesh, with exact adjoints.
//!
//! [`Gas`] gravitates with other matter, and [`Drift`] is its step alone, as an operator:
//!
//! ```
//! use adastra_core::{Evolve, Operator, Repeat, Schedule, State};
//! use adastra_grid::Mesh;
//! use adastra_hydro::initial::{Point, sound_wave};
//! use adastra_hydro::{Drift, FromPrimitive, Ideal, IdealGas, IdealParams, Scheme};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let mesh = Mesh::new([16, 4, 4], [4.0, 1.0, 1.0])?;
//! let p = IdealParams { adiabatic_index: 1.4 };
//! let rest = Point::at_rest(1.0, 1.0);
//! let wave = sound_wave(&mesh, rest, 1.4f64.sqrt(), 0.1, [1, 0, 0])?;
//! let start = FromPrimitive::<Ideal>::new(&mesh).apply(&p, wave.into())?;
//!
//! // How does the density at the end depend on the start, and on gamma?
//! let gas = std::sync::Arc::new(IdealGas::<f64>::new(&mesh, Scheme::default())?);
//! let run = Evolve::new(Repeat { op: Drift::new(&gas, 0.03), n: 8 }, Schedule::StoreAll);
//! let found = run.value_and_gradient(&p, start, |x| {
//!     let mut bar = x.zeros_like();
//!     bar.density.assign(&x.density);
//!     Ok((0.5 * State::<f64>::dot(&x.density, &x.density), bar))
//! })?;
//! assert!(found.p_bar.adiabatic_index.abs() > 1e-3);
//! # Ok(())
//! # }
//! ```
//!
//! # Conserved variables
//!
//! The state holds densities of mass, momentum and energy: what a step adds fluxes to. Its adjoint
//! then needs the state before the step alone. Velocities and pressures enter through
//! [`FromPrimitive`], whose adjoint gives the derivatives at fixed velocity.
//!
//! # Kinks
//!
//! Limiters, fluxes and floors are smooth by pieces. Away from the joints derivatives are exact; on
//! a joint they are those of one side, the one that the forward code takes. In uniform gas all
//! slopes are zero, and so are their derivatives: the derivative is then that of the first-order
//! scheme.
//!
//! # Threads and speed
//!
//! A tile of rows is swept along x with a window of a few planes in the cache: every field is read
//! once and written once a step, 16 and 16 bytes a cell of isothermal gas in `f32`, besides what
//! the hardware adds. Rows run on vector registers along z. Faces that neighbouring tiles share are
//! computed twice, by the same instructions; in the adjoint a tile hands over what its cells owe the
//! planes of its neighbours, and sums have one order wherever tiles end. So the bits depend neither
//! on tiles nor on threads.

mod accretion;
mod arrays;
mod conserved;
mod driving;
mod engine;
mod error;
mod floors;
mod gas;
pub mod initial;
mod kernels;
mod kernels_vjp;
mod kick;
mod lane;
mod law;
mod limiter;
mod operators;
#[cfg(feature = "pipeline")]
pub mod pipeline;
mod predict;
mod riemann;
mod rows;
mod state;
mod sweep;
mod sweep_vjp;
mod tiles;

pub use accretion::{Accretion, AccretionParams, Bondi};
pub use conserved::Conserved;
pub use driving::{ClockState, Drive, Driving, DrivingParams, Spectrum};
pub use error::GasError;
pub use gas::{Gas, IdealGas, IsothermalGas, Repairs, Scheme};
pub use limiter::Limiter;
pub use operators::{Drift, FromPrimitive};
pub use riemann::Flux;
pub use state::{
    EquationOfState, Ideal, IdealParams, IdealState, Isothermal, IsothermalParams, IsothermalState,
};
