//! Sums over modes whose order does not depend on the number of threads.

/// A quantity that a pass over the modes adds up.
///
/// The partial sums of fixed groups of modes are added in a fixed order, so that the total has
/// the same bits for any number of threads. `()` costs nothing; the default is the empty sum.
pub trait Accumulate: Default + Send {
    /// `self += other`.
    fn add(&mut self, other: Self);
}

impl Accumulate for () {
    #[inline(always)]
    fn add(&mut self, (): Self) {}
}

impl Accumulate for f64 {
    #[inline(always)]
    fn add(&mut self, other: Self) {
        *self += other;
    }
}

impl Accumulate for [f64; 2] {
    #[inline(always)]
    fn add(&mut self, other: Self) {
        self.iter_mut().zip(other).for_each(|(a, b)| *a += b);
    }
}

impl Accumulate for [f64; 3] {
    #[inline(always)]
    fn add(&mut self, other: Self) {
        self.iter_mut().zip(other).for_each(|(a, b)| *a += b);
    }
}

impl Accumulate for [f64; 4] {
    #[inline(always)]
    fn add(&mut self, other: Self) {
        self.iter_mut().zip(other).for_each(|(a, b)| *a += b);
    }
}

/// The sum of the parts, in their order.
pub(crate) fn total<S: Accumulate>(parts: impl IntoIterator<Item = S>) -> S {
    let mut sum = S::default();
    parts.into_iter().for_each(|part| sum.add(part));
    sum
}
