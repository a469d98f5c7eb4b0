//! Evolution in time: many steps as one operator, whose gradient fits in a given memory.

mod memory;
mod progress;
mod revolve;
mod steps;
mod store;
mod sweep;

use std::fmt;
use std::ops::ControlFlow;

pub(crate) use memory::memory_at_hand;
pub use progress::{Progress, Sweep};
pub(crate) use revolve::{Move, Revolve, Start};
pub use steps::{Repeat, Steps};
pub use sweep::{Gradient, Tape};

use crate::schedule::{Chosen, ReversibleSchedule, Schedule};
use crate::{Fields, Operator, Real, Report, Result, Reversible, Tangent};
use progress::{Observer, tell};

/// Pulls a cotangent through the step of the given index, undoing it.
type Undo<T, S> = fn(
    &S,
    usize,
    &<S as Steps<T>>::Params,
    <S as Steps<T>>::State,
    <S as Steps<T>>::State,
    &mut <S as Steps<T>>::Params,
) -> Result<(<S as Steps<T>>::State, <S as Steps<T>>::State)>;

enum Reversal<T: Real, S: Steps<T>> {
    Recompute(Schedule),
    Undo(ReversibleSchedule, Undo<T, S>),
}

/// Works on a thread of the pool. From any other thread each parallel pass of a step would wake the
/// pool and sleep until it is done, which costs as much as the pass on a small mesh.
fn in_pool<R: Send>(work: impl FnOnce() -> R + Send) -> R {
    rayon::scope(|_| work())
}

/// All [`Steps`] of a run as one operator.
///
/// Forward it needs no memory beyond the state. Backward it follows a [`Schedule`] or, for steps
/// that are [`Reversible`], a [`ReversibleSchedule`]; only such steps make the latter compile.
///
/// ```
/// use adastra_core::{Adjoint, Evolve, Operator, Repeat, Result, Schedule, Storage};
///
/// /// Logistic growth, `x + p x (1 - x)`.
/// struct Grow;
///
/// impl Operator<f64> for Grow {
///     type Params = f64;
///     type In = f64;
///     type Out = f64;
///     fn apply(&self, p: &f64, x: f64) -> Result<f64> {
///         Ok(x + p * x * (1.0 - x))
///     }
/// }
///
/// impl Adjoint<f64> for Grow {
///     type Saved = f64;
///     fn record(&self, p: &f64, x: f64) -> Result<(f64, f64)> {
///         Ok((self.apply(p, x)?, x))
///     }
///     fn vjp(&self, p: &f64, x: f64, y_bar: f64, p_bar: &mut f64) -> Result<f64> {
///         *p_bar += y_bar * x * (1.0 - x);
///         Ok(y_bar * (1.0 + p * (1.0 - 2.0 * x)))
///     }
/// }
///
/// // Three checkpoints of eight bytes for a hundred steps.
/// let schedule = Schedule::Checkpoint { budget_bytes: 24, storage: Storage::Memory };
/// let evolve = Evolve::new(Repeat { op: Grow, n: 100 }, schedule);
/// let predicted = evolve.predict(&0.01)?;
/// let found = evolve.value_and_gradient(&0.05, 0.01, |&y| Ok((y * y, 2.0 * y)))?;
/// assert_eq!(found.report, predicted);
/// assert_eq!(found.report.peak_checkpoint_bytes, 24);
///
/// // The same bits as with every state at hand.
/// let stored = Evolve::new(Repeat { op: Grow, n: 100 }, Schedule::StoreAll);
/// let other = stored.value_and_gradient(&0.05, 0.01, |&y| Ok((y * y, 2.0 * y)))?;
/// assert_eq!((found.p_bar, found.x_bar), (other.p_bar, other.x_bar));
/// # Ok::<(), adastra_core::Error>(())
/// ```
pub struct Evolve<T: Real, S: Steps<T>> {
    steps: S,
    reversal: Reversal<T, S>,
    observer: Option<Observer>,
}

impl<T: Real, S: Steps<T>> fmt::Debug for Evolve<T, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let schedule: &dyn fmt::Debug = match &self.reversal {
            Reversal::Recompute(schedule) => schedule,
            Reversal::Undo(schedule, _) => schedule,
        };
        f.debug_struct("Evolve")
            .field("steps", &self.steps.len())
            .field("schedule", schedule)
            .finish_non_exhaustive()
    }
}

impl<T: Real, S: Steps<T>> Evolve<T, S> {
    /// A run whose gradient stores or recomputes states.
    pub fn new(steps: S, schedule: Schedule) -> Self {
        Self {
            steps,
            reversal: Reversal::Recompute(schedule),
            observer: None,
        }
    }

    /// A run whose gradient undoes its steps.
    pub fn reversible(steps: S, schedule: ReversibleSchedule) -> Self
    where
        S: 'static,
        for<'a> S::Step<'a>: Reversible<T>,
    {
        let undo: Undo<T, S> =
            |steps, i, p, y, y_bar, p_bar| steps.step(i).invert_vjp(p, y, y_bar, p_bar);
        Self {
            steps,
            reversal: Reversal::Undo(schedule, undo),
            observer: None,
        }
    }

    /// Calls `observer` after every evaluation of a step. When it breaks, the run stops with
    /// [`Error::Interrupted`](crate::Error::Interrupted).
    #[must_use]
    pub fn with_observer(
        mut self,
        observer: impl Fn(Progress) -> ControlFlow<()> + Send + Sync + 'static,
    ) -> Self {
        self.observer = Some(Box::new(observer));
        self
    }

    /// The steps.
    pub fn steps(&self) -> &S {
        &self.steps
    }

    /// What a gradient from the initial state `x` will cost.
    ///
    /// # Errors
    /// [`Error::Budget`](crate::Error::Budget) when the budget holds no state.
    pub fn predict(&self, x: &S::State) -> Result<Report> {
        let (n, state, saved) = (self.steps.len(), x.bytes(), self.steps.saved_bytes(x));
        match &self.reversal {
            Reversal::Recompute(schedule) => schedule.predict(n, state, saved),
            Reversal::Undo(schedule, _) => schedule.predict(n, state, saved),
        }
    }

    fn resolve(&self, x: &S::State) -> Result<Chosen> {
        let (n, state, saved) = (self.steps.len(), x.bytes(), self.steps.saved_bytes(x));
        match &self.reversal {
            Reversal::Recompute(schedule) => schedule.resolve(n, state, saved),
            Reversal::Undo(schedule, _) => schedule.resolve(n, state, saved),
        }
    }

    fn tell(&self, sweep: Sweep, done: usize) -> Result<()> {
        tell(
            self.observer.as_ref(),
            Progress {
                sweep,
                done,
                of: self.steps.len(),
            },
        )
    }
}

impl<T: Real, S: Steps<T>> Operator<T> for Evolve<T, S> {
    type Params = S::Params;
    type In = S::State;
    type Out = S::State;

    fn apply(&self, p: &S::Params, mut x: S::State) -> Result<S::State> {
        in_pool(|| {
            for i in 0..self.steps.len() {
                x = self.steps.step(i).apply(p, x)?;
                self.tell(Sweep::Forward, i + 1)?;
            }
            Ok(x)
        })
    }
}

impl<T: Real, S> Tangent<T> for Evolve<T, S>
where
    S: Steps<T> + 'static,
    for<'a> S::Step<'a>: Tangent<T>,
{
    fn jvp(
        &self,
        p: &S::Params,
        dp: &S::Params,
        mut x: S::State,
        mut dx: S::State,
    ) -> Result<(S::State, S::State)> {
        in_pool(|| {
            for i in 0..self.steps.len() {
                (x, dx) = self.steps.step(i).jvp(p, dp, x, dx)?;
                self.tell(Sweep::Forward, i + 1)?;
            }
            Ok((x, dx))
        })
    }
}

/// A run of reversible steps is itself one, such as a subcycled step of a longer run.
impl<T: Real, S, V: Send + 'static> Reversible<T> for Evolve<T, S>
where
    S: Steps<T> + 'static,
    for<'a> S::Step<'a>: Reversible<T, Saved = V>,
{
    fn invert(&self, p: &S::Params, mut y: S::State) -> Result<S::State> {
        let n = self.steps.len();
        in_pool(|| {
            for i in (0..n).rev() {
                y = self.steps.step(i).invert(p, y)?;
                self.tell(Sweep::Reverse, n - i)?;
            }
            Ok(y)
        })
    }

    fn invert_vjp(
        &self,
        p: &S::Params,
        mut y: S::State,
        mut y_bar: S::State,
        p_bar: &mut S::Params,
    ) -> Result<(S::State, S::State)> {
        let n = self.steps.len();
        in_pool(|| {
            for i in (0..n).rev() {
                (y, y_bar) = self.steps.step(i).invert_vjp(p, y, y_bar, p_bar)?;
                self.tell(Sweep::Reverse, n - i)?;
            }
            Ok((y, y_bar))
        })
    }
}
