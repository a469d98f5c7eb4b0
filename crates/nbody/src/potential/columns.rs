//! Coordinates as columns, chunk by chunk.

use adastra_core::Real;
use rayon::prelude::*;

use super::term::PADDING;

/// Points that one task treats.
pub(crate) const CHUNK: usize = 512;

/// Columns of one chunk, padded.
pub(crate) struct Columns([Vec<f64>; 3]);

impl Columns {
    pub(crate) fn zeros(n: usize) -> Self {
        Self([0; 3].map(|_| vec![0.0; n.next_multiple_of(PADDING)]))
    }

    /// Padding repeats the first row.
    pub(crate) fn of<T: Real>(rows: &[T]) -> Self {
        let mut columns = Self::zeros(rows.len() / 3);
        for (k, column) in columns.0.iter_mut().enumerate() {
            column.fill(rows[k].f64());
            let rows = rows[k..].iter().step_by(3);
            column.iter_mut().zip(rows).for_each(|(y, x)| *y = x.f64());
        }
        columns
    }

    /// Padding is zero, so that it adds nothing to a sum.
    pub(super) fn weights(rows: &[[f64; 3]]) -> Self {
        let mut columns = Self::zeros(rows.len());
        for (k, column) in columns.0.iter_mut().enumerate() {
            column.iter_mut().zip(rows).for_each(|(y, x)| *y = x[k]);
        }
        columns
    }

    pub(crate) fn views(&self) -> [&[f64]; 3] {
        self.0.each_ref().map(Vec::as_slice)
    }

    pub(super) fn views_mut(&mut self) -> [&mut [f64]; 3] {
        self.0.each_mut().map(Vec::as_mut_slice)
    }

    pub(super) fn add_to(&self, rows: &mut [[f64; 3]]) {
        for (k, column) in self.0.iter().enumerate() {
            rows.iter_mut().zip(column).for_each(|(y, x)| y[k] += x);
        }
    }
}

/// Calls `f` with every chunk, in parallel if there are several, and returns its results in order.
pub(crate) fn chunks<I: Send, R: Send>(
    chunks: impl ExactSizeIterator<Item = I>,
    f: impl Fn(I) -> R + Send + Sync,
) -> Vec<R> {
    if chunks.len() <= 1 {
        chunks.map(f).collect()
    } else {
        chunks.collect::<Vec<_>>().into_par_iter().map(f).collect()
    }
}
