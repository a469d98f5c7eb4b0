//! The initial condition and the loss of the golden data, and helpers of the other tests.

use std::f64::consts::TAU;
use std::path::Path;
use std::sync::Arc;

use adastra_core::{Evolve, ReversibleSchedule, Schedule};
use adastra_fdm::{Wave, WaveParams, WaveState};
use adastra_gravity::{Background, Leapfrog, SelfGravity};
use adastra_grid::Mesh;
use ndarray::{Array2, Array3, Axis};
use ndarray_npy::{ReadableElement, read_npy};
use num_complex::Complex;

pub(crate) type Parameters<T> = (WaveParams<T>, Background<T>);

/// An array of the golden data.
pub(crate) fn golden<A: ReadableElement, D: ndarray::Dimension>(
    name: &str,
) -> ndarray::Array<A, D> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    read_npy(folder.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// psi = A exp(i S) of smooth periodic A and S, of mean density of order `rho`.
pub(crate) fn smooth_wave(mesh: &Mesh, rho: f64) -> WaveState<f64> {
    let k = mesh.size().map(|size| TAU / size);
    let psi = Array3::from_shape_fn(mesh.shape(), |(i, j, l)| {
        let at = mesh.centre([i, j, l]);
        let [x, y, z] = [k[0] * at[0], k[1] * at[1], k[2] * at[2]];
        let amplitude = 1.0 + 0.3 * (x + 0.1).cos() + 0.2 * (y + 0.7).sin() * (2.0 * z + 0.3).cos();
        let phase = 0.4 * (x + y + 0.2).sin() + 0.3 * (z - x + 0.5).cos();
        Complex::from_polar(rho.sqrt() * amplitude, phase)
    });
    WaveState { psi }
}

/// mean((P/mean P - target)^2) with the projected density P and a smooth target, and its
/// gradient.
pub(crate) fn loss(mesh: &Mesh, x: &WaveState<f64>) -> (f64, WaveState<f64>) {
    let projected = x.psi.mapv(|z| z.norm_sqr()).mean_axis(Axis(2)).unwrap();
    let mean = projected.mean().unwrap();
    let k = mesh.size().map(|size| TAU / size);
    let target = Array2::from_shape_fn(projected.dim(), |(i, j)| {
        let [x, y, _] = mesh.centre([i, j, 0]);
        1.0 + 0.5 * (k[0] * x + 0.3).cos() * (k[1] * y + 0.6).sin()
    });
    let miss = &projected / mean - target;
    let n = projected.len() as f64;
    // d(P/mean P) = dP/mean - P/mean^2 d(mean).
    let common = (&miss * &projected).sum() / (n * mean * mean);
    let projected_bar = miss.mapv(|q| 2.0 / n * (q / mean - common));
    let nz = mesh.cells()[2] as f64;
    let psi = Array3::from_shape_fn(mesh.shape(), |(i, j, l)| {
        x.psi[[i, j, l]] * (2.0 * projected_bar[[i, j]] / nz)
    });
    (miss.mapv(|q| q * q).mean().unwrap(), WaveState { psi })
}

pub(crate) fn system<T: adastra_core::Real>(mesh: &Mesh) -> Arc<SelfGravity<T, Wave<T>>> {
    Arc::new(SelfGravity::new(mesh, Wave::new(mesh)))
}

pub(crate) type Run<T> = Evolve<T, Leapfrog<T, Wave<T>>>;

/// A run whose gradient stores everything.
pub(crate) fn storing<T: adastra_core::Real>(
    system: &Arc<SelfGravity<T, Wave<T>>>,
    dt: &[f64],
) -> Run<T> {
    Evolve::new(Leapfrog::new(Arc::clone(system), dt), Schedule::StoreAll)
}

/// A run whose gradient undoes its steps.
pub(crate) fn reversing<T: adastra_core::Real>(
    system: &Arc<SelfGravity<T, Wave<T>>>,
    dt: &[f64],
    anchors: usize,
) -> Run<T> {
    let steps = Leapfrog::new(Arc::clone(system), dt);
    Evolve::reversible(steps, ReversibleSchedule::Reconstruct { anchors })
}

/// Largest distance, relative to the largest value of `expected`. NaN counts as infinite.
pub(crate) fn distance<'a>(
    found: impl IntoIterator<Item = &'a Complex<f64>>,
    expected: impl IntoIterator<Item = &'a Complex<f64>>,
) -> f64 {
    let (mut worst, mut scale) = (0.0f64, 0.0f64);
    for (a, b) in found.into_iter().zip(expected) {
        let difference = (a - b).norm();
        worst = worst.max(if difference.is_nan() {
            f64::INFINITY
        } else {
            difference
        });
        scale = scale.max(b.norm());
    }
    worst / scale
}

/// [`distance`] of real arrays.
pub(crate) fn real_distance<'a>(
    found: impl IntoIterator<Item = &'a f64>,
    expected: impl IntoIterator<Item = &'a f64>,
) -> f64 {
    let wide = |x: &f64| Complex::new(*x, 0.0);
    let found: Vec<_> = found.into_iter().map(wide).collect();
    let expected: Vec<_> = expected.into_iter().map(wide).collect();
    assert_eq!(found.len(), expected.len());
    distance(&found, &expected)
}
