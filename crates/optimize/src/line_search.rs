//! The line search of Moré & Thuente (1994, ACM Trans. Math. Softw. 20, 286), made safe for
//! objectives that are not finite everywhere.
//!
//! With `phi(t)` the loss along the search direction, it finds a step `t` that satisfies the
//! strong Wolfe conditions
//!
//! ```text
//! phi(t) <= phi(0) + C1 t phi'(0),    |phi'(t)| <= C2 |phi'(0)|
//! ```
//!
//! Every trial costs a value and a gradient, which the interpolation uses both. The constants are
//! those of L-BFGS-B (Zhu et al. 1997), which accept most first trials.

/// Demanded decrease, as a fraction of the linear prediction.
const C1: f64 = 1e-3;
/// Allowed slope at the end, as a fraction of the initial slope.
const C2: f64 = 0.9;
/// Relative width of the bracket below which further trials are not worth an evaluation.
const WIDTH: f64 = 0.1;
/// Bounds of the extrapolation while the minimum is not bracketed.
const EXTRAPOLATION: (f64, f64) = (1.1, 4.0);
/// A trial that is not finite is pulled back to this fraction of its distance.
const PULL_BACK: f64 = 0.25;
/// Largest step, relative to the first trial.
const LARGEST: f64 = 1e10;

/// A step with the loss and the slope there.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Trial {
    pub(crate) t: f64,
    pub(crate) phi: f64,
    pub(crate) slope: f64,
}

/// Searches from `start` (`t = 0`, negative slope), first at `first`.
///
/// `evaluate` returns the loss and the slope at a step; a loss that is not finite counts as too
/// long a step. Returns the accepted step, or none when `evaluations` trials found no step that
/// lowers the loss and bends the slope upwards, which the update of the Hessian needs.
pub(crate) fn search<E>(
    start: Trial,
    first: f64,
    evaluations: usize,
    mut evaluate: impl FnMut(f64) -> Result<(f64, f64), E>,
) -> Result<Option<Trial>, E> {
    if !(start.slope < 0.0 && first > 0.0) {
        return Ok(None);
    }
    let test = C1 * start.slope;
    let acceptable =
        |at: &Trial| at.phi <= start.phi + at.t * test && at.slope > start.slope && at.t > 0.0;
    let mut largest = LARGEST * first;
    // `best` has the lowest value so far, `other` is the other end of the bracket.
    let (mut best, mut other) = (start, start);
    let mut bracketed = false;
    let mut stage_one = true;
    let mut width = largest;
    let mut width_before = 2.0 * width;
    let (mut low, mut high) = (0.0, first + EXTRAPOLATION.1 * first);
    let mut t = first;
    for _ in 0..evaluations {
        let (phi, slope) = evaluate(t)?;
        if !(phi.is_finite() && slope.is_finite()) {
            largest = best.t + 0.5 * (t - best.t);
            t = best.t + PULL_BACK * (t - best.t);
            if !bracketed {
                (low, high) = (t, largest);
            }
            continue;
        }
        let trial = Trial { t, phi, slope };
        if phi <= start.phi + t * test && slope.abs() <= -C2 * start.slope {
            return Ok(Some(trial));
        }
        if t >= largest && phi <= start.phi + t * test && slope <= test {
            return Ok(Some(trial).filter(acceptable));
        }
        if stage_one && phi <= start.phi + t * test && slope >= 0.0 {
            stage_one = false;
        }
        // While no step with a sufficient decrease and a positive slope is known, the paper
        // works with psi(t) = phi(t) - phi(0) - C1 t phi'(0), here without its constant.
        let modify = stage_one && phi <= best.phi && phi > start.phi + t * test;
        let shift = if modify { test } else { 0.0 };
        let lowered = |p: Trial| Trial {
            t: p.t,
            phi: p.phi - p.t * shift,
            slope: p.slope - shift,
        };
        let next = next_step(
            lowered(best),
            lowered(other),
            lowered(trial),
            bracketed,
            low,
            high,
        );
        (best, other) = match next.replaces {
            Replaces::Other => (best, trial),
            Replaces::Best => (trial, other),
            Replaces::BestAcross => (trial, best),
        };
        bracketed = next.bracketed;
        t = next.t;
        if bracketed {
            let now = (other.t - best.t).abs();
            if now >= 0.66 * width_before {
                t = best.t + 0.5 * (other.t - best.t);
            }
            width_before = width;
            width = now;
            (low, high) = (best.t.min(other.t), best.t.max(other.t));
        } else {
            low = t + EXTRAPOLATION.0 * (t - best.t);
            high = t + EXTRAPOLATION.1 * (t - best.t);
        }
        t = t.clamp(0.0, largest);
        let outside = bracketed && !(low < t && t < high);
        if outside || (bracketed && high - low <= WIDTH * high) {
            if acceptable(&best) {
                break;
            }
            if outside {
                t = 0.5 * (low + high);
            }
            if !(low < t && t < high) {
                break;
            }
        }
    }
    Ok(Some(best).filter(acceptable))
}

/// Which end of the bracket the trial replaces.
enum Replaces {
    /// The worse end.
    Other,
    /// The better end.
    Best,
    /// The better end, which becomes the worse one: the slope changed its sign.
    BestAcross,
}

struct Next {
    t: f64,
    bracketed: bool,
    replaces: Replaces,
}

/// The paper's section 4: the next trial from the values and slopes at the ends of the bracket
/// and at the present trial.
fn next_step(
    best: Trial,
    other: Trial,
    trial: Trial,
    bracketed: bool,
    low: f64,
    high: f64,
) -> Next {
    let across = trial.slope * best.slope.signum() < 0.0;
    if trial.phi > best.phi {
        // Case 1: a higher value brackets the minimum. The cubic step if it is closer to the
        // best end than the quadratic one, else their mean.
        let cubic = cubic(best, trial);
        let quadratic = best.t
            + 0.5 * (trial.t - best.t) * best.slope
                / ((best.phi - trial.phi) / (trial.t - best.t) + best.slope);
        let t = if (cubic - best.t).abs() < (quadratic - best.t).abs() {
            cubic
        } else {
            cubic + 0.5 * (quadratic - cubic)
        };
        Next {
            t,
            bracketed: true,
            replaces: Replaces::Other,
        }
    } else if across {
        // Case 2: a lower value, slopes of opposite signs. The step farther from the trial.
        let (cubic, secant) = (cubic(trial, best), secant(best, trial));
        let t = if (cubic - trial.t).abs() > (secant - trial.t).abs() {
            cubic
        } else {
            secant
        };
        Next {
            t,
            bracketed: true,
            replaces: Replaces::BestAcross,
        }
    } else if trial.slope.abs() < best.slope.abs() {
        // Case 3: a lower value, slopes of one sign, flatter. The cubic may have no minimum
        // beyond the trial.
        let cubic = beyond(best, trial, low, high);
        let secant = secant(best, trial);
        let cubic_is_closer = (cubic - trial.t).abs() < (secant - trial.t).abs();
        let t = if bracketed {
            let t = if cubic_is_closer { cubic } else { secant };
            let limit = trial.t + 0.66 * (other.t - trial.t);
            if trial.t > best.t {
                t.min(limit)
            } else {
                t.max(limit)
            }
        } else {
            let t = if cubic_is_closer { secant } else { cubic };
            t.clamp(low.min(high), high.max(low))
        };
        Next {
            t,
            bracketed,
            replaces: Replaces::Best,
        }
    } else {
        // Case 4: a lower value, slopes of one sign, not flatter.
        let t = if bracketed {
            cubic(trial, other)
        } else if trial.t > best.t {
            high
        } else {
            low
        };
        Next {
            t,
            bracketed,
            replaces: Replaces::Best,
        }
    }
}

/// Minimizer of the cubic through the values and slopes at `a` and `b`, where the slope at `a`
/// points towards `b`.
fn cubic(a: Trial, b: Trial) -> f64 {
    let theta = 3.0 * (a.phi - b.phi) / (b.t - a.t) + a.slope + b.slope;
    // Scaled against overflow.
    let s = theta.abs().max(a.slope.abs()).max(b.slope.abs());
    let root = ((theta / s).powi(2) - (a.slope / s) * (b.slope / s))
        .max(0.0)
        .sqrt();
    let gamma = if b.t < a.t { -s * root } else { s * root };
    let r = (gamma - a.slope + theta) / (gamma - a.slope + gamma + b.slope);
    a.t + r * (b.t - a.t)
}

/// Zero of the linear interpolation of the slopes.
fn secant(a: Trial, b: Trial) -> f64 {
    b.t + b.slope / (b.slope - a.slope) * (a.t - b.t)
}

/// As [`cubic`] from `trial`, for a minimum on the far side of `trial`; the far limit where the
/// cubic has none there.
fn beyond(best: Trial, trial: Trial, low: f64, high: f64) -> f64 {
    let theta = 3.0 * (best.phi - trial.phi) / (trial.t - best.t) + best.slope + trial.slope;
    let s = theta.abs().max(best.slope.abs()).max(trial.slope.abs());
    let root = ((theta / s).powi(2) - (best.slope / s) * (trial.slope / s))
        .max(0.0)
        .sqrt();
    let gamma = if trial.t > best.t {
        -s * root
    } else {
        s * root
    };
    let r = (gamma - trial.slope + theta) / (gamma + (best.slope - trial.slope) + gamma);
    if r < 0.0 && gamma != 0.0 {
        trial.t + r * (best.t - trial.t)
    } else if trial.t > best.t {
        high
    } else {
        low
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Function = fn(f64) -> (f64, f64);

    /// Functions 1 to 3 of the paper's section 5, with their slopes.
    const FUNCTIONS: [Function; 3] = [
        |t| {
            let beta = 2.0;
            let d = t * t + beta;
            (-t / d, (t * t - beta) / (d * d))
        },
        |t| {
            let beta = 0.004;
            let a: f64 = t + beta;
            (
                a.powi(5) - 2.0 * a.powi(4),
                5.0 * a.powi(4) - 8.0 * a.powi(3),
            )
        },
        |t| {
            // A parabola around 1 with 39 ripples on it.
            let (beta, l) = (0.01, 39.0);
            let (valley, slope) = if t <= 1.0 - beta {
                (1.0 - t, -1.0)
            } else if t >= 1.0 + beta {
                (t - 1.0, 1.0)
            } else {
                (
                    (t - 1.0).powi(2) / (2.0 * beta) + beta / 2.0,
                    (t - 1.0) / beta,
                )
            };
            let angle = l * std::f64::consts::FRAC_PI_2;
            let ripple = 2.0 * (1.0 - beta) / (l * std::f64::consts::PI);
            (
                valley + ripple * (angle * t).sin(),
                slope + ripple * angle * (angle * t).cos(),
            )
        },
    ];

    fn start_of(f: Function) -> Trial {
        let (phi, slope) = f(0.0);
        Trial { t: 0.0, phi, slope }
    }

    #[test]
    fn finds_strong_wolfe_points_of_the_papers_functions() {
        for (i, f) in FUNCTIONS.into_iter().enumerate() {
            let start = start_of(f);
            for first in [1e-3, 1e-1, 1e1, 1e3] {
                let mut count = 0;
                let found = search(start, first, 30, |t| {
                    count += 1;
                    Ok::<_, ()>(f(t))
                });
                let found = found.unwrap().unwrap();
                let case = format!("function {} from {first}: {found:?}, {count} trials", i + 1);
                assert_eq!(f(found.t), (found.phi, found.slope), "{case}");
                assert!(
                    found.phi <= start.phi + C1 * found.t * start.slope,
                    "{case}"
                );
                // Functions 2 and 3 start so flat that the bracket around their minimum gets as
                // narrow as it may before the slope is as small.
                let flat = found.slope.abs() <= -C2 * start.slope;
                let minimum = [2f64.sqrt(), 1.596, 1.0][i];
                assert!(flat || (found.t / minimum - 1.0).abs() < WIDTH, "{case}");
                // The paper's tables need at most 12, with tighter conditions.
                assert!(count <= 12, "{case}");
            }
        }
    }

    #[test]
    fn shortens_steps_into_non_finite_regions() {
        for wall in [1.5, 2.0, 10.0] {
            let f = |t: f64| {
                if t > wall {
                    (f64::NAN, 0.0)
                } else {
                    FUNCTIONS[0](t)
                }
            };
            for first in [1.0, 1e2, 1e4] {
                let found = search(start_of(FUNCTIONS[0]), first, 30, |t| Ok::<_, ()>(f(t)));
                let found = found.unwrap().unwrap();
                assert!(
                    found.t <= wall && found.phi < -0.1,
                    "{wall} {first}: {found:?}"
                );
            }
        }
    }

    #[test]
    fn gives_up_where_nothing_descends() {
        let start = Trial {
            t: 0.0,
            phi: 0.0,
            slope: -1.0,
        };
        let mut count = 0;
        let found = search(start, 1.0, 7, |_| {
            count += 1;
            Ok::<_, ()>((1.0, 1.0))
        });
        assert_eq!(found, Ok(None));
        assert!(count <= 7);
        let uphill = Trial {
            slope: 1.0,
            ..start
        };
        assert_eq!(
            search(uphill, 1.0, 7, |_| Ok::<_, ()>((-1.0, 0.0))),
            Ok(None)
        );
        assert_eq!(
            search(start, 1.0, 7, |_| Err::<(f64, f64), _>("failed")),
            Err("failed")
        );
    }
}
