//! Spectral operators on fields, with their tangents and adjoints.
//!
//! All of them are linear and have no parameters: the mesh and the response of a filter are
//! configuration. With the inner product of the mesh's cells the transpose of a multiplier is
//! its conjugate, so an adjoint costs what the operator costs and nothing is saved.
//!
//! | operator | multiplier | transpose | transforms |
//! |---|---|---|---|
//! | [`Derivative`], [`ComplexDerivative`] | `i k_a`, Nyquist mode 0 | `-i k_a` | 2 |
//! | [`Gradient`] | `i k` | minus the divergence | 4 |
//! | [`Laplacian`], [`ComplexLaplacian`] | `-k^2` | itself | 2 |
//! | [`InverseLaplacian`] | `-1/k^2`, zero mode 0 | itself | 2 |
//! | [`Filter`], [`ComplexFilter`] | real function of the absolute value of k | itself | 2 |
//! | [`PoissonSolve`] | `-4 pi G/k^2`, zero mode 0 | itself | 2 |
//! | [`ForwardFft`] | | `N` times the inverse | 1 |
//! | [`InverseFft`] | | the forward over `N` | 1 |
//!
//! The Laplacian keeps the Nyquist mode (its multiplier is even), the derivative does not: the
//! divergence of a gradient is the Laplacian of a field without Nyquist modes.

mod complex;
mod multipliers;
mod real;
mod transform;

pub(crate) use multipliers::Erased;

pub use complex::{ComplexDerivative, ComplexFilter, ComplexLaplacian};
pub use real::{Derivative, Filter, Gradient, InverseLaplacian, Laplacian, PoissonSolve};
pub use transform::{ForwardFft, InverseFft};

use adastra_core::{Error, Result};
use ndarray::Array3;

/// Gives a type with methods `forward` and `transpose` the faces of a linear operator.
macro_rules! linear {
    ($name:ident: $x:ty => $y:ty) => {
        impl<T: adastra_core::Real> adastra_core::Operator<T> for $name<T> {
            type Params = ();
            type In = $x;
            type Out = $y;
            fn apply(&self, (): &(), x: $x) -> adastra_core::Result<$y> {
                self.forward(x)
            }
        }

        impl<T: adastra_core::Real> adastra_core::Tangent<T> for $name<T> {
            fn jvp(&self, (): &(), (): &(), x: $x, dx: $x) -> adastra_core::Result<($y, $y)> {
                Ok((self.forward(x)?, self.forward(dx)?))
            }
        }

        impl<T: adastra_core::Real> adastra_core::Adjoint<T> for $name<T> {
            type Saved = ();
            fn record(&self, (): &(), x: $x) -> adastra_core::Result<($y, ())> {
                Ok((self.forward(x)?, ()))
            }
            fn vjp(&self, (): &(), (): (), y_bar: $y, (): &mut ()) -> adastra_core::Result<$x> {
                self.transpose(y_bar)
            }
        }
    };
}
use linear;

/// Lets an operator use a plan that others use as well.
macro_rules! shares_plan {
    ($name:ident, $plan:ident) => {
        impl<T: adastra_core::Real> $name<T> {
            /// Uses a plan that exists already, with its scratch memory and its count of
            /// transforms.
            ///
            /// # Panics
            /// When the plan is not for the operator's mesh.
            #[must_use]
            pub fn with_plan(mut self, plan: &$plan<T>) -> Self {
                assert_eq!(
                    plan.cells(),
                    self.fft.cells(),
                    "a plan for another mesh than the operator's"
                );
                self.fft = plan.clone();
                self
            }
        }
    };
}
pub(crate) use shares_plan;

/// A field in C order, if it has the shape of the mesh.
pub(crate) fn on_mesh<A: Clone>(what: &str, cells: [usize; 3], x: Array3<A>) -> Result<Array3<A>> {
    if x.shape() != cells {
        return Err(Error::Shape {
            what: what.to_owned(),
            found: x.shape().to_vec(),
            expected: cells.to_vec(),
        });
    }
    Ok(if x.is_standard_layout() {
        x
    } else {
        x.as_standard_layout().into_owned()
    })
}

/// Refuses an axis other than x, y and z.
fn checked_axis(axis: usize) -> Result<usize> {
    if axis < 3 {
        Ok(axis)
    } else {
        Err(Error::Range {
            name: "axis".to_owned(),
            value: axis as f64,
            allowed: "0, 1 or 2",
        })
    }
}

#[cfg(test)]
mod tests {
    use ndarray::Array3;

    use super::*;

    #[test]
    fn fields_come_out_in_c_order_or_are_refused() {
        let field = Array3::from_shape_fn((2, 4, 6), |(i, j, k)| (100 * i + 10 * j + k) as f64);
        let turned = field.clone().reversed_axes();
        let standard = on_mesh("field", [6, 4, 2], turned.clone()).unwrap();
        assert!(standard.is_standard_layout() && !turned.is_standard_layout());
        assert_eq!(standard, turned);
        let error = on_mesh("field", [6, 4, 4], turned).unwrap_err();
        assert_eq!(
            error.to_string(),
            "field: shape [6, 4, 2], expected [6, 4, 4]"
        );
    }
}
