//! Unconstrained minimization of a function that costs a simulation and its gradient.
//!
//! One evaluation gives the value and the gradient together and takes about a second, so what
//! counts is the number of evaluations: L-BFGS ([`Lbfgs`]) needs little more than one per
//! iteration; Adam ([`Adam`]) needs exactly one and tolerates a noisy loss. How far the unknowns are
//! known at the end, [`Fisher`] tells.
//!
//! ```
//! use std::convert::Infallible;
//! use std::ops::ControlFlow;
//! use adastra_optimize::{Lbfgs, Method, Problem};
//!
//! // (x - 3)^2 and its derivative.
//! let parabola = |x: &[f64]| Ok::<_, Infallible>(((x[0] - 3.0).powi(2), vec![2.0 * (x[0] - 3.0)]));
//! let report = Problem::new(vec![0.0], parabola)?
//!     .minimize(&Method::Lbfgs(Lbfgs::default()), |_| ControlFlow::Continue(()))?;
//! assert!((report.x[0] - 3.0).abs() < 1e-6);
//! # Ok::<(), adastra_optimize::Error>(())
//! ```

mod adam;
mod error;
mod evaluator;
#[cfg(feature = "uncertainties")]
mod fisher;
mod lbfgs;
mod line_search;
#[cfg(feature = "objectives")]
pub mod objective;
mod options;
mod problem;
mod report;

pub use error::{BoxError, Error, Result};
#[cfg(feature = "uncertainties")]
pub use fisher::{Fisher, Noise, Uncertainties, jacobian};
pub use options::{Adam, Lbfgs, Method};
pub use problem::Problem;
pub use report::{Iteration, Progress, Report, Termination};
