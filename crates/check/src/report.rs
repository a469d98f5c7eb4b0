//! Tolerances, and the errors that were measured.

use std::fmt;

use crate::CheckError;
use crate::flat::Flat;

/// How well results must agree. All are relative to a product of norms.
#[derive(Debug, Clone)]
pub struct Tolerances {
    /// `<y_bar, J d>` against `<J^T y_bar, d>`.
    pub transpose: f64,
    /// Difference quotients against `vjp`.
    pub difference: f64,
    /// `vjp` into a filled `p_bar` against `vjp` into zero.
    pub accumulation: f64,
    /// Value of `jvp` against that of `apply`.
    pub value: f64,
    /// `invert(apply(x))` against `x`, and `invert_vjp` against `vjp`.
    pub inverse: f64,
    /// Values and gradients in f32 against f64.
    pub precision: f64,
    /// Longest step of the difference quotients, as a fraction of the field's root mean square.
    pub step: f64,
    /// Rounding error of one evaluation of the operator, relative to its value: the noise below
    /// which differences say nothing.
    pub rounding: f64,
}

impl Default for Tolerances {
    fn default() -> Self {
        Self {
            transpose: 1e-12,
            difference: 1e-7,
            accumulation: 1e-10,
            value: 1e-13,
            inverse: 1e-10,
            precision: 1e-4,
            step: 1e-3,
            rounding: 1e-14,
        }
    }
}

/// The largest relative errors that were measured; `None` for checks that did not run.
///
/// Written line by line by `Display`, as the `adastra check` command shows it.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Report {
    /// `vjp` into a filled `p_bar`.
    pub accumulation: Option<f64>,
    /// Difference quotients.
    pub difference: Option<f64>,
    /// Inner products of tangent and adjoint.
    pub transpose: Option<f64>,
    /// Value of `jvp`.
    pub value: Option<f64>,
    /// Order of the Taylor remainder in the step, the worst of all output fields; 2 for a right
    /// derivative, more for a linear operator.
    pub taylor_order: Option<f64>,
    /// `invert(apply(x))`, and `invert_vjp`.
    pub inverse: Option<f64>,
    /// Values in f32 against f64.
    pub value_f32: Option<f64>,
    /// Gradients in f32 against f64.
    pub gradient_f32: Option<f64>,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines = [
            ("difference quotients", self.difference),
            ("accumulation", self.accumulation),
            ("tangent and adjoint", self.transpose),
            ("value of the tangent", self.value),
            ("Taylor order", self.taylor_order),
            ("inverse", self.inverse),
            ("value in f32", self.value_f32),
            ("gradient in f32", self.gradient_f32),
        ];
        let measured = lines.into_iter().filter_map(|(name, x)| Some((name, x?)));
        for (i, (name, x)) in measured.enumerate() {
            let newline = if i == 0 { "" } else { "\n" };
            write!(f, "{newline}{name:<22} {x:.2e}")?;
        }
        Ok(())
    }
}

/// Keeps the larger of the errors seen.
pub(crate) fn worst(seen: &mut Option<f64>, error: f64) {
    *seen = Some(seen.map_or(error, |x| x.max(error)));
}

/// Compares field by field: `|found - expected| <= tolerance |expected|`, the size of the whole
/// state standing in where a field vanishes.
pub(crate) fn compare(
    what: &'static str,
    found: &Flat,
    expected: &Flat,
    tolerance: f64,
    seen: &mut Option<f64>,
) -> Result<(), CheckError> {
    let difference = found.plus(-1.0, expected);
    for i in 0..expected.0.len() {
        let error = difference.only(Some(i)).norm();
        let own = expected.only(Some(i)).norm();
        let size = if own > 0.0 { own } else { expected.norm() };
        let allowed = tolerance * size;
        // Written so that NaN fails.
        if !(error <= allowed) {
            let field = expected.name(Some(i));
            return Err(CheckError::Field {
                what,
                field,
                error,
                allowed,
            });
        }
        worst(seen, if size > 0.0 { error / size } else { 0.0 });
    }
    Ok(())
}

/// Compares bit for bit.
pub(crate) fn same_bits(
    what: &'static str,
    found: &Flat,
    expected: &Flat,
) -> Result<(), CheckError> {
    for (a, b) in found.0.iter().zip(&expected.0) {
        let differ = |(a, b): (&f64, &f64)| a.to_bits() != b.to_bits();
        if let Some(index) = a.values.iter().zip(&b.values).position(differ) {
            let (found, expected) = (a.values[index], b.values[index]);
            let field = b.name.clone();
            return Err(CheckError::Bits {
                what,
                field,
                index,
                found,
                expected,
            });
        }
    }
    Ok(())
}
