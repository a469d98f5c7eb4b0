//! One-dimensional transforms of blocks of lines.

use std::any::Any;
use std::sync::Arc;

use adastra_core::Real;
use num_complex::Complex;
use rustfft::FftPlanner;

use crate::lanes::{Rows, row, width};
use crate::mixed;
use crate::pool::Pool;

/// Transforms of all lines of a block at once, in place and unnormalized.
pub(crate) trait Kernel<T>: Send + Sync {
    /// `X_k = sum_j x_j exp(-2 pi i j k / n)`, leaving the modes in the order of
    /// [`Kernel::order`].
    fn forward(&self, block: Rows<'_, T>);
    /// `x_j = sum_k X_k exp(+2 pi i j k / n)` of modes in the order of [`Kernel::order`].
    fn inverse(&self, block: Rows<'_, T>);
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
    /// Places in a block (see [`crate::blocks`]) of the numbers of a line of complex points.
    pub(crate) point_places: Vec<usize>,
}

impl<T: Real> Line<T> {
    pub(crate) fn new(n: usize) -> Self {
        let kernel = kernel::<T>(n);
        let order = kernel.order();
        let mut position = vec![0; n];
        for (row, &mode) in order.iter().enumerate() {
            position[mode] = row;
        }
        let point_places = (0..n).flat_map(|i| [i * row::<T>(), i * row::<T>() + width::<T>()]);
        let point_places = point_places.collect();
        Self {
            n,
            kernel,
            order,
            position,
            point_places,
        }
    }
}

/// Places in a block of the numbers of lines of modes that are themselves in blocks along the
/// line, real and imaginary parts of [`width`] modes in turn.
pub(crate) struct ModePlaces {
    /// For moves into a block: what a line's last block holds beyond the last mode goes to row
    /// `n + 1`.
    pub(crate) into: Vec<usize>,
    /// For moves out of a block: what a line's last block holds beyond the last mode comes from
    /// row `n`, which is zero.
    pub(crate) out: Vec<usize>,
}

impl ModePlaces {
    /// Rows that a block of `n`-point lines needs.
    pub(crate) fn rows(n: usize) -> usize {
        n + 2
    }

    /// For blocks of `n` rows where mode `k` is in row `rows[k]`.
    pub(crate) fn new<T>(n: usize, rows: &[usize]) -> Self {
        let places = |beyond: usize| {
            let width = width::<T>();
            let mut places = Vec::new();
            for block in 0..rows.len().div_ceil(width) {
                for part in [0, width] {
                    let modes = block * width..(block + 1) * width;
                    places.extend(modes.map(|k| rows.get(k).unwrap_or(&beyond) * 2 * width + part));
                }
            }
            places
        };
        Self {
            into: places(n + 1),
            out: places(n),
        }
    }
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

    fn transform(&self, plan: &dyn rustfft::Fft<T>, block: Rows<'_, T>) {
        let (n, width) = (self.n, width::<T>());
        let mut scratch = self.scratch.take();
        let (lines, extra) = scratch.split_at_mut(width * n);
        for i in 0..n {
            let (re, im) = block.data[block.first + i * block.stride..].split_at(width);
            for (lane, (&re, &im)) in re.iter().zip(im).enumerate() {
                lines[lane * n + i] = Complex::new(re, im);
            }
        }
        plan.process_with_scratch(lines, extra);
        for i in 0..n {
            let (re, im) = block.data[block.first + i * block.stride..].split_at_mut(width);
            for (lane, (re, im)) in re.iter_mut().zip(im).enumerate() {
                let z = lines[lane * n + i];
                (*re, *im) = (z.re, z.im);
            }
        }
    }
}

impl<T: Real> Kernel<T> for AnyLength<T> {
    fn forward(&self, block: Rows<'_, T>) {
        self.transform(&*self.forward, block);
    }
    fn inverse(&self, block: Rows<'_, T>) {
        self.transform(&*self.inverse, block);
    }
    fn order(&self) -> Vec<usize> {
        (0..self.n).collect()
    }
}
