//! Sums over some sources for a few targets, which are the first of the sources.
//!
//! Here the lanes of a register hold different sources, and the targets are broadcast: there are
//! more sources than a few targets would fill lanes.

use super::{Pair, lane_numbers};
use crate::simd::{Lane, Ops, Rsqrt, Vectorized};

/// Registers of sources that are summed before the sum is added in f64.
const TILE: usize = 64;
/// Lanes of the widest registers of the smallest scalar.
const WIDEST: usize = 16;

/// Sources of a few targets.
pub(crate) struct Near<'a, P, T, const IN: usize, const OUT: usize> {
    pub(crate) pair: P,
    /// The columns of the sources, to which padding is added.
    pub(crate) sources: &'a mut [Vec<T>; IN],
    pub(crate) softening_squared: f64,
    /// Of the first sources.
    pub(crate) sums: &'a mut [[f64; OUT]],
}

impl<P, T, const IN: usize, const OUT: usize> Vectorized for Near<'_, P, T, IN, OUT>
where
    P: Pair<IN, OUT>,
    T: Lane,
{
    #[inline(always)]
    fn run<S: Rsqrt>(mut self, s: S) {
        let lanes = T::lanes::<S>();
        let n = self.sources[0].len();
        let whole = n.next_multiple_of(lanes);
        for (k, column) in self.sources.iter_mut().enumerate() {
            // Somewhere, but without mass.
            let padding = if k < 3 { column[n - 1] } else { T::zero() };
            column.resize(whole, padding);
        }
        let mut far = [T::zero(); WIDEST];
        for far in &mut far[(n + lanes - whole)..lanes] {
            *far = T::FAR;
        }
        let mut first = 0;
        while P::GROUPS > 1 && first + 2 <= self.sums.len() {
            self.targets::<S, 2>(s, first, &far);
            first += 2;
        }
        while first < self.sums.len() {
            self.targets::<S, 1>(s, first, &far);
            first += 1;
        }
    }
}

impl<P, T, const IN: usize, const OUT: usize> Near<'_, P, T, IN, OUT>
where
    P: Pair<IN, OUT>,
    T: Lane,
{
    /// The sums of `R` targets.
    #[inline(always)]
    fn targets<S: Rsqrt, const R: usize>(&mut self, s: S, first: usize, far: &[T; WIDEST]) {
        let ops = Ops::<T, S>::new(s);
        let lanes = T::lanes::<S>();
        let softening = ops.splat(self.softening_squared);
        let columns: [&[T::V<S>]; IN] = self.sources.each_ref().map(|x| T::vectors::<S>(x));
        let registers = columns[0].len();
        let columns = columns.map(|column| &column[..registers]);
        let targets: [[T::V<S>; IN]; R] = std::array::from_fn(|r| {
            std::array::from_fn(|k| T::v_splat(s, self.sources[k][first + r]))
        });
        let far = T::vectors::<S>(&far[..lanes])[0];
        let own = self.sums.len().div_ceil(lanes);
        let infinity = ops.splat(T::FAR.f64());
        let pair = self.pair;
        for tile in (0..registers).step_by(TILE) {
            let end = (tile + TILE).min(registers);
            let mut sums = [[ops.splat(0.0); OUT]; R];
            for j in tile..end.min(own).max(tile) {
                let mut extra = softening;
                if j + 1 == registers {
                    extra = ops.add(extra, far);
                }
                for r in 0..R {
                    // A particle is at an infinite distance to itself.
                    let lane = lane_numbers::<T, S>(s, 0);
                    let me = ops.splat((first + r) as f64 - (j * lanes) as f64);
                    let extra = T::v_select_equal(s, [lane, me], infinity, extra);
                    one(ops, pair, &columns, j, &targets[r], extra, &mut sums[r]);
                }
            }
            let plain = if end == registers { end - 1 } else { end };
            for j in tile.max(own)..plain.max(tile) {
                for r in 0..R {
                    one(ops, pair, &columns, j, &targets[r], softening, &mut sums[r]);
                }
            }
            if end == registers && end > own {
                let extra = ops.add(softening, far);
                for r in 0..R {
                    one(
                        ops,
                        pair,
                        &columns,
                        end - 1,
                        &targets[r],
                        extra,
                        &mut sums[r],
                    );
                }
            }
            for (r, sums) in sums.iter().enumerate() {
                for (total, sum) in self.sums[first + r].iter_mut().zip(sums) {
                    let parts = T::unpacked::<S>(std::slice::from_ref(sum));
                    *total += parts.iter().map(|part| part.f64()).sum::<f64>();
                }
            }
        }
    }
}

/// Adds a register of sources.
#[inline(always)]
fn one<P, T, S, const IN: usize, const OUT: usize>(
    ops: Ops<T, S>,
    pair: P,
    columns: &[&[T::V<S>]; IN],
    j: usize,
    target: &[T::V<S>; IN],
    extra: T::V<S>,
    sums: &mut [T::V<S>; OUT],
) where
    P: Pair<IN, OUT>,
    T: Lane,
    S: Rsqrt,
{
    let source: [T::V<S>; IN] = std::array::from_fn(|k| columns[k][j]);
    let d = ops.minus(
        [source[0], source[1], source[2]],
        [target[0], target[1], target[2]],
    );
    let mut squared = ops.mul_add(d[0], d[0], extra);
    squared = ops.mul_add(d[1], d[1], squared);
    squared = ops.mul_add(d[2], d[2], squared);
    pair.add(ops, d, squared, target, &source, sums);
}
