//! Blocks: neighbouring lines of a field, transposed so that one vector register holds the same
//! point of many lines.
//!
//! A block of n-point lines has n rows. A row holds the real parts and then the imaginary parts
//! of [`width`] lines: one cache line each. Every butterfly on rows is then a full-width vector
//! operation without shuffles.

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

/// Defines functions whose bodies are compiled for, and run with, the best vector instructions
/// of the machine.
///
/// A closure would do but for inlining: only what is inlined into the dispatcher uses the
/// instructions, and a large closure is not.
macro_rules! vectorized {
    ($(
        $(#[$meta:meta])*
        $vis:vis fn $name:ident<$($l:lifetime,)+ $t:ident>($($arg:ident: $ty:ty),* $(,)?) $body:block
    )*) => {$(
        $(#[$meta])*
        $vis fn $name<$($l,)+ $t: adastra_core::Real>($($arg: $ty),*) {
            struct Body<$($l,)+ $t> {
                $($arg: $ty,)*
                lifetime: std::marker::PhantomData<($(&$l $t,)+)>,
            }
            impl<$($l,)+ $t: adastra_core::Real> pulp::NullaryFnOnce for Body<$($l,)+ $t> {
                type Output = ();
                #[inline(always)]
                fn call(self) {
                    let Self { $($arg,)* lifetime: _ } = self;
                    $body
                }
            }
            let lifetime = std::marker::PhantomData;
            pulp::Arch::new().dispatch(Body { $($arg,)* lifetime });
        }
    )*};
}
pub(crate) use vectorized;

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

vectorized! {
    /// Fills row `i` of a block with up to [`width`] cells, from `start`, of row `order[i]` of a
    /// plane.
    pub(crate) fn gather_columns<'a, 'b, T>(
        plane: &'a [&'b mut [Complex<T>]],
        start: usize,
        order: &'a [usize],
        block: &'a mut [T],
    ) {
        for (to, &i) in block.chunks_exact_mut(row::<T>()).zip(order) {
            split(some(&plane[i][start..]), to);
        }
    }

    /// Inverse of [`gather_columns`], times `scale`.
    pub(crate) fn scatter_columns<'a, 'b, T>(
        block: &'a [T],
        order: &'a [usize],
        scale: T,
        plane: &'a mut [&'b mut [Complex<T>]],
        start: usize,
    ) {
        for (from, &i) in block.chunks_exact(row::<T>()).zip(order) {
            join(from, scale, some_mut(&mut plane[i][start..]));
        }
    }

    /// Transposes up to [`width`] contiguous lines of complex numbers into a block: row `i`
    /// holds the points `order[i]`.
    pub(crate) fn gather_lines<'a, T>(
        lines: &'a [Complex<T>],
        order: &'a [usize],
        block: &'a mut [T],
    ) {
        for (lane, line) in lines.chunks_exact(order.len()).enumerate() {
            for (row, &i) in block.chunks_exact_mut(row::<T>()).zip(order) {
                (row[lane], row[width::<T>() + lane]) = (line[i].re, line[i].im);
            }
        }
    }

    /// Inverse of [`gather_lines`], times `scale`.
    pub(crate) fn scatter_lines<'a, T>(
        block: &'a [T],
        order: &'a [usize],
        scale: T,
        lines: &'a mut [Complex<T>],
    ) {
        for (lane, line) in lines.chunks_exact_mut(order.len()).enumerate() {
            for (row, &i) in block.chunks_exact(row::<T>()).zip(order) {
                line[i] = Complex::new(scale * row[lane], scale * row[width::<T>() + lane]);
            }
        }
    }
}

/// The first [`width`] cells, or all if there are fewer.
#[inline(always)]
fn some<T>(cells: &[Complex<T>]) -> &[Complex<T>] {
    cells.get(..width::<T>()).unwrap_or(cells)
}

/// As [`some`].
#[inline(always)]
fn some_mut<T>(cells: &mut [Complex<T>]) -> &mut [Complex<T>] {
    let some = width::<T>().min(cells.len());
    &mut cells[..some]
}
