//! Blocks: neighbouring lines of a field, transposed so that one vector register holds the same
//! point of many lines.
//!
//! A block of n-point lines has n rows. A row holds the real parts and then the imaginary parts
//! of [`width`] lines: one cache line each. Every butterfly on rows is then a full-width vector
//! operation without shuffles.

use std::ops::Range;

use adastra_core::Real;
use num_complex::Complex;

/// Lines of a block: as many as fit one 64-byte register, 16 in `f32` and 8 in `f64`.
pub(crate) const fn width<T>() -> usize {
    64 / size_of::<T>()
}

/// Numbers in one row of a block.
pub(crate) const fn row<T>() -> usize {
    2 * width::<T>()
}

/// Runs `f` compiled for the best vector instructions of this machine.
#[inline(always)]
pub(crate) fn vectorized<R>(f: impl FnOnce() -> R) -> R {
    pulp::Arch::new().dispatch(f)
}

/// Splits up to [`width`] neighbouring complex numbers into a row.
#[inline(always)]
pub(crate) fn split<T: Real>(from: &[Complex<T>], row: &mut [T]) {
    let width = width::<T>();
    let (re, im) = row.split_at_mut(width);
    if from.len() == width {
        // The known length lets the compiler use whole registers.
        let (from, re, im) = (&from[..width], &mut re[..width], &mut im[..width]);
        for lane in 0..width {
            re[lane] = from[lane].re;
            im[lane] = from[lane].im;
        }
    } else {
        for ((z, re), im) in from.iter().zip(re).zip(im) {
            (*re, *im) = (z.re, z.im);
        }
    }
}

/// Inverse of [`split`], times `scale`.
#[inline(always)]
pub(crate) fn join<T: Real>(row: &[T], scale: T, to: &mut [Complex<T>]) {
    let width = width::<T>();
    let (re, im) = row.split_at(width);
    if to.len() == width {
        let (to, re, im) = (&mut to[..width], &re[..width], &im[..width]);
        for lane in 0..width {
            to[lane] = Complex::new(scale * re[lane], scale * im[lane]);
        }
    } else {
        for ((z, &re), &im) in to.iter_mut().zip(re).zip(im) {
            *z = Complex::new(scale * re, scale * im);
        }
    }
}

/// Fills row `i` of a block with the cells `columns` of row `order[i]` of a plane.
#[inline(always)]
pub(crate) fn gather_columns<T: Real>(
    plane: &[&mut [Complex<T>]],
    columns: Range<usize>,
    order: &[usize],
    block: &mut [T],
) {
    for (to, &i) in block.chunks_exact_mut(row::<T>()).zip(order) {
        split(&plane[i][columns.clone()], to);
    }
}

/// Inverse of [`gather_columns`], times `scale`.
#[inline(always)]
pub(crate) fn scatter_columns<T: Real>(
    block: &[T],
    order: &[usize],
    scale: T,
    plane: &mut [&mut [Complex<T>]],
    columns: Range<usize>,
) {
    for (from, &i) in block.chunks_exact(row::<T>()).zip(order) {
        join(from, scale, &mut plane[i][columns.clone()]);
    }
}

/// Transposes up to [`width`] contiguous lines of complex numbers into a block: row `i` holds
/// the points `order[i]`.
#[inline(always)]
pub(crate) fn gather_lines<T: Real>(lines: &[Complex<T>], order: &[usize], block: &mut [T]) {
    for (lane, line) in lines.chunks_exact(order.len()).enumerate() {
        for (row, &i) in block.chunks_exact_mut(row::<T>()).zip(order) {
            (row[lane], row[width::<T>() + lane]) = (line[i].re, line[i].im);
        }
    }
}

/// Inverse of [`gather_lines`], times `scale`.
#[inline(always)]
pub(crate) fn scatter_lines<T: Real>(
    block: &[T],
    order: &[usize],
    scale: T,
    lines: &mut [Complex<T>],
) {
    for (lane, line) in lines.chunks_exact_mut(order.len()).enumerate() {
        for (row, &i) in block.chunks_exact(row::<T>()).zip(order) {
            line[i] = Complex::new(scale * row[lane], scale * row[width::<T>() + lane]);
        }
    }
}
