//! Vector registers with derivatives: forward-mode differentiation of first and second order, of
//! as many points at once as a register has lanes.

use std::ops::{Add, Div, Mul, Neg, Sub};

use pulp::Simd;
use pulp::bytemuck::cast_slice_mut;

use super::number::{NEAR, Number, TERMS, near};

/// A value v, its derivatives d along `D` directions and, with `T` = 1, its derivative t along
/// one more direction and the mixed second derivatives dt.
#[derive(Clone, Copy)]
pub(super) struct Jet<S: Simd, const D: usize, const T: usize> {
    s: S,
    pub(super) v: S::f64s,
    pub(super) d: [S::f64s; D],
    pub(super) t: [S::f64s; T],
    pub(super) dt: [[S::f64s; D]; T],
}

impl<S: Simd, const D: usize, const T: usize> Jet<S, D, T> {
    /// A constant.
    #[inline(always)]
    pub(super) fn constant(s: S, v: S::f64s) -> Self {
        let zero = s.splat_f64s(0.0);
        Self {
            s,
            v,
            d: [zero; D],
            t: [zero; T],
            dt: [[zero; D]; T],
        }
    }

    /// The variable of direction `i`, with the derivative `t` along the other direction.
    #[inline(always)]
    pub(super) fn variable(s: S, v: S::f64s, i: Option<usize>, t: S::f64s) -> Self {
        let mut jet = Self::constant(s, v);
        if let Some(i) = i {
            jet.d[i] = s.splat_f64s(1.0);
        }
        jet.t = [t; T];
        jet
    }

    /// f(self), from f, f' and f'' at v.
    // Loops, here and below: `map` and `from_fn` of arrays are calls that need not be inlined, and
    // what is not inlined is compiled without vector registers.
    #[inline(always)]
    fn chain(mut self, [f, first, second]: [S::f64s; 3]) -> Self {
        let s = self.s;
        for i in 0..T {
            let bend = s.mul_f64s(second, self.t[i]);
            for k in 0..D {
                let straight = s.mul_f64s(first, self.dt[i][k]);
                self.dt[i][k] = s.mul_add_e_f64s(bend, self.d[k], straight);
            }
            self.t[i] = s.mul_f64s(first, self.t[i]);
        }
        for k in 0..D {
            self.d[k] = s.mul_f64s(first, self.d[k]);
        }
        self.v = f;
        self
    }

    #[inline(always)]
    fn both(mut self, other: Self, f: impl Fn(S::f64s, S::f64s) -> S::f64s) -> Self {
        self.v = f(self.v, other.v);
        for k in 0..D {
            self.d[k] = f(self.d[k], other.d[k]);
        }
        for i in 0..T {
            self.t[i] = f(self.t[i], other.t[i]);
            for k in 0..D {
                self.dt[i][k] = f(self.dt[i][k], other.dt[i][k]);
            }
        }
        self
    }

    #[inline(always)]
    fn each(self, f: impl Fn(S::f64s) -> S::f64s) -> Self {
        self.both(
            self,
            #[inline(always)]
            |x, _| f(x),
        )
    }
}

/// The Taylor polynomial of `coefficients`.
#[inline(always)]
fn polynomial<S: Simd>(s: S, coefficients: &[f64; TERMS], x: S::f64s) -> S::f64s {
    let mut sum = s.splat_f64s(coefficients[TERMS - 1]);
    for &c in coefficients[..TERMS - 1].iter().rev() {
        sum = s.mul_add_e_f64s(sum, x, s.splat_f64s(c));
    }
    sum
}

/// The logarithm of every lane.
#[inline(always)]
fn ln_lanes<S: Simd>(mut x: S::f64s) -> S::f64s {
    let lanes: &mut [f64] = cast_slice_mut(std::slice::from_mut(&mut x));
    for x in lanes {
        *x = ln(*x);
    }
    x
}

/// The logarithm of a positive normal number, with an error of about one unit in the last place,
/// as arithmetic that a compiler can put on lanes: x = 2^k z with z in [sqrt(1/2), sqrt(2)), and
/// ln z by the polynomial of FreeBSD's `e_log.c` (Sun Microsystems 1993).
#[inline(always)]
fn ln(x: f64) -> f64 {
    const SQRT_HALF: u64 = 0x3fe6_a09e_667f_3bcd;
    const EXPONENT: u64 = 0xfff << 52;
    // 2^52 + 2^51, to which an integer is added in the last bits.
    const SHIFT: f64 = 6_755_399_441_055_744.0;
    const LN2: [f64; 2] = [6.931_471_803_691_238e-1, 1.908_214_929_270_587_7e-10];
    const LG: [f64; 7] = [
        6.666_666_666_666_735e-1,
        3.999_999_999_940_942e-1,
        2.857_142_874_366_239e-1,
        2.222_219_843_214_978_4e-1,
        1.818_357_216_161_805e-1,
        1.531_383_769_920_937_3e-1,
        1.479_819_860_511_658_6e-1,
    ];
    let above = x.to_bits().wrapping_sub(SQRT_HALF);
    let k = ((above as i64) >> 52) as u64;
    let k = f64::from_bits(SHIFT.to_bits().wrapping_add(k)) - SHIFT;
    let f = f64::from_bits(x.to_bits().wrapping_sub(above & EXPONENT)) - 1.0;
    let s = f / (2.0 + f);
    let w = s * s;
    let mut r = LG[6];
    for i in (0..6).rev() {
        r = r * w + LG[i];
    }
    let half = 0.5 * f * f;
    k * LN2[0] - ((half - (s * (half + r * w) + k * LN2[1])) - f)
}

impl<S: Simd, const D: usize, const T: usize> Number for Jet<S, D, T> {
    #[inline(always)]
    fn recip(self) -> Self {
        let s = self.s;
        let f = s.div_f64s(s.splat_f64s(1.0), self.v);
        let square = s.mul_f64s(f, f);
        let second = s.mul_f64s(s.splat_f64s(2.0), s.mul_f64s(f, square));
        self.chain([f, s.neg_f64s(square), second])
    }

    #[inline(always)]
    fn sqrt(self) -> Self {
        let s = self.s;
        let f = s.sqrt_f64s(self.v);
        let inverse = s.div_f64s(s.splat_f64s(1.0), f);
        let first = s.mul_f64s(s.splat_f64s(0.5), inverse);
        let square = s.mul_f64s(inverse, inverse);
        let second = s.mul_f64s(s.splat_f64s(-0.5), s.mul_f64s(first, square));
        self.chain([f, first, second])
    }

    #[inline(always)]
    fn ln(self) -> Self {
        let s = self.s;
        let first = s.div_f64s(s.splat_f64s(1.0), self.v);
        let second = s.neg_f64s(s.mul_f64s(first, first));
        self.chain([ln_lanes::<S>(self.v), first, second])
    }

    /// L = ln(1 + x)/x, L' = (1/(1 + x) - L)/x and L'' = (-1/(1 + x)^2 - 2 L')/x, which lose their
    /// digits near x = 0.
    #[inline(always)]
    fn ln_1p_over(self) -> Self {
        const SERIES: [[f64; TERMS]; 3] = [near(0), near(1), near(2)];
        let (s, x) = (self.s, self.v);
        let one = s.splat_f64s(1.0);
        let u = s.add_f64s(x, one);
        let inverse = s.div_f64s(one, u);
        // What the rounding of 1 + x lost.
        let lost = s.sub_f64s(x, s.sub_f64s(u, one));
        let ln = s.mul_add_e_f64s(lost, inverse, ln_lanes::<S>(u));
        let over = s.div_f64s(one, x);
        let f = s.mul_f64s(ln, over);
        let first = s.mul_f64s(s.sub_f64s(inverse, f), over);
        let twice = s.add_f64s(first, first);
        let bend = s.negate_mul_add_e_f64s(inverse, inverse, s.neg_f64s(twice));
        let far = [f, first, s.mul_f64s(bend, over)];
        let small = s.less_than_f64s(x, s.splat_f64s(NEAR));
        let mut f = far;
        for order in 0..3 {
            f[order] = s.select_f64s(small, polynomial(s, &SERIES[order], x), far[order]);
        }
        self.chain(f)
    }
}

impl<S: Simd, const D: usize, const T: usize> Neg for Jet<S, D, T> {
    type Output = Self;
    #[inline(always)]
    fn neg(self) -> Self {
        self.each(
            #[inline(always)]
            |x| self.s.neg_f64s(x),
        )
    }
}

impl<S: Simd, const D: usize, const T: usize> Add for Jet<S, D, T> {
    type Output = Self;
    #[inline(always)]
    fn add(self, other: Self) -> Self {
        self.both(
            other,
            #[inline(always)]
            |a, b| self.s.add_f64s(a, b),
        )
    }
}

impl<S: Simd, const D: usize, const T: usize> Sub for Jet<S, D, T> {
    type Output = Self;
    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        self.both(
            other,
            #[inline(always)]
            |a, b| self.s.sub_f64s(a, b),
        )
    }
}

impl<S: Simd, const D: usize, const T: usize> Mul for Jet<S, D, T> {
    type Output = Self;
    #[inline(always)]
    fn mul(self, b: Self) -> Self {
        let (a, s) = (self, self.s);
        let mut y = a;
        y.v = s.mul_f64s(a.v, b.v);
        for k in 0..D {
            y.d[k] = s.mul_add_e_f64s(a.v, b.d[k], s.mul_f64s(a.d[k], b.v));
        }
        for i in 0..T {
            y.t[i] = s.mul_add_e_f64s(a.v, b.t[i], s.mul_f64s(a.t[i], b.v));
            for k in 0..D {
                let mut sum = s.mul_f64s(a.dt[i][k], b.v);
                sum = s.mul_add_e_f64s(a.t[i], b.d[k], sum);
                sum = s.mul_add_e_f64s(a.d[k], b.t[i], sum);
                y.dt[i][k] = s.mul_add_e_f64s(a.v, b.dt[i][k], sum);
            }
        }
        y
    }
}

impl<S: Simd, const D: usize, const T: usize> Div for Jet<S, D, T> {
    type Output = Self;
    #[inline(always)]
    // A quotient is a product with the reciprocal.
    #[allow(clippy::suspicious_arithmetic_impl)]
    fn div(self, b: Self) -> Self {
        self * b.recip()
    }
}

impl<S: Simd, const D: usize, const T: usize> Add<f64> for Jet<S, D, T> {
    type Output = Self;
    #[inline(always)]
    fn add(mut self, b: f64) -> Self {
        self.v = self.s.add_f64s(self.v, self.s.splat_f64s(b));
        self
    }
}

impl<S: Simd, const D: usize, const T: usize> Sub<f64> for Jet<S, D, T> {
    type Output = Self;
    #[inline(always)]
    fn sub(self, b: f64) -> Self {
        self + -b
    }
}

impl<S: Simd, const D: usize, const T: usize> Mul<f64> for Jet<S, D, T> {
    type Output = Self;
    #[inline(always)]
    fn mul(self, b: f64) -> Self {
        let b = self.s.splat_f64s(b);
        self.each(
            #[inline(always)]
            |x| self.s.mul_f64s(x, b),
        )
    }
}

impl<S: Simd, const D: usize, const T: usize> Div<f64> for Jet<S, D, T> {
    type Output = Self;
    #[inline(always)]
    fn div(self, b: f64) -> Self {
        let b = self.s.splat_f64s(b);
        self.each(
            #[inline(always)]
            |x| self.s.div_f64s(x, b),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_logarithm_is_that_of_the_standard_library() {
        for i in 0..200_000 {
            let x = (-300.0 + 0.003 * f64::from(i)).exp();
            let exact = x.ln();
            assert!((ln(x) - exact).abs() <= 3e-16 * exact.abs(), "{x:e}");
        }
        assert_eq!(ln(1.0), 0.0);
    }

    #[test]
    fn derivatives_near_zero_join_those_far_from_it() {
        let jet = |x: f64| {
            let s = pulp::Scalar;
            Jet::<pulp::Scalar, 1, 1>::variable(s, x, Some(0), 1.0).ln_1p_over()
        };
        let x = NEAR;
        let (below, above) = (jet(x * (1.0 - 1e-15)), jet(x));
        assert!((below.v / above.v - 1.0).abs() < 1e-15);
        assert!((below.d[0] / above.d[0] - 1.0).abs() < 1e-14);
        assert!((below.dt[0][0] / above.dt[0][0] - 1.0).abs() < 1e-12);
        let zero = jet(0.0);
        assert_eq!((zero.v, zero.d[0], zero.dt[0][0]), (1.0, -0.5, 2.0 / 3.0));
    }
}
