//! Arrays as contiguous slices.

use std::borrow::Cow;

use adastra_core::{Error, Real, Result};
use ndarray::{Array3, ArrayView3};
use rayon::prelude::*;

/// Numbers that a task works through at a time.
pub(crate) const CHUNK: usize = 1 << 14;

/// The numbers in order; a copy if the array is stored otherwise.
pub(crate) fn dense<T: Real>(a: &Array3<T>) -> Cow<'_, [T]> {
    match a.as_slice() {
        Some(slice) => Cow::Borrowed(slice),
        None => Cow::Owned(a.iter().copied().collect()),
    }
}

/// The numbers in order; the array is stored anew if it is not.
pub(crate) fn dense_mut<T: Real>(a: &mut Array3<T>) -> &mut [T] {
    if !a.is_standard_layout() {
        let copy = a.as_standard_layout().into_owned();
        *a = copy;
    }
    // Just made contiguous.
    a.as_slice_mut().expect("an array in standard layout")
}

/// `to = from`.
pub(crate) fn copy<T: Real>(to: &mut Array3<T>, from: &[T]) {
    let to = dense_mut(to).par_chunks_mut(CHUNK);
    to.zip(from.par_chunks(CHUNK))
        .for_each(|(to, from)| to.copy_from_slice(from));
}

/// Indices and value of the first number that is not good.
pub(crate) fn first_bad<T: Real>(
    a: ArrayView3<'_, T>,
    good: impl Fn(T) -> bool,
) -> Option<([usize; 3], T)> {
    a.indexed_iter()
        .find(|&(_, &x)| !good(x))
        .map(|((i, j, k), &x)| ([i, j, k], x))
}

/// `to += from`.
pub(crate) fn add<T: Real>(to: &mut Array3<T>, from: &[T]) {
    let to = dense_mut(to).par_chunks_mut(CHUNK);
    to.zip(from.par_chunks(CHUNK)).for_each(|(to, from)| {
        for (to, &from) in to.iter_mut().zip(from) {
            *to += from;
        }
    });
}

/// Requires the shape of the mesh.
pub(crate) fn shape<T: Real>(what: &str, found: &Array3<T>, cells: [usize; 3]) -> Result<()> {
    if found.shape() == cells {
        return Ok(());
    }
    Err(Error::Shape {
        what: what.to_owned(),
        found: found.shape().to_vec(),
        expected: cells.to_vec(),
    })
}
