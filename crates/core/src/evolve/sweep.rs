//! The forward sweep that records, and the reverse sweep.

use super::store::Store;
use super::{Evolve, Move, Reversal, Revolve, Start, Steps, Sweep, in_pool};
use crate::schedule::{Chosen, anchor_step};
use crate::{Adjoint, Error, Fields, Operator, Real, Report, Result, State};

/// What an [`Evolve`] keeps between its sweeps: states `X`, or what steps saved, `V`.
pub struct Tape<X, V> {
    kept: Kept<X, V>,
    report: Report,
}

enum Kept<X, V> {
    /// What each step saved, in order.
    All(Vec<V>),
    /// Checkpoints, and what the last step saved; `None` for a run of no steps.
    Checkpoints {
        revolve: Revolve,
        store: Store<X>,
        last: Option<V>,
    },
    /// The last state, and anchors with their indices, in order.
    Anchors { end: X, anchors: Vec<(usize, X)> },
}

impl<X, V> Tape<X, V> {
    /// The cost so far, that of the forward sweep.
    pub fn report(&self) -> &Report {
        &self.report
    }
}

/// Value and gradient of a loss at the end of a run.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Gradient<P, X> {
    /// The loss.
    pub value: f64,
    /// Its gradient with respect to the parameters.
    pub p_bar: P,
    /// Its gradient with respect to the initial state.
    pub x_bar: X,
    /// What it cost.
    pub report: Report,
}

impl<T: Real, S, V: Send + 'static> Adjoint<T> for Evolve<T, S>
where
    S: Steps<T> + 'static,
    for<'a> S::Step<'a>: Adjoint<T, Saved = V>,
{
    type Saved = Tape<S::State, V>;

    fn record(&self, p: &S::Params, x: S::State) -> Result<(S::State, Self::Saved)> {
        let chosen = self.resolve(&x)?;
        let report = Report::start(chosen.clone(), self.steps.len());
        in_pool(|| match chosen {
            Chosen::StoreAll => self.record_all(p, x, report),
            Chosen::Checkpoint { slots, storage } => {
                self.record_checkpoints(p, x, Revolve::new(slots), Store::new(&storage)?, report)
            }
            Chosen::Reversible { anchors } => self.record_anchors(p, x, anchors, report),
        })
    }

    fn vjp(
        &self,
        p: &S::Params,
        saved: Self::Saved,
        y_bar: S::State,
        p_bar: &mut S::Params,
    ) -> Result<S::State> {
        Ok(self.pull_back(p, saved, y_bar, p_bar)?.0)
    }
}

impl<T: Real, S, V: Send + 'static> Evolve<T, S>
where
    S: Steps<T> + 'static,
    for<'a> S::Step<'a>: Adjoint<T, Saved = V>,
{
    /// Runs forward from `x`, asks `loss` for its value and gradient at the last state, and runs
    /// back.
    ///
    /// # Errors
    /// Those of the steps and of `loss`; [`Error::Budget`], [`Error::Storage`] and
    /// [`Error::Interrupted`] of the sweeps.
    pub fn value_and_gradient(
        &self,
        p: &S::Params,
        x: S::State,
        loss: impl FnOnce(&S::State) -> Result<(f64, S::State)>,
    ) -> Result<Gradient<S::Params, S::State>> {
        let (y, tape) = self.record(p, x)?;
        let (value, y_bar) = loss(&y)?;
        drop(y);
        let mut p_bar = p.zeros_like();
        let (x_bar, report) = self.pull_back(p, tape, y_bar, &mut p_bar)?;
        Ok(Gradient {
            value,
            p_bar,
            x_bar,
            report,
        })
    }

    /// [`Adjoint::vjp`] with a report of what both sweeps cost.
    ///
    /// # Errors
    /// Those of the steps; [`Error::Storage`] and [`Error::Interrupted`] of the sweep;
    /// [`Error::Tape`] when another run recorded the tape.
    pub fn pull_back(
        &self,
        p: &S::Params,
        tape: Tape<S::State, V>,
        y_bar: S::State,
        p_bar: &mut S::Params,
    ) -> Result<(S::State, Report)> {
        let Tape { kept, report } = tape;
        if report.steps != self.steps.len() {
            return Err(self.foreign(report));
        }
        in_pool(|| match kept {
            Kept::All(saved) => self.pull_all(p, saved, y_bar, p_bar, report),
            Kept::Checkpoints {
                revolve,
                store,
                last,
            } => self.pull_checkpoints(p, revolve, store, last, y_bar, p_bar, report),
            Kept::Anchors { end, anchors } => {
                self.pull_anchors(p, end, anchors, y_bar, p_bar, report)
            }
        })
    }

    /// The error of a tape that this run did not record.
    fn foreign(&self, report: Report) -> Error {
        let (found, expected) = (report.steps, self.steps.len());
        Error::Tape {
            schedule: report.schedule,
            found,
            expected,
        }
    }

    fn record_all(
        &self,
        p: &S::Params,
        mut x: S::State,
        mut report: Report,
    ) -> Result<(S::State, Tape<S::State, V>)> {
        let n = self.steps.len();
        let mut all = Vec::with_capacity(n);
        for i in 0..n {
            report.peak_checkpoint_bytes += self.steps.saved_bytes(&x);
            let saved;
            (x, saved) = self.steps.step(i).record(p, x)?;
            all.push(saved);
            report.evaluations += 1;
            self.tell(Sweep::Forward, i + 1)?;
        }
        Ok((
            x,
            Tape {
                kept: Kept::All(all),
                report,
            },
        ))
    }

    fn pull_all(
        &self,
        p: &S::Params,
        all: Vec<V>,
        mut bar: S::State,
        p_bar: &mut S::Params,
        report: Report,
    ) -> Result<(S::State, Report)> {
        let n = self.steps.len();
        // Each is freed as soon as it is used.
        for (i, saved) in all.into_iter().enumerate().rev() {
            bar = self.steps.step(i).vjp(p, saved, bar, p_bar)?;
            self.tell(Sweep::Reverse, n - i)?;
        }
        Ok((bar, report))
    }

    fn record_checkpoints(
        &self,
        p: &S::Params,
        mut x: S::State,
        mut revolve: Revolve,
        mut store: Store<S::State>,
        mut report: Report,
    ) -> Result<(S::State, Tape<S::State, V>)> {
        let mut last = None;
        if let Some(i) = self.steps.len().checked_sub(1) {
            let (_, moves) = revolve.reach(i);
            x = self.follow(p, x, 0, &moves, &mut store, &mut report, None)?;
            let saved;
            (x, saved) = self.steps.step(i).record(p, x)?;
            last = Some(saved);
            report.evaluations += 1;
            self.tell(Sweep::Forward, i + 1)?;
            report.peak_checkpoint_bytes = revolve.kept().saturating_mul(x.bytes());
        }
        Ok((
            x,
            Tape {
                kept: Kept::Checkpoints {
                    revolve,
                    store,
                    last,
                },
                report,
            },
        ))
    }

    fn pull_checkpoints(
        &self,
        p: &S::Params,
        mut revolve: Revolve,
        mut store: Store<S::State>,
        mut last: Option<V>,
        mut bar: S::State,
        p_bar: &mut S::Params,
        mut report: Report,
    ) -> Result<(S::State, Report)> {
        let n = self.steps.len();
        for i in (0..n).rev() {
            let saved = match last.take() {
                Some(saved) => saved,
                None => {
                    let (start, moves) = revolve.reach(i);
                    let kept = revolve.kept().saturating_mul(bar.bytes());
                    report.peak_checkpoint_bytes = report.peak_checkpoint_bytes.max(kept);
                    // The cotangent lends its shape.
                    let x = match start {
                        Start::Take(_) => store.pop(&bar)?,
                        Start::Initial | Start::Load(_) => {
                            store.newest(&bar, |x| self.steps.step(i).copy(x))?
                        }
                    };
                    let Some(x) = x else {
                        return Err(self.foreign(report));
                    };
                    let (at, done) = (start.index(), Some(n - 1 - i));
                    let x = self.follow(p, x, at, &moves, &mut store, &mut report, done)?;
                    let saved = self.steps.step(i).save(p, x)?;
                    report.evaluations += 1;
                    report.recomputed += 1;
                    saved
                }
            };
            bar = self.steps.step(i).vjp(p, saved, bar, p_bar)?;
            self.tell(Sweep::Reverse, n - i)?;
        }
        Ok((bar, report))
    }

    /// Makes the moves of a checkpoint schedule, from the state `x` of index `at`. In the reverse
    /// sweep, `reversed` tells how many steps it is through with.
    fn follow(
        &self,
        p: &S::Params,
        mut x: S::State,
        mut at: usize,
        moves: &[Move],
        store: &mut Store<S::State>,
        report: &mut Report,
        reversed: Option<usize>,
    ) -> Result<S::State> {
        for step in moves {
            match *step {
                Move::Store => {
                    store.push(&x, |x| self.steps.step(at).copy(x))?;
                    report.checkpoints_written += 1;
                }
                Move::Advance(to) => {
                    for i in at..to {
                        x = self.steps.step(i).apply(p, x)?;
                        report.evaluations += 1;
                        match reversed {
                            None => self.tell(Sweep::Forward, i + 1)?,
                            Some(done) => {
                                report.recomputed += 1;
                                self.tell(Sweep::Reverse, done)?;
                            }
                        }
                    }
                    at = to;
                }
            }
        }
        Ok(x)
    }

    fn record_anchors(
        &self,
        p: &S::Params,
        mut x: S::State,
        count: usize,
        mut report: Report,
    ) -> Result<(S::State, Tape<S::State, V>)> {
        let n = self.steps.len();
        let mut anchors = Vec::with_capacity(count);
        for i in 0..n {
            if anchors.len() < count && anchor_step(anchors.len(), count, n) == i {
                anchors.push((i, x.clone()));
            }
            x = self.steps.step(i).apply(p, x)?;
            report.evaluations += 1;
            self.tell(Sweep::Forward, i + 1)?;
        }
        report.checkpoints_written = anchors.len() + 1;
        report.peak_checkpoint_bytes = report.checkpoints_written.saturating_mul(x.bytes());
        Ok((
            x.clone(),
            Tape {
                kept: Kept::Anchors { end: x, anchors },
                report,
            },
        ))
    }

    fn pull_anchors(
        &self,
        p: &S::Params,
        mut x: S::State,
        mut anchors: Vec<(usize, S::State)>,
        mut bar: S::State,
        p_bar: &mut S::Params,
        mut report: Report,
    ) -> Result<(S::State, Report)> {
        let Reversal::Undo(_, undo) = &self.reversal else {
            return Err(self.foreign(report));
        };
        let n = self.steps.len();
        for i in (0..n).rev() {
            (x, bar) = undo(&self.steps, i, p, x, bar, p_bar)?;
            report.undone += 1;
            // The recorded state replaces the reconstructed one.
            if let Some((_, anchor)) = anchors.pop_if(|(at, _)| *at == i) {
                x = anchor;
            }
            self.tell(Sweep::Reverse, n - i)?;
        }
        Ok((bar, report))
    }
}
