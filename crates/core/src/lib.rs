//! The contracts of adastra: states, operators, their adjoints, and evolution in time whose
//! gradient fits in a given amount of memory.
//!
//! - A [`State`] is a point of a real inner-product space: a number, an array, a tuple, or a
//!   struct declared with [`state!`]. [`Fields`] names its arrays.
//! - An [`Operator`] is a map `y = F(p, x)`. What else it can do is a sub-trait: [`Tangent`] for
//!   the forward derivative, [`Adjoint`] for the reverse one, [`Reversible`] for an inverse.
//! - [`Seq`], [`Shared`], [`Focus`] and [`Lift`] make operators of operators.
//! - [`Evolve`] makes an operator of many [`Steps`], whose gradient follows a [`Schedule`].
//! - [`dual`] differentiates pointwise physics, such as a potential, without a derivative
//!   written by hand.
//!
//! # From a step to the gradient of a run
//!
//! A particle falls in a potential that is written once, as a value. A leapfrog step is a kick
//! and a drift; the adjoint of the kick takes its second derivatives from dual numbers. A run of
//! a thousand steps has a gradient that keeps ten states.
//!
//! ```
//! use adastra_core::dual::{Pointwise, Scalar};
//! use adastra_core::{
//!     Adjoint, Evolve, Lift, Operator, Repeat, Result, Schedule, Shared, Storage, state,
//! };
//!
//! state! {
//!     /// A particle on a line.
//!     pub struct Particle<T> {
//!         /// In kpc.
//!         pub position: T,
//!         /// In km/s.
//!         pub velocity: T,
//!     }
//! }
//!
//! /// `Phi = v^2 ln(x^2 + 1 kpc^2) / 2`, with v in km/s.
//! struct Potential;
//!
//! impl Pointwise<1> for Potential {
//!     fn eval<D: Scalar>(&self, p: &[D], [x]: [D; 1]) -> D {
//!         p[0] * p[0] * (x * x + 1.0).ln() * 0.5
//!     }
//! }
//!
//! /// `velocity -= dt dPhi/dx`; the parameter is v.
//! struct Kick(f64);
//!
//! impl Operator<f64> for Kick {
//!     type Params = f64;
//!     type In = Particle<f64>;
//!     type Out = Particle<f64>;
//!     fn apply(&self, p: &f64, mut x: Particle<f64>) -> Result<Particle<f64>> {
//!         let (_, [slope]) = Potential.value_gradient(&[*p], [x.position]);
//!         x.velocity -= self.0 * slope;
//!         Ok(x)
//!     }
//! }
//!
//! impl Adjoint<f64> for Kick {
//!     type Saved = f64;
//!     fn record(&self, p: &f64, x: Particle<f64>) -> Result<(Particle<f64>, f64)> {
//!         let position = x.position;
//!         Ok((self.apply(p, x)?, position))
//!     }
//!     fn vjp(
//!         &self,
//!         p: &f64,
//!         position: f64,
//!         mut bar: Particle<f64>,
//!         p_bar: &mut f64,
//!     ) -> Result<Particle<f64>> {
//!         let slope_bar = [-self.0 * bar.velocity];
//!         let p_bar = std::slice::from_mut(p_bar);
//!         let [x_bar] = Potential.gradient_vjp(&[*p], [position], slope_bar, p_bar);
//!         bar.position += x_bar;
//!         Ok(bar)
//!     }
//! }
//!
//! /// `position += dt velocity`, without parameters.
//! struct Drift(f64);
//!
//! impl Operator<f64> for Drift {
//!     type Params = ();
//!     type In = Particle<f64>;
//!     type Out = Particle<f64>;
//!     fn apply(&self, (): &(), mut x: Particle<f64>) -> Result<Particle<f64>> {
//!         x.position += self.0 * x.velocity;
//!         Ok(x)
//!     }
//! }
//!
//! impl Adjoint<f64> for Drift {
//!     type Saved = ();
//!     fn record(&self, p: &(), x: Particle<f64>) -> Result<(Particle<f64>, ())> {
//!         Ok((self.apply(p, x)?, ()))
//!     }
//!     fn vjp(
//!         &self,
//!         (): &(),
//!         (): (),
//!         mut bar: Particle<f64>,
//!         (): &mut (),
//!     ) -> Result<Particle<f64>> {
//!         bar.velocity += self.0 * bar.position;
//!         Ok(bar)
//!     }
//! }
//!
//! // Kick and drift read the same parameters, of which the drift needs none.
//! let dt = 1e-5;
//! let step = Shared(Kick(dt), Lift::new(Drift(dt)));
//! let schedule = Schedule::Checkpoint { budget_bytes: 160, storage: Storage::Memory };
//! let run = Evolve::new(Repeat { op: step, n: 1000 }, schedule);
//!
//! // How does the final position depend on the potential and on the start?
//! let start = Particle { position: 2.0, velocity: 100.0 };
//! let of_position = |y: &Particle<f64>| Ok((y.position, Particle { position: 1.0, velocity: 0.0 }));
//! let found = run.value_and_gradient(&200.0, start.clone(), of_position)?;
//! assert_eq!(found.report.peak_checkpoint_bytes, 160);
//!
//! let h = 1e-3;
//! let value = |p: f64| run.apply(&p, start.clone()).map(|y| y.position);
//! let difference = (value(200.0 + h)? - value(200.0 - h)?) / (2.0 * h);
//! assert!((found.p_bar / difference - 1.0).abs() < 1e-6);
//! # Ok::<(), adastra_core::Error>(())
//! ```
//!
//! # Conventions
//!
//! - The transpose is the plain transpose under [`State::dot`], with no hidden sign. Complex
//!   fields count as pairs of reals, so the gradient of a real loss L is `dL/dRe + i dL/dIm`; JAX
//!   returns the complex conjugate of this.
//! - A number is either configuration, which lives in the operator, or a parameter, in exactly
//!   one place. The time step is configuration.
//! - Integers live in the operator or in [`Adjoint::Saved`], never in a state.
//!
//! Test a new operator with the `adastra-check` crate: one line per operator.

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
pub use state::{Element, FieldMut, FieldRef, Fields, Memory, State, join};
