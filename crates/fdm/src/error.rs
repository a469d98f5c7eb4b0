//! What can be wrong with a wave.

/// A wave function, its parameters or its initial condition cannot be built.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum FdmError {
    /// A number lies outside its range.
    #[error("{name} = {value}: must be {allowed}")]
    Range {
        /// The number's name.
        name: &'static str,
        /// Its value.
        value: f64,
        /// The allowed range, in words.
        allowed: &'static str,
    },
    /// An array has another shape than the mesh.
    #[error("{name}: shape {found:?}, the mesh has {expected:?}")]
    Shape {
        /// The array's name.
        name: &'static str,
        /// Its shape.
        found: Vec<usize>,
        /// The shape of the mesh.
        expected: Vec<usize>,
    },
}

/// `value` if it is positive and finite.
pub(crate) fn positive(name: &'static str, value: f64) -> Result<f64, FdmError> {
    if value > 0.0 && value.is_finite() {
        Ok(value)
    } else {
        Err(FdmError::Range {
            name,
            value,
            allowed: "positive and finite",
        })
    }
}

/// `value` if it is finite.
pub(crate) fn finite(name: &'static str, value: f64) -> Result<f64, FdmError> {
    if value.is_finite() {
        Ok(value)
    } else {
        Err(FdmError::Range {
            name,
            value,
            allowed: "finite",
        })
    }
}

impl From<FdmError> for adastra_core::Error {
    fn from(error: FdmError) -> Self {
        match error {
            FdmError::Range {
                name,
                value,
                allowed,
            } => Self::Range {
                name: name.to_owned(),
                value,
                allowed,
            },
            FdmError::Shape {
                name,
                found,
                expected,
            } => Self::Shape {
                what: name.to_owned(),
                found,
                expected,
            },
        }
    }
}
