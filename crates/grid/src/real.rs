//! Multipliers on real fields: real-to-complex transforms whose half spectra stay in here.

use std::array;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use adastra_core::Real;
use ndarray::{Array3, ArrayViewMut2, ArrayViewMut3, Axis, ShapeBuilder};
use num_complex::Complex;
use rayon::prelude::*;

use crate::accumulate::total;
use crate::blocks::{Blocks, blocks};
use crate::lanes::{TILE, row, width};
use crate::line::Line;
use crate::multiplier::{ByMode, multiply_blocks};
use crate::pool::{Buffer, Pool};
use crate::real_plane::RealPlane;
use crate::{Mesh, Multiplier, Run};

/// A plan for multipliers on the modes of real fields on one mesh. Cloning shares the plan and
/// its scratch memory.
///
/// Only half of the modes of a real field are independent: those with `iz <= nz/2`. A multiplier
/// `m` must keep fields real, `m(-k) = conj(m(k))`; so the multiplier of an odd derivative is
/// zero on the Nyquist mode. Results have the same bits for any number of threads.
pub struct RealFft<T>(Arc<Plan<T>>);

struct Plan<T> {
    cells: [usize; 3],
    along_x: Line<T>,
    plane: RealPlane<T>,
    /// Numbers from the modes `iz < nz/2` of one x to those of the next.
    main_stride: usize,
    /// Numbers from the modes `iz = nz/2` of one x to those of the next.
    nyquist_stride: usize,
    /// Half spectra, in rows of blocks (see [`crate::lanes`]).
    ///
    /// First come the modes `iz < nz/2`, as (x, y, blocks along z), then the Nyquist modes
    /// `iz = nz/2`, as (x, blocks along y): so that no block is filled by one column alone. The
    /// planes of constant x lie an odd number of rows apart, which keeps a column along x from
    /// falling into a few sets of the cache.
    spectra: Pool<T>,
    moves: Box<dyn Blocks<T>>,
    tiles: Pool<T>,
    transforms: AtomicUsize,
}

impl<T> Clone for RealFft<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> std::fmt::Debug for RealFft<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RealFft")
            .field("cells", &self.0.cells)
            .finish_non_exhaustive()
    }
}

impl<T: Real> RealFft<T> {
    /// Plans the transforms of real fields on a mesh.
    pub fn new(mesh: &Mesh) -> Self {
        let cells @ [nx, ny, nz] = mesh.cells();
        let plane = RealPlane::new(ny, nz);
        let main_stride = odd_rows::<T>(ny * plane.line_len());
        let nyquist_stride = odd_rows::<T>(plane.nyquist_len());
        Self(Arc::new(Plan {
            cells,
            along_x: Line::new(nx),
            plane,
            main_stride,
            nyquist_stride,
            spectra: Pool::new(nx * (main_stride + nyquist_stride)),
            moves: blocks(),
            tiles: Pool::new(TILE * nx * row::<T>()),
            transforms: AtomicUsize::new(0),
        }))
    }

    /// Cells along each axis.
    pub fn cells(&self) -> [usize; 3] {
        self.0.cells
    }

    /// Three-dimensional real transforms (real-to-complex or complex-to-real, each about half
    /// the work of a complex one) done so far by this plan and its clones.
    pub fn transforms(&self) -> usize {
        self.0.transforms.load(Relaxed)
    }

    /// How many modes of the full spectrum a mode of the half spectrum stands for: one for `iz`
    /// of 0 and `nz/2`, else two.
    pub fn weight(&self, iz: usize) -> f64 {
        let [.., nz] = self.0.cells;
        if iz == 0 || 2 * iz == nz { 1.0 } else { 2.0 }
    }

    /// Multiplies the modes `(ix, iy, iz)`, `iz <= nz/2`, of a field, in place: one
    /// real-to-complex and one complex-to-real transform.
    ///
    /// # Panics
    /// When the array is not of the mesh's shape in C order.
    pub fn filter_real(
        &self,
        field: &mut Array3<T>,
        multiplier: impl Fn([usize; 3]) -> Complex<T> + Sync,
    ) {
        let by_mode = ByMode(|mode, [z]: [Complex<T>; 1]| ([multiplier(mode) * z], ()));
        let plan = &*self.0;
        let mut spectrum = plan.forward(field);
        plan.columns([&mut spectrum], 1, 1, &by_mode);
        plan.inverse(spectrum, field);
    }

    /// Maps the modes of `inputs` to those of `outputs` with a [`Multiplier`] on `K` fields: it
    /// reads the first `inputs.len()` and writes the first `outputs.len()` of them, in
    /// `inputs.len() + outputs.len()` real transforms. Each mode with `iz <= nz/2` is seen once;
    /// [`RealFft::weight`] counts their mirror images.
    ///
    /// # Panics
    /// When an array is not of the mesh's shape in C order, or there are more than `K` inputs
    /// or outputs.
    pub fn map<const K: usize, M: Multiplier<T, K>>(
        &self,
        inputs: &[&Array3<T>],
        outputs: &mut [&mut Array3<T>],
        multiplier: &M,
    ) -> M::Sum {
        assert!(
            inputs.len() <= K && outputs.len() <= K,
            "a multiplier of {K} fields"
        );
        let plan = &*self.0;
        let mut spectra: [_; K] = array::from_fn(|i| match inputs.get(i) {
            Some(field) => plan.forward(field),
            None => plan.spectra.take(),
        });
        let sum = plan.columns(spectra.each_mut(), inputs.len(), outputs.len(), multiplier);
        for (spectrum, field) in spectra.into_iter().zip(outputs) {
            plan.inverse(spectrum, field);
        }
        sum
    }

    /// As [`RealFft::map`] of one input, which `outputs[0]` holds on entry.
    pub(crate) fn map_in_place<const K: usize, M: Multiplier<T, K>>(
        &self,
        outputs: &mut [&mut Array3<T>],
        multiplier: &M,
    ) -> M::Sum {
        let plan = &*self.0;
        let mut spectra: [_; K] = array::from_fn(|i| match (i, outputs.first()) {
            (0, Some(field)) => plan.forward(field),
            _ => plan.spectra.take(),
        });
        let sum = plan.columns(spectra.each_mut(), 1, outputs.len(), multiplier);
        for (spectrum, field) in spectra.into_iter().zip(outputs) {
            plan.inverse(spectrum, field);
        }
        sum
    }
}

/// The least odd number of rows that holds `len` numbers, in numbers.
fn odd_rows<T>(len: usize) -> usize {
    (len.div_ceil(row::<T>()) | 1) * row::<T>()
}

/// The blocks with one y, or with the Nyquist modes of a few y, as rows from `ix` to `ix`.
struct Columns<'a, T, const K: usize> {
    /// Indices of the first mode for `ix = 0`.
    at: [usize; 3],
    /// The axis along a block's lanes.
    axis: usize,
    /// Modes along `axis` in all blocks.
    len: usize,
    /// A plane `(ix, blocks)` of each field.
    planes: [ArrayViewMut2<'a, T>; K],
}

impl<T: Real> Plan<T> {
    fn forward(&self, field: &Array3<T>) -> Buffer<'_, T> {
        let [nx, ny, nz] = self.cells;
        assert_eq!(
            field.dim(),
            (nx, ny, nz),
            "a field of another shape than its transform"
        );
        self.transforms.fetch_add(1, Relaxed);
        let cells = field.as_slice().expect("a field in C order");
        let mut spectrum = self.spectra.take();
        let (main, nyquist) = spectrum.split_at_mut(nx * self.main_stride);
        cells
            .par_chunks_exact(ny * nz)
            .zip(main.par_chunks_exact_mut(self.main_stride))
            .zip(nyquist.par_chunks_exact_mut(self.nyquist_stride))
            .for_each(|((cells, main), nyquist)| {
                let main = &mut main[..ny * self.plane.line_len()];
                self.plane.forward(cells, main, nyquist);
            });
        spectrum
    }

    fn inverse(&self, mut spectrum: Buffer<'_, T>, field: &mut Array3<T>) {
        let [nx, ny, nz] = self.cells;
        assert_eq!(
            field.dim(),
            (nx, ny, nz),
            "a field of another shape than its transform"
        );
        self.transforms.fetch_add(1, Relaxed);
        let scale = T::of(1.0 / (nx * ny * nz) as f64);
        let cells = field.as_slice_mut().expect("a field in C order");
        let (main, nyquist) = spectrum.split_at_mut(nx * self.main_stride);
        cells
            .par_chunks_exact_mut(ny * nz)
            .zip(main.par_chunks_exact_mut(self.main_stride))
            .zip(nyquist.par_chunks_exact(self.nyquist_stride))
            .for_each(|((cells, main), nyquist)| {
                let main = &mut main[..ny * self.plane.line_len()];
                self.plane.inverse(main, nyquist, scale, cells);
            });
    }

    /// Transforms the first `inputs` spectra along x, multiplies, and transforms the first
    /// `outputs` back.
    fn columns<const K: usize, M: Multiplier<T, K>>(
        &self,
        spectra: [&mut Buffer<'_, T>; K],
        inputs: usize,
        outputs: usize,
        multiplier: &M,
    ) -> M::Sum {
        let [nx, ny, nz] = self.cells;
        let line_len = self.plane.line_len();
        let (mut main, mut nyquist) = (Vec::with_capacity(K), Vec::with_capacity(K));
        for spectrum in spectra {
            let (low, high) = spectrum.split_at_mut(nx * self.main_stride);
            main.push(planes(low, self.main_stride, [nx, ny, line_len]));
            let blocks = self.plane.nyquist_len() / row::<T>();
            nyquist.push(planes(high, self.nyquist_stride, [nx, blocks, row::<T>()]));
        }
        let low = by_plane(&mut main).enumerate().map(|(iy, planes)| Columns {
            at: [0, iy, 0],
            axis: 2,
            len: nz / 2,
            planes,
        });
        let high = by_plane(&mut nyquist).enumerate().map(|(block, planes)| {
            let iy = block * width::<T>();
            Columns {
                at: [0, iy, nz / 2],
                axis: 1,
                len: ny - iy,
                planes,
            }
        });
        let tasks: Vec<Columns<'_, T, K>> = low.chain(high).collect();
        let work = |columns| self.filter_columns(columns, inputs, outputs, multiplier);
        let parts: Vec<M::Sum> = tasks.into_par_iter().map(work).collect();
        total(parts)
    }

    /// [`Plan::columns`] for one task.
    fn filter_columns<const K: usize, M: Multiplier<T, K>>(
        &self,
        mut columns: Columns<'_, T, K>,
        inputs: usize,
        outputs: usize,
        multiplier: &M,
    ) -> M::Sum {
        let (line, row, width) = (&self.along_x, row::<T>(), width::<T>());
        let mut planes = columns.planes.each_mut().map(|plane| {
            let rows = plane.outer_iter_mut();
            let rows = rows.map(|row| row.into_slice().expect("contiguous rows"));
            rows.collect::<Vec<&mut [T]>>()
        });
        let blocks_across = planes[0].first().map_or(0, |plane| plane.len() / row);
        let block_len = line.n * row;
        let mut tiles: [_; K] = array::from_fn(|_| self.tiles.take());
        let mut sum = M::Sum::default();
        for first in (0..blocks_across).step_by(TILE) {
            for (tile, plane) in tiles.iter_mut().zip(&planes).take(inputs) {
                self.moves.rows_in(plane, first * row, &line.natural, tile);
            }
            let mut blocks = tiles
                .each_mut()
                .map(|tile| tile.chunks_exact_mut(block_len));
            for block in (first..blocks_across).take(TILE) {
                let mut blocks = blocks
                    .each_mut()
                    .map(|b| b.next().expect("a block of the tile"));
                blocks
                    .iter_mut()
                    .take(inputs)
                    .for_each(|block| line.kernel.forward(block));
                let lanes = block * width..columns.len.min((block + 1) * width);
                let mut run = Run {
                    at: columns.at,
                    axis: columns.axis,
                    len: lanes.len(),
                };
                run.at[run.axis] += lanes.start;
                let rows = blocks.each_mut().map(|block| &mut **block);
                multiply_blocks(multiplier, &line.order, run, rows, &mut sum);
                blocks
                    .iter_mut()
                    .take(outputs)
                    .for_each(|block| line.kernel.inverse(block));
            }
            for (tile, plane) in tiles.iter().zip(&mut planes).take(outputs) {
                self.moves
                    .rows_out(tile, &line.natural, T::one(), plane, first * row);
            }
        }
        sum
    }
}

/// A buffer of rows of `shape[2]` numbers as a field whose planes of constant x begin `stride`
/// apart.
fn planes<T>(buffer: &mut [T], stride: usize, shape: [usize; 3]) -> ArrayViewMut3<'_, T> {
    let strided = shape.strides([stride, shape[2], 1]);
    ArrayViewMut3::from_shape(strided, buffer).expect("planes that fit the buffer")
}

/// The planes of constant y of `K` fields, together.
fn by_plane<'a, T, const K: usize>(
    fields: &'a mut [ArrayViewMut3<'_, T>],
) -> impl Iterator<Item = [ArrayViewMut2<'a, T>; K]> {
    let mut iters: Vec<_> = fields
        .iter_mut()
        .map(|field| field.axis_iter_mut(Axis(1)))
        .collect();
    let count = iters.first().map_or(0, ExactSizeIterator::len);
    (0..count).map(move |_| array::from_fn(|k| iters[k].next().expect("as many planes")))
}
