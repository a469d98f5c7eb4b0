//! Minima that are found, in how many evaluations, and what is seen on the way.

use std::convert::Infallible;
use std::ops::ControlFlow;

use adastra_optimize::{Adam, Lbfgs, Method, Problem, Progress, Termination};
use proptest::prelude::*;

use crate::functions::{quadratic, rosenbrock};
use crate::{exact, run};

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
