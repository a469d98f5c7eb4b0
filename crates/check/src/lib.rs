//! Gradient checks: is a hand-written adjoint the transpose of the derivative of the forward code?
//!
//! An operator is checked at random states and parameters, in one line per operator:
//!
//! ```
//! use adastra_check as check;
//! use adastra_core::{Adjoint, Operator, Result};
//! use ndarray::Array1;
//!
//! /// `y = p x^2`, elementwise.
//! struct Square;
//!
//! impl Operator<f64> for Square {
//!     type Params = f64;
//!     type In = Array1<f64>;
//!     type Out = Array1<f64>;
//!     fn apply(&self, p: &f64, x: Array1<f64>) -> Result<Array1<f64>> {
//!         Ok(x.mapv_into(|x| p * x * x))
//!     }
//! }
//!
//! impl Adjoint<f64> for Square {
//!     type Saved = Array1<f64>;
//!     fn record(&self, p: &f64, x: Array1<f64>) -> Result<(Array1<f64>, Array1<f64>)> {
//!         Ok((self.apply(p, x.clone())?, x))
//!     }
//!     fn vjp(
//!         &self,
//!         p: &f64,
//!         x: Array1<f64>,
//!         y_bar: Array1<f64>,
//!         p_bar: &mut f64,
//!     ) -> Result<Array1<f64>> {
//!         *p_bar += (&y_bar * &x * &x).sum();
//!         Ok(2.0 * *p * y_bar * x)
//!     }
//! }
//!
//! check::adjoint(&Square, (0.5..2.0, check::real(7, -1.0..1.0)));
//! ```
//!
//! # What is checked
//!
//! | function | needs | checks |
//! |---|---|---|
//! | [`check_adjoint_at`] | `Adjoint` | `record` gives the bits of `apply`; `vjp` adds to a non-zero `p_bar` and its `x_bar` does not depend on it; central differences agree with `vjp` |
//! | [`check_tangent_at`] | `Tangent + Adjoint` | all of the above; `jvp` gives the value of `apply`; `<y_bar, J dx> = <J^T y_bar, dx>`; the Taylor remainder `F(x + h d) - F(x) - h J d` shrinks as `h^2` |
//! | [`check_reversible_at`] | `Reversible` | all of the first; `invert` undoes `apply`; `invert_vjp` agrees with `vjp` |
//! | [`check_precision_at`] | `Adjoint` in f32 and f64 | values and gradients in f32 agree with those in f64 |
//!
//! [`adjoint`], [`tangent`] and [`reversible`] run these as property tests (feature `proptest`, on
//! by default); [`adjoint_of`] and its siblings do so where the operator itself is random.
//!
//! Derivatives are compared block by block: each named field of the output against each named
//! field of the parameters and of the input. A parameter of small influence cannot hide behind a
//! large one, and an error names the block. Directions are normal deviates of the size of the
//! field they perturb, drawn from a seed. The scale of each comparison is a product of norms, so
//! that a product that happens to cancel raises no false alarm, and every comparison is written
//! so that NaN fails.
//!
//! # Kinks
//!
//! Limiters, cell edges and switches have no derivative at the kink. Give strategies that keep a
//! distance to it: differences are taken at relative steps [`Tolerances::step`] times 1, 1/4,
//! 1/16 and 1/64 and the best one counts, so a margin of a few times `step / 64` of the field's
//! size is enough. [`nearby`] moves a symmetric state, such as a lattice of stars, off the kinks.

// `!(error <= allowed)` fails for NaN, `error > allowed` does not.
#![allow(clippy::neg_cmp_op_on_partial_ord)]

mod adjoint;
mod error;
mod flat;
mod nearby;
mod precision;
#[cfg(feature = "proptest")]
mod property;
mod random;
mod report;
mod reversible;
#[cfg(feature = "proptest")]
mod strategies;
mod tangent;

pub use adjoint::check_adjoint_at;
pub use error::CheckError;
pub use nearby::nearby;
pub use precision::check_precision_at;
#[cfg(feature = "proptest")]
pub use property::{Property, adjoint, adjoint_of, reversible, reversible_of, tangent, tangent_of};
pub use report::{Report, Tolerances};
pub use reversible::check_reversible_at;
#[cfg(feature = "proptest")]
pub use strategies::{complex, log_uniform, normal, real};
pub use tangent::check_tangent_at;
