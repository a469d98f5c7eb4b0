//! Multipliers on real fields: real-to-complex transforms whose half spectra stay in here.

use std::array;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use adastra_core::Real;
use ndarray::{Array3, Axis};
use num_complex::Complex;
use rayon::prelude::*;

use crate::accumulate::total;
use crate::blocks::{Blocks, blocks};
use crate::lanes::width;
use crate::line::Line;
use crate::multiplier::ByMode;
use crate::pencils::{Pencils, put, take};
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
    /// The order of the modes `iz < nz/2` between the passes.
    main: Pencils,
    /// The order of the modes `iz = nz/2`, as (blocks along y, x): apart, so that no block is
    /// filled by one column alone.
    nyquist: Pencils,
    /// The modes `iz < nz/2`, then the Nyquist modes.
    spectra: Pool<T>,
    moves: Box<dyn Blocks<T>>,
    /// As a spectrum, for one x.
    planes: Pool<T>,
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
        let main = Pencils::new::<T>(nx, ny, plane.z_blocks());
        let nyquist = Pencils::new::<T>(nx, ny.div_ceil(width::<T>()), 1);
        let numbers = ny * main.line() + ny.div_ceil(width::<T>()) * nyquist.line();
        Self(Arc::new(Plan {
            cells,
            along_x: Line::new(nx),
            spectra: Pool::new(main.len() + nyquist.len()),
            plane,
            main,
            nyquist,
            moves: blocks(),
            planes: Pool::new(numbers),
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
        let (main, nyquist) = spectrum.split_at_mut(self.main.len());
        let (mut main, mut nyquist) = (self.main.view(main), self.nyquist.view(nyquist));
        let main = main.axis_iter_mut(Axis(1)).into_par_iter();
        let nyquist = nyquist.axis_iter_mut(Axis(1)).into_par_iter();
        let rows = main.zip(nyquist).zip(cells.par_chunks_exact(ny * nz));
        rows.for_each(|((mut main, mut nyquist), cells)| {
            let mut buffer = self.planes.take();
            let (low, high) = buffer.split_at_mut(ny * self.main.line());
            let prefetch = |block| {
                self.main
                    .share(&main, block)
                    .for_each(|row| self.moves.prefetch(row))
            };
            let (line, nyquist_line) = (self.main.line(), self.nyquist.line());
            self.plane
                .forward(cells, low, line, high, nyquist_line, prefetch);
            put(low, self.main.line(), &mut main);
            put(high, self.nyquist.line(), &mut nyquist);
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
        let (main, nyquist) = spectrum.split_at_mut(self.main.len());
        let (mut main, mut nyquist) = (self.main.view(main), self.nyquist.view(nyquist));
        let main = main.axis_iter_mut(Axis(1)).into_par_iter();
        let nyquist = nyquist.axis_iter_mut(Axis(1)).into_par_iter();
        let rows = main.zip(nyquist).zip(cells.par_chunks_exact_mut(ny * nz));
        rows.for_each(|((main, nyquist), cells)| {
            let mut buffer = self.planes.take();
            let (low, high) = buffer.split_at_mut(ny * self.main.line());
            let (line, nyquist_line) = (self.main.line(), self.nyquist.line());
            take(&main, line, low);
            take(&nyquist, nyquist_line, high);
            let prefetch = |block| {
                let rows = self.main.share(&main, block);
                rows.for_each(|row| self.moves.prefetch_after(row, 0, line));
            };
            self.plane
                .inverse(low, line, high, nyquist_line, scale, cells, prefetch);
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
        let [_, ny, nz] = self.cells;
        let mut parts = spectra.map(|spectrum| spectrum.split_at_mut(self.main.len()));
        let main = parts.each_mut().map(|(main, _)| &mut **main);
        let modes = |i: usize| Run {
            at: [0, self.plane.along_y.order[i], 0],
            axis: 2,
            len: nz / 2,
        };
        let (line, moves) = (&self.along_x, &*self.moves);
        let mut sums = self
            .main
            .filter(line, moves, main, inputs, outputs, modes, multiplier);
        let nyquist = parts.map(|(_, nyquist)| nyquist);
        let modes = |block: usize| {
            let iy = block * width::<T>();
            Run {
                at: [0, iy, nz / 2],
                axis: 1,
                len: ny - iy,
            }
        };
        sums.extend(
            self.nyquist
                .filter(line, moves, nyquist, inputs, outputs, modes, multiplier),
        );
        total(sums)
    }
}
