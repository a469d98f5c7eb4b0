//! Arrays as planes of constant x, in parallel, with sums in a fixed order.

use adastra_core::{Error, Result};
use ndarray::Array3;
use rayon::prelude::*;

/// The cells of `array` in C order, which it is brought into where it is not.
///
/// # Errors
/// [`Error::Shape`] where `array` is not of shape `cells`.
pub(crate) fn cells_mut<'a, A: Clone>(
    what: &str,
    array: &'a mut Array3<A>,
    cells: [usize; 3],
) -> Result<&'a mut [A]> {
    check(what, array, cells)?;
    if !array.is_standard_layout() {
        *array = array.as_standard_layout().into_owned();
    }
    array.as_slice_mut().ok_or_else(|| layout(what, cells))
}

/// The cells of `array`, which must be in C order.
///
/// # Errors
/// [`Error::Shape`] where it is not, or is not of shape `cells`.
pub(crate) fn cells<'a, A>(what: &str, array: &'a Array3<A>, cells: [usize; 3]) -> Result<&'a [A]> {
    check(what, array, cells)?;
    array.as_slice().ok_or_else(|| layout(what, cells))
}

fn check<A>(what: &str, array: &Array3<A>, cells: [usize; 3]) -> Result<()> {
    if array.shape() == cells {
        return Ok(());
    }
    let (what, found) = (what.to_owned(), array.shape().to_vec());
    Err(Error::Shape {
        what,
        found,
        expected: cells.to_vec(),
    })
}

fn layout(what: &str, cells: [usize; 3]) -> Error {
    let what = format!("{what} in C order (z contiguous)");
    Error::Shape {
        what,
        found: cells.iter().rev().copied().collect(),
        expected: cells.to_vec(),
    }
}

/// Cells of a plane of constant x.
pub(crate) fn plane([_, ny, nz]: [usize; 3]) -> usize {
    ny * nz
}

/// The results of `work(ix)` for each plane, folded in order of x.
pub(crate) fn fold_planes<R: Send, S>(
    nx: usize,
    zero: S,
    work: impl Fn(usize) -> R + Send + Sync,
    fold: impl Fn(S, R) -> S,
) -> S {
    let parts: Vec<R> = (0..nx).into_par_iter().map(work).collect();
    parts.into_iter().fold(zero, fold)
}
