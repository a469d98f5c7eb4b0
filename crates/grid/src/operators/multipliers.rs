//! The multipliers of the spectral operators, for real and complex fields alike.

use std::sync::Arc;

use adastra_core::{Error, Real, Result};
use num_complex::Complex;

use crate::{Accumulate, Mesh, Modes, Multiplier, Run};

/// A multiplier behind a pointer.
///
/// Every type of multiplier compiles the transforms anew, for each kind of vector registers; the
/// operators of this crate share one copy, and pay an indirect call for each run of modes. A
/// multiplier in the inner loop of a simulation is better passed to the plan by itself.
pub(crate) struct Erased<'a, T, S, const K: usize>(pub(crate) &'a dyn Multiplier<T, K, Sum = S>);

impl<T: Real, S: Accumulate, const K: usize> Multiplier<T, K> for Erased<'_, T, S, K> {
    type Sum = S;

    #[inline(always)]
    fn multiply(&self, run: Run, modes: [Modes<'_, T>; K], sum: &mut S) {
        self.0.multiply(run, modes, sum);
    }
}

/// One number for each wavenumber along each axis.
pub(super) type Tables<T> = [Vec<T>; 3];

/// Wavenumbers of derivatives, in rad/kpc: zero for the Nyquist mode.
pub(super) fn derivative_wavenumbers<T: Real>(mesh: &Mesh) -> Tables<T> {
    let table = |k: Vec<f64>| k.into_iter().map(T::of).collect();
    [0, 1, 2].map(|axis| table(mesh.derivative_wavenumbers(axis)))
}

/// Squares of the wavenumbers, in rad^2/kpc^2.
pub(super) fn squared_wavenumbers<T: Real>(mesh: &Mesh) -> Tables<T> {
    [0, 1, 2].map(|axis| {
        let k = mesh.wavenumbers(axis);
        k.into_iter().map(|k| T::of(k * k)).collect()
    })
}

/// Calls `f(lane, [x, y, z])` with the tables' entries for the modes of a run.
#[inline(always)]
fn each<T: Real>(tables: &Tables<T>, run: Run, mut f: impl FnMut(usize, [T; 3])) {
    let mut entry: [T; 3] = std::array::from_fn(|axis| tables[axis][run.at[axis]]);
    for (lane, &along) in run.along(&tables[run.axis]).iter().enumerate() {
        entry[run.axis] = along;
        f(lane, entry);
    }
}

/// `+- i k_axis`.
pub(super) struct Differentiate<'a, T> {
    pub(super) k: &'a Tables<T>,
    pub(super) axis: usize,
    /// One, or minus one for the transpose.
    pub(super) sign: T,
}

impl<T: Real> Multiplier<T, 1> for Differentiate<'_, T> {
    type Sum = ();

    #[inline(always)]
    fn multiply(&self, run: Run, [f]: [Modes<'_, T>; 1], (): &mut ()) {
        each(self.k, run, |lane, k| {
            let k = self.sign * k[self.axis];
            (f.re[lane], f.im[lane]) = (-k * f.im[lane], k * f.re[lane]);
        });
    }
}

/// `f -> (i kx f, i ky f, i kz f)`.
pub(super) struct Grad<'a, T>(pub(super) &'a Tables<T>);

impl<T: Real> Multiplier<T, 3> for Grad<'_, T> {
    type Sum = ();

    #[inline(always)]
    fn multiply(&self, run: Run, [x, y, z]: [Modes<'_, T>; 3], (): &mut ()) {
        each(self.0, run, |lane, [kx, ky, kz]| {
            let (re, im) = (x.re[lane], x.im[lane]);
            (x.re[lane], x.im[lane]) = (-kx * im, kx * re);
            (y.re[lane], y.im[lane]) = (-ky * im, ky * re);
            (z.re[lane], z.im[lane]) = (-kz * im, kz * re);
        });
    }
}

/// The transpose of [`Grad`]: `(x, y, z) -> -i k . (x, y, z)`.
pub(super) struct MinusDivergence<'a, T>(pub(super) &'a Tables<T>);

impl<T: Real> Multiplier<T, 3> for MinusDivergence<'_, T> {
    type Sum = ();

    #[inline(always)]
    fn multiply(&self, run: Run, [x, y, z]: [Modes<'_, T>; 3], (): &mut ()) {
        each(self.0, run, |lane, [kx, ky, kz]| {
            let re = kx * x.im[lane] + ky * y.im[lane] + kz * z.im[lane];
            let im = kx * x.re[lane] + ky * y.re[lane] + kz * z.re[lane];
            (x.re[lane], x.im[lane]) = (re, -im);
        });
    }
}

/// `-k^2`.
pub(super) struct MinusSquare<'a, T>(pub(super) &'a Tables<T>);

impl<T: Real> Multiplier<T, 1> for MinusSquare<'_, T> {
    type Sum = ();

    #[inline(always)]
    fn multiply(&self, run: Run, [f]: [Modes<'_, T>; 1], (): &mut ()) {
        each(self.0, run, |lane, [x, y, z]| {
            let minus_square = -(x + y + z);
            f.re[lane] *= minus_square;
            f.im[lane] *= minus_square;
        });
    }
}

/// A real function of `|k|`, tabulated.
#[derive(Clone, Debug)]
pub(super) struct Radial<T> {
    cells: [usize; 3],
    /// The modes with non-negative wavenumbers, shape `cells/2 + 1`: `|k|` knows no signs.
    table: Arc<[T]>,
}

impl<T: Real> Radial<T> {
    /// Tabulates `response(k)`, with k in rad/kpc.
    ///
    /// # Errors
    /// [`Error::Range`] where the response of a mode is not finite in the run's scalar.
    pub(super) fn new(mesh: &Mesh, response: impl Fn(f64) -> f64) -> Result<Self> {
        let cells = mesh.cells();
        let [x, y, z] = [0, 1, 2].map(|axis| {
            let k = mesh.wavenumbers(axis);
            let positive = k[..=cells[axis] / 2].iter();
            positive.map(|k| k * k).collect::<Vec<_>>()
        });
        let mut table = Vec::with_capacity(x.len() * y.len() * z.len());
        for x in &x {
            for y in &y {
                for z in &z {
                    let value = response((x + y + z).sqrt());
                    if !T::of(value).is_finite() {
                        return Err(Error::Range {
                            name: "response of the filter".to_owned(),
                            value,
                            allowed: "finite for every mode of the mesh",
                        });
                    }
                    table.push(T::of(value));
                }
            }
        }
        let table = table.into();
        Ok(Self { cells, table })
    }

    /// `exp(-k^2 R^2/2)`: the average over a Gaussian of standard deviation R (kpc).
    pub(super) fn gaussian(mesh: &Mesh, radius: f64) -> Result<Self> {
        if !(radius >= 0.0 && radius.is_finite()) {
            return Err(Error::Range {
                name: "radius of the filter".to_owned(),
                value: radius,
                allowed: "finite and not negative, in kpc",
            });
        }
        Self::new(mesh, |k| (-0.5 * (k * radius) * (k * radius)).exp())
    }

    /// One up to `k_max` (rad/kpc), zero beyond.
    pub(super) fn low_pass(mesh: &Mesh, k_max: f64) -> Result<Self> {
        if !(k_max >= 0.0 && k_max.is_finite()) {
            return Err(Error::Range {
                name: "k_max of the filter".to_owned(),
                value: k_max,
                allowed: "finite and not negative, in rad/kpc",
            });
        }
        // Modes of one |k| must not be parted by the rounding of its root.
        let edge = k_max * (1.0 + crate::spectrum::EDGE);
        Self::new(mesh, |k| if k <= edge { 1.0 } else { 0.0 })
    }

    #[inline(always)]
    fn at(&self, mode: [usize; 3]) -> T {
        let [i, j, k] = std::array::from_fn(|a| mode[a].min(self.cells[a] - mode[a]));
        let [_, ny, nz] = self.cells;
        self.table[(i * (ny / 2 + 1) + j) * (nz / 2 + 1) + k]
    }
}

impl<T: Real> Multiplier<T, 1> for Radial<T> {
    type Sum = ();

    #[inline(always)]
    fn multiply(&self, run: Run, [mut f]: [Modes<'_, T>; 1], (): &mut ()) {
        for lane in 0..run.len {
            let value: Complex<T> = f.get(lane);
            f.set(lane, value * self.at(run.mode(lane)));
        }
    }
}
