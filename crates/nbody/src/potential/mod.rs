//! External potentials: galaxies as sums of analytic laws.

mod columns;
mod galaxy;
mod jet;
mod laws;
mod number;
mod profile;
mod rotating;
mod term;
mod truncated;

pub(crate) use columns::{CHUNK, chunks};
pub use galaxy::{Galaxy, GalaxyParams, Local};
pub use laws::{
    ExponentialDisk, Hernquist, Isochrone, Logarithmic, MiyamotoNagai, Nfw, Plummer, PointMass,
    TriaxialNfw,
};
pub use number::Number;
pub use profile::{Allowed, Amplitude, Parameter, Profile, ScalarProfile};
pub use truncated::TruncatedPowerLaw;
