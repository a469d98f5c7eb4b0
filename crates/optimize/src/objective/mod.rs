//! Losses on the final state of a run, for configuration files.

mod density;
mod spectrum;

pub use density::{Along, Density, DensityOptions, ProjectedDensity, ProjectedOptions};
pub use spectrum::{Spectrum, SpectrumOptions};

use adastra_pipeline::{Registry, Result};

/// Registers the objectives.
///
/// # Errors
/// [`adastra_pipeline::Error::Duplicate`].
pub fn plugin(registry: &mut Registry) -> Result<()> {
    registry.objective::<ProjectedDensity>()?;
    registry.objective::<Density>()?;
    registry.objective::<Spectrum>()
}
