//! The cross spectrum as an operator.

use adastra_core::{Adjoint, Operator, Real, Result, Tangent};
use ndarray::{Array1, Array3};

use super::SpectrumOf;
use crate::operators::{Erased, on_mesh};

/// From two real fields to their cross power in each bin, `P_b = V/N^2 <Re(a_k b_k^*)>_b`.
///
/// Two transforms forward, four for the adjoint:
/// `a_bar = V/N IFFT(P_bar_b/modes_b b_k)`, and the same with a and b exchanged.
#[derive(Clone, Debug)]
pub struct CrossSpectrumOf<T>(SpectrumOf<T>);

/// Takes over mesh, bins and window.
impl<T> From<SpectrumOf<T>> for CrossSpectrumOf<T> {
    fn from(spectrum: SpectrumOf<T>) -> Self {
        Self(spectrum)
    }
}

impl<T: Real> CrossSpectrumOf<T> {
    fn on_mesh(&self, what: &str, (a, b): Pair<T>) -> Result<Pair<T>> {
        let cells = self.0.fft.cells();
        Ok((on_mesh(what, cells, a)?, on_mesh(what, cells, b)?))
    }
}

type Pair<T> = (Array3<T>, Array3<T>);

impl<T: Real> Operator<T> for CrossSpectrumOf<T> {
    type Params = ();
    type In = Pair<T>;
    type Out = Array1<T>;

    fn apply(&self, (): &(), x: Pair<T>) -> Result<Array1<T>> {
        let (a, b) = self.on_mesh("field of CrossSpectrumOf", x)?;
        Ok(self.0.cross(&a, &b).mapv(T::of))
    }
}

impl<T: Real> Tangent<T> for CrossSpectrumOf<T> {
    fn jvp(&self, (): &(), (): &(), x: Pair<T>, dx: Pair<T>) -> Result<(Array1<T>, Array1<T>)> {
        let (a, b) = self.on_mesh("field of CrossSpectrumOf", x)?;
        let (da, db) = self.on_mesh("tangent of CrossSpectrumOf", dx)?;
        let tangent = self.0.cross(&da, &b) + self.0.cross(&a, &db);
        Ok((self.0.cross(&a, &b).mapv(T::of), tangent.mapv(T::of)))
    }
}

impl<T: Real> Adjoint<T> for CrossSpectrumOf<T> {
    type Saved = Pair<T>;

    fn record(&self, (): &(), x: Pair<T>) -> Result<(Array1<T>, Pair<T>)> {
        let (a, b) = self.on_mesh("field of CrossSpectrumOf", x)?;
        Ok((self.0.cross(&a, &b).mapv(T::of), (a, b)))
    }

    fn vjp(&self, (): &(), (a, b): Pair<T>, power_bar: Array1<T>, (): &mut ()) -> Result<Pair<T>> {
        let pull = self.0.pull(&power_bar)?;
        let (mut a_bar, mut b_bar) = (Array3::zeros(a.dim()), Array3::zeros(b.dim()));
        let fft = &self.0.fft;
        fft.map::<2, _>(&[&a, &b], &mut [&mut a_bar, &mut b_bar], &Erased(&pull));
        Ok((a_bar, b_bar))
    }
}
