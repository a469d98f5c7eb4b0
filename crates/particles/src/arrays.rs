//! Arrays as slices, checked, and loops over particles.

use std::borrow::Cow;

use adastra_core::{Error, Real, Result};
use ndarray::{Array, Array2, Dimension};
use rayon::prelude::*;

use crate::ParticleError;

/// Particles that one task treats. Fewer are treated where the caller runs: waking another
/// thread would take longer than the work.
pub(crate) const CHUNK: usize = 2048;

/// Requires a shape.
pub(crate) fn shape(what: &str, found: &[usize], expected: &[usize]) -> Result<()> {
    if found == expected {
        return Ok(());
    }
    Err(Error::Shape {
        what: what.to_owned(),
        found: found.to_vec(),
        expected: expected.to_vec(),
    })
}

/// Requires the shape (n, 3) and finite numbers.
pub(crate) fn positions<T: Real>(position: &Array2<T>, n: usize) -> Result<()> {
    shape("particle positions", position.shape(), &[n, 3])?;
    finite("position", position).map_err(|e| Error::operator("particles", e))
}

/// Requires finite numbers in an array of shape (n, 3).
pub(crate) fn finite<T: Real>(field: &'static str, a: &Array2<T>) -> Result<(), ParticleError> {
    let values = dense(a);
    // No early exit within a chunk, so that the loop runs over whole vectors.
    let good = |c: &[T]| c.iter().fold(true, |good, x| good & x.is_finite());
    let all = if values.len() <= 3 * CHUNK {
        good(&values)
    } else {
        values.par_chunks(3 * CHUNK).all(good)
    };
    if all {
        return Ok(());
    }
    let i = values
        .iter()
        .position(|x| !x.is_finite())
        .unwrap_or_default();
    let (particle, component, value) = (i / 3, i % 3, values[i].f64());
    Err(ParticleError::Particle {
        field,
        particle,
        component,
        value,
        allowed: "finite",
    })
}

/// The elements in logical order, without a copy where they lie so.
pub(crate) fn dense<T: Real, D: Dimension>(a: &Array<T, D>) -> Cow<'_, [T]> {
    match a.as_slice() {
        Some(slice) => Cow::Borrowed(slice),
        None => Cow::Owned(a.iter().copied().collect()),
    }
}

/// The elements in logical order; brings them into it first where they lie otherwise.
pub(crate) fn dense_mut<T: Real, D: Dimension>(a: &mut Array<T, D>) -> &mut [T] {
    if !a.is_standard_layout() {
        *a = a.as_standard_layout().into_owned();
    }
    a.as_slice_mut()
        .expect("an owned array in standard layout is contiguous")
}

/// `y += x`, three numbers.
#[inline(always)]
pub(crate) fn add<T: Real>(y: &mut [T], x: [T; 3]) {
    for (y, x) in y.iter_mut().zip(x) {
        *y += x;
    }
}

/// Three numbers of particle `i`.
#[inline(always)]
pub(crate) fn triple<T: Real>(values: &[T], i: usize) -> [T; 3] {
    [values[3 * i], values[3 * i + 1], values[3 * i + 2]]
}

/// Calls `f` with every chunk: in parallel if there are several.
///
/// The chunks write to disjoint places, so that the result does not depend on the threads.
pub(crate) fn each<I: Send>(chunks: impl ExactSizeIterator<Item = I>, f: impl Fn(I) + Send + Sync) {
    if chunks.len() <= 1 {
        chunks.for_each(f);
    } else {
        chunks.collect::<Vec<_>>().into_par_iter().for_each(f);
    }
}
