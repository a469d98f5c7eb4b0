//! Direct N-body.

mod arrays;
mod error;
mod gravity;
mod pairs;
mod simd;

pub use error::NBodyError;
pub use gravity::{GravityParams, SelfGravity};
pub use pairs::PairPrecision;
