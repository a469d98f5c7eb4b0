//! Sine and cosine of phases, as arithmetic that a compiler can put on vector lanes.
//!
//! A kick turns every cell by its own angle, and the standard library takes sines one at a time.
//! Here the angle is counted in quarter turns, phi = (pi/2) t, with the factor 2/pi folded into
//! the coefficient that makes t. The reduction t = q + r, |r| <= 1/2, is then exact for any t,
//! without a table of digits of pi. Only additions, multiplications and `floor` are used, no
//! branch and no fused multiply-add, so every vector width gives the same bits.

use adastra_core::Real;
use num_complex::Complex;

/// Taylor coefficients of sin(pi r / 2) / r in powers of r^2: (-1)^k (pi/2)^(2k+1) / (2k+1)!.
const SIN: [f64; TERMS] = taylor(1);
/// Taylor coefficients of cos(pi r / 2) in powers of r^2: (-1)^k (pi/2)^(2k) / (2k)!.
const COS: [f64; TERMS] = taylor(0);
/// Terms that leave less than half a unit in the last place of f64 at r = 1/2.
const TERMS: usize = 9;
/// The same for f32.
const TERMS_F32: usize = 6;

const fn taylor(first: usize) -> [f64; TERMS] {
    const HALF_PI: f64 = std::f64::consts::FRAC_PI_2;
    let mut coefficients = [0.0; TERMS];
    let mut term = if first == 0 { 1.0 } else { HALF_PI };
    let mut k = 0;
    while k < TERMS {
        coefficients[k] = term;
        let n = (2 * k + first) as f64;
        term *= -HALF_PI * HALF_PI / ((n + 1.0) * (n + 2.0));
        k += 1;
    }
    coefficients
}

/// The polynomial of `coefficients` in `x`, as many terms as the type resolves.
#[inline(always)]
fn polynomial<T: Real>(coefficients: &[f64; TERMS], x: T) -> T {
    let terms = if T::BYTES == 4 { TERMS_F32 } else { TERMS };
    let mut sum = T::of(coefficients[terms - 1]);
    for k in (0..terms - 1).rev() {
        sum = sum * x + T::of(coefficients[k]);
    }
    sum
}

/// Nearest integer; halves go up. `round` of the standard library is no vector instruction.
#[inline(always)]
fn nearest<T: Real>(x: T) -> T {
    (x + T::of(0.5)).floor()
}

/// exp(i pi t / 2), with an error of some units in the last place for any finite `t`.
#[inline(always)]
pub(crate) fn quarter_turns<T: Real>(t: T) -> Complex<T> {
    let (one, two, four) = (T::one(), T::of(2.0), T::of(4.0));
    let q = nearest(t);
    let r = t - q;
    let r2 = r * r;
    let sin = r * polynomial(&SIN, r2);
    let cos = polynomial(&COS, r2);
    // q mod 4 in {0, 1, 2, 3}, and cos and sin of that many quarter turns: exactly 0 or +-1.
    let rounds = q / four;
    let q = four * (rounds - rounds.floor());
    let cos_q = (q - two).abs() - one;
    let sin_q = one - (q - one).abs();
    Complex::new(cos_q * cos - sin_q * sin, sin_q * cos + cos_q * sin)
}

/// Runs `f` compiled for the best vector instructions of this machine. Mark the closure
/// `#[inline(always)]`: one that is called instead of inlined is compiled for the oldest machine.
#[inline(always)]
pub(crate) fn vectorized<R>(f: impl FnOnce() -> R) -> R {
    pulp::Arch::new().dispatch(f)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// cos and sin of t quarter turns, with the turns taken off exactly.
    fn reference(t: f64) -> (f64, f64) {
        let angle = (t - 4.0 * (t / 4.0).round()) * std::f64::consts::FRAC_PI_2;
        (angle.cos(), angle.sin())
    }

    fn worst<T: Real>(from: f64, to: f64) -> f64 {
        const POINTS: usize = 200_000;
        let mut worst = 0.0;
        for i in 0..=POINTS {
            let t = T::of(from + (to - from) * i as f64 / POINTS as f64);
            let (cos, sin) = reference(t.f64());
            let z = quarter_turns(t);
            worst = f64::max(
                worst,
                (z.re.f64() - cos).abs().max((z.im.f64() - sin).abs()),
            );
        }
        worst
    }

    #[test]
    fn accurate_at_any_phase() {
        for range in [1.0, 10.0, 1e4, 1e6] {
            let (double, single) = (worst::<f64>(-range, range), worst::<f32>(-range, range));
            assert!(double < 6e-16, "f64, |t| < {range}: {double:e}");
            assert!(single < 1.2e-7, "f32, |t| < {range}: {single:e}");
        }
    }

    #[test]
    fn quarter_turns_are_exact() {
        let expected = [(1.0, 0.0), (0.0, 1.0), (-1.0, 0.0), (0.0, -1.0)];
        for (t, (re, im)) in (-400..400).zip(expected.into_iter().cycle()) {
            assert_eq!(quarter_turns(f64::from(t)), Complex::new(re, im), "{t}");
            assert_eq!(
                quarter_turns(t as f32),
                Complex::new(re as f32, im as f32),
                "{t}"
            );
        }
    }

    #[test]
    fn beyond_the_integers_the_modulus_stays_one() {
        for exponent in 20..120 {
            let t = 2f64.powi(exponent) * 1.1;
            assert!((quarter_turns(t).norm() - 1.0).abs() < 1e-3, "{t}");
            assert!((quarter_turns(t as f32).norm() - 1.0).abs() < 1e-3, "{t}");
        }
        assert!(quarter_turns(f64::NAN).re.is_nan());
    }

    #[test]
    fn lanes_and_scalars_give_the_same_bits() {
        let t: Vec<f32> = (0..1003).map(|i| 0.37 * i as f32 - 50.0).collect();
        let mut lanes = vec![Complex::new(0.0, 0.0); t.len()];
        vectorized(|| {
            lanes
                .iter_mut()
                .zip(&t)
                .for_each(|(z, &t)| *z = quarter_turns(t))
        });
        for (z, t) in lanes.into_iter().zip(t) {
            assert_eq!(z, quarter_turns(std::hint::black_box(t)));
        }
    }
}
