//! The contracts of adastra: states, operators, their adjoints, and evolution in time whose
//! gradient fits in a given amount of memory.
//!
//! Everything else in the workspace composes through [`Operator`] and [`Adjoint`].

mod error;
mod operator;
mod real;
mod state;

pub use error::{Error, Result};
pub use operator::{Adjoint, Operator, Reversible, Tangent};
pub use real::Real;
pub use state::{Element, FieldMut, FieldRef, Fields, State, join};
