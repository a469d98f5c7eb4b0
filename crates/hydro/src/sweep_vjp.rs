//! The adjoint of the step of one tile.
//!
//! Everything is recomputed from the state before the step: a sweep along x makes the faces of
//! plane t, pulls the cotangents back through the faces between the planes t - 1 and t, then
//! through the cells of plane t - 1 onto the primitive variables of the planes t - 2 to t, and
//! finishes plane t - 2.
//!
//! What the cells of a tile give to the planes before and after it, it leaves in a [`Border`]; its
//! neighbours along x take it up when all tiles are through. The sum of a plane is always that
//! from below, and to that the sum of its own and of what comes from above: its bits do not depend
//! on where tiles end.

use crate::engine::{Job, Kernels, with_flux, with_limiter};
use crate::kernels::{Faces, Fill, marker};
use crate::kernels_vjp::{AlongVjp, ExchangeVjp, FacesVjp, HIGH_Y, LOW_Y, Sum, ToPrimitiveVjp};
use crate::lane::{Lane, dispatch};
use crate::law::Law;
use crate::rows::{Layout, Ring};
use crate::sweep::{Rows, cross, low_y, place, rows_of};
use crate::tiles::Tile;

mod window;

use window::{AFTER, BEFORE, BELOW_LAST, FIRST, LAST};
pub(crate) use window::{Border, Window};

/// [`place`] for a border of three.
fn place3(cells: [usize; 3], tile: &Tile, t: usize, r: usize) -> usize {
    let (t, r) = (t + cells[0] - 1, r + cells[1] - 1);
    place(cells, tile, t, r)
}

impl<T: Lane, L: Law<F>, const F: usize> Kernels<T, L, F> {
    /// The adjoint of one step of one tile, from the state before it and the cotangent of the
    /// state after it, but for the planes at its ends along x. Returns the cotangent of the
    /// parameter, row by row, and what [`Kernels::finish_vjp`] needs.
    pub(crate) fn sweep_vjp(
        &self,
        job: &Job<T>,
        tile: &Tile,
        [x, bar]: [&[&[T]]; 2],
        out: &mut [Vec<&mut [T]>],
        window: &mut Window<T>,
    ) -> (Vec<f64>, Border<T>) {
        let layout = window.layout;
        let planes = tile.x.len();
        let rows = Rows::new(job.cells, tile, 3);
        let count = tile.rows();
        let last = planes + 2;
        let mut totals = vec![0.0; planes * count];
        let mut border = Border::new::<F>(count, layout);
        // Rows from the tile. The result needs the adjoint of the cells at most one from it, which
        // needs faces of those at most two from it.
        let far = |r: usize| {
            if rows.closed { 0 } else { outside(r, count) }
        };
        let within = |t: usize| (3..=last).contains(&t);
        let load = |ring: &mut Ring<T, 4>, t: usize| {
            for r in rows.within(3 - outside(t, planes)) {
                let at = place3(job.cells, tile, t, r);
                self.primitive(job, x, at, layout, ring.row_mut(t, r));
            }
        };
        for t in 1..=2 {
            load(&mut window.primitive, t);
        }
        // Nothing comes from beyond the tile here.
        for r in rows.within(1) {
            window.below_bar.row_mut(2, r).fill(T::zero());
            window.below_bar.row_mut(3, r).fill(T::zero());
        }
        for t in 2..=last + 1 {
            load(&mut window.primitive, t + 1);
            // All rows at once, so that the machine fetches the next ones while it waits.
            for r in rows.within(2 - outside(t, planes)) {
                let fill = Fill::<_, F> {
                    layout,
                    fields: bar,
                    at: place3(job.cells, tile, t, r),
                    wrapped: true,
                    rows: window.bar.row_mut(t, r),
                };
                dispatch(self.arch, fill);
            }
            window.carry.row_mut(0, 0).fill(T::zero());
            for r in rows.within(2 - outside(t, planes)) {
                self.recompute(job, t, r, rows, window);

                let counts = within(t) && far(r) == 0;
                let mut share = 0.0;
                if t >= 3 && far(r) <= 1 {
                    self.across_x(job, t, r, window, counts, &mut share);
                }
                // The cells of plane t - 1 have met all their faces.
                if within(t - 1) && far(r) <= 1 {
                    let counts = far(r) == 0;
                    let mut share = 0.0;
                    // The variables of plane t - 2 have met all their cells, but for those beyond
                    // the tile.
                    let keep = match t {
                        4 if counts => Some(border.0.row_mut(BEFORE, r - 3)),
                        5 if counts => Some(border.0.row_mut(FIRST, r - 3)),
                        _ => None,
                    };
                    self.faces_vjp(job, t - 1, r, rows, window, keep, counts, &mut share);
                    if counts {
                        totals[(t - 4) * count + r - 3] += share;
                        if t > 5 {
                            let rows = [window.primitive.row(t - 2, r), window.whole.row(0, 0)];
                            let at = [t - 5, r - 3];
                            let total = &mut totals[(t - 5) * count + r - 3];
                            let live = &window.live;
                            self.conserved_vjp(job, tile, layout, rows, bar, at, out, live, total);
                        }
                    }
                }
                if within(t) && rows.follows(r) && far(r).min(far(r - 1)) <= 1 {
                    self.across_y(job, t, [r - 1, r], rows, window, counts, &mut share);
                }
                if within(t) && far(r) <= 1 {
                    self.along_vjp(job, t, r, window, counts, &mut share);
                }
                if counts {
                    totals[(t - 3) * count + r - 3] += share;
                }
            }
            if rows.closed && within(t) {
                let mut share = 0.0;
                let pair = [rows.end - 1, rows.first];
                self.across_y(job, t, pair, rows, window, true, &mut share);
                totals[(t - 3) * count] += share;
            }
            if rows.closed && within(t - 1) {
                let row = window.primitive_bar.row_mut(0, rows.first);
                for (sum, &carry) in row.iter_mut().zip(window.carry.row(0, 0)) {
                    *sum += carry;
                }
                let row = window.primitive_bar.row_mut(0, rows.end - 1);
                let own = window.own.row(0, (rows.end - 1) % 2);
                for ((sum, &own), &around) in row.iter_mut().zip(own).zip(window.around.row(0, 0)) {
                    *sum = own + around;
                }
            }
        }
        for j in 0..count {
            let r = j + 3;
            let keep = [
                (AFTER, window.below_bar.row(last + 1, r)),
                (LAST, window.primitive_bar.row(0, r)),
                (BELOW_LAST, window.below_bar.row(last, r)),
            ];
            for (what, row) in keep {
                border.0.row_mut(what, j).copy_from_slice(row);
            }
        }
        (totals, border)
    }

    /// Finishes the first and the last plane of a tile, with the borders of the tiles before it, of
    /// its own, and of the one after it.
    pub(crate) fn finish_vjp(
        &self,
        job: &Job<T>,
        tile: &Tile,
        [x, bar]: [&[&[T]]; 2],
        out: &mut [Vec<&mut [T]>],
        window: &mut Window<T>,
        [before, own, after]: [&Border<T>; 3],
        totals: &mut [f64],
    ) {
        let layout = window.layout;
        let planes = tile.x.len();
        let count = tile.rows();
        let ends = if planes == 1 { 0..1 } else { 0..2 };
        for (end, j) in ends.flat_map(|end| (0..count).map(move |j| (end, j))) {
            let i = end * (planes - 1);
            let at = place3(job.cells, tile, i + 3, j + 3);
            self.primitive(job, x, at, layout, window.primitive.row_mut(0, 0));
            let below = if i == 0 {
                before.0.row(AFTER, j)
            } else {
                own.0.row(BELOW_LAST, j)
            };
            let sum = window.whole.row_mut(0, 0);
            if i + 1 == planes {
                let from_above = after.0.row(BEFORE, j);
                let own = own.0.row(LAST, j);
                for ((sum, &own), &above) in sum.iter_mut().zip(own).zip(from_above) {
                    *sum = own + above;
                }
            } else {
                sum.copy_from_slice(own.0.row(FIRST, j));
            }
            for (sum, &below) in sum.iter_mut().zip(below) {
                *sum += below;
            }
            let rows = [window.primitive.row(0, 0), window.whole.row(0, 0)];
            let total = &mut totals[i * count + j];
            let live = &window.live;
            self.conserved_vjp(job, tile, layout, rows, bar, [i, j], out, live, total);
        }
    }

    /// From the cotangents of the primitive variables of a row to those of the conserved ones,
    /// given these variables, their cotangent, that of the new state, and the place in the tile.
    fn conserved_vjp(
        &self,
        job: &Job<T>,
        tile: &Tile,
        layout: Layout,
        [rows, bar]: [&[T]; 2],
        new_bar: &[&[T]],
        [i, j]: [usize; 2],
        out: &mut [Vec<&mut [T]>],
        live: &[T],
        total: &mut f64,
    ) {
        let at = j * layout.nz;
        let kernel = ToPrimitiveVjp {
            code: marker(self.law),
            c: job.c,
            layout,
            rows,
            bar,
            new_bar,
            at: place3(job.cells, tile, i + 3, j + 3),
            out: rows_of(out, i, at..at + layout.nz),
            sum: Sum::new(live, true, total),
        };
        dispatch(self.arch, kernel);
    }

    /// Back through the faces below row `r` of plane `t` along x.
    fn across_x(
        &self,
        job: &Job<T>,
        t: usize,
        r: usize,
        window: &mut Window<T>,
        counts: bool,
        total: &mut f64,
    ) {
        let sum = Sum::new(&window.live, counts, total);
        let [low, upper] = window.scratch.rows_mut([(0, 0), (0, 7)]);
        let faces = [window.high_x.row(t - 1, r), &*low];
        let bars = [window.bar.row(t - 1, r), window.bar.row(t, r)];
        let right = window.low_x_bar.row_mut(t, r);
        let layout = window.layout;
        self.exchange_vjp(job, layout, 0, faces, bars, [upper, right], sum);
    }

    /// Back through the faces between two rows of plane `t`.
    fn across_y(
        &self,
        job: &Job<T>,
        t: usize,
        [below, r]: [usize; 2],
        rows: Rows,
        window: &mut Window<T>,
        counts: bool,
        total: &mut f64,
    ) {
        let sum = Sum::new(&window.live, counts, total);
        let faces = [
            window.high_y.row(0, below % 2),
            window.scratch.row(0, low_y(rows, r)),
        ];
        let bars = [window.bar.row(t, below), window.bar.row(t, r)];
        let block = F * window.layout.stride;
        let [left, right] = window.cells.rows_mut([(0, below), (0, r)]);
        let left = &mut left[HIGH_Y * block..][..block];
        let right = &mut right[LOW_Y * block..][..block];
        self.exchange_vjp(job, window.layout, 1, faces, bars, [left, right], sum);
    }

    /// States at the faces of row `r` of plane `t`.
    fn recompute(&self, job: &Job<T>, t: usize, r: usize, rows: Rows, window: &mut Window<T>) {
        let layout = window.layout;
        let [low_x, low_y, low_z, high_z] =
            window
                .scratch
                .rows_mut([(0, 0), (0, low_y(rows, r)), (0, 2), (0, 3)]);
        let high_x = window.high_x.row_mut(t, r);
        let high_y = window.high_y.row_mut(0, r % 2);
        let mut all_valid = true;
        with_limiter!(job.limiter, limiter => dispatch(
            self.arch,
            Faces {
                code: marker((self.law, limiter)),
                c: job.c,
                layout,
                half: job.half,
                tiny: job.tiny,
                cross: cross(&window.primitive, t, r, rows),
                low: [low_x, low_y, low_z],
                high: [high_x, high_y, high_z],
                valid: window.valid.row_mut(t, r),
                all_valid: &mut all_valid,
            },
        ));
    }

    fn exchange_vjp(
        &self,
        job: &Job<T>,
        layout: Layout,
        axis: usize,
        [l, r]: [&[T]; 2],
        [from_bar, to_bar]: [&[T]; 2],
        [left, right]: [&mut [T]; 2],
        sum: Sum<'_, T>,
    ) {
        let (law, c, scale) = (self.law, job.c, job.scale[axis]);
        with_flux!(job.flux, riemann => dispatch(
            self.arch,
            ExchangeVjp {
                code: marker((law, riemann)), c, layout, axis, scale, l, r, from_bar, to_bar, left, right, sum,
            },
        ));
    }

    /// Back through the faces across z of row `r` of plane `t`.
    fn along_vjp(
        &self,
        job: &Job<T>,
        t: usize,
        r: usize,
        window: &mut Window<T>,
        counts: bool,
        total: &mut f64,
    ) {
        let layout = window.layout;
        let [low, high] = window.scratch.rows_mut([(0, 2), (0, 3)]);
        let (law, c, scale) = (self.law, job.c, job.scale[2]);
        let sum = Sum::new(&window.live, counts, total);
        let cells = window.cells.row_mut(0, r);
        with_flux!(job.flux, riemann => dispatch(
            self.arch,
            AlongVjp {
                code: marker((law, riemann)),
                c,
                layout,
                scale,
                l: high,
                r: low,
                bar: window.bar.row(t, r),
                cells,
                sum,
            },
        ));
    }

    /// Back through the cells of row `r` of plane `t`.
    fn faces_vjp(
        &self,
        job: &Job<T>,
        t: usize,
        r: usize,
        rows: Rows,
        window: &mut Window<T>,
        keep: Option<&mut [T]>,
        counts: bool,
        total: &mut f64,
    ) {
        let layout = window.layout;
        let [down, up, upper_x] = window.scratch.rows_mut([(0, 4), (0, 5), (0, 7)]);
        let [own, below_y] = window.own.rows_mut([(0, r % 2), (0, (r + 1) % 2)]);
        let [below_x, plane] = window.primitive_bar.rows_mut([(0, r), (0, r - 1)]);
        let zeros = window.zeros.row(0, 0);
        let (below_y, plane) = if r == rows.within(1).start {
            (zeros, window.around.row_mut(0, 0))
        } else {
            (&*below_y, plane)
        };
        let below_x = if t == 3 { zeros } else { &*below_x };
        let sum = Sum::new(&window.live, counts, total);
        with_limiter!(job.limiter, limiter => dispatch(
            self.arch,
            FacesVjp {
                code: marker((self.law, limiter)),
                c: job.c,
                layout,
                half: job.half,
                tiny: job.tiny,
                cross: cross(&window.primitive, t, r, rows),
                valid: window.valid.row(t, r),
                cells: window.cells.row(0, r),
                lower_x: window.low_x_bar.row(t, r),
                upper_x,
                own,
                carry: window.carry.row_mut(0, 0),
                below_y,
                plane,
                from_x: window.below_bar.row_mut(t + 1, r),
                below_x,
                whole: keep.unwrap_or_else(|| window.whole.row_mut(0, 0)),
                down,
                up,
                sum,
            },
        ));
    }
}

/// How far a plane or row lies outside of a tile of `n`.
fn outside(at: usize, n: usize) -> usize {
    3usize
        .saturating_sub(at)
        .max((at + 1).saturating_sub(n + 3))
}
