//! Moves of lines between fields and blocks.
//!
//! A block is the transpose of its lines. Where a line's element `j` goes in a block is given by
//! a table of places, and which row of a plane a block's row is by an order, so that a move can
//! reorder at no cost.

use std::any::Any;

use adastra_core::Real;
use num_complex::Complex;
use pulp::Arch;

use crate::lanes::{row, width};
use crate::simd::{Lane, Vectorized, dispatch};
use crate::transpose::Transpose;

/// Moves between fields and blocks, and what is done to blocks besides transforms.
pub(crate) trait Blocks<T>: Send + Sync {
    /// Copies up to [`width`] contiguous lines of `place.len()` reals into a block: element `j`
    /// of line `l` goes to `block[place[j] + l]`.
    fn lines_in(&self, lines: &[T], place: &[usize], block: &mut [T]);

    /// Inverse of [`Blocks::lines_in`].
    fn lines_out(&self, block: &[T], place: &[usize], lines: &mut [T]);

    /// As [`Blocks::lines_in`], of lines of `place.len()/2` complex numbers.
    fn complex_lines_in(&self, lines: &[Complex<T>], place: &[usize], block: &mut [T]);

    /// Inverse of [`Blocks::complex_lines_in`].
    fn complex_lines_out(&self, block: &[T], place: &[usize], lines: &mut [Complex<T>]);

    /// Copies the cells `from`, `from + 1`, ... of row `order[i]` of a plane into row `i` of
    /// block after block of a tile, until the tile's blocks or the cells are used up.
    fn columns_in(&self, plane: &[&mut [Complex<T>]], from: usize, order: &[usize], tile: &mut [T]);

    /// Inverse of [`Blocks::columns_in`], times `scale`.
    fn columns_out(
        &self,
        tile: &[T],
        order: &[usize],
        scale: T,
        plane: &mut [&mut [Complex<T>]],
        from: usize,
    );

    /// As [`Blocks::columns_in`], of a plane whose rows are rows of blocks; `from` counts numbers.
    fn rows_in(&self, plane: &[&mut [T]], from: usize, order: &[usize], tile: &mut [T]);

    /// Inverse of [`Blocks::rows_in`], times `scale`.
    fn rows_out(&self, tile: &[T], order: &[usize], scale: T, plane: &mut [&mut [T]], from: usize);

    /// Asks for memory that will be needed after the work at hand.
    fn prefetch(&self, reals: &[T]);

    /// As [`Blocks::prefetch`].
    fn prefetch_complex(&self, cells: &[Complex<T>]);

    /// Takes the spectra `A` and `B` of two real lines out of the spectrum `Z = A + iB`:
    /// `A_k = (Z_k + conj Z_{n-k})/2` to row `first[k]`, `B_k = (Z_k - conj Z_{n-k})/2i` to row
    /// `second[k]`. The zero and Nyquist modes of either are real, and become one complex number.
    fn separate(&self, block: &mut [T], first: &[usize], second: &[usize]);

    /// Inverse of [`Blocks::separate`]: `Z_k = A_k + i B_k`, `Z_{n-k} = conj A_k + i conj B_k`.
    fn combine(&self, block: &mut [T], first: &[usize], second: &[usize]);
}

/// The implementation for a scalar and this machine.
///
/// Those of both scalars are compiled here, once, and not again in every crate that uses them.
pub(crate) fn blocks<T: Real>() -> Box<dyn Blocks<T>> {
    let single: Box<dyn Blocks<f32>> = Box::new(Mover(Arch::new()));
    let double: Box<dyn Blocks<f64>> = Box::new(Mover(Arch::new()));
    let boxed: [Box<dyn Any>; 2] = [Box::new(single), Box::new(double)];
    let mut found = boxed
        .into_iter()
        .filter_map(|blocks| blocks.downcast().ok());
    match found.next() {
        Some(blocks) => *blocks,
        None => unreachable!("a real number is f32 or f64"),
    }
}

struct Mover(Arch);

impl<T: Lane> Blocks<T> for Mover {
    fn lines_in(&self, lines: &[T], place: &[usize], block: &mut [T]) {
        dispatch(
            self.0,
            LinesIn {
                lines,
                place,
                block,
            },
        );
    }

    fn lines_out(&self, block: &[T], place: &[usize], lines: &mut [T]) {
        dispatch(
            self.0,
            LinesOut {
                block,
                place,
                lines,
            },
        );
    }

    fn complex_lines_in(&self, lines: &[Complex<T>], place: &[usize], block: &mut [T]) {
        dispatch(
            self.0,
            LinesIn {
                lines: T::reals(lines),
                place,
                block,
            },
        );
    }

    fn complex_lines_out(&self, block: &[T], place: &[usize], lines: &mut [Complex<T>]) {
        dispatch(
            self.0,
            LinesOut {
                block,
                place,
                lines: T::reals_mut(lines),
            },
        );
    }

    fn columns_in(
        &self,
        plane: &[&mut [Complex<T>]],
        from: usize,
        order: &[usize],
        tile: &mut [T],
    ) {
        dispatch(
            self.0,
            ColumnsIn {
                plane,
                from,
                order,
                tile,
            },
        );
    }

    fn columns_out(
        &self,
        tile: &[T],
        order: &[usize],
        scale: T,
        plane: &mut [&mut [Complex<T>]],
        from: usize,
    ) {
        dispatch(
            self.0,
            ColumnsOut {
                tile,
                order,
                scale,
                plane,
                from,
            },
        );
    }

    fn rows_in(&self, plane: &[&mut [T]], from: usize, order: &[usize], tile: &mut [T]) {
        dispatch(
            self.0,
            RowsIn {
                plane,
                from,
                order,
                tile,
            },
        );
    }

    fn rows_out(&self, tile: &[T], order: &[usize], scale: T, plane: &mut [&mut [T]], from: usize) {
        dispatch(
            self.0,
            RowsOut {
                tile,
                order,
                scale,
                plane,
                from,
            },
        );
    }

    fn prefetch(&self, reals: &[T]) {
        dispatch(self.0, Prefetch(reals));
    }

    fn prefetch_complex(&self, cells: &[Complex<T>]) {
        dispatch(self.0, Prefetch(T::reals(cells)));
    }

    fn separate(&self, block: &mut [T], first: &[usize], second: &[usize]) {
        dispatch(
            self.0,
            Separate {
                block,
                first,
                second,
            },
        );
    }

    fn combine(&self, block: &mut [T], first: &[usize], second: &[usize]) {
        dispatch(
            self.0,
            Combine {
                block,
                first,
                second,
            },
        );
    }
}

/// Lanes of a register.
const fn lanes<T: Lane, S: Transpose>() -> usize {
    size_of::<T::V<S>>() / size_of::<T>()
}

/// Registers of the largest tile.
const LARGEST_TILE: usize = 16;

struct LinesIn<'a, T> {
    lines: &'a [T],
    place: &'a [usize],
    block: &'a mut [T],
}

impl<T: Lane> Vectorized for LinesIn<'_, T> {
    #[inline(always)]
    fn run<S: Transpose>(self, s: S) {
        let Self {
            lines,
            place,
            block,
        } = self;
        let (len, lanes) = (place.len(), const { lanes::<T, S>() });
        let zero = T::v_splat(s, T::zero());
        let mut tile = [zero; LARGEST_TILE];
        for (group, lines) in lines.chunks(len * lanes).enumerate() {
            for (chunk, place) in place.chunks(lanes).enumerate() {
                let from = chunk * lanes;
                if lines.len() == len * lanes && place.len() == lanes {
                    for l in 0..lanes {
                        tile[l] = T::load(s, &lines[l * len + from..][..lanes]);
                    }
                } else {
                    for l in 0..lanes {
                        let line = lines.get(l * len + from..).unwrap_or_default();
                        tile[l] = T::load(s, &line[..place.len().min(line.len())]);
                    }
                }
                T::transpose(s, &mut tile[..lanes]);
                for (x, &place) in tile.iter().zip(place) {
                    T::store(s, &mut block[place + group * lanes..][..lanes], *x);
                }
            }
        }
    }
}

struct LinesOut<'a, T> {
    block: &'a [T],
    place: &'a [usize],
    lines: &'a mut [T],
}

impl<T: Lane> Vectorized for LinesOut<'_, T> {
    #[inline(always)]
    fn run<S: Transpose>(self, s: S) {
        let Self {
            block,
            place,
            lines,
        } = self;
        let (len, lanes) = (place.len(), const { lanes::<T, S>() });
        let zero = T::v_splat(s, T::zero());
        let mut tile = [zero; LARGEST_TILE];
        for (group, lines) in lines.chunks_mut(len * lanes).enumerate() {
            for (chunk, place) in place.chunks(lanes).enumerate() {
                for (x, &place) in tile.iter_mut().zip(place) {
                    *x = T::load(s, &block[place + group * lanes..][..lanes]);
                }
                T::transpose(s, &mut tile[..lanes]);
                let from = chunk * lanes;
                if lines.len() == len * lanes && place.len() == lanes {
                    for l in 0..lanes {
                        T::store(s, &mut lines[l * len + from..][..lanes], tile[l]);
                    }
                } else {
                    for l in 0..lanes {
                        let line = lines.get_mut(l * len + from..).unwrap_or_default();
                        let room = place.len().min(line.len());
                        T::store(s, &mut line[..room], tile[l]);
                    }
                }
            }
        }
    }
}

struct Prefetch<'a, T>(&'a [T]);

impl<T: Lane> Vectorized for Prefetch<'_, T> {
    #[inline(always)]
    fn run<S: Transpose>(self, s: S) {
        for line in self.0.chunks(width::<T>()) {
            s.prefetch(line.as_ptr().cast());
        }
    }
}

/// Rows of a plane between the one that is copied and the one that is asked for.
const AHEAD: usize = 8;

struct ColumnsIn<'a, 'b, T> {
    plane: &'a [&'b mut [Complex<T>]],
    from: usize,
    order: &'a [usize],
    tile: &'a mut [T],
}

impl<T: Lane> Vectorized for ColumnsIn<'_, '_, T> {
    #[inline(always)]
    fn run<S: Transpose>(self, s: S) {
        let Self {
            plane,
            from,
            order,
            tile,
        } = self;
        let block = order.len() * row::<T>();
        let cells = width::<T>() * (tile.len() / block);
        for (i, &at) in order.iter().enumerate() {
            if let Some(&ahead) = order.get(i + AHEAD) {
                let cells = plane[ahead][from..].iter().take(cells);
                cells
                    .step_by(width::<T>() / 2)
                    .for_each(|z| s.prefetch((&raw const *z).cast()));
            }
            let cells = plane[at][from..].chunks(width::<T>());
            for (cells, block) in cells.zip(tile.chunks_exact_mut(block)) {
                split(cells, &mut block[i * row::<T>()..][..row::<T>()]);
            }
        }
    }
}

struct ColumnsOut<'a, 'b, T> {
    tile: &'a [T],
    order: &'a [usize],
    scale: T,
    plane: &'a mut [&'b mut [Complex<T>]],
    from: usize,
}

impl<T: Lane> Vectorized for ColumnsOut<'_, '_, T> {
    #[inline(always)]
    fn run<S: Transpose>(self, _: S) {
        let Self {
            tile,
            order,
            scale,
            plane,
            from,
        } = self;
        let block = order.len() * row::<T>();
        for (i, &at) in order.iter().enumerate() {
            let cells = plane[at][from..].chunks_mut(width::<T>());
            for (cells, block) in cells.zip(tile.chunks_exact(block)) {
                join(&block[i * row::<T>()..][..row::<T>()], scale, cells);
            }
        }
    }
}

/// Splits up to [`width`] complex numbers into a row of a block.
#[inline(always)]
fn split<T: Lane>(from: &[Complex<T>], row: &mut [T]) {
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
fn join<T: Lane>(row: &[T], scale: T, to: &mut [Complex<T>]) {
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

struct RowsIn<'a, 'b, T> {
    plane: &'a [&'b mut [T]],
    from: usize,
    order: &'a [usize],
    tile: &'a mut [T],
}

impl<T: Lane> Vectorized for RowsIn<'_, '_, T> {
    #[inline(always)]
    fn run<S: Transpose>(self, _: S) {
        let Self {
            plane,
            from,
            order,
            tile,
        } = self;
        let block = order.len() * row::<T>();
        for (i, &at) in order.iter().enumerate() {
            let rows = plane[at][from..].chunks_exact(row::<T>());
            for (from, block) in rows.zip(tile.chunks_exact_mut(block)) {
                block[i * row::<T>()..][..row::<T>()].copy_from_slice(from);
            }
        }
    }
}

struct RowsOut<'a, 'b, T> {
    tile: &'a [T],
    order: &'a [usize],
    scale: T,
    plane: &'a mut [&'b mut [T]],
    from: usize,
}

impl<T: Lane> Vectorized for RowsOut<'_, '_, T> {
    #[inline(always)]
    fn run<S: Transpose>(self, _: S) {
        let Self {
            tile,
            order,
            scale,
            plane,
            from,
        } = self;
        let block = order.len() * row::<T>();
        for (i, &at) in order.iter().enumerate() {
            let rows = plane[at][from..].chunks_exact_mut(row::<T>());
            for (to, block) in rows.zip(tile.chunks_exact(block)) {
                let from = &block[i * row::<T>()..][..row::<T>()];
                to.iter_mut().zip(from).for_each(|(to, &x)| *to = scale * x);
            }
        }
    }
}

struct Separate<'a, T> {
    block: &'a mut [T],
    first: &'a [usize],
    second: &'a [usize],
}

impl<T: Lane> Vectorized for Separate<'_, T> {
    #[inline(always)]
    fn run<S: Transpose>(self, _: S) {
        let half = T::of(0.5);
        for (k, (&p, &q)) in self.first.iter().zip(self.second).enumerate() {
            let [(re_p, im_p), (re_q, im_q)] = two_rows(self.block, p, q);
            if k == 0 {
                im_p.swap_with_slice(re_q);
                continue;
            }
            for lane in 0..width::<T>() {
                let (p, q) = ((re_p[lane], im_p[lane]), (re_q[lane], im_q[lane]));
                (re_p[lane], im_p[lane]) = (half * (p.0 + q.0), half * (p.1 - q.1));
                (re_q[lane], im_q[lane]) = (half * (p.1 + q.1), half * (q.0 - p.0));
            }
        }
    }
}

struct Combine<'a, T> {
    block: &'a mut [T],
    first: &'a [usize],
    second: &'a [usize],
}

impl<T: Lane> Vectorized for Combine<'_, T> {
    #[inline(always)]
    fn run<S: Transpose>(self, _: S) {
        for (k, (&p, &q)) in self.first.iter().zip(self.second).enumerate() {
            let [(re_p, im_p), (re_q, im_q)] = two_rows(self.block, p, q);
            if k == 0 {
                im_p.swap_with_slice(re_q);
                continue;
            }
            for lane in 0..width::<T>() {
                let (a, b) = ((re_p[lane], im_p[lane]), (re_q[lane], im_q[lane]));
                (re_p[lane], im_p[lane]) = (a.0 - b.1, a.1 + b.0);
                (re_q[lane], im_q[lane]) = (a.0 + b.1, b.0 - a.1);
            }
        }
    }
}

/// The real and imaginary parts of two different rows.
#[inline(always)]
fn two_rows<T>(block: &mut [T], p: usize, q: usize) -> [(&mut [T], &mut [T]); 2] {
    let (width, row) = (width::<T>(), row::<T>());
    let rows = block.get_disjoint_mut([p * row..(p + 1) * row, q * row..(q + 1) * row]);
    rows.expect("two different rows of the block")
        .map(|row| row.split_at_mut(width))
}
