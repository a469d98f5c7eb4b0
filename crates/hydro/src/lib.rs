//! Gas: unsplit second-order Godunov finite volumes on a periodic mesh, with exact adjoints.

mod accretion;
mod arrays;
mod conserved;
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
pub use error::GasError;
pub use gas::{Gas, IdealGas, IsothermalGas, Repairs, Scheme};
pub use limiter::Limiter;
pub use operators::{Drift, FromPrimitive};
pub use riemann::Flux;
pub use state::{
    EquationOfState, Ideal, IdealParams, IdealState, Isothermal, IsothermalParams, IsothermalState,
};
