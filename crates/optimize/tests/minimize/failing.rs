//! Losses that are not finite, noisy, or fail.

use std::ops::ControlFlow;

use adastra_optimize::{Adam, Error, Lbfgs, Method, Problem, Termination};

use crate::functions::rosenbrock;
use crate::{exact, run};

/// Finite only inside a wedge around the valley; a full quasi-Newton step often leaves it.
fn walled(x: &[f64]) -> (f64, Vec<f64>) {
    let (value, gradient) = rosenbrock(x);
    let outside = (x[1] - x[0] * x[0]).abs() > 0.6;
    if outside {
        (f64::NAN, vec![f64::NAN; 2])
    } else {
        (value, gradient)
    }
}

#[test]
fn lbfgs_passes_a_region_without_finite_losses() {
    for first_step in [1.0, 100.0] {
        let report = run(
            vec![-1.2, 1.3],
            walled,
            Lbfgs {
                first_step,
                ..exact()
            },
        )
        .unwrap();
        assert!(report.loss < 1e-15, "{report:?}");
        assert!(report.evaluations < 80, "{report:?}");
    }
}

#[test]
fn lbfgs_survives_a_finite_loss_with_a_non_finite_gradient() {
    let f = |x: &[f64]| {
        let gradient = if x[0] > 4.0 {
            f64::INFINITY
        } else {
            2.0 * (x[0] - 3.0)
        };
        ((x[0] - 3.0).powi(2), vec![gradient])
    };
    let report = run(
        vec![-10.0],
        f,
        Lbfgs {
            first_step: 50.0,
            ..exact()
        },
    )
    .unwrap();
    assert!((report.x[0] - 3.0).abs() < 1e-7);
}

#[test]
fn adam_backs_off_from_a_region_without_finite_losses() {
    let f = |x: &[f64]| {
        let value = if x[0] > 1.0 {
            f64::INFINITY
        } else {
            (x[0] - 0.9).powi(2)
        };
        (value, vec![2.0 * (x[0] - 0.9)])
    };
    let options = Adam {
        learning_rate: 1.0,
        iterations: 2000,
        ..Adam::default()
    };
    let report = run(vec![0.0], f, options).unwrap();
    assert!((report.x[0] - 0.9).abs() < 1e-3, "{}", report.x[0]);
    let only_start = |x: &[f64]| (if x[0] == 0.0 { 1.0 } else { f64::NAN }, vec![1.0]);
    let error = run(vec![0.0], only_start, Adam::default()).unwrap_err();
    assert!(matches!(error, Error::NonFinite { .. }));
    assert_eq!(error.report().unwrap().x, [0.0]);
}

#[test]
fn non_finite_start_is_an_error() {
    for method in [
        Method::from(Lbfgs::default()),
        Method::from(Adam::default()),
    ] {
        let error = run(vec![1.0], |_| (f64::NAN, vec![1.0]), method.clone()).unwrap_err();
        assert!(matches!(error, Error::NonFiniteStart { loss, .. } if loss.is_nan()));
        let error = run(vec![1.0], |_| (1.0, vec![f64::NAN]), method).unwrap_err();
        assert!(matches!(
            error,
            Error::NonFiniteStart {
                gradient: "non-finite",
                ..
            }
        ));
    }
}

#[test]
fn ends_where_noise_dominates() {
    // Rounded to f32 and given a gradient of the wrong sign at the bottom, as noise does.
    let f = |x: &[f64]| {
        let g = if x[0].abs() < 1e-3 {
            -2e-3_f64.copysign(x[0])
        } else {
            2.0 * x[0]
        };
        (1.0 + x[0] * x[0], vec![g])
    };
    let report = run(vec![1.0], f, exact()).unwrap();
    assert!(report.x[0].abs() < 1e-2, "{report:?}");
    assert!(matches!(
        report.termination,
        Termination::NoDescent | Termination::Loss
    ));
}

#[derive(Debug, thiserror::Error, PartialEq)]
#[error("the simulation failed in step {step}")]
struct SimulationError {
    step: usize,
}

#[test]
fn errors_of_the_objective_arrive_with_what_was_reached() {
    for method in [Method::from(exact()), Method::from(Adam::default())] {
        for failing in [1, 2, 9] {
            let mut calls = 0;
            let objective = |x: &[f64]| {
                calls += 1;
                if calls == failing {
                    Err(SimulationError { step: 17 })
                } else {
                    Ok(rosenbrock(x))
                }
            };
            let error = Problem::new(vec![-1.2, 1.0], objective)
                .unwrap()
                .minimize(&method, |_| ControlFlow::Continue(()))
                .unwrap_err();
            assert!(error.to_string().contains("failed in step 17"), "{error}");
            let Error::Objective {
                evaluation,
                source,
                report,
            } = error
            else {
                panic!("{error}");
            };
            assert_eq!(evaluation, failing);
            assert_eq!(source.downcast_ref(), Some(&SimulationError { step: 17 }));
            assert_eq!(report.is_some(), failing > 1);
            if let Some(report) = report {
                assert_eq!(report.loss, rosenbrock(&report.x).0);
                assert_eq!(report.termination, Termination::Failed);
            }
        }
    }
}

#[test]
fn a_gradient_of_the_wrong_length_is_an_error() {
    let error = run(vec![1.0, 2.0], |_| (0.0, vec![1.0]), Lbfgs::default()).unwrap_err();
    assert!(
        matches!(
            error,
            Error::Length {
                found: 1,
                expected: 2,
                ..
            }
        ),
        "{error}"
    );
}
