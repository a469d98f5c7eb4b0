//! Operators on complex fields, such as wave functions.

use adastra_core::{Real, Result};
use ndarray::Array3;
use num_complex::Complex;

use super::multipliers::{
    Differentiate, Erased, MinusSquare, Radial, Tables, derivative_wavenumbers, squared_wavenumbers,
};
use super::{checked_axis, linear, on_mesh, shares_plan};
use crate::{Fft, Mesh, Multiplier};

/// A multiplier between a forward and an inverse transform of one field.
fn multiplied<T: Real>(
    fft: &Fft<T>,
    what: &str,
    x: Array3<Complex<T>>,
    multiplier: &impl Multiplier<T, 1, Sum = ()>,
) -> Result<Array3<Complex<T>>> {
    let mut field = on_mesh(what, fft.cells(), x)?;
    fft.filter_with([&mut field], |_, _| (), &Erased(multiplier), |_, _| ());
    Ok(field)
}

/// Spectral derivative of a complex field along one axis: the field's unit per kpc.
///
/// As for real fields, the derivative of the Nyquist mode is zero, so that real and imaginary
/// parts do not mix.
#[derive(Clone, Debug)]
pub struct ComplexDerivative<T> {
    fft: Fft<T>,
    k: Tables<T>,
    axis: usize,
}

impl<T: Real> ComplexDerivative<T> {
    /// The derivative along `axis`: 0, 1, 2 for x, y, z.
    ///
    /// # Errors
    /// [`Error::Range`](adastra_core::Error::Range) when `axis` is larger than 2.
    pub fn new(mesh: &Mesh, axis: usize) -> Result<Self> {
        Ok(Self {
            fft: Fft::new(mesh.cells()),
            k: derivative_wavenumbers(mesh),
            axis: checked_axis(axis)?,
        })
    }

    fn times(&self, sign: T) -> Differentiate<'_, T> {
        Differentiate {
            k: &self.k,
            axis: self.axis,
            sign,
        }
    }

    fn forward(&self, x: Array3<Complex<T>>) -> Result<Array3<Complex<T>>> {
        let what = "input of ComplexDerivative";
        multiplied(&self.fft, what, x, &self.times(T::one()))
    }

    fn transpose(&self, y_bar: Array3<Complex<T>>) -> Result<Array3<Complex<T>>> {
        let what = "cotangent of ComplexDerivative";
        multiplied(&self.fft, what, y_bar, &self.times(-T::one()))
    }
}

linear!(ComplexDerivative: Array3<Complex<T>> => Array3<Complex<T>>);
shares_plan!(ComplexDerivative, Fft);

/// Spectral Laplacian of a complex field: the field's unit per kpc^2. Its own transpose.
#[derive(Clone, Debug)]
pub struct ComplexLaplacian<T> {
    fft: Fft<T>,
    k_squared: Tables<T>,
}

impl<T: Real> ComplexLaplacian<T> {
    /// The Laplacian on a mesh.
    pub fn new(mesh: &Mesh) -> Self {
        Self {
            fft: Fft::new(mesh.cells()),
            k_squared: squared_wavenumbers(mesh),
        }
    }

    fn forward(&self, x: Array3<Complex<T>>) -> Result<Array3<Complex<T>>> {
        let multiplier = MinusSquare(&self.k_squared);
        multiplied(&self.fft, "field of ComplexLaplacian", x, &multiplier)
    }

    fn transpose(&self, y_bar: Array3<Complex<T>>) -> Result<Array3<Complex<T>>> {
        self.forward(y_bar)
    }
}

linear!(ComplexLaplacian: Array3<Complex<T>> => Array3<Complex<T>>);
shares_plan!(ComplexLaplacian, Fft);

/// A [`Filter`](crate::Filter) for complex fields, made with
/// [`Filter::complex`](crate::Filter::complex). Its own transpose.
#[derive(Clone, Debug)]
pub struct ComplexFilter<T> {
    fft: Fft<T>,
    response: Radial<T>,
}

impl<T: Real> ComplexFilter<T> {
    pub(super) fn of(cells: [usize; 3], response: Radial<T>) -> Self {
        Self {
            fft: Fft::new(cells),
            response,
        }
    }

    fn forward(&self, x: Array3<Complex<T>>) -> Result<Array3<Complex<T>>> {
        multiplied(&self.fft, "field of ComplexFilter", x, &self.response)
    }

    fn transpose(&self, y_bar: Array3<Complex<T>>) -> Result<Array3<Complex<T>>> {
        self.forward(y_bar)
    }
}

linear!(ComplexFilter: Array3<Complex<T>> => Array3<Complex<T>>);
shares_plan!(ComplexFilter, Fft);
