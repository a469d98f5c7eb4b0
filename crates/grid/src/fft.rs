//! Three-dimensional transforms of complex fields, and filters fused with them.

use std::array;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use adastra_core::Real;
use ndarray::{Array3, ArrayViewMut2, Axis};
use num_complex::Complex;
use rayon::prelude::*;

use crate::accumulate::total;
use crate::blocks::{Blocks, blocks};
use crate::lanes::{Rows, row, width};
use crate::line::{Line, ModePlaces};
use crate::multiplier::ByMode;
use crate::pencils::{Pencils, put, take};
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
    /// The order of the spectrum between the passes.
    pencils: Pencils,
    spectra: Pool<T>,
    /// Places in a transformed block of the modes along z.
    mode_places: ModePlaces,
    moves: Box<dyn Blocks<T>>,
    /// A plane of modes, and a block of lines along z.
    planes: Pool<T>,
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
        let [nx, ny, nz] = cells;
        let lines = cells.map(Line::new);
        let pencils = Pencils::new::<T>(nx, ny, nz.div_ceil(width::<T>()));
        Self(Arc::new(Plan {
            cells,
            spectra: Pool::new(pencils.len()),
            mode_places: ModePlaces::new::<T>(nz, &lines[2].position),
            moves: blocks(),
            planes: Pool::new(ny * pencils.line() + ModePlaces::rows(nz) * row::<T>()),
            lines,
            pencils,
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
        let mut spectrum = plan.spectra.take();
        plan.spectra_of([&mut *field], [&mut spectrum], |_, _| ());
        let [along_x, along_y, _] = &plan.lines;
        let slabs = plan.pencils.slabs(&mut spectrum);
        let planes = in_order(field.axis_iter_mut(Axis(1)), &along_y.order);
        slabs.zip(planes).for_each(|(slab, mut plane)| {
            for block in 0..plan.pencils.blocks() {
                along_x.kernel.forward(plan.pencils.block(slab, block));
            }
            let lines = slab.chunks_exact(plan.pencils.line());
            for (line, &ix) in lines.zip(&along_x.order) {
                let mut cells = plane.row_mut(ix);
                plan.moves
                    .join(line, cells.as_slice_mut().expect("a field in C order"));
            }
        });
    }

    /// `x_j = 1/N sum_k X_k exp(+2 pi i j.k / n)`, in place.
    ///
    /// # Panics
    /// When the array is not of the plan's shape in C order.
    pub fn inverse(&self, field: &mut Array3<Complex<T>>) {
        let plan = &*self.0;
        plan.transforms.fetch_add(1, Relaxed);
        plan.check(field);
        let mut spectrum = plan.spectra.take();
        let [along_x, along_y, _] = &plan.lines;
        let slabs = plan.pencils.slabs(&mut spectrum);
        let planes = in_order(field.axis_iter(Axis(1)), &along_y.order);
        slabs.zip(planes).for_each(|(slab, plane)| {
            let lines = slab.chunks_exact_mut(plan.pencils.line());
            for (line, &ix) in lines.zip(&along_x.order) {
                let cells = plane.row(ix);
                plan.moves
                    .split(cells.as_slice().expect("a field in C order"), line);
            }
            for block in 0..plan.pencils.blocks() {
                along_x.kernel.inverse(plan.pencils.block(slab, block));
            }
        });
        plan.fields_of([&mut spectrum], [field], 1, |_, _| ());
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
    /// `ix` of each field while it is in the cache: a density fused with the drift. Fields beyond
    /// [`Multiplier::outputs`] are what `before` made of them.
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
        let (plan, outputs) = (&*self.0, multiplier.outputs());
        plan.transforms.fetch_add(K + outputs, Relaxed);
        let [along_x, along_y, _] = &plan.lines;
        let mut spectra: [_; K] = array::from_fn(|_| plan.spectra.take());
        let mut spectra = spectra.each_mut().map(|spectrum| &mut **spectrum);
        plan.spectra_of(
            fields.each_mut().map(|f| &mut **f),
            spectra.each_mut().map(|s| &mut **s),
            before,
        );
        let [.., nz] = plan.cells;
        let modes = |i: usize| Run {
            at: [0, along_y.order[i], 0],
            axis: 2,
            len: nz,
        };
        let parts = spectra.each_mut().map(|s| &mut **s);
        let sums = plan
            .pencils
            .filter(along_x, &*plan.moves, parts, K, outputs, modes, multiplier);
        plan.fields_of(spectra, fields, outputs, after);
        total(sums)
    }
}

/// The items `order[0]`, `order[1]`, ...
fn in_order<X: Send>(
    items: impl Iterator<Item = X>,
    order: &[usize],
) -> impl IndexedParallelIterator<Item = X> {
    let mut items: Vec<_> = items.map(Some).collect();
    let sorted: Vec<X> = order.iter().filter_map(|&i| items[i].take()).collect();
    sorted.into_par_iter()
}

impl<T: Real> Plan<T> {
    fn check(&self, field: &Array3<Complex<T>>) {
        let [nx, ny, nz] = self.cells;
        assert_eq!(
            field.dim(),
            (nx, ny, nz),
            "a field of another shape than its transform"
        );
        assert!(field.is_standard_layout(), "a field that is not in C order");
    }

    /// Runs `work(ix, planes, rows)` on the planes of constant x and on the rows of their modes.
    fn planes<const K: usize>(
        &self,
        fields: [&mut Array3<Complex<T>>; K],
        spectra: [&mut [T]; K],
        work: impl Fn(usize, [&mut [Complex<T>]; K], [ArrayViewMut2<'_, T>; K]) + Sync,
    ) {
        let [nx, ny, nz] = self.cells;
        let mut planes = fields.map(|field| {
            self.check(field);
            field
                .as_slice_mut()
                .into_iter()
                .flat_map(move |cells| cells.chunks_exact_mut(ny * nz))
        });
        let mut views = spectra.map(|spectrum| self.pencils.view(spectrum));
        let mut rows = views.each_mut().map(|view| view.axis_iter_mut(Axis(1)));
        let tasks: Vec<_> = (0..nx)
            .map(|_| {
                let planes = planes
                    .each_mut()
                    .map(|p| p.next().expect("a plane for each x"));
                let rows = rows.each_mut().map(|r| r.next().expect("rows for each x"));
                (planes, rows)
            })
            .collect();
        let tasks = tasks.into_par_iter().enumerate();
        tasks.for_each(|(ix, (planes, rows))| work(ix, planes, rows));
    }

    /// Transforms fields along z and y, plane by plane, after `before` has changed the planes.
    fn spectra_of<const K: usize>(
        &self,
        fields: [&mut Array3<Complex<T>>; K],
        spectra: [&mut [T]; K],
        before: impl Fn(usize, [&mut [Complex<T>]; K]) + Sync,
    ) {
        self.planes(fields, spectra, |ix, mut planes, rows| {
            before(ix, planes.each_mut().map(|plane| &mut **plane));
            for (plane, rows) in planes.into_iter().zip(rows) {
                self.forward_plane(plane, rows);
            }
        });
    }

    /// Inverse of [`Plan::spectra_of`] for the first `outputs` fields; `after` sees all planes.
    fn fields_of<const K: usize>(
        &self,
        spectra: [&mut [T]; K],
        fields: [&mut Array3<Complex<T>>; K],
        outputs: usize,
        after: impl Fn(usize, [&mut [Complex<T>]; K]) + Sync,
    ) {
        self.planes(fields, spectra, |ix, mut planes, rows| {
            for (plane, rows) in planes.iter_mut().zip(rows).take(outputs) {
                self.inverse_plane(rows, plane);
            }
            after(ix, planes);
        });
    }

    fn forward_plane(&self, cells: &[Complex<T>], mut rows: ArrayViewMut2<'_, T>) {
        let [_, along_y, along_z] = &self.lines;
        let (line, nz) = (self.pencils.line(), along_z.n);
        let group = width::<T>() * nz;
        let mut buffer = self.planes.take();
        let (plane, block) = buffer.split_at_mut(along_y.n * line);
        let modes = plane.chunks_mut(width::<T>() * line);
        for (lines, modes) in cells.chunks(group).zip(modes) {
            self.moves
                .complex_lines_in(lines, &along_z.point_places, block);
            self.moves.prefetch_after_complex(lines, group);
            along_z.kernel.forward(Rows::dense(block));
            self.moves
                .lines_out(block, &self.mode_places.out, T::one(), modes, line);
        }
        for block in 0..self.pencils.blocks() {
            for row in self.pencils.share(&rows, block) {
                self.moves.prefetch(row);
            }
            along_y.kernel.forward(self.pencils.block(plane, block));
        }
        put(plane, line, &mut rows);
    }

    /// Inverse of [`Plan::forward_plane`], times `1/nx`.
    fn inverse_plane(&self, rows: ArrayViewMut2<'_, T>, cells: &mut [Complex<T>]) {
        let [_, along_y, along_z] = &self.lines;
        let (line, nz) = (self.pencils.line(), along_z.n);
        let scale = T::of(1.0 / self.cells.iter().product::<usize>() as f64);
        let mut buffer = self.planes.take();
        let (plane, block) = buffer.split_at_mut(along_y.n * line);
        take(&rows, line, plane);
        for block in 0..self.pencils.blocks() {
            for row in self.pencils.share(&rows, block) {
                self.moves.prefetch_after(row, 0, line);
            }
            along_y.kernel.inverse(self.pencils.block(plane, block));
        }
        let lines = cells
            .chunks_mut(width::<T>() * nz)
            .zip(plane.chunks(width::<T>() * line));
        for (lines, modes) in lines {
            self.moves
                .lines_in(modes, line, &self.mode_places.into, block);
            self.moves.prefetch_complex(lines);
            along_z.kernel.inverse(Rows::dense(block));
            self.moves
                .complex_lines_out(block, &along_z.point_places, scale, lines);
        }
    }
}
