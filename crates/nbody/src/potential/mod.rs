//! External potentials: galaxies as sums of analytic laws and tables.

mod columns;
mod galaxy;
mod growing;
mod jet;
mod laws;
mod multipole;
mod number;
mod profile;
mod rotating;
mod term;
mod truncated;
mod two_power;

pub(crate) use columns::{CHUNK, chunks};
pub use galaxy::{Galaxy, GalaxyParams, Local};
pub use growing::History;
pub use laws::{
    ExponentialDisk, Hernquist, Isochrone, Logarithmic, MiyamotoNagai, Nfw, Plummer, PointMass,
    TriaxialNfw,
};
pub use multipole::Multipole;
pub use number::Number;
pub use profile::{Allowed, Amplitude, Parameter, Profile, ScalarProfile};
pub use truncated::TruncatedPowerLaw;
pub use two_power::TwoPowerTriaxial;
