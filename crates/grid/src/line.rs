//! One-dimensional transforms of blocks of lines.

use std::any::Any;
use std::sync::Arc;

use adastra_core::Real;
use num_complex::Complex;
use rustfft::FftPlanner;

use crate::lanes::{row, width};
use crate::mixed;
use crate::pool::Pool;

/// Transforms of all lines of a block at once, in place and unnormalized.
pub(crate) trait Kernel<T>: Send + Sync {
    /// `X_k = sum_j x_j exp(-2 pi i j k / n)`, leaving the modes in the order of
    /// [`Kernel::order`].
    fn forward(&self, block: &mut [T]);
    /// `x_j = sum_k X_k exp(+2 pi i j k / n)` of modes in the order of [`Kernel::order`].
    fn inverse(&self, block: &mut [T]);
    /// The mode that each row holds after [`Kernel::forward`].
    fn order(&self) -> Vec<usize>;
}

/// The plan for lines of one length.
pub(crate) struct Line<T> {
    /// Points of a line.
    pub(crate) n: usize,
    /// The transforms.
    pub(crate) kernel: Box<dyn Kernel<T>>,
    /// The mode that row `i` of a transformed block holds.
    pub(crate) order: Vec<usize>,
    /// The row of a transformed block that holds mode `k`.
    pub(crate) position: Vec<usize>,
    /// `0, 1, ...`: the rows of a block of points.
    pub(crate) natural: Vec<usize>,
    /// Places in a block (see [`crate::blocks`]) of the numbers of a line of points.
    pub(crate) point_places: Vec<usize>,
    /// Places in a transformed block of the numbers of a line of modes.
    pub(crate) mode_places: Vec<usize>,
}

impl<T: Real> Line<T> {
    pub(crate) fn new(n: usize) -> Self {
        let kernel = kernel::<T>(n);
        let order = kernel.order();
        let mut position = vec![0; n];
        for (row, &mode) in order.iter().enumerate() {
            position[mode] = row;
        }
        let natural: Vec<usize> = (0..n).collect();
        let (point_places, mode_places) = (places::<T>(&natural), places::<T>(&position));
        Self {
            n,
            kernel,
            order,
            position,
            natural,
            point_places,
            mode_places,
        }
    }
}

/// Places of the real and imaginary parts of a line whose number `j` is in row `rows[j]`.
fn places<T>(rows: &[usize]) -> Vec<usize> {
    rows.iter()
        .flat_map(|&i| [i * row::<T>(), i * row::<T>() + width::<T>()])
        .collect()
}

/// The fastest kernel for lines of `n` points.
///
/// The kernels of both scalars are compiled here, once, and not again in every crate that uses a
/// transform: they are most of the code of this crate.
fn kernel<T: Real>(n: usize) -> Box<dyn Kernel<T>> {
    let boxed: Box<dyn Any> = if <T as Real>::BYTES == <f32 as Real>::BYTES {
        Box::new(kernel_f32(n))
    } else {
        Box::new(kernel_f64(n))
    };
    match boxed.downcast() {
        Ok(kernel) => *kernel,
        Err(_) => unreachable!("a real number is f32 or f64"),
    }
}

#[inline(never)]
fn kernel_f32(n: usize) -> Box<dyn Kernel<f32>> {
    mixed::kernel(n).unwrap_or_else(|| Box::new(AnyLength::new(n)))
}

#[inline(never)]
fn kernel_f64(n: usize) -> Box<dyn Kernel<f64>> {
    mixed::kernel(n).unwrap_or_else(|| Box::new(AnyLength::new(n)))
}

/// rustfft on the lines of a block, one after another: serves every length.
struct AnyLength<T> {
    n: usize,
    forward: Arc<dyn rustfft::Fft<T>>,
    inverse: Arc<dyn rustfft::Fft<T>>,
    scratch: Pool<Complex<T>>,
}

impl<T: Real> AnyLength<T> {
    fn new(n: usize) -> Self {
        let mut planner = FftPlanner::new();
        let (forward, inverse) = (planner.plan_fft_forward(n), planner.plan_fft_inverse(n));
        let extra = forward
            .get_inplace_scratch_len()
            .max(inverse.get_inplace_scratch_len());
        let scratch = Pool::new(width::<T>() * n + extra);
        Self {
            n,
            forward,
            inverse,
            scratch,
        }
    }

    fn transform(&self, plan: &dyn rustfft::Fft<T>, block: &mut [T]) {
        let (n, width, row) = (self.n, width::<T>(), row::<T>());
        let mut scratch = self.scratch.take();
        let (lines, extra) = scratch.split_at_mut(width * n);
        for (lane, line) in lines.chunks_exact_mut(n).enumerate() {
            for (z, row) in line.iter_mut().zip(block.chunks_exact(row)) {
                *z = Complex::new(row[lane], row[width + lane]);
            }
        }
        plan.process_with_scratch(lines, extra);
        for (lane, line) in lines.chunks_exact(n).enumerate() {
            for (z, row) in line.iter().zip(block.chunks_exact_mut(row)) {
                (row[lane], row[width + lane]) = (z.re, z.im);
            }
        }
    }
}

impl<T: Real> Kernel<T> for AnyLength<T> {
    fn forward(&self, block: &mut [T]) {
        self.transform(&*self.forward, block);
    }
    fn inverse(&self, block: &mut [T]) {
        self.transform(&*self.inverse, block);
    }
    fn order(&self) -> Vec<usize> {
        (0..self.n).collect()
    }
}
