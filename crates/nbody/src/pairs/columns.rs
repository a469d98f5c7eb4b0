//! Particles as columns.

use adastra_core::Real;

use super::BLOCK;

/// The scalar in which pairs are evaluated. Sums over many pairs are in f64 in any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum PairPrecision {
    /// That of the run.
    #[default]
    OfRun,
    /// f32: in a run in f64, positions are rounded to f32 relative to their mean, so a separation
    /// r is wrong by about 1e-7 R/r of itself, where R is the size of the system.
    Single,
}

/// `N` columns of numbers, one per particle, padded to whole blocks of targets.
pub(crate) enum Columns<const N: usize> {
    Single([Vec<f32>; N], usize),
    Double([Vec<f64>; N], usize),
}

impl<const N: usize> Columns<N> {
    /// Positions, shape (n, 3) in C order, and the further columns that `rest` gives.
    pub(crate) fn new<T: Real>(
        precision: PairPrecision,
        position: &[T],
        rest: impl Fn(usize, usize) -> f64,
    ) -> Self {
        let n = position.len() / 3;
        let single = |centre: [f64; 3]| {
            let value = |i, k| column(position, centre, &rest, i, k) as f32;
            Self::Single(padded(n, value), n)
        };
        match (T::BYTES, precision) {
            (4, _) => single([0.0; 3]),
            (_, PairPrecision::Single) => single(mean(position)),
            (_, PairPrecision::OfRun) => {
                let value = |i, k| column(position, [0.0; 3], &rest, i, k);
                Self::Double(padded(n, value), n)
            }
        }
    }
}

#[inline(always)]
fn column<T: Real>(
    position: &[T],
    centre: [f64; 3],
    rest: &impl Fn(usize, usize) -> f64,
    i: usize,
    k: usize,
) -> f64 {
    if k < 3 {
        position[3 * i + k].f64() - centre[k]
    } else {
        rest(i, k - 3)
    }
}

/// Padding repeats the first particle; its sums are never read.
fn padded<T: Copy, const N: usize>(n: usize, value: impl Fn(usize, usize) -> T) -> [Vec<T>; N] {
    let len = n.next_multiple_of(BLOCK);
    std::array::from_fn(|k| {
        (0..len)
            .map(|i| value(if i < n { i } else { 0 }, k))
            .collect()
    })
}

fn mean<T: Real>(position: &[T]) -> [f64; 3] {
    let n = (position.len() / 3).max(1) as f64;
    let total = position.chunks_exact(3).fold([0.0; 3], |sum, x| {
        std::array::from_fn(|k| sum[k] + x[k].f64())
    });
    total.map(|sum: f64| sum / n)
}
