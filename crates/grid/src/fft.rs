//! Three-dimensional transforms of complex fields, and filters fused with them.

use std::array;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use adastra_core::Real;
use ndarray::{Array3, Axis};
use num_complex::Complex;
use rayon::prelude::*;

use crate::accumulate::total;
use crate::blocks::{Blocks, blocks};
use crate::lanes::{TILE, row, width};
use crate::line::Line;
use crate::multiplier::{ByMode, multiply_blocks};
use crate::pool::Pool;
use crate::{Accumulate, Multiplier, Run};

/// A plan for transforms of complex fields of one shape. Cloning shares the plan.
///
/// The forward transform is unnormalized, the inverse has the factor `1/N`. Results have the
/// same bits for any number of threads.
pub struct Fft<T>(Arc<Plan<T>>);

struct Plan<T> {
    cells: [usize; 3],
    lines: [Line<T>; 3],
    moves: Box<dyn Blocks<T>>,
    tiles: Pool<T>,
    transforms: AtomicUsize,
}

impl<T> Clone for Fft<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> std::fmt::Debug for Fft<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Fft")
            .field("cells", &self.0.cells)
            .finish_non_exhaustive()
    }
}

impl<T: Real> Fft<T> {
    /// Plans transforms of fields of shape `cells`, of any length along each axis.
    ///
    /// # Panics
    /// When a length is zero.
    pub fn new(cells: [usize; 3]) -> Self {
        assert!(!cells.contains(&0), "a transform of shape {cells:?}");
        let longest = cells.into_iter().fold(0, usize::max);
        Self(Arc::new(Plan {
            cells,
            lines: cells.map(Line::new),
            moves: blocks(),
            tiles: Pool::new(TILE * longest * row::<T>()),
            transforms: AtomicUsize::new(0),
        }))
    }

    /// Lengths along each axis.
    pub fn cells(&self) -> [usize; 3] {
        self.0.cells
    }

    /// Three-dimensional complex transforms done so far by this plan and its clones: a
    /// [`filter`](Fft::filter) of K fields counts 2 K.
    pub fn transforms(&self) -> usize {
        self.0.transforms.load(Relaxed)
    }

    /// `X_k = sum_j x_j exp(-2 pi i j.k / n)`, in place.
    ///
    /// # Panics
    /// When the array is not of the plan's shape in C order.
    pub fn forward(&self, field: &mut Array3<Complex<T>>) {
        let plan = &*self.0;
        plan.transforms.fetch_add(1, Relaxed);
        plan.slabs([&mut *field], |_, [slab]| plan.forward_slab(slab));
        plan.columns([field], |_, [mut plane]| {
            let line = &plan.lines[0];
            plan.tiles([&mut plane], &line.natural, &line.order, |_, [block]| {
                line.kernel.forward(block);
            });
        });
    }

    /// `x_j = 1/N sum_k X_k exp(+2 pi i j.k / n)`, in place.
    ///
    /// # Panics
    /// When the array is not of the plan's shape in C order.
    pub fn inverse(&self, field: &mut Array3<Complex<T>>) {
        let plan = &*self.0;
        plan.transforms.fetch_add(1, Relaxed);
        plan.columns([&mut *field], |_, [mut plane]| {
            let line = &plan.lines[0];
            plan.tiles([&mut plane], &line.order, &line.natural, |_, [block]| {
                line.kernel.inverse(block);
            });
        });
        plan.slabs([field], |_, [slab]| plan.inverse_slab(slab));
    }

    /// `IFFT(spectral(FFT(before(field))))` of each of `K` fields, in place, in three passes over
    /// memory.
    ///
    /// `before(ix, slabs)` changes the plane `ix` of each field, of shape `(ny, nz)` in C order,
    /// before it is transformed: a kick fused with the drift that follows. `spectral(mode,
    /// amplitudes)` returns the new amplitudes of the mode `(ix, iy, iz)` and its part of the sum
    /// that is returned; the sum runs in a fixed order.
    ///
    /// # Panics
    /// When an array is not of the plan's shape in C order.
    pub fn filter<const K: usize, S: Accumulate>(
        &self,
        fields: [&mut Array3<Complex<T>>; K],
        before: impl Fn(usize, [&mut [Complex<T>]; K]) + Sync,
        spectral: impl Fn([usize; 3], [Complex<T>; K]) -> ([Complex<T>; K], S) + Sync,
    ) -> S {
        self.filter_with(fields, before, &ByMode(spectral), |_, _| ())
    }

    /// As [`Fft::filter`], with a [`Multiplier`], and with `after(ix, slabs)` that sees the plane
    /// `ix` of each transformed field while it is in the cache: a density fused with the drift.
    ///
    /// # Panics
    /// When an array is not of the plan's shape in C order.
    pub fn filter_with<const K: usize, M: Multiplier<T, K>>(
        &self,
        mut fields: [&mut Array3<Complex<T>>; K],
        before: impl Fn(usize, [&mut [Complex<T>]; K]) + Sync,
        multiplier: &M,
        after: impl Fn(usize, [&mut [Complex<T>]; K]) + Sync,
    ) -> M::Sum {
        let plan = &*self.0;
        plan.transforms.fetch_add(2 * K, Relaxed);
        plan.slabs(fields.each_mut().map(|f| &mut **f), |ix, mut slabs| {
            before(ix, slabs.each_mut().map(|slab| &mut **slab));
            slabs.into_iter().for_each(|slab| plan.forward_slab(slab));
        });
        let sum = plan.columns(fields.each_mut().map(|f| &mut **f), |iy, mut planes| {
            let line = &plan.lines[0];
            let mut sum = M::Sum::default();
            plan.tiles(
                planes.each_mut(),
                &line.natural,
                &line.natural,
                |z, mut blocks| {
                    blocks
                        .iter_mut()
                        .for_each(|block| line.kernel.forward(block));
                    let run = Run {
                        at: [0, iy, z.start],
                        axis: 2,
                        len: z.len(),
                    };
                    let rows = blocks.each_mut().map(|block| &mut **block);
                    multiply_blocks(multiplier, &line.order, run, rows, &mut sum);
                    blocks
                        .iter_mut()
                        .for_each(|block| line.kernel.inverse(block));
                },
            );
            sum
        });
        plan.slabs(fields, |ix, mut slabs| {
            slabs.iter_mut().for_each(|slab| plan.inverse_slab(slab));
            after(ix, slabs);
        });
        sum
    }
}

impl<T: Real> Plan<T> {
    /// Runs `work(ix, planes)` on the planes of constant x.
    fn slabs<const K: usize>(
        &self,
        fields: [&mut Array3<Complex<T>>; K],
        work: impl Fn(usize, [&mut [Complex<T>]; K]) + Sync,
    ) {
        let [nx, ny, nz] = self.cells;
        let mut slabs = fields.map(|field| {
            assert_eq!(
                field.dim(),
                (nx, ny, nz),
                "a field of another shape than its transform"
            );
            let cells = field.as_slice_mut().expect("a field in C order");
            cells.chunks_exact_mut(ny * nz)
        });
        let slabs: Vec<[&mut [Complex<T>]; K]> = (0..nx)
            .map(|_| {
                slabs
                    .each_mut()
                    .map(|slabs| slabs.next().expect("nx planes"))
            })
            .collect();
        slabs
            .into_par_iter()
            .enumerate()
            .for_each(|(ix, slabs)| work(ix, slabs));
    }

    /// Runs `work(iy, rows)` on the planes of constant y, given as rows along z, and adds up.
    fn columns<const K: usize, S: Accumulate>(
        &self,
        fields: [&mut Array3<Complex<T>>; K],
        work: impl Fn(usize, [Vec<&mut [Complex<T>]>; K]) -> S + Sync,
    ) -> S {
        let [nx, ny, nz] = self.cells;
        let mut planes = fields.map(|field| {
            assert_eq!(
                field.dim(),
                (nx, ny, nz),
                "a field of another shape than its transform"
            );
            field.axis_iter_mut(Axis(1))
        });
        let planes: Vec<_> = (0..ny)
            .map(|_| {
                planes
                    .each_mut()
                    .map(|planes| planes.next().expect("ny planes"))
            })
            .collect();
        let parts: Vec<S> = planes
            .into_par_iter()
            .enumerate()
            .map(|(iy, mut planes)| {
                let rows = planes.each_mut().map(|plane| {
                    let rows = plane.outer_iter_mut();
                    rows.map(|row| row.into_slice().expect("a field in C order"))
                        .collect()
                });
                work(iy, rows)
            })
            .collect();
        total(parts)
    }

    /// Runs `work(z, blocks)` on the blocks of columns along x of `K` planes, whose rows come
    /// from the rows `from` of the planes and go to the rows `to`.
    fn tiles<const K: usize>(
        &self,
        mut planes: [&mut Vec<&mut [Complex<T>]>; K],
        from: &[usize],
        to: &[usize],
        mut work: impl FnMut(Range<usize>, [&mut [T]; K]),
    ) {
        let [nx, _, nz] = self.cells;
        let mut tiles: [_; K] = array::from_fn(|_| self.tiles.take());
        for start in (0..nz).step_by(TILE * width::<T>()) {
            for (tile, plane) in tiles.iter_mut().zip(&planes) {
                self.moves
                    .columns_in(plane, start, from, &mut tile[..TILE * nx * row::<T>()]);
            }
            let mut blocks = tiles
                .each_mut()
                .map(|tile| tile.chunks_exact_mut(nx * row::<T>()));
            for z in (start..nz).step_by(width::<T>()).take(TILE) {
                let blocks = blocks
                    .each_mut()
                    .map(|b| b.next().expect("a block of the tile"));
                work(z..nz.min(z + width::<T>()), blocks);
            }
            for (tile, plane) in tiles.iter().zip(&mut planes) {
                let tile = &tile[..TILE * nx * row::<T>()];
                self.moves.columns_out(tile, to, T::one(), plane, start);
            }
        }
    }

    /// Transforms a plane `(ny, nz)` along z and y, to modes in natural order.
    fn forward_slab(&self, slab: &mut [Complex<T>]) {
        let [_, y, z] = &self.lines;
        let mut tile = self.tiles.take();
        self.along_z(slab, &mut tile, &z.point_places, &z.mode_places, |b| {
            z.kernel.forward(b)
        });
        self.along_y(slab, &mut tile, &y.natural, &y.order, T::one(), |b| {
            y.kernel.forward(b)
        });
    }

    /// Inverse of [`Plan::forward_slab`], times `1/(nx ny nz)`.
    fn inverse_slab(&self, slab: &mut [Complex<T>]) {
        let [_, y, z] = &self.lines;
        let scale = T::of(1.0 / self.cells.iter().product::<usize>() as f64);
        let mut tile = self.tiles.take();
        // Along z first here too: that pass meets the plane outside the cache, and reads it in
        // the order of its addresses.
        self.along_z(slab, &mut tile, &z.mode_places, &z.point_places, |b| {
            z.kernel.inverse(b)
        });
        self.along_y(slab, &mut tile, &y.order, &y.natural, scale, |b| {
            y.kernel.inverse(b)
        });
    }

    /// Transforms the rows of a plane, [`width`] at a time.
    fn along_z(
        &self,
        slab: &mut [Complex<T>],
        tile: &mut [T],
        from: &[usize],
        to: &[usize],
        transform: impl Fn(&mut [T]),
    ) {
        let nz = self.lines[2].n;
        let (len, group) = (slab.len(), nz * width::<T>());
        let block = &mut tile[..nz * row::<T>()];
        for start in (0..len).step_by(group) {
            let (lines, later) = slab[start..].split_at_mut(group.min(len - start));
            self.moves.complex_lines_in(lines, from, block);
            self.moves
                .prefetch_complex(later.get(..group).unwrap_or(later));
            transform(block);
            self.moves.complex_lines_out(block, to, lines);
        }
    }

    /// Transforms the columns of a plane, [`width`] at a time.
    fn along_y(
        &self,
        slab: &mut [Complex<T>],
        tile: &mut [T],
        from: &[usize],
        to: &[usize],
        scale: T,
        transform: impl Fn(&mut [T]),
    ) {
        let nz = self.lines[2].n;
        let block = &mut tile[..self.lines[1].n * row::<T>()];
        let mut plane: Vec<_> = slab.chunks_exact_mut(nz).collect();
        for z in (0..nz).step_by(width::<T>()) {
            self.moves.columns_in(&plane, z, from, block);
            transform(block);
            self.moves.columns_out(block, to, scale, &mut plane, z);
        }
    }
}
