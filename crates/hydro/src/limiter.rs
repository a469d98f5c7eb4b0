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
    /// The limited difference again, and from its cotangent those of `a` and `b`.
    fn limited_vjp<N: Num>(a: N, b: N, tiny: N, bar: N) -> (N, [N; 2]);
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

    /// With `m` the minmod and `q = s / (s + tiny)`, `s = (|a| + |b|) / 2`: where the signs agree
    /// `d(m q) = q dm + m dq`, and `|m| dq = |m| / (s + tiny) (1 - q) ds`.
    #[inline(always)]
    fn limited_vjp<N: Num>(a: N, b: N, tiny: N, bar: N) -> (N, [N; 2]) {
        let half = a.constant(0.5);
        let (size_a, size_b) = (a.abs(), b.abs());
        let sum = size_a + size_b;
        let inverse = half / sum.mul_add(half, tiny);
        let inverse = N::select(a.agree(b), inverse, a.zero());
        let q = sum * inverse;
        let first = size_a.lt(size_b);
        let minmod = N::select(first, a, b);
        let through = q * bar;
        let shared = size_a.min(size_b) * inverse * (bar - through);
        let both = shared + through;
        let bars = [
            N::select(first, both, shared),
            N::select(first, shared, both),
        ];
        (minmod * q, bars)
    }
}

impl Limit for Minmod {
    #[inline(always)]
    fn limited<N: Num>(a: N, b: N, _: N) -> N {
        // One of the two is zero.
        a.min(b).max(a.zero()) + a.max(b).min(a.zero())
    }

    #[inline(always)]
    fn limited_vjp<N: Num>(a: N, b: N, tiny: N, bar: N) -> (N, [N; 2]) {
        let zero = a.zero();
        let bar = N::select(zero.lt(a * b), bar, zero);
        let first = a.abs().lt(b.abs());
        let bars = [N::select(first, bar, zero), N::select(first, zero, bar)];
        (Self::limited(a, b, tiny), bars)
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
    fn limited_vjp<N: Num>(a: N, b: N, tiny: N, bar: N) -> (N, [N; 2]) {
        let (zero, half, two) = (a.zero(), a.constant(0.5), a.constant(2.0));
        let bar = N::select(zero.lt(a * b), bar, zero);
        let (small, large) = (a.abs().min(b.abs()), a.abs().max(b.abs()));
        // |a + b| / 2 against twice the smaller one.
        let central = large.lt(small * a.constant(3.0));
        let first = a.abs().lt(b.abs());
        let (mean, twice) = (bar * half, bar * two);
        let bars = [
            N::select(central, mean, N::select(first, twice, zero)),
            N::select(central, mean, N::select(first, zero, twice)),
        ];
        (Self::limited(a, b, tiny), bars)
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

    /// By `2 b^2 / (a + b)^2` and `2 a^2 / (a + b)^2`.
    #[inline(always)]
    fn limited_vjp<N: Num>(a: N, b: N, _: N, bar: N) -> (N, [N; 2]) {
        let product = a * b;
        let agree = a.zero().lt(product);
        let one = a.constant(1.0);
        let inverse = one / N::select(agree, a + b, one);
        let (p, q) = (a * inverse, b * inverse);
        let twice = N::select(agree, bar + bar, a.zero());
        let limited = N::select(agree, (product + product) * inverse, a.zero());
        (limited, [q * q * twice, p * p * twice])
    }
}
