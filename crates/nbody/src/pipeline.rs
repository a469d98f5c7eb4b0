//! Stars in configuration files.

mod initial;
mod laws;
mod likeness;
mod matter;
mod stars;

pub use initial::{ClusterParams, SphereGenerator, SpherePlugin};
pub use likeness::SkyLikeness;
pub use matter::StarsPlugin;
pub use stars::{Stars, StarsParams};

use adastra_pipeline::{Registry, Result};

/// Registers stars with a direct sum, their initial conditions and what compares them with data.
///
/// # Errors
/// [`adastra_pipeline::Error::Duplicate`].
pub fn plugin(registry: &mut Registry) -> Result<()> {
    registry.matter::<StarsPlugin>()?;
    registry.generator::<SpherePlugin>()?;
    registry.objective::<SkyLikeness>()
}
