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

/// What is known of each particle, in f64: its position, and what else a kernel needs.
pub(crate) struct Rows<const N: usize> {
    pub(crate) rows: Vec<[f64; N]>,
    /// The place that positions are rounded to f32 about, if pairs are in f32.
    single: Option<[f64; 3]>,
}

impl<const N: usize> Rows<N> {
    /// Positions, shape (n, 3) in C order, and the further columns that `rest` gives.
    pub(crate) fn new<T: Real>(
        precision: PairPrecision,
        position: &[T],
        rest: impl Fn(usize, usize) -> f64,
    ) -> Self {
        let row = |(i, x): (usize, &[T])| {
            std::array::from_fn(|k| if k < 3 { x[k].f64() } else { rest(i, k - 3) })
        };
        let rows: Vec<_> = position.chunks_exact(3).enumerate().map(row).collect();
        let single = match (T::BYTES, precision) {
            // Nothing is rounded.
            (4, _) => Some([0.0; 3]),
            (_, PairPrecision::Single) => Some(mean(&rows)),
            (_, PairPrecision::OfRun) => None,
        };
        Self { rows, single }
    }

    /// The same particles in another order.
    pub(crate) fn ordered(&self, order: &[u32]) -> Self {
        Self {
            rows: order.iter().map(|&i| self.rows[i as usize]).collect(),
            single: self.single,
        }
    }
}

/// `N` columns of numbers, one per particle, padded to whole blocks of targets.
pub(crate) enum Columns<const N: usize> {
    Single([Vec<f32>; N], usize),
    Double([Vec<f64>; N], usize),
}

impl<const N: usize> Columns<N> {
    /// The columns in the scalar of the pairs.
    pub(crate) fn new(Rows { rows, single }: &Rows<N>) -> Self {
        let n = rows.len();
        match single {
            Some(centre) => {
                let from = |k: usize| if k < 3 { centre[k] } else { 0.0 };
                Self::Single(padded(n, |i, k| (rows[i][k] - from(k)) as f32), n)
            }
            None => Self::Double(padded(n, |i, k| rows[i][k]), n),
        }
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

fn mean<const N: usize>(rows: &[[f64; N]]) -> [f64; 3] {
    let n = rows.len().max(1) as f64;
    let total = rows
        .iter()
        .fold([0.0; 3], |sum, x| std::array::from_fn(|k| sum[k] + x[k]));
    total.map(|sum: f64| sum / n)
}
