//! Differentiable astrophysics.
//!
//! This crate gathers the adastra crates under one name and holds the `adastra` command. A
//! program of your own that adds physics is five lines:
//!
//! ```no_run
//! fn plugin(registry: &mut adastra::pipeline::Registry) -> adastra::pipeline::Result<()> {
//!     // registry.matter::<MyMatter>()?;
//!     let _ = registry;
//!     Ok(())
//! }
//!
//! fn main() -> std::process::ExitCode {
//!     adastra::command(&[plugin])
//! }
//! ```

mod command;
mod file;

pub use adastra_check as check;
pub use adastra_core as core;
#[cfg(feature = "cuda")]
pub use adastra_cuda as cuda;
pub use adastra_fdm as fdm;
pub use adastra_gravity as gravity;
pub use adastra_grid as grid;
pub use adastra_hydro as hydro;
pub use adastra_io as io;
pub use adastra_nbody as nbody;
pub use adastra_optimize as optimize;
pub use adastra_particles as particles;
pub use adastra_pipeline as pipeline;

pub use command::{Plugin, command};

use adastra_pipeline::{Registry, Result};

/// A registry with everything that adastra brings.
///
/// # Errors
/// [`adastra_pipeline::Error::Duplicate`] only if adastra itself were wrong.
pub fn registry() -> Result<Registry> {
    let mut registry = Registry::new();
    adastra_fdm::pipeline::plugin(&mut registry)?;
    adastra_hydro::pipeline::plugin(&mut registry)?;
    adastra_nbody::pipeline::plugin(&mut registry)?;
    adastra_particles::pipeline::plugin(&mut registry)?;
    adastra_optimize::objective::plugin(&mut registry)?;
    file::plugin(&mut registry)?;
    #[cfg(feature = "cuda")]
    {
        adastra_cuda::plugin(&mut registry)?;
        adastra_fdm::cuda::plugin(&mut registry)?;
    }
    Ok(registry)
}
