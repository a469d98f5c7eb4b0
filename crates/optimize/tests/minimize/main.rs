//! Both methods on functions whose minimum is known, and all that can go wrong.

mod bad;
mod failing;
mod functions;
mod minima;

use std::convert::Infallible;
use std::ops::ControlFlow;

use adastra_optimize::{Error, Lbfgs, Method, Problem, Report};

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
