//! The adjoint of the step of one tile.
//!
//! Everything is recomputed from the state before the step: a sweep along x makes the faces of
//! plane t, pulls the cotangents back through the faces between the planes t - 1 and t, then
//! through the cells of plane t - 1 onto the primitive variables of the planes t - 2 to t, and
//! finishes plane t - 2.

use crate::engine::{Job, Kernels, with_flux, with_limiter};
use crate::kernels::{Faces, Fill, marker};
use crate::kernels_vjp::{AlongVjp, BLOCKS, ExchangeVjp, FacesVjp, Sum, ToPrimitiveVjp};
use crate::lane::{Lane, dispatch};
use crate::law::Law;
use crate::rows::{Layout, PAD, Ring};
use crate::sweep::{Rows, cross, low_y, place, rows_of};
use crate::tiles::Tile;

/// The planes in hand. Planes count from three below the tile, rows likewise.
pub(crate) struct Window<T> {
    rows: usize,
    layout: Layout,
    primitive: Ring<T>,
    /// Cotangent of the new state.
    bar: Ring<T>,
    high_x: Ring<T>,
    high_y: Ring<T>,
    /// Whether each cell keeps its reconstruction.
    valid: Ring<T>,
    /// Cotangents of the cells: see [`BLOCKS`].
    cells: Ring<T>,
    /// Cotangents of the primitive variables.
    primitive_bar: Ring<T>,
    /// States at the lower faces along x, y and z and at the upper ones along z; what goes to the
    /// next cells along z; states at the lower faces along y of the first row.
    scratch: Ring<T>,
    /// One for each cell of a row, zero beyond.
    live: Vec<T>,
}

impl<T: Lane> Window<T> {
    pub(crate) fn new<const F: usize>(rows: usize, layout: Layout) -> Self {
        let group = F * layout.stride;
        let ring = |planes, rows| Ring::new(T::zero(), planes, rows, group);
        let mut live = vec![T::zero(); layout.stride];
        live[PAD..PAD + layout.nz].fill(T::one());
        Self {
            rows,
            layout,
            primitive: ring(4, rows + 6),
            bar: ring(3, rows + 6),
            high_x: ring(2, rows + 6),
            high_y: ring(1, 2),
            valid: Ring::new(T::zero(), 2, rows + 6, layout.stride),
            cells: Ring::new(T::zero(), 2, rows + 6, BLOCKS * group),
            primitive_bar: ring(3, rows + 6),
            scratch: ring(1, 7),
            live,
        }
    }

    pub(crate) fn fits(&self, rows: usize, layout: Layout) -> bool {
        self.rows == rows && self.layout == layout
    }
}

/// [`place`] for a border of three.
fn place3(cells: [usize; 3], tile: &Tile, t: usize, r: usize) -> usize {
    let (t, r) = (t + cells[0] - 1, r + cells[1] - 1);
    place(cells, tile, t, r)
}

impl<T: Lane, L: Law<F>, const F: usize> Kernels<T, L, F> {
    /// The adjoint of one step of one tile, from the state before it and the cotangent of the
    /// state after it. Returns the cotangent of the parameter, row by row.
    pub(crate) fn sweep_vjp(
        &self,
        job: &Job<T>,
        tile: &Tile,
        [x, bar]: [&[&[T]]; 2],
        mut out: Vec<Vec<&mut [T]>>,
        window: &mut Window<T>,
    ) -> Vec<f64> {
        let layout = window.layout;
        let nz = layout.nz;
        let planes = tile.x.len();
        let rows = Rows::new(job.cells, tile, 3);
        let count = tile.rows();
        let mut totals = vec![0.0; planes * count];
        // Cells from the tile, counted along x and y. The result needs the adjoint of the cells
        // at most one from it, which needs faces of those at most two from it.
        let far = |t: usize, r: usize| {
            let along_y = if rows.closed { 0 } else { outside(r, count) };
            outside(t, planes) + along_y
        };
        let load = |ring: &mut Ring<T>, t: usize| {
            for r in rows.within(3 - outside(t, planes)) {
                let at = place3(job.cells, tile, t, r);
                self.primitive(job, x, at, layout, ring.row_mut(t, r));
            }
        };
        load(&mut window.primitive, 0);
        load(&mut window.primitive, 1);
        for t in 1..planes + 5 {
            load(&mut window.primitive, t + 1);
            for r in rows.within(2 - outside(t, planes)) {
                let fill = Fill {
                    layout,
                    fields: bar,
                    at: place3(job.cells, tile, t, r),
                    rows: window.bar.row_mut(t, r),
                };
                dispatch(self.arch, fill);
                self.recompute(job, t, r, rows, window);

                let counts = far(t, r) == 0;
                let mut share = 0.0;
                if t >= 2 && far(t, r).min(far(t - 1, r)) <= 1 {
                    let sum = Sum {
                        live: &window.live,
                        counts,
                        total: &mut share,
                    };
                    let faces = [window.high_x.row(t - 1, r), window.scratch.row(0, 0)];
                    let bars = [window.bar.row(t - 1, r), window.bar.row(t, r)];
                    let cells = window.cells.rows_mut([(t - 1, r), (t, r)]);
                    self.exchange_vjp(job, layout, 0, faces, bars, cells, sum);
                }
                if rows.follows(r) && far(t, r).min(far(t, r - 1)) <= 1 {
                    self.across_y(job, t, [r - 1, r], rows, window, counts, &mut share);
                }
                if far(t, r) <= 1 {
                    self.along_vjp(job, t, r, window, counts, &mut share);
                }
                if counts {
                    totals[(t - 3) * count + r - 3] += share;
                }
                // The cells of plane t - 1 have met all their faces.
                if far(t - 1, r) > 1 {
                    continue;
                }
                let mut share = 0.0;
                let counts = far(t - 1, r) == 0;
                self.faces_vjp(job, t - 1, r, rows, window, counts, &mut share);
                if counts {
                    totals[(t - 4) * count + r - 3] += share;
                }
                // The variables of plane t - 2 have met all their cells.
                if t < 5 || far(t - 2, r) > 0 {
                    continue;
                }
                let at = (r - 3) * nz;
                let kernel = ToPrimitiveVjp {
                    code: marker(self.law),
                    c: job.c,
                    layout,
                    rows: window.primitive.row(t - 2, r),
                    bar: window.primitive_bar.row(t - 2, r),
                    new_bar: window.bar.row(t - 2, r),
                    out: rows_of(&mut out, t - 5, at..at + nz),
                    sum: Sum {
                        live: &window.live,
                        counts: true,
                        total: &mut totals[(t - 5) * count + r - 3],
                    },
                };
                dispatch(self.arch, kernel);
            }
            if rows.closed && outside(t, planes) <= 1 {
                let counts = outside(t, planes) == 0;
                let mut share = 0.0;
                let pair = [rows.end - 1, rows.first];
                self.across_y(job, t, pair, rows, window, counts, &mut share);
                if counts {
                    totals[(t - 3) * count] += share;
                }
            }
        }
        totals
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
        let sum = Sum {
            live: &window.live,
            counts,
            total,
        };
        let faces = [
            window.high_y.row(0, below % 2),
            window.scratch.row(0, low_y(rows, r)),
        ];
        let bars = [window.bar.row(t, below), window.bar.row(t, r)];
        let cells = window.cells.rows_mut([(t, below), (t, r)]);
        self.exchange_vjp(job, window.layout, 1, faces, bars, cells, sum);
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
        let sum = Sum {
            live: &window.live,
            counts,
            total,
        };
        let cells = window.cells.row_mut(t, r);
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
        counts: bool,
        total: &mut f64,
    ) {
        let layout = window.layout;
        let [own, low_x, high_x, low_y, high_y] = window.primitive_bar.rows_mut([
            (t, r),
            (t + 2, r),
            (t + 1, r),
            (t, rows.below(r)),
            (t, rows.above(r)),
        ]);
        let [down, up] = window.scratch.rows_mut([(0, 4), (0, 5)]);
        let sum = Sum {
            live: &window.live,
            counts,
            total,
        };
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
                cells: window.cells.row(t, r),
                own,
                sides: [low_x, high_x, low_y, high_y],
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
