//! The expanding background: Friedmann's equation, supercomoving time, growth, linear power.
//!
//! Units are those of the workspace: lengths in kpc, velocities in km/s, time in kpc/(km/s),
//! masses in Msun. Lengths are comoving, wavenumbers in rad/kpc (no factors of h).
//!
//! ```
//! use adastra_cosmology::{Cosmology, Supercomoving};
//!
//! let cosmology = Cosmology::flat(0.7, 0.3)?;
//! // From redshift 127 to today.
//! let time = Supercomoving::new(cosmology, 1.0 / 128.0, 1.0)?;
//! assert!((time.scale_factor(time.span()) - 1.0).abs() < 1e-12);
//! # Ok::<(), adastra_cosmology::CosmologyError>(())
//! ```

mod background;
mod power;
mod quadrature;
mod supercomoving;

pub use background::{Cosmology, CosmologyError};
pub use power::LinearPower;
pub use supercomoving::Supercomoving;
