//! Transforms, filters and Poisson solves, beside rustfft on columns gathered in blocks.
//!
//! `cargo bench -p adastra-grid`. Items are floating-point operations by the usual count,
//! `5 N log2 N` per complex transform and half of that per real one, so the rate of items is
//! the rate of arithmetic of a transform that needed them all. The medians are what to compare.

use std::sync::Arc;

use adastra_core::Real;
use adastra_grid::{Fft, Mesh, Modes, Multiplier, Poisson, Run};
use divan::Bencher;
use divan::counter::ItemsCount;
use ndarray::parallel::prelude::*;
use ndarray::{Array3, ArrayViewMut2, Axis};
use num_complex::Complex;
use rustfft::FftPlanner;

const SIDES: [usize; 4] = [32, 64, 128, 256];

fn main() {
    divan::main();
}

/// Operations of `transforms` complex transforms.
fn operations(side: usize, transforms: f64) -> ItemsCount {
    let cells = (side * side * side) as f64;
    ItemsCount::new((5.0 * transforms * cells * cells.log2()) as u64)
}

fn wave<T: Real>(side: usize) -> Array3<Complex<T>> {
    Array3::from_shape_fn([side; 3], |(i, j, k)| {
        let phase = (3 * i + 5 * j + 7 * k) as f64;
        Complex::new(T::of(phase.sin()), T::of(phase.cos()))
    })
}

/// rustfft along one axis after the other, on 16 columns at a time.
struct Gathered<T> {
    side: usize,
    fft: Arc<dyn rustfft::Fft<T>>,
}

impl<T: Real> Gathered<T> {
    fn new(side: usize) -> Self {
        Self {
            side,
            fft: FftPlanner::new().plan_fft_forward(side),
        }
    }

    fn columns(&self, mut plane: ArrayViewMut2<'_, Complex<T>>) {
        let mut lines = vec![Complex::new(T::zero(), T::zero()); 16 * self.side];
        for mut columns in plane.axis_chunks_iter_mut(Axis(1), 16) {
            for (i, row) in columns.outer_iter().enumerate() {
                for (lane, &z) in row.iter().enumerate() {
                    lines[lane * self.side + i] = z;
                }
            }
            self.fft.process(&mut lines);
            for (i, mut row) in columns.outer_iter_mut().enumerate() {
                for (lane, z) in row.iter_mut().enumerate() {
                    *z = lines[lane * self.side + i];
                }
            }
        }
    }

    fn forward(&self, field: &mut Array3<Complex<T>>) {
        field
            .axis_iter_mut(Axis(0))
            .into_par_iter()
            .for_each(|mut plane| {
                if let Some(rows) = plane.as_slice_mut() {
                    self.fft.process(rows);
                }
                self.columns(plane);
            });
        field
            .axis_iter_mut(Axis(1))
            .into_par_iter()
            .for_each(|plane| self.columns(plane));
    }
}

#[divan::bench(types = [f32, f64], args = SIDES)]
fn gathered_rustfft_forward<T: Real>(bencher: Bencher<'_, '_>, side: usize) {
    let (fft, mut field) = (Gathered::<T>::new(side), wave(side));
    bencher
        .counter(operations(side, 1.0))
        .bench_local(|| fft.forward(&mut field));
}

#[divan::bench(types = [f32, f64], args = SIDES)]
fn forward<T: Real>(bencher: Bencher<'_, '_>, side: usize) {
    let (fft, mut field) = (Fft::<T>::new([side; 3]), wave(side));
    bencher
        .counter(operations(side, 1.0))
        .bench_local(|| fft.forward(&mut field));
}

/// A product of phases along the axes, as the drift of a wave.
struct Phases<T>([Vec<T>; 2]);

impl<T: Real, const K: usize> Multiplier<T, K> for Phases<T> {
    type Sum = ();

    #[inline(always)]
    fn multiply(&self, run: Run, modes: [Modes<'_, T>; K], (): &mut ()) {
        let Self([re, im]) = self;
        let [ix, iy, _] = run.at;
        let fixed = Complex::new(re[ix], im[ix]) * Complex::new(re[iy], im[iy]);
        for modes in modes {
            let along = run.along(re).iter().zip(run.along(im));
            for ((x, y), (&re, &im)) in modes.re.iter_mut().zip(modes.im).zip(along) {
                let (c, s) = (fixed.re * re - fixed.im * im, fixed.re * im + fixed.im * re);
                (*x, *y) = (*x * c - *y * s, *x * s + *y * c);
            }
        }
    }
}

fn phases<T: Real>(side: usize) -> Phases<T> {
    let table = |f: fn(f64) -> f64| (0..side).map(|i| T::of(f(0.01 * (i * i) as f64))).collect();
    Phases([table(f64::cos), table(f64::sin)])
}

#[divan::bench(types = [f32, f64], args = SIDES)]
fn filter<T: Real>(bencher: Bencher<'_, '_>, side: usize) {
    let (fft, phases, mut field) = (Fft::<T>::new([side; 3]), phases(side), wave(side));
    bencher.counter(operations(side, 2.0)).bench_local(|| {
        fft.filter_with([&mut field], |_, _| (), &phases, |_, _| ());
    });
}

#[divan::bench(types = [f32, f64], args = SIDES)]
fn filter_two_fields<T: Real>(bencher: Bencher<'_, '_>, side: usize) {
    let (fft, phases) = (Fft::<T>::new([side; 3]), phases(side));
    let (mut a, mut b) = (wave(side), wave(side));
    bencher.counter(operations(side, 4.0)).bench_local(|| {
        fft.filter_with([&mut a, &mut b], |_, _| (), &phases, |_, _| ());
    });
}

fn solve<T: Real>(bencher: Bencher<'_, '_>, side: usize, acceleration: bool, transforms: f64) {
    let mesh = Mesh::new([side; 3], [20.0; 3]).expect("a valid mesh");
    let poisson = Poisson::<T>::new(&mesh, 1.0);
    let mut rho = wave(side).mapv(|z| z.re);
    bencher
        .counter(operations(side, 0.5 * transforms))
        .bench_local(|| {
            let mut gravity = poisson.solve(std::mem::take(&mut rho), acceleration);
            rho = std::mem::take(&mut gravity.potential);
            poisson.recycle(gravity);
        });
}

#[divan::bench(types = [f32, f64], args = SIDES)]
fn solve_potential<T: Real>(bencher: Bencher<'_, '_>, side: usize) {
    solve::<T>(bencher, side, false, 2.0);
}

#[divan::bench(types = [f32, f64], args = SIDES)]
fn solve_potential_and_acceleration<T: Real>(bencher: Bencher<'_, '_>, side: usize) {
    solve::<T>(bencher, side, true, 5.0);
}
