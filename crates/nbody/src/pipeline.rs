//! Stars in configuration files.

mod disk;
mod laws;
mod likeness;
mod matter;
mod params;
mod sphere;
mod spray;
mod stars;

pub use disk::{DiskGenerator, DiskPlugin, OwnDiskParams};
pub use likeness::SkyLikeness;
pub use matter::StarsPlugin;
pub use params::StarsParams;
pub use sphere::{ClusterParams, SphereGenerator, SpherePlugin};
pub use spray::{SprayGenerator, SprayParams, SprayPlugin};
pub use stars::Stars;

use adastra_pipeline::{Registry, Result};

/// Registers stars with a direct sum, their initial conditions and what compares them with data.
///
/// # Errors
/// [`adastra_pipeline::Error::Duplicate`].
pub fn plugin(registry: &mut Registry) -> Result<()> {
    registry.matter::<StarsPlugin>()?;
    registry.generator::<SpherePlugin>()?;
    registry.generator::<DiskPlugin>()?;
    registry.generator::<SprayPlugin>()?;
    registry.objective::<SkyLikeness>()
}
