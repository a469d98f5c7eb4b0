//! Slope limiters: from the two one-sided differences of a cell to one limited difference.
//!
//! Differences are undivided: `a = f_i - f_{i-1}`, `b = f_{i+1} - f_i`, and the limited one is
//! the slope times the spacing. Each limiter is a function of `a` and `b` alone, so its derivative
//! is two partials. At a kink (`a = b`, a bound that is just reached, `a = 0` or `b = 0`) they are
//! those of one side, the one that the comparisons in the code pick; in a uniform field,
//! `a = b = 0`, both are zero.

use crate::lane::Num;

/// How slopes are limited, so that the reconstruction makes no new extrema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Limiter {
    /// The limiter of Jaxion 0.0.13: the central slope `s` times
    /// `min(clip(a / s', 0, 1), clip(b / s', 0, 1))` with `s' = s + sign(s) 1e-12`, in units of
    /// the field per kpc. But for the last digits this is [`Limiter::Minmod`].
    Jaxion,
    /// The smaller of the two differences where they agree in sign, else zero (Roe 1986).
    Minmod,
    /// Monotonized central (van Leer 1977): the central difference, at most twice either
    /// one-sided one.
    MonotonizedCentral,
    /// Van Leer (1974): the harmonic mean `2 a b / (a + b)` where the signs agree, else zero.
    VanLeer,
}

impl Limiter {
    /// All limiters.
    pub const ALL: [Self; 4] = [
        Self::Jaxion,
        Self::Minmod,
        Self::MonotonizedCentral,
        Self::VanLeer,
    ];

    /// The name in configurations.
    pub fn name(self) -> &'static str {
        match self {
            Self::Jaxion => "jaxion",
            Self::Minmod => "minmod",
            Self::MonotonizedCentral => "monotonized-central",
            Self::VanLeer => "van-leer",
        }
    }
}

/// A limiter as code. `tiny` is 1e-12 times the spacing.
pub(crate) trait Limit: Copy + Send + Sync {
    fn limited<N: Num>(a: N, b: N, tiny: N) -> N;
    /// The limited difference, and its partial derivatives by `a` and `b`.
    fn partials<N: Num>(a: N, b: N, tiny: N) -> (N, [N; 2]);
}

/// [`Limiter::Jaxion`].
#[derive(Clone, Copy)]
pub(crate) struct Jaxion;
/// [`Limiter::Minmod`].
#[derive(Clone, Copy)]
pub(crate) struct Minmod;
/// [`Limiter::MonotonizedCentral`].
#[derive(Clone, Copy)]
pub(crate) struct MonotonizedCentral;
/// [`Limiter::VanLeer`].
#[derive(Clone, Copy)]
pub(crate) struct VanLeer;

impl Limit for Jaxion {
    /// The smaller difference times `|s| / (|s| + tiny)`: it never passes `|s|`, half of the sum.
    #[inline(always)]
    fn limited<N: Num>(a: N, b: N, tiny: N) -> N {
        let size = ((a + b) * a.constant(0.5)).abs();
        Minmod::limited(a, b, tiny) * (size / (size + tiny))
    }

    /// With `m` the minmod and `q = |s| / (|s| + tiny)`: `d(m q) = q dm + m dq` and
    /// `dq = sign(s) tiny / (|s| + tiny)^2 ds`; `m` has the sign of `s`.
    #[inline(always)]
    fn partials<N: Num>(a: N, b: N, tiny: N) -> (N, [N; 2]) {
        let (zero, half) = (a.zero(), a.constant(0.5));
        let twice = (a + b).abs();
        let inverse = half / twice.mul_add(half, tiny);
        let q = twice * inverse;
        // One of the two is zero.
        let (positive, negative) = (a.min(b).max(zero), a.max(b).min(zero));
        let m = positive + negative;
        // Both factors are at most one: the square of the inverse alone may overflow.
        let common = (positive - negative) * inverse * ((tiny + tiny) * inverse);
        let slope = q + common;
        // The difference that is the minmod; in a uniform field q vanishes.
        let (first, second) = (a.same(m), b.same(m));
        let partials = [
            N::select(first, slope, common),
            N::select(first, common, N::select(second, slope, common)),
        ];
        (m * q, partials)
    }
}

impl Limit for Minmod {
    #[inline(always)]
    fn limited<N: Num>(a: N, b: N, _: N) -> N {
        // One of the two is zero.
        a.min(b).max(a.zero()) + a.max(b).min(a.zero())
    }

    #[inline(always)]
    fn partials<N: Num>(a: N, b: N, tiny: N) -> (N, [N; 2]) {
        let (zero, one) = (a.zero(), a.constant(1.0));
        let slope = N::select(zero.lt(a * b), one, zero);
        let first = a.abs().lt(b.abs());
        let partials = [N::select(first, slope, zero), N::select(first, zero, slope)];
        (Self::limited(a, b, tiny), partials)
    }
}

impl Limit for MonotonizedCentral {
    #[inline(always)]
    fn limited<N: Num>(a: N, b: N, _: N) -> N {
        let (zero, half, two) = (a.zero(), a.constant(0.5), a.constant(2.0));
        let central = (a + b) * half;
        let (low, high) = (a.min(b) * two, a.max(b) * two);
        central.min(low).max(zero) + central.max(high).min(zero)
    }

    #[inline(always)]
    fn partials<N: Num>(a: N, b: N, tiny: N) -> (N, [N; 2]) {
        let (zero, half, two) = (a.zero(), a.constant(0.5), a.constant(2.0));
        let agree = zero.lt(a * b);
        let (small, large) = (a.abs().min(b.abs()), a.abs().max(b.abs()));
        // |a + b| / 2 against twice the smaller one.
        let central = large.lt(small * a.constant(3.0));
        let first = a.abs().lt(b.abs());
        let (of_a, of_b) = (N::select(first, two, zero), N::select(first, zero, two));
        let partials = [
            N::select(agree, N::select(central, half, of_a), zero),
            N::select(agree, N::select(central, half, of_b), zero),
        ];
        (Self::limited(a, b, tiny), partials)
    }
}

impl Limit for VanLeer {
    #[inline(always)]
    fn limited<N: Num>(a: N, b: N, _: N) -> N {
        let product = a * b;
        let agree = a.zero().lt(product);
        // Where the signs disagree the sum may vanish.
        let sum = N::select(agree, a + b, a.constant(1.0));
        N::select(agree, (product + product) / sum, a.zero())
    }

    /// `2 b^2 / (a + b)^2` and `2 a^2 / (a + b)^2`.
    #[inline(always)]
    fn partials<N: Num>(a: N, b: N, _: N) -> (N, [N; 2]) {
        let product = a * b;
        let agree = a.zero().lt(product);
        let one = a.constant(1.0);
        let inverse = one / N::select(agree, a + b, one);
        let (p, q) = (a * inverse, b * inverse);
        let partials = [
            N::select(agree, q * q + q * q, a.zero()),
            N::select(agree, p * p + p * p, a.zero()),
        ];
        let limited = N::select(agree, (product + product) * inverse, a.zero());
        (limited, partials)
    }
}
