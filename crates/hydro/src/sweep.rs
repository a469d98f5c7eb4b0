//! The forward step of one tile.

use crate::engine::{Job, Kernels, Outcome, with_flux, with_limiter};
use crate::kernels::{Along, Cross, Diverge, Exchange, Faces, Sound, ToPrimitive, marker};
use crate::lane::{Lane, dispatch};
use crate::law::Law;
use crate::riemann::Riemann;
use crate::rows::{Layout, PAD, Ring};
use crate::tiles::Tile;

/// The planes in hand while a tile is swept along x.
///
/// Planes count from two below the tile, rows likewise; borders of a ring that a sweep adds to
/// without need hold numbers that nobody reads.
pub(crate) struct Window<T> {
    rows: usize,
    layout: Layout,
    primitive: Ring<T>,
    /// States at the upper faces along x.
    high_x: Ring<T>,
    /// States at the upper faces along y, by row alone.
    high_y: Ring<T>,
    /// New conserved variables so far; one row more at either side.
    sums: Ring<T>,
    /// States at the lower faces along x, y and z, at the upper ones along z, at the upper ones
    /// along x of rows beyond the tile; fluxes along z.
    scratch: Ring<T>,
    valid: Vec<T>,
}

impl<T: Lane> Window<T> {
    pub(crate) fn new<const F: usize>(rows: usize, layout: Layout) -> Self {
        let group = F * layout.stride;
        let ring = |planes, rows| Ring::new(T::zero(), planes, rows, group);
        Self {
            rows,
            layout,
            primitive: ring(3, rows + 4),
            high_x: ring(2, rows),
            high_y: ring(1, 2),
            sums: ring(2, rows + 2),
            scratch: ring(1, 6),
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

impl<T: Lane, L: Law<F>, const F: usize> Kernels<T, L, F> {
    /// Loads a row of conserved variables into `rows` as primitive ones.
    pub(crate) fn primitive(
        &self,
        job: &Job<T>,
        x: &[&[T]],
        at: usize,
        layout: Layout,
        rows: &mut [T],
    ) {
        for (row, x) in rows.chunks_exact_mut(layout.stride).zip(x) {
            layout.fill(row, &x[at..at + layout.nz]);
        }
        let (law, c) = (self.law, job.c);
        dispatch(
            self.arch,
            ToPrimitive {
                code: marker(law),
                c,
                layout,
                rows,
            },
        );
        layout.wrap_all(rows);
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
        let (planes, rows) = (tile.x.len(), tile.rows());
        let (last, end) = (planes + 2, rows + 2);
        let mut outcome = Outcome::default();
        let load = |ring: &mut Ring<T>, t: usize| {
            // The stencil is a diamond: the outer planes are needed without their borders.
            let border = 2usize.saturating_sub(t.min(planes + 3 - t));
            for r in border..rows + 4 - border {
                self.primitive(
                    job,
                    x,
                    place(job.cells, tile, t, r),
                    layout,
                    ring.row_mut(t, r),
                );
            }
        };
        load(&mut window.primitive, 0);
        load(&mut window.primitive, 1);
        for t in 1..=last {
            load(&mut window.primitive, t + 1);
            let border = t == 1 || t == last;
            let range = if border { 2..end } else { 1..end + 1 };
            for r in range {
                let inside = (2..end).contains(&r);
                let all_valid = self.faces(job, t, r, inside, window);
                if inside && !border && !all_valid {
                    let valid = &window.valid[PAD..PAD + nz];
                    outcome.uniform += valid.iter().filter(|&&v| v == T::zero()).count();
                }
                let [low_x, low_y] = [0, 1].map(|row| window.scratch.row(0, row));
                if inside && t >= 2 {
                    let [from, to] = window.sums.rows_mut([(t - 1, r - 1), (t, r - 1)]);
                    let at = place(job.cells, tile, t, r);
                    for (row, x) in to.chunks_exact_mut(layout.stride).zip(x) {
                        layout.fill(row, &x[at..at + nz]);
                    }
                    let l = window.high_x.row(t - 1, r - 2);
                    self.exchange(job, layout, 0, [l, low_x], [from, to]);
                    if t >= 3 {
                        let sums = window.sums.row(t - 1, r - 1);
                        if !self.is_sound(job, layout, sums) {
                            outcome
                                .suspects
                                .push([tile.x.start + t - 3, tile.y.start + r - 2]);
                        }
                        let at = (r - 2) * nz;
                        for (row, out) in sums.chunks_exact(layout.stride).zip(&mut out) {
                            out[t - 3][at..at + nz].copy_from_slice(&row[PAD..PAD + nz]);
                        }
                    }
                }
                if border {
                    continue;
                }
                if r >= 2 {
                    let l = window.high_y.row(0, (r - 1) % 2);
                    let sums = window.sums.rows_mut([(t, r - 2), (t, r - 1)]);
                    self.exchange(job, layout, 1, [l, low_y], sums);
                }
                if inside {
                    let [low_z, high_z, flux] = window.scratch.rows_mut([(0, 2), (0, 3), (0, 5)]);
                    layout.wrap_all(high_z);
                    with_flux!(job.flux, riemann => self.along(job, layout, riemann, [high_z, low_z], flux));
                    layout.wrap_all(flux);
                    let rows = window.sums.row_mut(t, r - 1);
                    let scale = job.scale[2];
                    dispatch(
                        self.arch,
                        Diverge::<T, F> {
                            layout,
                            scale,
                            flux,
                            rows,
                        },
                    );
                }
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
    ) {
        let (law, c) = (self.law, job.c);
        dispatch(
            self.arch,
            Along {
                code: marker((law, riemann)),
                c,
                layout,
                l,
                r,
                flux,
            },
        );
    }

    /// States at the faces of row `r` of plane `t`; whether all cells keep their reconstruction.
    fn faces(
        &self,
        job: &Job<T>,
        t: usize,
        r: usize,
        inside: bool,
        window: &mut Window<T>,
    ) -> bool {
        let layout = window.layout;
        let p = &window.primitive;
        let cross = Cross {
            centre: p.row(t, r),
            sides: [
                p.row(t - 1, r),
                p.row(t + 1, r),
                p.row(t, r - 1),
                p.row(t, r + 1),
            ],
        };
        let [low_x, low_y, low_z, high_z, spare] =
            window
                .scratch
                .rows_mut([(0, 0), (0, 1), (0, 2), (0, 3), (0, 4)]);
        let high_x = if inside {
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

    fn is_sound(&self, job: &Job<T>, layout: Layout, rows: &[T]) -> bool {
        let mut good = true;
        let (density_floor, energy_floor) = (job.density_floor, job.energy_floor);
        let kernel = Sound {
            code: marker(self.law),
            layout,
            density_floor,
            energy_floor,
            rows,
            good: &mut good,
        };
        dispatch(self.arch, kernel);
        good
    }
}
