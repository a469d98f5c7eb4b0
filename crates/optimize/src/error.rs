//! What can go wrong in a minimization.

use crate::Report;

/// Result of the operations of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Any error that an objective may return.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A minimization could not start or could not go on.
///
/// The variants that can arise under way carry the [`Report`] up to there, so that hours of
/// work are not lost to a failing evaluation.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An option lies outside its range.
    #[error("{name} = {value}: must be {allowed}")]
    Range {
        /// The option's name.
        name: &'static str,
        /// Its value.
        value: f64,
        /// The allowed range, in words.
        allowed: &'static str,
    },
    /// There is nothing to vary.
    #[error("the start has no unknowns")]
    Empty,
    /// The starting point holds NaN or infinity.
    #[error("unknown {index} starts at {value}: must be finite")]
    Start {
        /// Index of the unknown.
        index: usize,
        /// Its value.
        value: f64,
    },
    /// A scale factor cannot be used.
    #[error("scale factor {index} is {value}: must be finite and above 0")]
    Scale {
        /// Index of the unknown.
        index: usize,
        /// Its scale factor.
        value: f64,
    },
    /// A list has another length than the unknowns.
    #[error("{what} has {found} entries for {expected} unknowns")]
    Length {
        /// Which list.
        what: &'static str,
        /// How many entries it has.
        found: usize,
        /// How many it needs.
        expected: usize,
    },
    /// The objective failed.
    #[error("evaluation {evaluation} of the objective failed: {source}")]
    Objective {
        /// Which evaluation, counted from one.
        evaluation: usize,
        /// The objective's own error.
        source: BoxError,
        /// What had been reached; none when the first evaluation failed.
        report: Option<Box<Report>>,
    },
    /// The loss or its gradient is NaN or infinite at the starting point.
    #[error("the loss at the start is {loss} with a {gradient} gradient: both must be finite")]
    NonFiniteStart {
        /// The loss.
        loss: f64,
        /// `"finite"` or `"non-finite"`.
        gradient: &'static str,
    },
    /// The loss stayed NaN or infinite however much the step was shortened.
    #[error("the loss stays non-finite after the learning rate was halved {halvings} times")]
    NonFinite {
        /// How often the step was halved.
        halvings: usize,
        /// What had been reached.
        report: Box<Report>,
    },
    /// The derivatives of the residuals by a parameter could not be found.
    #[error("derivative of the residuals by {parameter}: {source}")]
    Column {
        /// The parameter's name.
        parameter: String,
        /// The closure's own error.
        source: BoxError,
    },
    /// A number that uncertainties are found from is NaN, infinite or of the wrong sign.
    #[error("{what} {index} is {value}: must be {allowed}")]
    Element {
        /// Which list it is from.
        what: String,
        /// Its index.
        index: usize,
        /// Its value.
        value: f64,
        /// The allowed range, in words.
        allowed: &'static str,
    },
    /// A covariance of residuals is none.
    #[error("the covariance of the residuals is not symmetric and positive definite")]
    Covariance,
    /// Some change of the parameters changes no residual.
    #[error(
        "the data do not constrain {}: its effect is {ratio:.1e} of the largest",
        combination(direction)
    )]
    Unconstrained {
        /// Names and relative changes of the parameters that take part, each in units of its
        /// uncertainty if it alone were unknown.
        direction: Vec<(String, f64)>,
        /// The effect of the change on the residuals over that of the best constrained one.
        ratio: f64,
    },
    /// The solver library refused the problem.
    #[error("L-BFGS: {source}")]
    Solver {
        /// The library's error.
        source: BoxError,
        /// What had been reached.
        report: Box<Report>,
    },
}

impl Error {
    /// What had been reached when the minimization failed, if anything.
    pub fn report(&self) -> Option<&Report> {
        match self {
            Self::Objective { report, .. } => report.as_deref(),
            Self::NonFinite { report, .. } | Self::Solver { report, .. } => Some(report),
            _ => None,
        }
    }
}

/// A direction as text, its largest component first.
fn combination(direction: &[(String, f64)]) -> String {
    let mut parts: Vec<_> = direction.iter().collect();
    parts.sort_by(|a, b| b.1.abs().total_cmp(&a.1.abs()));
    let term = |(name, change): &&(String, f64)| match *change {
        1.0 => name.clone(),
        change => format!("{change:+.2} {name}"),
    };
    parts.iter().map(term).collect::<Vec<_>>().join(" ")
}
