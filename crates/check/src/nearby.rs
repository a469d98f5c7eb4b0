//! States without the symmetries of a hand-made one.

use adastra_core::{Fields, Real};

use crate::flat::Flat;
use crate::random::Random;

/// `x`, each of its fields moved in a random direction by `fraction` of its root mean square. A
/// field of zeros stays so: it may be one that must not change sign.
///
/// A lattice of stars, or gas at rest, sits exactly on kinks, where differences and derivatives
/// have nothing to say about one another.
///
/// ```
/// let moved = adastra_check::nearby::<f64, _>(&ndarray::arr1(&[1.0, -1.0, 1.0]), 0.01, 7);
/// assert!(moved.iter().all(|x| (x.abs() - 1.0).abs() < 0.1 && x.abs() != 1.0));
/// ```
pub fn nearby<T: Real, S: Fields<T>>(x: &S, fraction: f64, seed: u64) -> S {
    let flat = Flat::of(x);
    let direction = flat.direction(&mut Random::new(seed)).where_not_zero(&flat);
    flat.plus(fraction, &direction).to_like(x)
}
