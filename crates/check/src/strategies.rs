//! Random inputs.
//!
//! Arrays are drawn from a seed and do not shrink: a smaller number is no simpler input for a
//! field, and a thousand value trees would cost more than the check.

use std::ops::Range;

use ndarray::{Array, Dimension, IntoDimension};
use num_complex::Complex;
use proptest::prelude::{Strategy, any};

use crate::random::Random;

/// Real arrays of the given shape, uniform in `range`.
pub fn real<I: IntoDimension>(
    shape: I,
    range: Range<f64>,
) -> impl Strategy<Value = Array<f64, I::Dim>>
where
    I::Dim: 'static,
{
    let shape = shape.into_dimension();
    drawn(shape, move |random| {
        range.start + (range.end - range.start) * random.uniform()
    })
}

/// Real arrays of the given shape, normal with the given mean and standard deviation.
pub fn normal<I: IntoDimension>(
    shape: I,
    mean: f64,
    deviation: f64,
) -> impl Strategy<Value = Array<f64, I::Dim>>
where
    I::Dim: 'static,
{
    drawn(shape.into_dimension(), move |random| {
        mean + deviation * random.normal()
    })
}

/// Complex arrays of the given shape: real and imaginary parts are normal, with
/// `<|z|^2> = rms^2`.
pub fn complex<I: IntoDimension>(
    shape: I,
    rms: f64,
) -> impl Strategy<Value = Array<Complex<f64>, I::Dim>>
where
    I::Dim: 'static,
{
    let part = rms * std::f64::consts::FRAC_1_SQRT_2;
    drawn(shape.into_dimension(), move |random| {
        Complex::new(part * random.normal(), part * random.normal())
    })
}

/// Numbers whose logarithm is uniform: for parameters known only to an order of magnitude.
///
/// # Panics
/// When the range is empty or reaches zero.
pub fn log_uniform(range: Range<f64>) -> impl Strategy<Value = f64> {
    assert!(
        0.0 < range.start && range.start < range.end,
        "log_uniform needs 0 < start < end"
    );
    (range.start.ln()..range.end.ln()).prop_map(f64::exp)
}

fn drawn<A: std::fmt::Debug, D: Dimension + 'static>(
    shape: D,
    draw: impl Fn(&mut Random) -> A,
) -> impl Strategy<Value = Array<A, D>> {
    any::<u64>().no_shrink().prop_map(move |seed| {
        let mut random = Random::new(seed);
        Array::from_shape_simple_fn(shape.clone(), || draw(&mut random))
    })
}
