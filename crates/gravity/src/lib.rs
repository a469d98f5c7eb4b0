//! Self-gravity of any matter on a periodic mesh, differentiable.
//!
//! [`Matter`] is the one small trait through which a component gravitates. [`SelfGravity`]
//! couples any set of components through a single Poisson solve; [`Leapfrog`] is the
//! kick-drift-kick sequence whose gradient [`adastra_core::Evolve`] takes, and [`March`] runs
//! it forward with adaptive steps.

mod background;
mod leapfrog;
mod limit;
mod march;
mod matter;
mod process;
mod system;

pub use background::Background;
pub use leapfrog::{Element, KickDrift, Leapfrog, elements};
pub use limit::Limit;
pub use march::{March, Step, StepError, TimeStep};
pub use matter::{Matter, MatterAdjoint, MatterReversible};
pub use process::{Process, With};
pub use system::{G, SelfGravity, Source};
