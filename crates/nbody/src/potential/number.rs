//! The scalar over which potentials are written.

use std::ops::{Add, Div, Mul, Neg, Sub};

use adastra_core::dual::Scalar;

/// The scalar that a [`Profile`](crate::Profile) is generic over: `f64`, dual numbers, and
/// whole vector registers with derivatives, which have no order. So there is no comparison, and a
/// formula that would need one near its centre calls a function of this trait instead.
pub trait Number:
    Copy
    + Neg<Output = Self>
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Add<f64, Output = Self>
    + Sub<f64, Output = Self>
    + Mul<f64, Output = Self>
    + Div<f64, Output = Self>
{
    /// `1/x`.
    fn recip(self) -> Self;
    /// The square root.
    fn sqrt(self) -> Self;
    /// The natural logarithm of a positive number.
    fn ln(self) -> Self;
    /// `ln(1 + x) / x` for x at or above 0, with all digits of its derivatives near x = 0.
    fn ln_1p_over(self) -> Self;
}

/// Below this, `ln(1 + x) / x` and its derivatives are summed as a series.
pub(super) const NEAR: f64 = 0.1;
/// Terms that leave less than a rounding error of the second derivative at [`NEAR`].
pub(super) const TERMS: usize = 20;

/// Taylor coefficients of the derivative of the given order of `ln(1 + x) / x`.
pub(super) const fn near(order: usize) -> [f64; TERMS] {
    let mut coefficients = [0.0; TERMS];
    let mut n = 0;
    while n < TERMS {
        let power = n + order;
        let mut c = if power.is_multiple_of(2) { 1.0 } else { -1.0 } / (power + 1) as f64;
        let mut k = 0;
        while k < order {
            c *= (power - k) as f64;
            k += 1;
        }
        coefficients[n] = c;
        n += 1;
    }
    coefficients
}

impl<D: Scalar> Number for D {
    fn recip(self) -> Self {
        D::recip(&self)
    }
    fn sqrt(self) -> Self {
        D::sqrt(&self)
    }
    fn ln(self) -> Self {
        D::ln(&self)
    }
    fn ln_1p_over(self) -> Self {
        const SERIES: [f64; TERMS] = near(0);
        if self.re() < NEAR {
            let series = SERIES.iter().rev();
            series.fold(D::from(0.0), |sum, &c| sum * self + c)
        } else {
            D::ln_1p(&self) / self
        }
    }
}
