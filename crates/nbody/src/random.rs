//! Random numbers that a seed fixes for good.
//!
//! The conversions from bits are written out here, since libraries change theirs.

use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::RngCore;

/// Uniform in [0, 1): a multiple of 2^-53.
pub(crate) fn uniform(rng: &mut Xoshiro256PlusPlus) -> f64 {
    const UNIT: f64 = 1.0 / (1u64 << 53) as f64;
    (rng.next_u64() >> 11) as f64 * UNIT
}

/// Normal deviate of zero mean and unit variance (Box & Muller 1958).
pub(crate) fn normal(rng: &mut Xoshiro256PlusPlus) -> f64 {
    // 1 - u is in (0, 1]: its logarithm is finite.
    let radius = (-2.0 * (1.0 - uniform(rng)).ln()).sqrt();
    radius * (std::f64::consts::TAU * uniform(rng)).cos()
}

/// A vector of the given length in a random direction, uniform on the sphere.
pub(crate) fn direction(rng: &mut Xoshiro256PlusPlus, length: f64) -> [f64; 3] {
    let z = 2.0 * uniform(rng) - 1.0;
    let across = (1.0 - z * z).sqrt();
    let (sin, cos) = (std::f64::consts::TAU * uniform(rng)).sin_cos();
    [length * across * cos, length * across * sin, length * z]
}
