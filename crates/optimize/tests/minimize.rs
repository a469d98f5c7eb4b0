//! Both methods on functions whose minimum is known, and all that can go wrong.

mod functions;

use std::convert::Infallible;
use std::ops::ControlFlow;

use adastra_optimize::{Adam, Error, Lbfgs, Method, Problem, Progress, Report, Termination};
use functions::{quadratic, rosenbrock};
use proptest::prelude::*;

fn run(
    x0: Vec<f64>,
    f: impl Fn(&[f64]) -> (f64, Vec<f64>),
    method: impl Into<Method>,
) -> Result<Report, Error> {
    Problem::new(x0, |x| Ok::<_, Infallible>(f(x)))?
        .minimize(&method.into(), |_| ControlFlow::Continue(()))
}

fn exact() -> Lbfgs {
    Lbfgs {
        iterations: 1000,
        loss_tolerance: 0.0,
        ..Lbfgs::default()
    }
}

#[test]
fn lbfgs_solves_rosenbrock_with_few_evaluations() {
    for n in [2, 10, 100] {
        let x0: Vec<f64> = (0..n)
            .map(|i| if i % 2 == 0 { -1.2 } else { 1.0 })
            .collect();
        let report = run(x0, rosenbrock, exact()).unwrap();
        assert_eq!(report.termination, Termination::Gradient, "n = {n}");
        assert!(report.loss < 1e-15 || n > 2, "n = {n}: {}", report.loss);
        let ratio = report.evaluations as f64 / report.iterations as f64;
        assert!(ratio < 1.35, "n = {n}: {ratio} evaluations per iteration");
    }
}

#[test]
fn lbfgs_needs_hardly_more_than_one_evaluation_on_a_quadratic() {
    for condition in [1.0, 1e2, 1e4] {
        let report = run(vec![0.5; 20], quadratic(condition), exact()).unwrap();
        assert_eq!(report.termination, Termination::Gradient);
        for (i, x) in report.x.iter().enumerate() {
            assert!((x - i as f64).abs() < 1e-7, "x[{i}] = {x}");
        }
        assert!(report.evaluations <= report.iterations + report.iterations / 5 + 4);
    }
}

#[test]
fn first_step_has_the_given_length() {
    for first_step in [1e-3, 1.0, 7.0] {
        let mut trials = Vec::new();
        let objective = |x: &[f64]| {
            trials.push(x.to_vec());
            // A steep slope: the step must not have the gradient's length.
            Ok::<_, Infallible>((1e6 * (x[0] + 2.0 * x[1]), vec![1e6, 2e6]))
        };
        let options = Lbfgs {
            iterations: 1,
            first_step,
            ..Lbfgs::default()
        };
        let scale = vec![3.0, 3.0];
        let problem = Problem::new(vec![1.0, 2.0], objective)
            .unwrap()
            .with_scale(scale)
            .unwrap();
        problem
            .minimize(&Method::Lbfgs(options), |_| ControlFlow::Continue(()))
            .unwrap();
        assert_eq!(trials[0], [1.0, 2.0]);
        let length = (trials[1][0] - 1.0).hypot(trials[1][1] - 2.0);
        assert!(
            (length - 3.0 * first_step).abs() < 1e-12 * first_step,
            "{length}"
        );
    }
}

#[test]
fn adam_solves_a_quadratic() {
    let options = Adam {
        learning_rate: 0.05,
        iterations: 4000,
        ..Adam::default()
    };
    let report = run(vec![0.5; 4], quadratic(10.0), options).unwrap();
    assert_eq!(report.iterations, 4000);
    // Fewer at the end, where the steps vanish and nothing is evaluated twice.
    assert!(report.evaluations <= 4001);
    assert_eq!(report.termination, Termination::Iterations);
    for (i, x) in report.x.iter().enumerate() {
        assert!((x - i as f64).abs() < 1e-4, "x[{i}] = {x}");
    }
}

/// The first steps of algorithm 1 for f = x^2 from x = 1, worked out by hand: the bias correction
/// makes the first step exactly alpha g / (|g| + epsilon).
#[test]
fn adam_takes_the_steps_of_the_paper() {
    let mut seen = Vec::new();
    let objective = |x: &[f64]| {
        seen.push(x[0]);
        Ok::<_, Infallible>((x[0] * x[0], vec![2.0 * x[0]]))
    };
    let options = Adam {
        learning_rate: 0.1,
        iterations: 2,
        epsilon: 1e-8,
        ..Adam::default()
    };
    let report = Problem::new(vec![1.0], objective)
        .unwrap()
        .minimize(&Method::Adam(options), |_| ControlFlow::Continue(()))
        .unwrap();
    assert_eq!((report.iterations, report.evaluations), (2, 3));
    let x1 = 1.0 - 0.1 * 2.0 / (2.0 + 1e-8);
    assert!((seen[1] - x1).abs() < 1e-15);
    let g1 = 2.0 * x1;
    let m_hat = (0.9 * 0.1 * 2.0 + 0.1 * g1) / (1.0 - 0.9 * 0.9);
    let v_hat = (0.999 * 0.001 * 4.0 + 0.001 * g1 * g1) / (1.0 - 0.999 * 0.999);
    assert!((seen[2] - (x1 - 0.1 * m_hat / (v_hat.sqrt() + 1e-8))).abs() < 1e-13);
}

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

#[test]
fn observer_sees_every_iteration_and_can_stop() {
    for method in [Method::from(exact()), Method::from(Adam::default())] {
        let mut seen = Vec::new();
        let report = Problem::new(vec![-1.2, 1.0], |x| Ok::<_, Infallible>(rosenbrock(x)))
            .unwrap()
            .minimize(&method, |progress: &Progress<'_>| {
                assert_eq!(rosenbrock(progress.best_x).0, progress.best_loss);
                assert_eq!(rosenbrock(progress.x).0, progress.iteration.loss);
                seen.push(progress.iteration);
                if seen.len() == 8 {
                    ControlFlow::Break(())
                } else {
                    ControlFlow::Continue(())
                }
            })
            .unwrap();
        assert_eq!(report.termination, Termination::Stopped);
        assert_eq!(report.iterations, 7);
        assert_eq!(report.history, seen);
        assert!(
            report
                .history
                .iter()
                .enumerate()
                .all(|(i, h)| h.iteration == i)
        );
        assert_eq!(report.loss, rosenbrock(&report.x).0);
        assert!(report.loss < report.history[0].loss);
    }
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

#[test]
fn scales_bring_unknowns_of_different_size_together() {
    // Mass in Msun beside a velocity in km/s: hopeless for steepest descent without scales.
    let f = |x: &[f64]| {
        let (mass, velocity) = (x[0] / 1e7 - 2.0, x[1] - 30.0);
        (
            mass * mass + 0.01 * velocity * velocity,
            vec![2e-7 * mass, 0.02 * velocity],
        )
    };
    let problem = Problem::new(vec![1e7, 0.0], |x| Ok::<_, Infallible>(f(x))).unwrap();
    let report = problem
        .with_scale(vec![1e7, 10.0])
        .unwrap()
        .minimize(&Method::from(exact()), |_| ControlFlow::Continue(()))
        .unwrap();
    assert!((report.x[0] / 2e7 - 1.0).abs() < 1e-8 && (report.x[1] - 30.0).abs() < 1e-6);
    assert!(report.evaluations < 12, "{report:?}");
}

#[test]
fn bad_problems_are_refused() {
    let f = |x: &[f64]| Ok::<_, Infallible>(rosenbrock(x));
    assert!(matches!(Problem::new(vec![], f), Err(Error::Empty)));
    assert!(matches!(
        Problem::new(vec![0.0, f64::NAN], f),
        Err(Error::Start { index: 1, .. })
    ));
    let scaled = |s: Vec<f64>| Problem::new(vec![0.0, 1.0], f).unwrap().with_scale(s).err();
    assert!(matches!(
        scaled(vec![1.0]),
        Some(Error::Length {
            found: 1,
            expected: 2,
            ..
        })
    ));
    for bad in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert!(matches!(
            scaled(vec![1.0, bad]),
            Some(Error::Scale { index: 1, .. })
        ));
    }
}

#[test]
fn bad_options_are_refused_by_name() {
    let lbfgs = [
        (
            "iterations",
            Lbfgs {
                iterations: 0,
                ..Lbfgs::default()
            },
        ),
        (
            "memory",
            Lbfgs {
                memory: 0,
                ..Lbfgs::default()
            },
        ),
        (
            "first_step",
            Lbfgs {
                first_step: 0.0,
                ..Lbfgs::default()
            },
        ),
        (
            "gradient_tolerance",
            Lbfgs {
                gradient_tolerance: f64::NAN,
                ..Lbfgs::default()
            },
        ),
        (
            "loss_tolerance",
            Lbfgs {
                loss_tolerance: -1.0,
                ..Lbfgs::default()
            },
        ),
        (
            "line_search_evaluations",
            Lbfgs {
                line_search_evaluations: 1,
                ..Lbfgs::default()
            },
        ),
    ];
    let adam = [
        (
            "iterations",
            Adam {
                iterations: 0,
                ..Adam::default()
            },
        ),
        (
            "learning_rate",
            Adam {
                learning_rate: 0.0,
                ..Adam::default()
            },
        ),
        (
            "beta1",
            Adam {
                beta1: 1.0,
                ..Adam::default()
            },
        ),
        (
            "beta2",
            Adam {
                beta2: -0.1,
                ..Adam::default()
            },
        ),
        (
            "epsilon",
            Adam {
                epsilon: 0.0,
                ..Adam::default()
            },
        ),
        (
            "gradient_tolerance",
            Adam {
                gradient_tolerance: -1.0,
                ..Adam::default()
            },
        ),
    ];
    let methods = lbfgs.map(|(name, o)| (name, Method::from(o))).into_iter();
    for (expected, method) in methods.chain(adam.map(|(name, o)| (name, Method::from(o)))) {
        match run(vec![0.0], |x| (x[0], vec![1.0]), method) {
            Err(Error::Range { name, .. }) => assert_eq!(name, expected),
            other => panic!("{expected}: {other:?}"),
        }
    }
}

#[test]
fn options_come_from_a_configuration() {
    let method: Method = toml::from_str("method = \"lbfgs\"\nmemory = 5").unwrap();
    assert_eq!(
        method,
        Method::Lbfgs(Lbfgs {
            memory: 5,
            ..Lbfgs::default()
        })
    );
    let method: Method = toml::from_str("method = \"adam\"\nlearning_rate = 0.1").unwrap();
    assert_eq!(method.iterations(), 1000);
    let error = toml::from_str::<Method>("method = \"lbfgs\"\nmemmory = 5").unwrap_err();
    assert!(error.to_string().contains("memmory"), "{error}");
    assert!(toml::from_str::<Method>("method = \"newton\"").is_err());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    /// L-BFGS never returns a point above the start, and reaches the minimum of any quadratic.
    #[test]
    fn any_quadratic_is_solved(
        x0 in prop::collection::vec(-100.0..100.0, 1..12),
        condition in 0.0..5.0_f64,
        first_step in -4.0..4.0_f64,
        memory in 1..8_usize,
    ) {
        let f = quadratic(10f64.powf(condition));
        let options = Lbfgs {
            first_step: 10f64.powf(first_step),
            memory,
            iterations: 5000,
            gradient_tolerance: 1e-6,
            loss_tolerance: 0.0,
            ..Lbfgs::default()
        };
        let start = f(&x0).0;
        let report = run(x0, &f, options).unwrap();
        prop_assert!(report.loss <= start);
        prop_assert_eq!(report.termination, Termination::Gradient);
        prop_assert!(report.loss < 1e-9, "{:?}", report);
        // The loss never rises from one iteration to the next.
        prop_assert!(report.history.windows(2).all(|w| w[1].loss <= w[0].loss));
    }
}
