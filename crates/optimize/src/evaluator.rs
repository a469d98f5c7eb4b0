//! Counts and remembers evaluations, and maps the scaled unknowns to the user's.

use std::ops::ControlFlow;
use std::time::Instant;

use crate::problem::Observer;
use crate::{BoxError, Error, Iteration, Progress, Report, Result, Termination};

/// A point in the scaled unknowns with its loss and gradient.
#[derive(Debug, Clone)]
pub(crate) struct Point {
    pub(crate) u: Vec<f64>,
    /// Infinite wherever the loss or its gradient is not finite.
    pub(crate) loss: f64,
    /// With respect to `u`.
    pub(crate) gradient: Vec<f64>,
}

/// The objective in the scaled unknowns `u`, where `x = x0 + scale u`.
///
/// It keeps the latest and the best point: the solver asks for a value and then for the gradient
/// at the same point, and one evaluation gives both.
pub(crate) struct Evaluator<'a> {
    objective: &'a mut dyn FnMut(&[f64]) -> Result<(f64, Vec<f64>), BoxError>,
    x0: Vec<f64>,
    scale: Vec<f64>,
    latest: Option<Point>,
    best: Option<Point>,
    evaluations: usize,
    started: Instant,
    history: Vec<Iteration>,
}

impl<'a> Evaluator<'a> {
    pub(crate) fn new(
        objective: &'a mut dyn FnMut(&[f64]) -> Result<(f64, Vec<f64>), BoxError>,
        x0: Vec<f64>,
        scale: Vec<f64>,
    ) -> Self {
        Self {
            objective,
            x0,
            scale,
            latest: None,
            best: None,
            evaluations: 0,
            started: Instant::now(),
            history: Vec::new(),
        }
    }

    /// Evaluates at the start, which must be finite.
    pub(crate) fn start(&mut self) -> Result<Point> {
        let u = vec![0.0; self.x0.len()];
        let x = self.x0.clone();
        let (loss, gradient) = self.call(&x)?;
        let gradient_finite = gradient.iter().all(|g| g.is_finite());
        if !loss.is_finite() || !gradient_finite {
            let gradient = if gradient_finite {
                "finite"
            } else {
                "non-finite"
            };
            return Err(Error::NonFiniteStart { loss, gradient });
        }
        Ok(self.remember(u, loss, gradient))
    }

    /// The point at `u`, remembered or evaluated.
    pub(crate) fn at(&mut self, u: &[f64]) -> Result<Point> {
        let known = [&self.latest, &self.best]
            .into_iter()
            .flatten()
            .find(|p| p.u == u);
        if let Some(point) = known {
            return Ok(point.clone());
        }
        let (mut loss, gradient) = self.call(&self.x(u))?;
        if !loss.is_finite() || !gradient.iter().all(|g| g.is_finite()) {
            loss = f64::INFINITY;
        }
        Ok(self.remember(u.to_vec(), loss, gradient))
    }

    fn call(&mut self, x: &[f64]) -> Result<(f64, Vec<f64>)> {
        self.evaluations += 1;
        let (loss, mut gradient) = (self.objective)(x).map_err(|source| Error::Objective {
            evaluation: self.evaluations,
            source,
            report: self.report(Termination::Failed).map(Box::new),
        })?;
        let expected = x.len();
        if gradient.len() != expected {
            let found = gradient.len();
            return Err(Error::Length {
                what: "the objective's gradient",
                found,
                expected,
            });
        }
        gradient
            .iter_mut()
            .zip(&self.scale)
            .for_each(|(g, s)| *g *= s);
        Ok((loss, gradient))
    }

    fn remember(&mut self, u: Vec<f64>, loss: f64, gradient: Vec<f64>) -> Point {
        let point = Point { u, loss, gradient };
        if self.best.as_ref().is_none_or(|best| point.loss < best.loss) {
            self.best = Some(point.clone());
        }
        self.latest = Some(point.clone());
        point
    }

    /// The best point so far.
    pub(crate) fn best(&self) -> Option<&Point> {
        self.best.as_ref()
    }

    fn x(&self, u: &[f64]) -> Vec<f64> {
        self.x0
            .iter()
            .zip(&self.scale)
            .zip(u)
            .map(|((x, s), u)| x + s * u)
            .collect()
    }

    /// Writes one line of history and asks the observer whether to go on.
    pub(crate) fn observe(&mut self, at: &Point, observer: &mut Observer<'_>) -> ControlFlow<()> {
        let iteration = Iteration {
            iteration: self.history.len(),
            loss: at.loss,
            gradient_norm: norm(&at.gradient),
            evaluations: self.evaluations,
            seconds: self.started.elapsed().as_secs_f64(),
        };
        self.history.push(iteration);
        let best = self.best.as_ref().unwrap_or(at);
        observer(&Progress {
            iteration,
            x: &self.x(&at.u),
            best_x: &self.x(&best.u),
            best_loss: best.loss,
        })
    }

    /// Iterations made so far.
    pub(crate) fn iterations(&self) -> usize {
        self.history.len().saturating_sub(1)
    }

    /// The report so far; none before the first evaluation.
    pub(crate) fn report(&self, termination: Termination) -> Option<Report> {
        let best = self.best.as_ref()?;
        Some(Report {
            x: self.x(&best.u),
            loss: best.loss,
            iterations: self.iterations(),
            evaluations: self.evaluations,
            history: self.history.clone(),
            termination,
        })
    }

    /// The report at the end of a run that evaluated `at`.
    pub(crate) fn finish(&self, at: &Point, termination: Termination) -> Report {
        self.report(termination).unwrap_or_else(|| Report {
            x: self.x(&at.u),
            loss: at.loss,
            iterations: self.iterations(),
            evaluations: self.evaluations,
            history: self.history.clone(),
            termination,
        })
    }
}

/// Euclidean norm.
pub(crate) fn norm(v: &[f64]) -> f64 {
    dot(v, v).sqrt()
}

/// Inner product.
pub(crate) fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}
