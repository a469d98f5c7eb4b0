//! The pass along x, over a spectrum in an order of its own.
//!
//! The planes of a field are transformed one by one, as (y, z). For the pass along x their rows
//! are put down as (y, x, z): one task then owns all x of a y, in one piece of memory that fits
//! a cache. Rows of modes hold blocks along z (see [`crate::lanes`]).

use adastra_core::Real;
use ndarray::{ArrayViewMut2, ArrayViewMut3, ShapeBuilder};
use rayon::prelude::*;

use crate::blocks::Blocks;
use crate::lanes::{Rows, row, width};
use crate::line::Line;
use crate::multiplier::multiply_blocks;
use crate::{Multiplier, Run};

/// The order of a spectrum of `rows` rows for each of `nx` planes.
pub(crate) struct Pencils {
    nx: usize,
    rows: usize,
    blocks: usize,
    /// Numbers from one row to that of the next x.
    line: usize,
    /// Numbers from one row to the next of the same x.
    slab: usize,
}

impl Pencils {
    /// For rows of `blocks` blocks.
    pub(crate) fn new<T>(nx: usize, rows: usize, blocks: usize) -> Self {
        let line = odd::<T>(blocks * row::<T>());
        Self {
            nx,
            rows,
            blocks,
            line,
            slab: odd::<T>(nx * line),
        }
    }

    /// Numbers of a spectrum.
    pub(crate) fn len(&self) -> usize {
        self.rows * self.slab
    }

    /// Numbers of a row, and what separates it from the next.
    pub(crate) fn line(&self) -> usize {
        self.line
    }

    /// A spectrum as an array of shape (rows, x, numbers of a row).
    pub(crate) fn view<'a, T>(&self, spectrum: &'a mut [T]) -> ArrayViewMut3<'a, T> {
        let shape = (self.rows, self.nx, self.line).strides((self.slab, self.line, 1));
        ArrayViewMut3::from_shape(shape, spectrum).expect("a spectrum of this order")
    }

    /// The rows of all x, one after the other; the rows of one begin [`Pencils::line`] apart.
    pub(crate) fn slabs<'a, T: Real>(
        &self,
        spectrum: &'a mut [T],
    ) -> rayon::slice::ChunksExactMut<'a, T> {
        spectrum.par_chunks_exact_mut(self.slab)
    }

    /// Transforms the first `inputs` of `K` spectra along x, multiplies their modes, and
    /// transforms the first `outputs` back. `modes(i)` are those of row `i` at x = 0. Returns the
    /// sums of the rows.
    pub(crate) fn filter<T: Real, const K: usize, M: Multiplier<T, K>>(
        &self,
        along_x: &Line<T>,
        moves: &dyn Blocks<T>,
        spectra: [&mut [T]; K],
        inputs: usize,
        outputs: usize,
        modes: impl Fn(usize) -> Run + Sync,
        multiplier: &M,
    ) -> Vec<M::Sum> {
        let mut slabs = spectra.map(|spectrum| spectrum.chunks_exact_mut(self.slab));
        let slabs: Vec<[&mut [T]; K]> = (0..self.rows)
            .map(|_| {
                slabs
                    .each_mut()
                    .map(|slabs| slabs.next().expect("a slab for each row"))
            })
            .collect();
        let filter = |(i, mut slabs): (usize, [&mut [T]; K])| {
            let modes = modes(i);
            let mut sum = M::Sum::default();
            for block in 0..self.blocks {
                for slab in slabs.iter_mut().take(inputs) {
                    // What is used up of this slab makes room for as much of the next.
                    let share = slab.len().div_ceil(self.blocks);
                    moves.prefetch_after(slab, block * share, share);
                    along_x.kernel.forward(self.block(slab, block));
                }
                let start = block * width::<T>();
                let mut run = Run {
                    len: width::<T>().min(modes.len - start),
                    ..modes
                };
                run.at[run.axis] += start;
                let blocks = slabs.each_mut().map(|slab| self.block(slab, block));
                multiply_blocks(multiplier, &along_x.order, run, blocks, &mut sum);
                for slab in slabs.iter_mut().take(outputs) {
                    along_x.kernel.inverse(self.block(slab, block));
                }
            }
            sum
        };
        slabs.into_par_iter().enumerate().map(filter).collect()
    }

    /// A block of a slab.
    pub(crate) fn block<'a, T>(&self, slab: &'a mut [T], block: usize) -> Rows<'a, T> {
        Rows {
            data: slab,
            stride: self.line,
            first: block * row::<T>(),
        }
    }

    /// The rows of one x whose turn it is to be prefetched while block `block` is worked on.
    pub(crate) fn share<'a, T>(
        &self,
        rows: &'a ArrayViewMut2<'_, T>,
        block: usize,
    ) -> impl Iterator<Item = &'a [T]> {
        let share = self.rows.div_ceil(self.blocks);
        let rows = rows.outer_iter().skip(block * share).take(share);
        rows.filter_map(|row| row.to_slice())
    }

    /// Blocks of a row.
    pub(crate) fn blocks(&self) -> usize {
        self.blocks
    }
}

/// Puts down the rows of one plane, `line` numbers apart, as the rows of one x of a spectrum.
pub(crate) fn put<T: Real>(plane: &[T], line: usize, rows: &mut ArrayViewMut2<'_, T>) {
    for (from, mut to) in plane.chunks_exact(line).zip(rows.outer_iter_mut()) {
        to.as_slice_mut()
            .expect("contiguous rows")
            .copy_from_slice(from);
    }
}

/// Inverse of [`put`].
pub(crate) fn take<T: Real>(rows: &ArrayViewMut2<'_, T>, line: usize, plane: &mut [T]) {
    for (from, to) in rows.outer_iter().zip(plane.chunks_exact_mut(line)) {
        to.copy_from_slice(from.as_slice().expect("contiguous rows"));
    }
}

/// The least odd number of cache lines that holds `len` numbers, in numbers. Rows that lie an odd
/// number of lines apart spread over all sets of a cache; a power of two would share a few.
fn odd<T>(len: usize) -> usize {
    (len.div_ceil(width::<T>()) | 1) * width::<T>()
}
