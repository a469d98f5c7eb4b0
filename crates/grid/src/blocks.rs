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
use crate::shuffle::Shuffle;
use crate::simd::{Lane, Vectorized, dispatch};

/// Moves between fields and blocks, and what is done to blocks besides transforms.
pub(crate) trait Blocks<T>: Send + Sync {
    /// Copies up to [`width`] lines of `place.len()` reals, `stride` apart, into a block: element
    /// `j` of line `l` goes to `block[place[j] + l]`.
    fn lines_in(&self, lines: &[T], stride: usize, place: &[usize], block: &mut [T]);

    /// Inverse of [`Blocks::lines_in`], times `scale`.
    fn lines_out(&self, block: &[T], place: &[usize], scale: T, lines: &mut [T], stride: usize);

    /// As [`Blocks::lines_in`], of contiguous lines of `place.len()/2` complex numbers.
    fn complex_lines_in(&self, lines: &[Complex<T>], place: &[usize], block: &mut [T]);

    /// Inverse of [`Blocks::complex_lines_in`], times `scale`.
    fn complex_lines_out(&self, block: &[T], place: &[usize], scale: T, lines: &mut [Complex<T>]);

    /// Splits a line of complex numbers into real and imaginary parts of [`width`] in turn.
    fn split(&self, from: &[Complex<T>], to: &mut [T]);

    /// Inverse of [`Blocks::split`].
    fn join(&self, from: &[T], to: &mut [Complex<T>]);

    /// Takes the spectra `A` and `B` of two real lines out of the spectrum `Z = A + iB`:
    /// `A_k = (Z_k + conj Z_{n-k})/2` to row `first[k]`, `B_k = (Z_k - conj Z_{n-k})/2i` to row
    /// `second[k]`. The zero and Nyquist modes of either are real, and become one complex number.
    fn separate(&self, block: &mut [T], first: &[usize], second: &[usize]);

    /// Inverse of [`Blocks::separate`]: `Z_k = A_k + i B_k`, `Z_{n-k} = conj A_k + i conj B_k`.
    fn combine(&self, block: &mut [T], first: &[usize], second: &[usize]);

    /// Asks for memory that will be needed after the work at hand.
    fn prefetch(&self, reals: &[T]);

    /// As [`Blocks::prefetch`], for `count` numbers of memory from `skip` after the end of a
    /// slice, which are likely, but not certain, to be worked on next.
    fn prefetch_after(&self, reals: &[T], skip: usize, count: usize);

    /// As [`Blocks::prefetch_after`].
    fn prefetch_after_complex(&self, cells: &[Complex<T>], count: usize);

    /// As [`Blocks::prefetch`].
    fn prefetch_complex(&self, cells: &[Complex<T>]);
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
    fn lines_in(&self, lines: &[T], stride: usize, place: &[usize], block: &mut [T]) {
        dispatch(
            self.0,
            LinesIn {
                lines,
                stride,
                place,
                block,
            },
        );
    }

    fn lines_out(&self, block: &[T], place: &[usize], scale: T, lines: &mut [T], stride: usize) {
        dispatch(
            self.0,
            LinesOut {
                block,
                place,
                scale,
                lines,
                stride,
            },
        );
    }

    fn complex_lines_in(&self, lines: &[Complex<T>], place: &[usize], block: &mut [T]) {
        dispatch(
            self.0,
            LinesIn {
                lines: T::reals(lines),
                stride: place.len(),
                place,
                block,
            },
        );
    }

    fn complex_lines_out(&self, block: &[T], place: &[usize], scale: T, lines: &mut [Complex<T>]) {
        let lines = T::reals_mut(lines);
        dispatch(
            self.0,
            LinesOut {
                block,
                place,
                scale,
                lines,
                stride: place.len(),
            },
        );
    }

    fn split(&self, from: &[Complex<T>], to: &mut [T]) {
        dispatch(self.0, Split { from, to });
    }

    fn join(&self, from: &[T], to: &mut [Complex<T>]) {
        dispatch(self.0, Join { from, to });
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

    fn prefetch(&self, reals: &[T]) {
        dispatch(self.0, Prefetch(reals.as_ptr(), reals.len()));
    }

    fn prefetch_after(&self, reals: &[T], skip: usize, count: usize) {
        dispatch(
            self.0,
            Prefetch(reals.as_ptr_range().end.wrapping_add(skip), count),
        );
    }

    fn prefetch_after_complex(&self, cells: &[Complex<T>], count: usize) {
        dispatch(
            self.0,
            Prefetch(T::reals(cells).as_ptr_range().end, 2 * count),
        );
    }

    fn prefetch_complex(&self, cells: &[Complex<T>]) {
        dispatch(self.0, Prefetch(T::reals(cells).as_ptr(), 2 * cells.len()));
    }
}

/// Lanes of a register.
const fn lanes<T: Lane, S: Shuffle>() -> usize {
    size_of::<T::V<S>>() / size_of::<T>()
}

/// Registers of the largest tile.
const LARGEST_TILE: usize = 16;

struct LinesIn<'a, T> {
    lines: &'a [T],
    stride: usize,
    place: &'a [usize],
    block: &'a mut [T],
}

impl<T: Lane> Vectorized for LinesIn<'_, T> {
    #[inline(always)]
    fn run<S: Shuffle>(self, s: S) {
        let (len, lanes) = (self.stride, const { lanes::<T, S>() });
        let whole = self.place.len() / lanes * lanes;
        let mut tile = [T::v_splat(s, T::zero()); LARGEST_TILE];
        for (group, lines) in self.lines.chunks(len * lanes).enumerate() {
            let block = &mut self.block[group * lanes..];
            // The last line may end with its last element.
            let edge = if lines.len() > (lanes - 1) * len {
                whole
            } else {
                0
            };
            for (chunk, place) in self.place[..edge].chunks_exact(lanes).enumerate() {
                for l in 0..lanes {
                    tile[l] = T::load(s, &lines[l * len + chunk * lanes..][..lanes]);
                }
                T::transpose(s, &mut tile[..lanes]);
                for l in 0..lanes {
                    T::store(s, &mut block[place[l]..][..lanes], tile[l]);
                }
            }
            // What does not fill a tile: the ends of the lines, or all where lines are missing.
            for (chunk, place) in self.place[edge..].chunks(lanes).enumerate() {
                for l in 0..lanes {
                    let line = lines
                        .get(l * len + edge + chunk * lanes..)
                        .unwrap_or_default();
                    tile[l] = T::load(s, &line[..place.len().min(line.len())]);
                }
                T::transpose(s, &mut tile[..lanes]);
                for (&x, &place) in tile.iter().zip(place) {
                    T::store(s, &mut block[place..][..lanes], x);
                }
            }
        }
    }
}

struct LinesOut<'a, T> {
    block: &'a [T],
    place: &'a [usize],
    scale: T,
    lines: &'a mut [T],
    stride: usize,
}

impl<T: Lane> Vectorized for LinesOut<'_, T> {
    #[inline(always)]
    fn run<S: Shuffle>(self, s: S) {
        let (len, lanes) = (self.stride, const { lanes::<T, S>() });
        let whole = self.place.len() / lanes * lanes;
        let scale = T::v_splat(s, self.scale);
        let mut tile = [T::v_splat(s, T::zero()); LARGEST_TILE];
        for (group, lines) in self.lines.chunks_mut(len * lanes).enumerate() {
            let block = &self.block[group * lanes..];
            // The last line may end with its last element.
            let edge = if lines.len() > (lanes - 1) * len {
                whole
            } else {
                0
            };
            for (chunk, place) in self.place[..edge].chunks_exact(lanes).enumerate() {
                for l in 0..lanes {
                    tile[l] = T::load(s, &block[place[l]..][..lanes]);
                }
                T::transpose(s, &mut tile[..lanes]);
                for l in 0..lanes {
                    let line = &mut lines[l * len + chunk * lanes..][..lanes];
                    T::store(s, line, T::v_mul(s, scale, tile[l]));
                }
            }
            for (chunk, place) in self.place[edge..].chunks(lanes).enumerate() {
                for (x, &place) in tile.iter_mut().zip(place) {
                    *x = T::load(s, &block[place..][..lanes]);
                }
                T::transpose(s, &mut tile[..lanes]);
                for l in 0..lanes {
                    let line = lines
                        .get_mut(l * len + edge + chunk * lanes..)
                        .unwrap_or_default();
                    let room = place.len().min(line.len());
                    T::store(s, &mut line[..room], T::v_mul(s, scale, tile[l]));
                }
            }
        }
    }
}

/// An address, which is never read from, and a count of numbers.
struct Prefetch<T>(*const T, usize);

impl<T: Lane> Vectorized for Prefetch<T> {
    #[inline(always)]
    fn run<S: Shuffle>(self, s: S) {
        for i in (0..self.1).step_by(width::<T>()) {
            s.prefetch(self.0.wrapping_add(i).cast());
        }
    }
}

struct Split<'a, T> {
    from: &'a [Complex<T>],
    to: &'a mut [T],
}

impl<T: Lane> Vectorized for Split<'_, T> {
    #[inline(always)]
    fn run<S: Shuffle>(self, s: S) {
        let width = width::<T>();
        let cells = self.from.chunks_exact(width);
        let rest = cells.remainder();
        let mut rows = self.to.chunks_exact_mut(row::<T>());
        for (cells, row) in cells.zip(&mut rows) {
            let from = T::vectors::<S>(T::reals(cells));
            let (re, im) = row.split_at_mut(width);
            let parts = T::vectors_mut::<S>(re)
                .iter_mut()
                .zip(T::vectors_mut::<S>(im));
            for ((re, im), pair) in parts.zip(from.as_chunks::<2>().0) {
                [*re, *im] = T::v_split(s, *pair);
            }
        }
        if let (Some(row), [_, ..]) = (rows.next(), rest) {
            let (re, im) = row.split_at_mut(width);
            for ((z, re), im) in rest.iter().zip(re).zip(im) {
                (*re, *im) = (z.re, z.im);
            }
        }
    }
}

struct Join<'a, T> {
    from: &'a [T],
    to: &'a mut [Complex<T>],
}

impl<T: Lane> Vectorized for Join<'_, T> {
    #[inline(always)]
    fn run<S: Shuffle>(self, s: S) {
        let width = width::<T>();
        for (row, cells) in self
            .from
            .chunks_exact(row::<T>())
            .zip(self.to.chunks_mut(width))
        {
            let (re, im) = row.split_at(width);
            if cells.len() < width {
                for ((z, &re), &im) in cells.iter_mut().zip(re).zip(im) {
                    *z = Complex::new(re, im);
                }
                continue;
            }
            let to = T::vectors_mut::<S>(T::reals_mut(cells));
            let parts = T::vectors::<S>(re).iter().zip(T::vectors::<S>(im));
            for ((&re, &im), pair) in parts.zip(to.as_chunks_mut::<2>().0) {
                *pair = T::v_join(s, [re, im]);
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
    fn run<S: Shuffle>(self, _: S) {
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
    fn run<S: Shuffle>(self, _: S) {
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
