//! Sums over all pairs of particles, on vector registers and threads.
//!
//! Particles lie in columns (structure of arrays), padded to whole blocks. The lanes of a
//! register hold different targets, and the sources pass by one at a time, broadcast, so each
//! target adds its sources in ascending order: neither threads nor blocks change the bits. Sums
//! over [`TILE`] sources are made in the scalar of the pairs and then added in f64.

mod columns;
mod kernels;
mod near;

use std::ops::Range;

use pulp::{Arch, Simd};
use rayon::prelude::*;

pub use columns::PairPrecision;
pub(crate) use columns::{Columns, Rows};
pub(crate) use kernels::{Accelerate, Potential, PullBack, PullBackPerMass, PushForward};
pub(crate) use near::Near;

use crate::simd::{Lane, Ops, Rsqrt, Vectorized, dispatch};

/// Targets that one task treats.
pub(crate) const BLOCK: usize = 64;
/// Sources that are summed before the sum is added in f64. A tile of them fits the first cache.
const TILE: usize = 256;
/// Pairs below which waking another thread would take longer than the work.
const SERIAL: usize = 1 << 17;
/// Registers of targets side by side, at most.
const GROUPS: usize = 2;

/// What a pair of particles adds to the sums of its target. The first three columns are the
/// positions, in all kernels.
pub(crate) trait Pair<const IN: usize, const OUT: usize>: Copy + Send + Sync {
    /// Registers of targets side by side: as many as the sums leave room for.
    const GROUPS: usize;
    /// `d` points from target to source, `squared` is its softened square.
    fn add<T: Lane, S: Rsqrt>(
        self,
        ops: Ops<T, S>,
        d: [T::V<S>; 3],
        squared: T::V<S>,
        target: &[T::V<S>; IN],
        source: &[T::V<S>; IN],
        sums: &mut [T::V<S>; OUT],
    );
}

/// The sums of one block of targets.
struct Block<'a, P, T, const IN: usize, const OUT: usize> {
    pair: P,
    columns: &'a [Vec<T>; IN],
    /// Particles that are no padding.
    n: usize,
    first: usize,
    softening_squared: f64,
    sums: &'a mut [[f64; BLOCK]; OUT],
}

impl<P, T, const IN: usize, const OUT: usize> Vectorized for Block<'_, P, T, IN, OUT>
where
    P: Pair<IN, OUT>,
    T: Lane,
{
    #[inline(always)]
    fn run<S: Rsqrt>(mut self, s: S) {
        let lanes = T::lanes::<S>();
        for tile in (0..self.n).step_by(TILE) {
            let end = (tile + TILE).min(self.n);
            for at in (0..BLOCK).step_by(P::GROUPS * lanes) {
                if P::GROUPS == 1 {
                    self.group::<S, 1>(s, at, tile..end);
                } else {
                    self.group::<S, GROUPS>(s, at, tile..end);
                }
            }
        }
    }
}

impl<P, T, const IN: usize, const OUT: usize> Block<'_, P, T, IN, OUT>
where
    P: Pair<IN, OUT>,
    T: Lane,
{
    /// Adds the sources of a range to the sums of `R` registers of targets.
    #[inline(always)]
    fn group<S: Rsqrt, const R: usize>(&mut self, s: S, at: usize, tile: Range<usize>) {
        let lanes = T::lanes::<S>();
        let first = self.first + at;
        let targets: [[T::V<S>; IN]; R] = std::array::from_fn(|r| {
            let from = first + r * lanes;
            std::array::from_fn(|k| T::vectors::<S>(&self.columns[k][from..from + lanes])[0])
        });
        let mut sums = [[T::v_splat(s, T::zero()); OUT]; R];
        // Only the sources among the targets need a look at who is who.
        let own =
            first.clamp(tile.start, tile.end)..(first + R * lanes).clamp(tile.start, tile.end);
        self.range::<S, R, false>(s, first, &targets, tile.start..own.start, &mut sums);
        self.range::<S, R, true>(s, first, &targets, own.clone(), &mut sums);
        self.range::<S, R, false>(s, first, &targets, own.end..tile.end, &mut sums);
        for (r, sums) in sums.iter().enumerate() {
            for (total, sum) in self.sums.iter_mut().zip(sums) {
                let from = at + r * lanes;
                let parts = T::unpacked::<S>(std::slice::from_ref(sum));
                for (total, part) in total[from..from + lanes].iter_mut().zip(parts) {
                    *total += part.f64();
                }
            }
        }
    }

    #[inline(always)]
    fn range<S: Rsqrt, const R: usize, const OWN: bool>(
        &self,
        s: S,
        first: usize,
        targets: &[[T::V<S>; IN]; R],
        sources: Range<usize>,
        sums: &mut [[T::V<S>; OUT]; R],
    ) {
        let ops = Ops::<T, S>::new(s);
        let softening = ops.splat(self.softening_squared);
        let columns: [&[T]; IN] = std::array::from_fn(|k| &self.columns[k][sources.clone()]);
        let mut local = *sums;
        for j in 0..sources.len() {
            let source: [T::V<S>; IN] = std::array::from_fn(|k| T::v_splat(s, columns[k][j]));
            for r in 0..R {
                let target = &targets[r];
                let d = ops.minus(
                    [source[0], source[1], source[2]],
                    [target[0], target[1], target[2]],
                );
                let mut squared = ops.mul_add(d[0], d[0], softening);
                squared = ops.mul_add(d[1], d[1], squared);
                squared = ops.mul_add(d[2], d[2], squared);
                if OWN {
                    // A particle is at an infinite distance to itself.
                    let own = T::v_splat(s, T::of((sources.start + j - first) as f64));
                    let lane = lane_numbers::<T, S>(s, r);
                    let far = T::v_splat(s, T::FAR);
                    squared = T::v_select_equal(s, [own, lane], far, squared);
                }
                self.pair
                    .add(ops, d, squared, target, &source, &mut local[r]);
            }
        }
        *sums = local;
    }
}

/// The numbers of the lanes of register `r`.
#[inline(always)]
fn lane_numbers<T: Lane, S: Simd>(s: S, r: usize) -> T::V<S> {
    let lanes = T::lanes::<S>();
    let mut numbers = T::v_splat(s, T::zero());
    let each: &mut [T] = pulp::bytemuck::cast_slice_mut(std::slice::from_mut(&mut numbers));
    for (lane, number) in each.iter_mut().enumerate() {
        *number = T::of((r * lanes + lane) as f64);
    }
    numbers
}

/// The sums of all targets: `OUT` columns in f64.
pub(crate) struct Sums<const OUT: usize>(Vec<[[f64; BLOCK]; OUT]>);

impl<const OUT: usize> Sums<OUT> {
    /// Sums that are zero for now.
    pub(crate) fn zeros(n: usize) -> Self {
        Self(vec![[[0.0; BLOCK]; OUT]; n.div_ceil(BLOCK)])
    }

    /// Sets the sums of target `i`.
    pub(crate) fn set(&mut self, i: usize, sums: [f64; OUT]) {
        let block = &mut self.0[i / BLOCK];
        for (column, sum) in block.iter_mut().zip(sums) {
            column[i % BLOCK] = sum;
        }
    }

    /// The sums of target `i`.
    #[inline(always)]
    pub(crate) fn of(&self, i: usize) -> [f64; OUT] {
        let block = &self.0[i / BLOCK];
        std::array::from_fn(|k| block[k][i % BLOCK])
    }
}

/// Sums over all pairs.
pub(crate) fn sum<P, const IN: usize, const OUT: usize>(
    pair: P,
    x: &Columns<IN>,
    softening: f64,
) -> Sums<OUT>
where
    P: Pair<IN, OUT>,
{
    match x {
        Columns::Single(columns, n) => sum_in(pair, columns, *n, softening),
        Columns::Double(columns, n) => sum_in(pair, columns, *n, softening),
    }
}

fn sum_in<P, T, const IN: usize, const OUT: usize>(
    pair: P,
    columns: &[Vec<T>; IN],
    n: usize,
    softening: f64,
) -> Sums<OUT>
where
    P: Pair<IN, OUT>,
    T: Lane,
{
    let arch = Arch::new();
    let mut sums = vec![[[0.0; BLOCK]; OUT]; n.div_ceil(BLOCK)];
    let block = |(b, sums): (usize, &mut [[f64; BLOCK]; OUT])| {
        let block = Block {
            pair,
            columns,
            n,
            first: b * BLOCK,
            softening_squared: softening * softening,
            sums,
        };
        dispatch(arch, block);
    };
    if n * n <= SERIAL {
        sums.iter_mut().enumerate().for_each(block);
    } else {
        sums.par_iter_mut().enumerate().for_each(block);
    }
    Sums(sums)
}
