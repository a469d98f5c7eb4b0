//! The contracts of adastra: states, operators, their adjoints, and evolution in time whose
//! gradient fits in a given amount of memory.
//!
//! Everything else in the workspace composes through [`Operator`] and [`Adjoint`].

mod compose;
pub mod dual;
mod error;
mod evolve;
mod operator;
mod real;
mod schedule;
mod state;

pub use compose::{Focus, Lift, Seq, Shared};
pub use error::{Error, Result};
pub use evolve::{Evolve, Gradient, Progress, Repeat, Steps, Sweep, Tape};
pub use operator::{Adjoint, Operator, Reversible, Tangent};
pub use real::Real;
pub use schedule::{Chosen, Report, ReversibleSchedule, Schedule, Storage};
pub use state::{Element, FieldMut, FieldRef, Fields, State, join};
