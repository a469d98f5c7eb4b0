//! What a minimization tells: while it runs ([`Progress`]) and at its end ([`Report`]).

/// One line of the history.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Iteration {
    /// Number of the iteration; zero is the starting point.
    pub iteration: usize,
    /// The loss.
    pub loss: f64,
    /// Euclidean norm of the gradient with respect to the scaled unknowns.
    pub gradient_norm: f64,
    /// Evaluations of the objective so far.
    pub evaluations: usize,
    /// Seconds since the start.
    pub seconds: f64,
}

/// Why a minimization ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Termination {
    /// The gradient norm fell below its tolerance.
    Gradient,
    /// The relative decrease of the loss fell below its tolerance.
    Loss,
    /// The given number of iterations was made.
    Iterations,
    /// No step along the steepest descent lowers the loss: rounding or noise dominates.
    NoDescent,
    /// The observer asked to stop.
    Stopped,
    /// The objective or the solver failed; only seen in the report that an error carries.
    Failed,
}

impl std::fmt::Display for Termination {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Gradient => "the gradient is below its tolerance",
            Self::Loss => "the loss decreases by less than its tolerance",
            Self::Iterations => "all iterations are made",
            Self::NoDescent => "no step lowers the loss any more",
            Self::Stopped => "stopped on request",
            Self::Failed => "failed",
        })
    }
}

/// The outcome of a minimization.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// The unknowns with the lowest loss of all evaluations.
    pub x: Vec<f64>,
    /// Their loss.
    pub loss: f64,
    /// Iterations made.
    pub iterations: usize,
    /// Evaluations of the objective (value and gradient together count once).
    pub evaluations: usize,
    /// The loss and its gradient's norm after each iteration, the starting point first.
    pub history: Vec<Iteration>,
    /// Why it ended.
    pub termination: Termination,
}

/// What an observer sees after each iteration.
#[derive(Debug)]
pub struct Progress<'a> {
    /// The iteration just made; the first call is for the starting point, number zero.
    pub iteration: Iteration,
    /// The unknowns after this iteration.
    pub x: &'a [f64],
    /// The unknowns with the lowest loss so far.
    pub best_x: &'a [f64],
    /// Their loss.
    pub best_loss: f64,
}
