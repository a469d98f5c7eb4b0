//! L-BFGS on the solver of argmin, with a line search that suits expensive objectives.
//!
//! argmin computes the search directions (two-loop recursion, Nocedal & Wright 2006, algorithm
//! 7.4). Its own line searches fail where the loss is not finite and give the first step the
//! length of the gradient; [`LineSearch`] plugs [`line_search::search`] in instead. The loss is
//! handed over multiplied by one constant, chosen such that the first step, minus the gradient,
//! has the length the user asked for; later steps do not depend on it.

use std::cell::RefCell;
use std::rc::Rc;

use argmin::core::{
    CostFunction, Error as ArgminError, Gradient, IterState, KV, Problem as ArgminProblem, Solver,
    State, TerminationReason,
};
use argmin::solver::quasinewton::LBFGS;

use crate::evaluator::{Evaluator, Point, dot, norm};
use crate::line_search::{self, Trial};
use crate::problem::Observer;
use crate::{Error, Lbfgs, Report, Result, Termination};

/// The state of argmin's solvers here: no Hessians, no residuals.
type Iterate = IterState<Vec<f64>, Vec<f64>, (), (), (), f64>;

/// Minimizes by L-BFGS.
pub(crate) fn minimize(
    mut evaluator: Evaluator<'_>,
    options: &Lbfgs,
    observer: &mut Observer<'_>,
) -> Result<Report> {
    let mut at = evaluator.start()?;
    if evaluator.observe(&at, observer).is_break() {
        return Ok(evaluator.finish(&at, Termination::Stopped));
    }
    let shared = Rc::new(RefCell::new(Shared {
        evaluator,
        factor: 1.0,
        failure: None,
    }));
    let mut first_step = options.first_step;
    loop {
        let (end, reached, last_step) = descend(&shared, at, first_step, options, observer)?;
        let mut borrowed = shared.borrow_mut();
        match end {
            End::Final(termination) => return Ok(borrowed.evaluator.finish(&reached, termination)),
            // Without a usable step the approximate Hessian is at fault, or the wall of a region
            // without finite losses is near: start afresh from the best point.
            End::LineSearch { fresh } => {
                let best = borrowed
                    .evaluator
                    .best()
                    .cloned()
                    .unwrap_or_else(|| reached.clone());
                if best.loss < reached.loss {
                    if let Some(termination) =
                        borrowed.close_iteration(&reached, &best, options, observer)
                    {
                        return Ok(borrowed.evaluator.finish(&best, termination));
                    }
                    at = best;
                } else if fresh {
                    return Ok(borrowed.evaluator.finish(&reached, Termination::NoDescent));
                } else {
                    at = reached;
                }
                first_step = last_step;
            }
        }
    }
}

/// How a descent ended.
enum End {
    /// Nothing is left to do.
    Final(Termination),
    /// The line search found no step; `fresh` if it searched along the steepest descent.
    LineSearch { fresh: bool },
}

/// Runs argmin's L-BFGS from `at` with an empty memory. Returns how and where it ended, and the
/// length of its last step.
fn descend(
    shared: &Rc<RefCell<Shared<'_>>>,
    mut at: Point,
    first_step: f64,
    options: &Lbfgs,
    observer: &mut Observer<'_>,
) -> Result<(End, Point, f64)> {
    let gradient_norm = norm(&at.gradient);
    if gradient_norm <= options.gradient_tolerance {
        return Ok((End::Final(Termination::Gradient), at, first_step));
    }
    shared.borrow_mut().factor = first_step / gradient_norm;
    let search = LineSearch {
        shared: Rc::clone(shared),
        evaluations: options.line_search_evaluations,
        direction: Vec::new(),
    };
    let mut solver = LBFGS::new(search, options.memory);
    let mut problem = ArgminProblem::new(Scaled(Rc::clone(shared)));
    let mut state: Iterate = IterState::new().param(at.u.clone());
    state = solver
        .init(&mut problem, state)
        .map_err(|e| fail(shared, e))?
        .0;
    let mut last_step = first_step;
    loop {
        let fresh = state.get_iter() == 0;
        state = solver
            .next_iter(&mut problem, state)
            .map_err(|e| fail(shared, e))?
            .0;
        let mut borrowed = shared.borrow_mut();
        if let Some(error) = borrowed.failure.take() {
            return Err(error);
        }
        let Some(u) = state.get_param().filter(|_| !state.terminated()) else {
            // argmin ends its iterations when the line search returns an error, as ours does
            // when there is no step.
            return Ok((End::LineSearch { fresh }, at, last_step));
        };
        let next = borrowed.evaluator.at(u)?;
        last_step = distance(&next.u, &at.u);
        if let Some(termination) = borrowed.close_iteration(&at, &next, options, observer) {
            return Ok((End::Final(termination), next, last_step));
        }
        at = next;
        state.increment_iter();
    }
}

/// The error that the objective left behind, or argmin's own.
fn fail(shared: &Rc<RefCell<Shared<'_>>>, error: ArgminError) -> Error {
    let mut shared = shared.borrow_mut();
    if let Some(error) = shared.failure.take() {
        return error;
    }
    match shared.evaluator.report(Termination::Failed) {
        Some(report) => Error::Solver {
            source: error.into(),
            report: Box::new(report),
        },
        None => Error::Empty,
    }
}

fn distance(a: &[f64], b: &[f64]) -> f64 {
    a.iter()
        .zip(b)
        .map(|(a, b)| (a - b).powi(2))
        .sum::<f64>()
        .sqrt()
}

/// What the solver's problem and its line search share with the loop around them.
struct Shared<'a> {
    evaluator: Evaluator<'a>,
    /// The solver sees the loss and its gradient times this.
    factor: f64,
    /// Errors travel here, since argmin turns those of a line search into text.
    failure: Option<Error>,
}

impl Shared<'_> {
    fn evaluate(&mut self, u: &[f64]) -> Result<Point, ArgminError> {
        self.evaluator.at(u).map_err(|error| {
            self.failure = Some(error);
            ArgminError::new(NoStep)
        })
    }

    /// Reports an iteration from `before` to `after` and says whether it was the last.
    fn close_iteration(
        &mut self,
        before: &Point,
        after: &Point,
        options: &Lbfgs,
        observer: &mut Observer<'_>,
    ) -> Option<Termination> {
        let stopped = self.evaluator.observe(after, observer).is_break();
        let scale = before.loss.abs().max(after.loss.abs());
        if stopped {
            Some(Termination::Stopped)
        } else if norm(&after.gradient) <= options.gradient_tolerance {
            Some(Termination::Gradient)
        } else if before.loss - after.loss <= options.loss_tolerance * scale {
            Some(Termination::Loss)
        } else if self.evaluator.iterations() >= options.iterations {
            Some(Termination::Iterations)
        } else {
            None
        }
    }
}

/// No step was found; also stands for an error that waits in [`Shared::failure`].
#[derive(Debug, thiserror::Error)]
#[error("no acceptable step")]
struct NoStep;

/// The objective as argmin sees it.
struct Scaled<'a>(Rc<RefCell<Shared<'a>>>);

impl CostFunction for Scaled<'_> {
    type Param = Vec<f64>;
    type Output = f64;
    fn cost(&self, u: &Vec<f64>) -> Result<f64, ArgminError> {
        let mut shared = self.0.borrow_mut();
        Ok(shared.factor * shared.evaluate(u)?.loss)
    }
}

impl Gradient for Scaled<'_> {
    type Param = Vec<f64>;
    type Gradient = Vec<f64>;
    fn gradient(&self, u: &Vec<f64>) -> Result<Vec<f64>, ArgminError> {
        let mut shared = self.0.borrow_mut();
        let gradient = shared.evaluate(u)?.gradient;
        Ok(gradient.iter().map(|g| shared.factor * g).collect())
    }
}

/// [`line_search::search`] in the form that argmin's quasi-Newton solvers take.
#[derive(Clone)]
struct LineSearch<'a> {
    shared: Rc<RefCell<Shared<'a>>>,
    evaluations: usize,
    direction: Vec<f64>,
}

impl argmin::core::LineSearch<Vec<f64>, f64> for LineSearch<'_> {
    fn search_direction(&mut self, direction: Vec<f64>) {
        self.direction = direction;
    }

    // The natural step of a quasi-Newton direction is one, and the first direction is scaled.
    fn initial_step_length(&mut self, _: f64) -> Result<(), ArgminError> {
        Ok(())
    }
}

impl<O> Solver<O, Iterate> for LineSearch<'_>
where
    O: CostFunction<Param = Vec<f64>, Output = f64>
        + Gradient<Param = Vec<f64>, Gradient = Vec<f64>>,
{
    fn name(&self) -> &str {
        "Moré-Thuente line search"
    }

    fn next_iter(
        &mut self,
        _: &mut ArgminProblem<O>,
        mut state: Iterate,
    ) -> Result<(Iterate, Option<KV>), ArgminError> {
        let u0 = state.take_param().ok_or(NoStep)?;
        let mut shared = self.shared.borrow_mut();
        let start = shared.evaluate(&u0)?;
        let start = Trial {
            t: 0.0,
            phi: start.loss,
            slope: dot(&start.gradient, &self.direction),
        };
        let step = |t: f64| -> Vec<f64> {
            u0.iter()
                .zip(&self.direction)
                .map(|(u, d)| u + t * d)
                .collect()
        };
        let accepted = line_search::search(start, 1.0, self.evaluations, |t| {
            let point = shared.evaluate(&step(t))?;
            Ok::<_, ArgminError>((point.loss, dot(&point.gradient, &self.direction)))
        })?;
        let t = accepted.ok_or(NoStep)?.t;
        // Remembered, since the accepted step is the latest or the best one.
        let point = shared.evaluate(&step(t))?;
        let factor = shared.factor;
        let gradient = point.gradient.iter().map(|g| factor * g).collect();
        let state = state
            .param(point.u)
            .cost(factor * point.loss)
            .gradient(gradient);
        Ok((
            state.terminate_with(TerminationReason::SolverConverged),
            None,
        ))
    }
}
