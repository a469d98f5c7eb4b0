//! The transforms themselves as operators.

use adastra_core::{Adjoint, Real, Result, Reversible};
use ndarray::Array3;
use num_complex::Complex;

use super::{linear, on_mesh, shares_plan};
use crate::{Fft, Mesh};

/// `X_k = sum_j x_j exp(-i k.x_j)`, unnormalized, modes in the order of
/// [`Mesh::wavenumbers`](crate::Mesh::wavenumbers).
///
/// The transpose under the real inner product is `N` times the inverse transform.
#[derive(Clone, Debug)]
pub struct ForwardFft<T> {
    fft: Fft<T>,
}

/// `x_j = 1/N sum_k X_k exp(+i k.x_j)`, the inverse of [`ForwardFft`].
///
/// The transpose under the real inner product is the forward transform over `N`.
#[derive(Clone, Debug)]
pub struct InverseFft<T> {
    fft: Fft<T>,
}

fn forward<T: Real>(fft: &Fft<T>, what: &str, x: Array3<Complex<T>>) -> Result<Array3<Complex<T>>> {
    let mut field = on_mesh(what, fft.cells(), x)?;
    fft.forward(&mut field);
    Ok(field)
}

fn inverse<T: Real>(fft: &Fft<T>, what: &str, x: Array3<Complex<T>>) -> Result<Array3<Complex<T>>> {
    let mut field = on_mesh(what, fft.cells(), x)?;
    fft.inverse(&mut field);
    Ok(field)
}

/// The number of cells.
fn count<T: Real>(fft: &Fft<T>) -> f64 {
    fft.cells().iter().product::<usize>() as f64
}

impl<T: Real> ForwardFft<T> {
    /// The transform of complex fields on a mesh.
    pub fn new(mesh: &Mesh) -> Self {
        let fft = Fft::new(mesh.cells());
        Self { fft }
    }

    fn forward(&self, x: Array3<Complex<T>>) -> Result<Array3<Complex<T>>> {
        forward(&self.fft, "input of ForwardFft", x)
    }

    fn transpose(&self, y_bar: Array3<Complex<T>>) -> Result<Array3<Complex<T>>> {
        let x_bar = inverse(&self.fft, "cotangent of ForwardFft", y_bar)?;
        Ok(x_bar * T::of(count(&self.fft)))
    }
}

impl<T: Real> InverseFft<T> {
    /// The transform of complex fields on a mesh.
    pub fn new(mesh: &Mesh) -> Self {
        let fft = Fft::new(mesh.cells());
        Self { fft }
    }

    fn forward(&self, x: Array3<Complex<T>>) -> Result<Array3<Complex<T>>> {
        inverse(&self.fft, "input of InverseFft", x)
    }

    fn transpose(&self, y_bar: Array3<Complex<T>>) -> Result<Array3<Complex<T>>> {
        let x_bar = forward(&self.fft, "cotangent of InverseFft", y_bar)?;
        Ok(x_bar * T::of(1.0 / count(&self.fft)))
    }
}

linear!(ForwardFft: Array3<Complex<T>> => Array3<Complex<T>>);
linear!(InverseFft: Array3<Complex<T>> => Array3<Complex<T>>);
shares_plan!(ForwardFft, Fft);
shares_plan!(InverseFft, Fft);

impl<T: Real> Reversible<T> for ForwardFft<T> {
    fn invert(&self, (): &(), y: Array3<Complex<T>>) -> Result<Array3<Complex<T>>> {
        inverse(&self.fft, "output of ForwardFft", y)
    }

    fn invert_vjp(
        &self,
        p: &(),
        y: Array3<Complex<T>>,
        y_bar: Array3<Complex<T>>,
        p_bar: &mut (),
    ) -> Result<(Array3<Complex<T>>, Array3<Complex<T>>)> {
        Ok((self.invert(p, y)?, self.vjp(p, (), y_bar, p_bar)?))
    }
}

impl<T: Real> Reversible<T> for InverseFft<T> {
    fn invert(&self, (): &(), y: Array3<Complex<T>>) -> Result<Array3<Complex<T>>> {
        forward(&self.fft, "output of InverseFft", y)
    }

    fn invert_vjp(
        &self,
        p: &(),
        y: Array3<Complex<T>>,
        y_bar: Array3<Complex<T>>,
        p_bar: &mut (),
    ) -> Result<(Array3<Complex<T>>, Array3<Complex<T>>)> {
        Ok((self.invert(p, y)?, self.vjp(p, (), y_bar, p_bar)?))
    }
}
