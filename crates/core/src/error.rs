//! What can go wrong in an operator.

/// Result of the operations of this crate and of every operator.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An operator, a state or an evolution failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Two arrays that must agree in shape do not.
    #[error("{what}: shape {found:?}, expected {expected:?}")]
    Shape {
        /// Which array.
        what: String,
        /// The shape that was given.
        found: Vec<usize>,
        /// The shape that is needed.
        expected: Vec<usize>,
    },
    /// A number lies outside its range.
    #[error("{name} = {value}: must be {allowed}")]
    Range {
        /// The number's name.
        name: String,
        /// Its value.
        value: f64,
        /// The allowed range, in words.
        allowed: &'static str,
    },
    /// A field holds NaN or infinity.
    #[error("{operator} made {field} non-finite in step {step}")]
    NonFinite {
        /// The operator that produced it.
        operator: String,
        /// The field's name.
        field: String,
        /// Index of the step, from zero.
        step: usize,
    },
    /// A checkpoint could not be written or read.
    #[error("checkpoint storage in {folder}: {source}")]
    Storage {
        /// Where the checkpoints live.
        folder: std::path::PathBuf,
        /// The system's error.
        source: std::io::Error,
    },
    /// The memory budget holds less than a sweep needs.
    #[error("a gradient needs at least {needed} bytes of checkpoints; the budget is {budget}")]
    Budget {
        /// Smallest budget that works.
        needed: usize,
        /// The budget that was given.
        budget: usize,
    },
    /// An observer stopped the run.
    #[error("interrupted after {done} of {of} steps of the {sweep} sweep")]
    Interrupted {
        /// Direction of the sweep.
        sweep: crate::Sweep,
        /// Steps that the sweep was through with.
        done: usize,
        /// Steps of the sweep.
        of: usize,
    },
    /// A tape was handed to another run than the one that recorded it.
    #[error("a tape of {found} steps ({schedule}) is not one of this run of {expected} steps")]
    Tape {
        /// The schedule that recorded it.
        schedule: crate::Chosen,
        /// Its number of steps.
        found: usize,
        /// The number of steps of the run.
        expected: usize,
    },
    /// An operator's own error.
    #[error("{operator}: {source}")]
    Operator {
        /// The operator's name.
        operator: String,
        /// Its error.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl Error {
    /// Wraps an operator's own error type.
    pub fn operator(
        operator: impl Into<String>,
        source: impl std::error::Error + Send + Sync + 'static,
    ) -> Self {
        Self::Operator {
            operator: operator.into(),
            source: Box::new(source),
        }
    }
}
