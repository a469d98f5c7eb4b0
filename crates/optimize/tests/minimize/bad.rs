//! Problems and options that are refused.

use std::convert::Infallible;

use adastra_optimize::{Adam, Error, Lbfgs, Method, Problem};

use crate::functions::rosenbrock;
use crate::run;

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
