//! Triaxial density of two power laws, by incomplete beta functions.

use adastra_core::dual::Scalar;

use super::laws::gauss_legendre;
use super::truncated::gamma;
use super::{Allowed, Amplitude, Parameter, ScalarProfile};

/// Triaxial density of two power laws,
///
/// ```text
/// rho = M / (4 pi a^3) (m/a)^-alpha (1 + m/a)^(alpha - beta),   m^2 = x^2 + y^2/q1^2 + z^2/q2^2
/// ```
///
/// with inner slope alpha below 2 and outer slope beta above 2, both parameters like any other: NFW
/// has 1 and 3, Hernquist 1 and 4, and M is 4 pi rho_0 a^3 as in [`Nfw`](crate::Nfw). The potential is
/// Chandrasekhar's integral over homoeoids (Binney & Tremaine 2008, section 2.5.3),
///
/// ```text
/// Phi = -(G M q1 q2 / a) int_0^1 B_w(beta - 2, 2 - alpha) ds / sqrt(c1 c2),   w = 1/(1 + xi/a)
/// c_i = 1 + (q_i^2 - 1) s^2,   xi^2 = s^2 (x^2 + y^2/c1 + z^2/c2)
/// ```
///
/// with the incomplete beta function B, by Gauss-Legendre quadrature with 50 nodes in sqrt(s), which
/// resolves centre and outskirts. It takes some hundred times as long as [`Nfw`](crate::Nfw);
/// [`TriaxialNfw`](crate::TriaxialNfw) is its fast special case.
#[derive(Debug, Clone, Copy, Default)]
pub struct TwoPowerTriaxial;

impl ScalarProfile<5> for TwoPowerTriaxial {
    const NAME: &'static str = "two-power-triaxial";
    const AMPLITUDE: Amplitude = Amplitude::Mass;
    const PARAMETERS: [Parameter; 5] = [
        Parameter::length("scale_radius"),
        Parameter::ratio("axis_ratio_y"),
        Parameter::ratio("axis_ratio_z"),
        Parameter {
            name: "inner_slope",
            unit: "",
            allowed: Allowed::BelowTwo,
        },
        Parameter {
            name: "outer_slope",
            unit: "",
            allowed: Allowed::AboveTwo,
        },
    ];

    fn value<D: Scalar>(&self, [a, q1, q2, alpha, beta]: [D; 5], [x, y, z]: [D; 3]) -> D {
        let (e1, e2) = (q1 * q1 - 1.0, q2 * q2 - 1.0);
        let squares = [x * x, y * y, z * z];
        let (p, q) = (beta - 2.0, -alpha + 2.0);
        let whole = gamma(p) * gamma(q) / gamma(p + q);
        let mut sum = a * 0.0;
        for &[node, weight] in gauss_legendre() {
            let s2 = node.powi(4);
            let (c1, c2) = (e1 * s2 + 1.0, e2 * s2 + 1.0);
            let m2 = (squares[0] + squares[1] / c1 + squares[2] / c2) * s2;
            // Rounded off at the centre, as in the other laws.
            let xi = (m2 / (a * a) + 1e-24).sqrt();
            let outside = incomplete_beta(p, q, whole, xi);
            sum += outside / (c1 * c2).sqrt() * (2.0 * node * weight);
        }
        -(sum * q1 * q2 / a)
    }
}

/// `B_w(p, q) = int_0^w y^(p-1) (1 - y)^(q-1) dy` at w = 1/(1 + t), from the whole function B_1.
fn incomplete_beta<D: Scalar>(p: D, q: D, whole: D, t: D) -> D {
    let (w, rest) = ((t + 1.0).recip(), t / (t + 1.0));
    // w^p (1 - w)^q
    let power = (q * t.ln() - (p + q) * t.ln_1p()).exp();
    if w.re() < (p.re() + 1.0) / (p.re() + q.re() + 2.0) {
        power * fraction(p, q, w) / p
    } else {
        whole - power * fraction(q, p, rest) / q
    }
}

/// The continued fraction of the incomplete beta function (Abramowitz & Stegun 1964, 26.5.8), from
/// the end.
fn fraction<D: Scalar>(p: D, q: D, x: D) -> D {
    const DEPTH: usize = 18;
    let mut tail = D::from(1.0);
    for m in (0..DEPTH).rev() {
        let n = m as f64;
        let even = p + 2.0 * n;
        let odd = -(p + n) * (p + q + n) * x / (even * (even + 1.0));
        tail = odd / tail + 1.0;
        if m > 0 {
            tail = (q - n) * n * x / ((even - 1.0) * even) / tail + 1.0;
        }
    }
    tail.recip()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beta_functions_have_their_known_values() {
        let at = |p: f64, q: f64, t: f64| {
            let whole = gamma(p) * gamma(q) / gamma(p + q);
            incomplete_beta(p, q, whole, t)
        };
        for t in [1e-9, 1e-3, 0.2, 0.99, 1.01, 5.0, 300.0f64] {
            let w = 1.0 / (1.0 + t);
            // NFW: p = q = 1; Hernquist: p = 2, q = 1; Jaffe's slope with core: p = 2, q = 2.
            for (found, expected) in [
                (at(1.0, 1.0, t), w),
                (at(2.0, 1.0, t), 0.5 * w * w),
                (at(2.0, 2.0, t), w * w * (0.5 - w / 3.0)),
                (at(0.5, 0.5, t), 2.0 * w.sqrt().asin()),
                (at(1.0, 0.3, t), (1.0 - (t / (1.0 + t)).powf(0.3)) / 0.3),
            ] {
                assert!(
                    (found / expected - 1.0).abs() < 1e-11,
                    "{t}: {found} {expected}"
                );
            }
        }
    }
}
