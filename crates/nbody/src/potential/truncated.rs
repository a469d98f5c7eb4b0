//! Power law with exponential cut-off, by incomplete gamma functions.

use adastra_core::dual::Scalar;

use super::{Allowed, Amplitude, Parameter, ScalarProfile};

/// Bulge of density `rho ~ r^-alpha exp(-(r/r_c)^2)` and total mass M (Bovy 2015, ApJS 216, 29).
/// With s = r/r_c,
///
/// ```text
/// Phi = -(G M / Gamma(3/2 - alpha/2)) [gamma(3/2 - alpha/2, s^2) / r + Gamma(1 - alpha/2, s^2) / r_c]
/// ```
///
/// The slope alpha is a parameter like any other, and so differentiable. As it approaches 2, where
/// the potential ceases to exist, derivatives by it lose digits as 1e-16 / (2 - alpha)^3.
#[derive(Debug, Clone, Copy, Default)]
pub struct TruncatedPowerLaw;

impl ScalarProfile<2> for TruncatedPowerLaw {
    const NAME: &'static str = "truncated-power-law";
    const AMPLITUDE: Amplitude = Amplitude::Mass;
    const PARAMETERS: [Parameter; 2] = [
        Parameter::length("cutoff_radius"),
        Parameter {
            name: "slope",
            unit: "",
            allowed: Allowed::BelowTwo,
        },
    ];

    fn value<D: Scalar>(&self, [cutoff, slope]: [D; 2], [x, y, z]: [D; 3]) -> D {
        // Rounds the cusp off, as in the other laws.
        let s2 = (x * x + y * y + z * z) / (cutoff * cutoff) + 1e-24;
        let half = slope * 0.5;
        let inner = (-half + 1.5, s2);
        let outer = (-half + 1.0, s2);
        let within = gamma(inner.0);
        let [lower, _] = incomplete(inner.0, within, inner.1);
        let [_, upper] = incomplete(outer.0, gamma(outer.0), outer.1);
        -(lower / s2.sqrt() + upper) / (within * cutoff)
    }
}

/// The gamma function of a positive number (Lanczos 1964, with g = 7 and nine terms).
pub(super) fn gamma<D: Scalar>(a: D) -> D {
    const G: f64 = 7.0;
    const TERMS: [f64; 9] = [
        0.999_999_999_999_809_9,
        676.520_368_121_885_1,
        -1_259.139_216_722_402_8,
        771.323_428_777_653_1,
        -176.615_029_162_140_6,
        12.507_343_278_686_905,
        -0.138_571_095_265_720_12,
        9.984_369_578_019_572e-6,
        1.505_632_735_149_311_6e-7,
    ];
    // Of a + 1, since the formula is for arguments from one.
    let mut sum = D::from(TERMS[0]);
    for (k, &term) in TERMS.iter().enumerate().skip(1) {
        sum += (a + k as f64).recip() * term;
    }
    let t = a + (G + 0.5);
    let power = ((a + 0.5) * t.ln() - t).exp();
    sum * power * std::f64::consts::TAU.sqrt() / a
}

/// The lower and upper incomplete gamma functions of positive arguments.
fn incomplete<D: Scalar>(a: D, gamma: D, x: D) -> [D; 2] {
    /// Up to here the series converges without losing digits; beyond, the fraction is short.
    const FAR: f64 = 3.0;
    const SERIES: usize = 40;
    const FRACTION: usize = 60;
    let power = (a * x.ln() - x).exp();
    if x.re() < FAR {
        let mut term = a.recip();
        let mut sum = term;
        for n in 1..SERIES {
            term *= x / (a + n as f64);
            sum += term;
        }
        let lower = power * sum;
        [lower, gamma - lower]
    } else {
        // Gamma(a, x) = x^a e^-x / (x + 1 - a - 1 (1 - a) / (x + 3 - a - ...)), from the end.
        let mut tail = D::from(0.0);
        for n in (1..=FRACTION).rev() {
            let n = n as f64;
            tail = (-a + n) * n / (x - a + (2.0 * n + 1.0) - tail);
        }
        let upper = power / (x - a + 1.0 - tail);
        [gamma - upper, upper]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gamma_functions_have_their_known_values() {
        let root_pi = std::f64::consts::PI.sqrt();
        for (a, expected) in [
            (0.5, root_pi),
            (1.5, 0.5 * root_pi),
            (1.0, 1.0),
            (5.0, 24.0),
        ] {
            assert!((gamma(a) / expected - 1.0).abs() < 2e-15, "{a}");
        }
        for x in [1e-3f64, 0.7, 8.0, 2.999, 3.0, 80.0] {
            // Gamma(1, x) = e^-x; Gamma(2, x) = (x + 1) e^-x.
            let [lower, upper] = incomplete(1.0, 1.0, x);
            assert!((lower + (-x).exp_m1()).abs() < 1e-14, "{x}");
            assert!((upper - (-x).exp()).abs() < 1e-14, "{x}");
            let [_, upper] = incomplete(2.0, 1.0, x);
            assert!((upper - (x + 1.0) * (-x).exp()).abs() < 1e-14, "{x}");
        }
    }
}
