//! What a check found.

/// A check failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CheckError {
    /// The operator itself failed.
    #[error("{method} failed: {source}")]
    Failed {
        /// The method that failed.
        method: &'static str,
        /// Its error.
        source: adastra_core::Error,
    },
    /// A result holds NaN or infinity.
    #[error("{what} is not finite in field {field:?}")]
    NonFinite {
        /// Which result.
        what: &'static str,
        /// The field's name.
        field: String,
    },
    /// A cotangent does not have the fields of the state it belongs to.
    #[error("{what} has other fields, or fields of another length, than its state")]
    Shape {
        /// Which result.
        what: &'static str,
    },
    /// Two results that must agree bit for bit do not.
    #[error("{what}: field {field:?} differs at element {index}: {found:e}, expected {expected:e}")]
    Bits {
        /// Which results.
        what: &'static str,
        /// The field's name.
        field: String,
        /// Index into the field, complex numbers counting twice.
        index: usize,
        /// What was found.
        found: f64,
        /// What was expected.
        expected: f64,
    },
    /// Two results that must agree to a tolerance do not.
    #[error("{what}: field {field:?} is off by {error:e} (allowed {allowed:e})")]
    Field {
        /// Which results.
        what: &'static str,
        /// The field's name.
        field: String,
        /// Norm of the difference.
        error: f64,
        /// Largest norm allowed.
        allowed: f64,
    },
    /// A block of the derivative is wrong.
    #[error(
        "{what}: derivative of output {output} by {input}: \
         {found:e}, expected {expected:e} (off by {error:e}, allowed {allowed:e})"
    )]
    Derivative {
        /// Which comparison.
        what: &'static str,
        /// The field of the output.
        output: String,
        /// The field of the parameters or of the input.
        input: String,
        /// Product with the cotangent, as the adjoint has it.
        found: f64,
        /// The same from the forward code.
        expected: f64,
        /// Their difference.
        error: f64,
        /// Largest difference allowed.
        allowed: f64,
    },
    /// No perturbed point gave a finite value, so there is no difference quotient to compare to.
    #[error(
        "no finite difference quotient by {input}: the perturbed operator fails or is not finite"
    )]
    NoDifference {
        /// The field of the parameters or of the input.
        input: String,
    },
    /// The Taylor remainder does not shrink as the square of the step.
    #[error(
        "Taylor remainder of output {output}: falls from {coarse:e} to {fine:e} \
         where the step falls 4 times; a right derivative gives 16 times"
    )]
    Taylor {
        /// The field of the output.
        output: String,
        /// Remainder at the longer step.
        coarse: f64,
        /// Remainder at the shorter step.
        fine: f64,
    },
}

impl CheckError {
    /// Wraps an operator's error with the method that gave it.
    pub(crate) fn failed(method: &'static str) -> impl FnOnce(adastra_core::Error) -> Self {
        move |source| Self::Failed { method, source }
    }
}
