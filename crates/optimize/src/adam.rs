//! Adam: A Method for Stochastic Optimization (Kingma & Ba 2015, arXiv:1412.6980).

use crate::evaluator::{Evaluator, norm};
use crate::problem::Observer;
use crate::{Adam, Error, Report, Result, Termination};

/// A loss that stays non-finite after this many halvings of the learning rate is given up.
const MAX_HALVINGS: usize = 20;

/// Runs algorithm 1 of the paper.
///
/// A step to a point with a non-finite loss is undone; the learning rate is halved for the rest
/// of the run and the moments are forgotten, since they point to where the step failed.
pub(crate) fn minimize(
    mut evaluator: Evaluator<'_>,
    options: &Adam,
    observer: &mut Observer<'_>,
) -> Result<Report> {
    let mut at = evaluator.start()?;
    let n = at.u.len();
    let (mut m, mut v) = (vec![0.0; n], vec![0.0; n]);
    let (mut decay1, mut decay2) = (1.0, 1.0);
    let mut alpha = options.learning_rate;
    let mut halvings = 0;
    if evaluator.observe(&at, observer).is_break() {
        return Ok(evaluator.finish(&at, Termination::Stopped));
    }
    while evaluator.iterations() < options.iterations {
        if norm(&at.gradient) < options.gradient_tolerance {
            return Ok(evaluator.finish(&at, Termination::Gradient));
        }
        decay1 *= options.beta1;
        decay2 *= options.beta2;
        let mut u = at.u.clone();
        for i in 0..n {
            let g = at.gradient[i];
            m[i] = options.beta1 * m[i] + (1.0 - options.beta1) * g;
            v[i] = options.beta2 * v[i] + (1.0 - options.beta2) * g * g;
            let m_hat = m[i] / (1.0 - decay1);
            let v_hat = v[i] / (1.0 - decay2);
            u[i] -= alpha * m_hat / (v_hat.sqrt() + options.epsilon);
        }
        let next = evaluator.at(&u)?;
        if next.loss.is_finite() {
            at = next;
            halvings = 0;
            if evaluator.observe(&at, observer).is_break() {
                return Ok(evaluator.finish(&at, Termination::Stopped));
            }
        } else {
            halvings += 1;
            if halvings > MAX_HALVINGS {
                let report = Box::new(evaluator.finish(&at, Termination::Failed));
                return Err(Error::NonFinite {
                    halvings: MAX_HALVINGS,
                    report,
                });
            }
            alpha *= 0.5;
            m.fill(0.0);
            v.fill(0.0);
            (decay1, decay2) = (1.0, 1.0);
        }
    }
    Ok(evaluator.finish(&at, Termination::Iterations))
}
