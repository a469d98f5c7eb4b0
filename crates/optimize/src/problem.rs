//! The problem: an objective, where to start, and the unknowns' scales.

use std::ops::ControlFlow;

use crate::evaluator::Evaluator;
use crate::{BoxError, Error, Method, Progress, Report, Result, adam, lbfgs};

/// An objective to minimize from a starting point.
#[derive(Debug)]
pub struct Problem<F> {
    objective: F,
    x0: Vec<f64>,
    scale: Vec<f64>,
}

impl<F, E> Problem<F>
where
    F: FnMut(&[f64]) -> Result<(f64, Vec<f64>), E>,
    E: Into<BoxError>,
{
    /// An objective that returns the loss and its gradient, and the unknowns to start from.
    ///
    /// The objective may return NaN or infinity away from the start: the step is then shortened.
    ///
    /// # Errors
    /// [`Error::Empty`] without unknowns, [`Error::Start`] when one is not finite.
    pub fn new(x0: Vec<f64>, objective: F) -> Result<Self> {
        if x0.is_empty() {
            return Err(Error::Empty);
        }
        if let Some((index, &value)) = x0.iter().enumerate().find(|(_, x)| !x.is_finite()) {
            return Err(Error::Start { index, value });
        }
        let scale = vec![1.0; x0.len()];
        Ok(Self {
            objective,
            x0,
            scale,
        })
    }

    /// Sets one scale factor per unknown: the change of it that matters.
    ///
    /// The methods work in the scaled unknowns `u = (x - x0) / scale`, so that a velocity in km/s
    /// and a mass in Msun can be varied together; step lengths, learning rates and gradient norms
    /// refer to `u`.
    ///
    /// # Errors
    /// [`Error::Length`] for a list of another length, [`Error::Scale`] when a factor is not
    /// finite and positive.
    pub fn with_scale(mut self, scale: Vec<f64>) -> Result<Self> {
        let expected = self.x0.len();
        if scale.len() != expected {
            return Err(Error::Length {
                what: "the scale",
                found: scale.len(),
                expected,
            });
        }
        let bad = scale
            .iter()
            .enumerate()
            .find(|(_, s)| !(s.is_finite() && **s > 0.0));
        if let Some((index, &value)) = bad {
            return Err(Error::Scale { index, value });
        }
        self.scale = scale;
        Ok(self)
    }

    /// Minimizes. The observer is called at the start and after each iteration, sees the best
    /// point so far and may end the minimization with [`ControlFlow::Break`].
    ///
    /// # Errors
    /// [`Error::Range`] for a bad option, [`Error::NonFiniteStart`], [`Error::Objective`] when
    /// the objective fails, [`Error::Length`] when its gradient has a wrong length,
    /// [`Error::NonFinite`] when Adam finds no finite loss; those that arise under way carry the
    /// report so far.
    pub fn minimize(
        mut self,
        method: &Method,
        mut observer: impl FnMut(&Progress<'_>) -> ControlFlow<()>,
    ) -> Result<Report> {
        method.validate()?;
        let mut objective = |x: &[f64]| (self.objective)(x).map_err(Into::into);
        let evaluator = Evaluator::new(&mut objective, self.x0, self.scale);
        match method {
            Method::Lbfgs(options) => lbfgs::minimize(evaluator, options, &mut observer),
            Method::Adam(options) => adam::minimize(evaluator, options, &mut observer),
        }
    }
}

/// The observer as the methods see it.
pub(crate) type Observer<'a> = dyn FnMut(&Progress<'_>) -> ControlFlow<()> + 'a;
