//! The forward step of one tile.

use std::ops::Range;

use crate::engine::{Job, Kernels, Outcome, with_flux, with_limiter};
use crate::kernels::{Along, Cross, Exchange, Faces, Fill, Finish, ToPrimitive, marker};
use crate::lane::{Lane, dispatch};
use crate::law::Law;
use crate::riemann::Riemann;
use crate::rows::{Belt, Layout, PAD, Ring};
use crate::tiles::Tile;

/// The planes in hand while a tile is swept along x.
///
/// Planes count from two below the tile, rows likewise; borders of a ring that a sweep adds to
/// without need hold numbers that nobody reads.
pub(crate) struct Window<T> {
    rows: usize,
    layout: Layout,
    primitive: Ring<T, 3>,
    /// States at the upper faces along x.
    high_x: Belt<T>,
    /// States at the upper faces along y, by row alone.
    high_y: Ring<T, 1>,
    /// New conserved variables so far; one row more at either side.
    sums: Belt<T>,
    /// States at the lower faces along x, y and z, at the upper ones along z, at the upper ones
    /// along x of rows beyond the tile; fluxes along z; states at the lower faces along y of the
    /// first row.
    scratch: Ring<T, 1>,
    valid: Vec<T>,
}

impl<T: Lane> Window<T> {
    pub(crate) fn new<const F: usize>(rows: usize, layout: Layout) -> Self {
        let group = F * layout.stride;
        let zero = T::zero();
        Self {
            rows,
            layout,
            primitive: Ring::new(zero, rows + 4, group),
            high_x: Belt::new(zero, rows, group),
            high_y: Ring::new(zero, 2, group),
            sums: Belt::new(zero, rows + 2, group),
            scratch: Ring::new(zero, 7, group),
            valid: vec![T::zero(); layout.stride],
        }
    }

    pub(crate) fn fits(&self, rows: usize, layout: Layout) -> bool {
        self.rows == rows && self.layout == layout
    }
}

/// Where the row `r` of plane `t` of a tile's window begins in a field.
pub(crate) fn place(cells: [usize; 3], tile: &Tile, t: usize, r: usize) -> usize {
    let [nx, ny, nz] = cells;
    let i = (tile.x.start + t + 2 * nx - 2) % nx;
    let j = (tile.y.start + r + 2 * ny - 2) % ny;
    (i * ny + j) * nz
}

/// The rows of a tile and their neighbours along y. A tile of all rows closes on itself, and has no
/// border there.
#[derive(Clone, Copy)]
pub(crate) struct Rows {
    /// The first row, and the one after the last.
    pub(crate) first: usize,
    pub(crate) end: usize,
    pub(crate) closed: bool,
}

impl Rows {
    /// Counting from `border` below the tile.
    pub(crate) fn new(cells: [usize; 3], tile: &Tile, border: usize) -> Self {
        Self {
            first: border,
            end: border + tile.rows(),
            // A row and both of its neighbours must differ.
            closed: tile.rows() == cells[1] && cells[1] > 2,
        }
    }

    /// The rows within `border` of the tile.
    pub(crate) fn within(self, border: usize) -> Range<usize> {
        let border = if self.closed { 0 } else { border };
        self.first - border..self.end + border
    }

    pub(crate) fn below(self, r: usize) -> usize {
        if self.closed && r == self.first {
            self.end - 1
        } else {
            r - 1
        }
    }

    pub(crate) fn above(self, r: usize) -> usize {
        if self.closed && r + 1 == self.end {
            self.first
        } else {
            r + 1
        }
    }

    /// Where the row below has been passed already.
    pub(crate) fn follows(self, r: usize) -> bool {
        !(self.closed && r == self.first)
    }
}

/// The row that begins at `at` of each field.
pub(crate) fn rows_of<'a, T, const F: usize>(
    fields: &'a mut [Vec<&mut [T]>],
    plane: usize,
    at: Range<usize>,
) -> [&'a mut [T]; F] {
    let mut fields = fields.iter_mut();
    std::array::from_fn(|_| {
        let field = fields.next().expect("as many fields as the state has");
        &mut field[plane][at.clone()]
    })
}

impl<T: Lane, L: Law<F>, const F: usize> Kernels<T, L, F> {
    /// Loads a row of conserved variables into `rows` as primitive ones.
    pub(crate) fn primitive(
        &self,
        job: &Job<T>,
        fields: &[&[T]],
        at: usize,
        layout: Layout,
        rows: &mut [T],
    ) {
        let (law, c) = (self.law, job.c);
        dispatch(
            self.arch,
            ToPrimitive {
                code: marker(law),
                c,
                layout,
                fields,
                at,
                rows,
            },
        );
    }

    pub(crate) fn exchange(
        &self,
        job: &Job<T>,
        layout: Layout,
        axis: usize,
        [l, r]: [&[T]; 2],
        [from, to]: [&mut [T]; 2],
    ) {
        let (law, c, scale) = (self.law, job.c, job.scale[axis]);
        with_flux!(job.flux, riemann => dispatch(
            self.arch,
            Exchange { code: marker((law, riemann)), c, layout, axis, scale, l, r, from, to },
        ));
    }

    /// One step of one tile; `out` holds a slice for each field and plane.
    pub(crate) fn sweep(
        &self,
        job: &Job<T>,
        tile: &Tile,
        x: &[&[T]],
        mut out: Vec<Vec<&mut [T]>>,
        window: &mut Window<T>,
    ) -> Outcome {
        let layout = window.layout;
        let nz = layout.nz;
        let planes = tile.x.len();
        let last = planes + 2;
        let rows = Rows::new(job.cells, tile, 2);
        let Rows { first, end, .. } = rows;
        let mut outcome = Outcome::default();
        let load = |ring: &mut Ring<T, 3>, t: usize| {
            // The stencil is a diamond: the outer planes are needed without their borders.
            for r in rows.within(2.min(t.min(planes + 3 - t))) {
                let at = place(job.cells, tile, t, r);
                self.primitive(job, x, at, layout, ring.row_mut(t, r));
            }
        };
        load(&mut window.primitive, 0);
        load(&mut window.primitive, 1);
        for t in 1..=last {
            load(&mut window.primitive, t + 1);
            let border = t == 1 || t == last;
            for r in rows.within(usize::from(!border)) {
                let inside = (first..end).contains(&r);
                let all_valid = self.faces(job, t, r, rows, window);
                if inside && !border && !all_valid {
                    let valid = &window.valid[PAD..PAD + nz];
                    outcome.uniform += valid.iter().filter(|&&v| v == T::zero()).count();
                }
                if inside && t >= 2 {
                    let low_x = window.scratch.row(0, 0);
                    let [from, to] = window.sums.rows_mut([(t - 1, r - 1), (t, r - 1)]);
                    let fill = Fill::<_, F> {
                        layout,
                        fields: x,
                        at: place(job.cells, tile, t, r),
                        wrapped: false,
                        rows: &mut *to,
                    };
                    dispatch(self.arch, fill);
                    let l = window.high_x.row(t - 1, r - 2);
                    self.exchange(job, layout, 0, [l, low_x], [from, to]);
                    if t >= 3 {
                        let at = (r - 2) * nz;
                        let out = rows_of(&mut out, t - 3, at..at + nz);
                        if !self.finish(job, layout, window.sums.row(t - 1, r - 1), out) {
                            outcome
                                .suspects
                                .push([tile.x.start + t - 3, tile.y.start + r - 2]);
                        }
                    }
                }
                if border {
                    continue;
                }
                if r >= 2 && rows.follows(r) {
                    let faces = [
                        window.high_y.row(0, (r - 1) % 2),
                        window.scratch.row(0, low_y(rows, r)),
                    ];
                    let sums = window.sums.rows_mut([(t, r - 2), (t, r - 1)]);
                    self.exchange(job, layout, 1, faces, sums);
                }
                if inside {
                    let [low_z, high_z, flux] = window.scratch.rows_mut([(0, 2), (0, 3), (0, 5)]);
                    let rows = window.sums.row_mut(t, r - 1);
                    with_flux!(job.flux, riemann => self.along(
                        job, layout, riemann, [high_z, low_z], flux, rows,
                    ));
                }
            }
            if rows.closed && !border {
                let faces = [
                    window.high_y.row(0, (end - 1) % 2),
                    window.scratch.row(0, low_y(rows, first)),
                ];
                let sums = window.sums.rows_mut([(t, end - 2), (t, first - 1)]);
                self.exchange(job, layout, 1, faces, sums);
            }
        }
        outcome
    }

    fn along<R: Riemann>(
        &self,
        job: &Job<T>,
        layout: Layout,
        riemann: R,
        [l, r]: [&[T]; 2],
        flux: &mut [T],
        rows: &mut [T],
    ) {
        let (law, c, scale) = (self.law, job.c, job.scale[2]);
        dispatch(
            self.arch,
            Along {
                code: marker((law, riemann)),
                c,
                layout,
                scale,
                l,
                r,
                flux,
                rows,
            },
        );
    }

    /// States at the faces of row `r` of plane `t`; whether all cells keep their reconstruction.
    fn faces(&self, job: &Job<T>, t: usize, r: usize, rows: Rows, window: &mut Window<T>) -> bool {
        let layout = window.layout;
        let cross = cross(&window.primitive, t, r, rows);
        let [low_x, low_y, low_z, high_z, spare] =
            window
                .scratch
                .rows_mut([(0, 0), (0, low_y(rows, r)), (0, 2), (0, 3), (0, 4)]);
        let high_x = if (rows.first..rows.end).contains(&r) {
            window.high_x.row_mut(t, r - 2)
        } else {
            spare
        };
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
                cross,
                low: [low_x, low_y, low_z],
                high: [high_x, high_y, high_z],
                valid: &mut window.valid,
                all_valid: &mut all_valid,
            },
        ));
        all_valid
    }

    /// Writes a row of the new state; whether it needs no floors.
    fn finish(&self, job: &Job<T>, layout: Layout, rows: &[T], out: [&mut [T]; F]) -> bool {
        let mut good = true;
        let (density_floor, energy_floor) = (job.density_floor, job.energy_floor);
        let kernel = Finish {
            code: marker(self.law),
            layout,
            density_floor,
            energy_floor,
            rows,
            out,
            good: &mut good,
        };
        dispatch(self.arch, kernel);
        good
    }
}

/// The scratch row of the states at the lower faces along y: those of the first row wait for the
/// last one where a tile closes on itself.
pub(crate) fn low_y(rows: Rows, r: usize) -> usize {
    if rows.follows(r) { 1 } else { 6 }
}

/// A row with its neighbours.
pub(crate) fn cross<T: Copy, const P: usize>(
    primitive: &Ring<T, P>,
    t: usize,
    r: usize,
    rows: Rows,
) -> Cross<'_, T> {
    Cross {
        centre: primitive.row(t, r),
        sides: [
            primitive.row(t - 1, r),
            primitive.row(t + 1, r),
            primitive.row(t, rows.below(r)),
            primitive.row(t, rows.above(r)),
        ],
    }
}
