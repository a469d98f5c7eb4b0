//! Direct N-body with galactic potentials.

mod arrays;
mod error;
mod gravity;
mod integration;
mod likeness;
mod pairs;
mod potential;
mod random;
mod scheme;
mod simd;
mod sky;
mod sphere;
mod system;

pub use adastra_particles::ParticleState;
pub use error::NBodyError;
pub use gravity::{GravityParams, SelfGravity};
pub use integration::{Integration, KickDrift, Kicked};
pub use likeness::Likeness;
pub use pairs::PairPrecision;
pub use potential::{
    Allowed, Amplitude, ExponentialDisk, Galaxy, GalaxyParams, Hernquist, Isochrone, Local,
    Logarithmic, MiyamotoNagai, Nfw, Number, Parameter, Plummer, PointMass, Profile, ScalarProfile,
    TriaxialNfw, TruncatedPowerLaw,
};
pub use scheme::Scheme;
pub use sky::{Observer, SKY_COLUMNS, Sky};
pub use sphere::{Sphere, SphereParams};
pub use system::{Conserved, NBody, NBodyParams};

/// Constant of gravity, in kpc (km/s)^2/Msun.
pub const G: f64 = 4.302_410_02e-6;
