//! Arrays as slices, checked.

use std::borrow::Cow;

use adastra_core::{Error, Real, Result};
use adastra_particles::ParticleState;
use ndarray::{Array, Array1, Array2, Dimension};

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

/// Requires positions of shape (n, 3) for n masses, and returns n.
pub(crate) fn particles<T: Real>(position: &Array2<T>, mass: &Array1<T>) -> Result<usize> {
    let n = mass.len();
    shape("positions", position.shape(), &[n, 3])?;
    Ok(n)
}

/// Requires the three arrays of a state to agree on the number of particles, and returns it.
pub(crate) fn state<T: Real>(x: &ParticleState<T>) -> Result<usize> {
    let n = particles(&x.position, &x.mass)?;
    shape("velocities", x.velocity.shape(), &[n, 3])?;
    Ok(n)
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

/// The rows of an array of shape (n, 3), in f64.
pub(crate) fn triples<T: Real>(a: &Array2<T>) -> Vec<[f64; 3]> {
    let values = dense(a);
    let rows = values.chunks_exact(3);
    rows.map(|x| [x[0].f64(), x[1].f64(), x[2].f64()]).collect()
}

/// Rows as an array of shape (n, 3).
pub(crate) fn from_triples<T: Real>(rows: &[[f64; 3]]) -> Array2<T> {
    Array2::from_shape_fn((rows.len(), 3), |(i, k)| T::of(rows[i][k]))
}
