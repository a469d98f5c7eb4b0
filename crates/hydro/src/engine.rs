//! The step on the whole mesh, over tiles.
//!
//! A tile is a block of rows in x and y; a task sweeps it along x with a window of a few planes,
//! which stays in the cache, and recomputes the faces at its border. So the fields are read once
//! and written once a step, and a face at a border has the same bits on both sides: those of the
//! result depend neither on the tiles nor on the threads.

use std::any::Any;
use std::sync::{Mutex, PoisonError};

use pulp::Arch;
use rayon::prelude::*;

use crate::kernels::{Signal, ToPrimitive, marker};
use crate::lane::{Lane, dispatch};
use crate::law::{IdealLaw, IsothermalLaw, Law};
use crate::rows::{Layout, Ring};
use crate::tiles::{Tile, deal, tiles};
use crate::{Flux, Limiter};

/// Runs `$run` with the type of a limiter.
macro_rules! with_limiter {
    ($limiter:expr, $m:ident => $run:expr) => {
        match $limiter {
            $crate::Limiter::Jaxion => {
                let $m = $crate::limiter::Jaxion;
                $run
            }
            $crate::Limiter::Minmod => {
                let $m = $crate::limiter::Minmod;
                $run
            }
            $crate::Limiter::MonotonizedCentral => {
                let $m = $crate::limiter::MonotonizedCentral;
                $run
            }
            $crate::Limiter::VanLeer => {
                let $m = $crate::limiter::VanLeer;
                $run
            }
        }
    };
}

/// Runs `$run` with the type of a flux.
macro_rules! with_flux {
    ($flux:expr, $r:ident => $run:expr) => {
        match $flux {
            $crate::Flux::LaxFriedrichs => {
                let $r = $crate::riemann::LaxFriedrichsFlux;
                $run
            }
            $crate::Flux::Hll => {
                let $r = $crate::riemann::HllFlux;
                $run
            }
            $crate::Flux::Hllc => {
                let $r = $crate::riemann::HllcFlux;
                $run
            }
        }
    };
}
pub(crate) use {with_flux, with_limiter};

/// One step: what and how long.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Job<T> {
    pub(crate) cells: [usize; 3],
    pub(crate) flux: Flux,
    pub(crate) limiter: Limiter,
    /// The parameter of the equation of state.
    pub(crate) c: T,
    /// `dt / dx` along each axis.
    pub(crate) scale: [T; 3],
    /// Half of it.
    pub(crate) half: [T; 3],
    /// 1e-12 of the spacing.
    pub(crate) tiny: [T; 3],
    pub(crate) density_floor: T,
    /// The pressure's floor over gamma - 1.
    pub(crate) energy_floor: T,
}

/// What a step met.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// Rows (i, j) of which some cell is not finite, or below a floor; in order. A few more may
    /// be listed.
    pub(crate) suspects: Vec<[usize; 2]>,
    /// Cells taken as uniform, because their reconstruction had no positive density or pressure.
    pub(crate) uniform: usize,
}

/// The step and its adjoint for one scalar and one equation of state. Fields come as contiguous
/// slices, in the order of the state.
pub(crate) trait Engine<T>: Send + Sync {
    /// The new conserved variables.
    fn step(&self, job: &Job<T>, x: &[&[T]], out: Vec<&mut [T]>) -> Outcome;

    /// Sets `x_bar` to the cotangent of the state before the step; returns that of the parameter.
    fn step_vjp(&self, job: &Job<T>, x: &[&[T]], bar: &[&[T]], x_bar: Vec<&mut [T]>) -> f64;

    /// The largest `sum_d (|v_d| + c) / dx_d`, or NaN.
    fn signal(&self, c: T, cells: [usize; 3], inverse: [T; 3], x: &[&[T]]) -> T;
}

/// Kernels for the instructions of this machine.
pub(crate) struct Kernels<T, L, const F: usize> {
    pub(crate) law: L,
    pub(crate) arch: Arch,
    /// Windows that wait for their next use.
    forward: Mutex<Vec<super::sweep::Window<T>>>,
    reverse: Mutex<Vec<super::sweep_vjp::Window<T>>>,
}

impl<T, L, const F: usize> Kernels<T, L, F> {
    fn new(law: L) -> Self {
        Self {
            law,
            arch: Arch::new(),
            forward: Mutex::default(),
            reverse: Mutex::default(),
        }
    }
}

/// Takes the one that fits, or makes it.
fn borrow<W>(pool: &Mutex<Vec<W>>, fits: impl Fn(&W) -> bool, make: impl FnOnce() -> W) -> W {
    // A poisoned lock still guards a list of whole windows.
    let mut pool = pool.lock().unwrap_or_else(PoisonError::into_inner);
    let found = pool.iter().position(fits);
    let taken = found.map(|i| pool.swap_remove(i));
    drop(pool);
    taken.unwrap_or_else(make)
}

fn give_back<W>(pool: &Mutex<Vec<W>>, window: W) {
    let mut pool = pool.lock().unwrap_or_else(PoisonError::into_inner);
    pool.push(window);
}

impl<T: Lane, L: Law<F>, const F: usize> Engine<T> for Kernels<T, L, F> {
    fn step(&self, job: &Job<T>, x: &[&[T]], out: Vec<&mut [T]>) -> Outcome {
        let layout = Layout::new(job.cells[2]);
        let tiles = tiles(job.cells, forward_rows::<T>(F, layout));
        let outputs = deal(&tiles, job.cells, out);
        let work: Vec<(Tile, _)> = tiles.into_iter().zip(outputs).collect();
        let found: Vec<Outcome> = work
            .into_par_iter()
            .map(|(tile, out)| {
                let rows = tile.rows();
                let mut window = borrow(
                    &self.forward,
                    |w| w.fits(rows, layout),
                    || super::sweep::Window::new::<F>(rows, layout),
                );
                let outcome = self.sweep(job, &tile, x, out, &mut window);
                give_back(&self.forward, window);
                outcome
            })
            .collect();
        let mut total = Outcome::default();
        for outcome in found {
            total.suspects.extend(outcome.suspects);
            total.uniform += outcome.uniform;
        }
        total.suspects.sort_unstable();
        total
    }

    fn step_vjp(&self, job: &Job<T>, x: &[&[T]], bar: &[&[T]], x_bar: Vec<&mut [T]>) -> f64 {
        let layout = Layout::new(job.cells[2]);
        let tiles = tiles(job.cells, reverse_rows::<T>(F, layout));
        let outputs = deal(&tiles, job.cells, x_bar);
        let work: Vec<(Tile, _)> = tiles.into_iter().zip(outputs).collect();
        let window = |tile: &Tile| {
            let rows = tile.rows();
            borrow(
                &self.reverse,
                |w| w.fits(rows, layout),
                || super::sweep_vjp::Window::new::<F>(rows, layout),
            )
        };
        let swept: Vec<_> = work
            .into_par_iter()
            .map(|(tile, mut out)| {
                let mut window = window(&tile);
                let (totals, border) = self.sweep_vjp(job, &tile, [x, bar], &mut out, &mut window);
                give_back(&self.reverse, window);
                ((tile, out, totals), border)
            })
            .collect();
        let (open, borders): (Vec<_>, Vec<_>) = swept.into_iter().unzip();
        // Tiles that follow each other along x are as many places apart as there are along y.
        let n = borders.len();
        let step = open
            .iter()
            .take_while(|(tile, ..)| tile.x.start == 0)
            .count();
        let found: Vec<(Tile, Vec<f64>)> = open
            .into_par_iter()
            .enumerate()
            .map(|(i, (tile, mut out, mut totals))| {
                let mut window = window(&tile);
                let neighbours = [(i + n - step) % n, i, (i + step) % n].map(|i| &borders[i]);
                let fields = [x, bar];
                let totals_of = &mut totals;
                self.finish_vjp(
                    job,
                    &tile,
                    fields,
                    &mut out,
                    &mut window,
                    neighbours,
                    totals_of,
                );
                give_back(&self.reverse, window);
                (tile, totals)
            })
            .collect();
        // Row by row in the order of the mesh, whatever the tiles.
        let [nx, ny, _] = job.cells;
        let mut sums = vec![0.0; nx * ny];
        for (tile, of_tile) in found {
            for (row, sum) in of_tile.into_iter().enumerate() {
                let (i, j) = (row / tile.rows(), row % tile.rows());
                sums[(tile.x.start + i) * ny + tile.y.start + j] = sum;
            }
        }
        sums.into_iter().sum()
    }

    fn signal(&self, c: T, cells: [usize; 3], inverse: [T; 3], x: &[&[T]]) -> T {
        let layout = Layout::new(cells[2]);
        let (ny, nz) = (cells[1], cells[2]);
        let planes: Vec<T> = (0..cells[0])
            .into_par_iter()
            .map_init(
                || Ring::<_, 1>::new(T::zero(), 1, F * layout.stride),
                |ring, i| {
                    let rows = ring.row_mut(0, 0);
                    let mut worst = T::zero();
                    for j in 0..ny {
                        let law = self.law;
                        dispatch(
                            self.arch,
                            ToPrimitive {
                                code: marker(law),
                                c,
                                layout,
                                fields: x,
                                at: (i * ny + j) * nz,
                                rows: &mut *rows,
                            },
                        );
                        let mut largest = T::zero();
                        let signal = Signal {
                            code: marker(law),
                            c,
                            layout,
                            inverse,
                            rows,
                            largest: &mut largest,
                        };
                        dispatch(self.arch, signal);
                        worst = larger(worst, largest);
                    }
                    worst
                },
            )
            .collect();
        planes.into_iter().fold(T::zero(), larger)
    }
}

/// The larger number, or NaN.
fn larger<T: Lane>(a: T, b: T) -> T {
    if b > a || b.is_nan() { b } else { a }
}

/// Rows of a tile along y in the forward step: few enough that the window stays in a core's own
/// cache, many enough that the border costs little.
fn forward_rows<T>(fields: usize, layout: Layout) -> usize {
    // Three planes of primitive variables, one of faces, one of sums.
    let bytes = 5 * fields * layout.stride * size_of::<T>();
    ((1 << 20) / bytes).clamp(16, 32)
}

/// The same for its adjoint, whose border is twice as wide: the window stays in the shared cache.
fn reverse_rows<T>(fields: usize, layout: Layout) -> usize {
    // Four planes of primitive variables, one of faces; of cotangents two of the new state, five of
    // faces, three of primitive variables.
    let bytes = 15 * fields * layout.stride * size_of::<T>();
    ((5 << 19) / bytes).clamp(16, 64)
}

/// The engine of any scalar.
pub(crate) fn isothermal<T: 'static>() -> Box<dyn Engine<T>> {
    of_scalar(isothermal_single, isothermal_double)
}

/// The engine of any scalar.
pub(crate) fn ideal<T: 'static>() -> Box<dyn Engine<T>> {
    of_scalar(ideal_single, ideal_double)
}

// Not generic, so that the kernels are compiled here, once, and not in every crate that uses gas.

fn isothermal_single() -> Box<dyn Engine<f32>> {
    Box::new(Kernels::<f32, _, 4>::new(IsothermalLaw))
}

fn isothermal_double() -> Box<dyn Engine<f64>> {
    Box::new(Kernels::<f64, _, 4>::new(IsothermalLaw))
}

fn ideal_single() -> Box<dyn Engine<f32>> {
    Box::new(Kernels::<f32, _, 5>::new(IdealLaw))
}

fn ideal_double() -> Box<dyn Engine<f64>> {
    Box::new(Kernels::<f64, _, 5>::new(IdealLaw))
}

/// Chooses by the scalar: the one of the two boxes that has its type.
fn of_scalar<T: 'static>(
    single: fn() -> Box<dyn Engine<f32>>,
    double: fn() -> Box<dyn Engine<f64>>,
) -> Box<dyn Engine<T>> {
    let candidates: [Box<dyn Any>; 2] = [Box::new(single()), Box::new(double())];
    let mut fitting = candidates
        .into_iter()
        .filter_map(|engine| engine.downcast::<Box<dyn Engine<T>>>().ok());
    *fitting.next().expect("a scalar is f32 or f64")
}
