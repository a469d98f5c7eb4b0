//! The potentials of galaxies, each as its formula alone.

use std::sync::OnceLock;

use super::{Allowed, Amplitude, Number, Parameter, Profile};

/// A cusp is rounded off within this fraction of the scale radius, squared: the centre itself gets
/// a finite potential and no force, and nothing changes where a rounding error could show it.
const CORE_SQUARED: f64 = 1e-24;

/// r/a, rounded off at the centre.
#[inline(always)]
fn scaled<N: Number>(r2: N, a: N) -> N {
    (r2 / (a * a) + CORE_SQUARED).sqrt()
}

/// Point mass, `Phi = -G M / r`: singular at the centre, which is an error.
#[derive(Debug, Clone, Copy, Default)]
pub struct PointMass;

impl Profile<1, 0> for PointMass {
    const NAME: &'static str = "point-mass";
    const AMPLITUDE: Amplitude = Amplitude::Mass;
    const PARAMETERS: [Parameter; 0] = [];
    #[inline(always)]
    fn value<N: Number>(&self, []: [N; 0], [r2]: [N; 1]) -> N {
        -r2.sqrt().recip()
    }
}

/// Plummer (1911, MNRAS 71, 460) sphere, `Phi = -G M / sqrt(r^2 + a^2)`.
#[derive(Debug, Clone, Copy, Default)]
pub struct Plummer;

impl Profile<1, 1> for Plummer {
    const NAME: &'static str = "plummer";
    const AMPLITUDE: Amplitude = Amplitude::Mass;
    const PARAMETERS: [Parameter; 1] = [Parameter::length("scale_radius")];
    #[inline(always)]
    fn value<N: Number>(&self, [a]: [N; 1], [r2]: [N; 1]) -> N {
        -(r2 + a * a).sqrt().recip()
    }
}

/// Hernquist (1990, ApJ 356, 359) sphere, `Phi = -G M / (r + a)`.
#[derive(Debug, Clone, Copy, Default)]
pub struct Hernquist;

impl Profile<1, 1> for Hernquist {
    const NAME: &'static str = "hernquist";
    const AMPLITUDE: Amplitude = Amplitude::Mass;
    const PARAMETERS: [Parameter; 1] = [Parameter::length("scale_radius")];
    #[inline(always)]
    fn value<N: Number>(&self, [a]: [N; 1], [r2]: [N; 1]) -> N {
        -(a * (scaled(r2, a) + 1.0)).recip()
    }
}

/// Isochrone sphere (Henon 1959, AnAp 22, 126), `Phi = -G M / (b + sqrt(b^2 + r^2))`.
#[derive(Debug, Clone, Copy, Default)]
pub struct Isochrone;

impl Profile<1, 1> for Isochrone {
    const NAME: &'static str = "isochrone";
    const AMPLITUDE: Amplitude = Amplitude::Mass;
    const PARAMETERS: [Parameter; 1] = [Parameter::length("scale_radius")];
    #[inline(always)]
    fn value<N: Number>(&self, [b]: [N; 1], [r2]: [N; 1]) -> N {
        -(b + (b * b + r2).sqrt()).recip()
    }
}

/// Halo of Navarro, Frenk & White (1996, ApJ 462, 563), `Phi = -G M ln(1 + r/r_s) / r`. M is not
/// the virial mass but 4 pi rho_0 r_s^3, where rho = rho_0 / ((r/r_s) (1 + r/r_s)^2).
#[derive(Debug, Clone, Copy, Default)]
pub struct Nfw;

impl Profile<1, 1> for Nfw {
    const NAME: &'static str = "nfw";
    const AMPLITUDE: Amplitude = Amplitude::Mass;
    const PARAMETERS: [Parameter; 1] = [Parameter::length("scale_radius")];
    #[inline(always)]
    fn value<N: Number>(&self, [a]: [N; 1], [r2]: [N; 1]) -> N {
        -(scaled(r2, a).ln_1p_over() / a)
    }
}

/// Triaxial halo of Jing & Suto (2002, ApJ 574, 538): the density of [`Nfw`] at the radius
/// `m^2 = x^2 + y^2/q1^2 + z^2/q2^2`. The potential is Chandrasekhar's integral over homoeoids
/// (Binney & Tremaine 2008, section 2.5.3), by Gauss-Legendre quadrature with 50 nodes:
///
/// ```text
/// Phi = -(G M q1 q2 / r_s) int_0^1 ds / ((1 + xi/r_s) sqrt(c1 c2)),  c_i = 1 + (q_i^2 - 1) s^2,
/// xi^2 = s^2 (x^2 + y^2/c1 + z^2/c2)
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct TriaxialNfw;

impl Profile<3, 3> for TriaxialNfw {
    const NAME: &'static str = "triaxial-nfw";
    const AMPLITUDE: Amplitude = Amplitude::Mass;
    const PARAMETERS: [Parameter; 3] = [
        Parameter::length("scale_radius"),
        Parameter::ratio("axis_ratio_y"),
        Parameter::ratio("axis_ratio_z"),
    ];
    #[inline(always)]
    fn value<N: Number>(&self, [a, q1, q2]: [N; 3], [x2, y2, z2]: [N; 3]) -> N {
        let (e1, e2) = (q1 * q1 - 1.0, q2 * q2 - 1.0);
        let mut sum = a * 0.0;
        for &[node, weight] in gauss_legendre() {
            let s2 = node * node;
            let (c1, c2) = (e1 * s2 + 1.0, e2 * s2 + 1.0);
            let xi = scaled((x2 + y2 / c1 + z2 / c2) * s2, a);
            sum = sum + ((xi + 1.0) * (c1 * c2).sqrt()).recip() * weight;
        }
        -(sum * q1 * q2 / a)
    }
}

/// Nodes of the quadrature of integrals over homoeoids.
const NODES: usize = 50;

/// Nodes and weights of the Gauss-Legendre quadrature on [0, 1].
pub(super) fn gauss_legendre() -> &'static [[f64; 2]; NODES] {
    static RULE: OnceLock<[[f64; 2]; NODES]> = OnceLock::new();
    RULE.get_or_init(|| {
        let n = NODES as f64;
        std::array::from_fn(|i| {
            let mut x = (std::f64::consts::PI * (i as f64 + 0.75) / (n + 0.5)).cos();
            let mut slope = 0.0;
            // Newton's method from Tricomi's guess settles within four steps.
            for _ in 0..6 {
                let (mut p, mut before) = (x, 1.0);
                for k in 2..=NODES {
                    let k = k as f64;
                    (p, before) = (((2.0 * k - 1.0) * x * p - (k - 1.0) * before) / k, p);
                }
                slope = n * (x * p - before) / (x * x - 1.0);
                x -= p / slope;
            }
            [0.5 * (1.0 + x), 1.0 / ((1.0 - x * x) * slope * slope)]
        })
    })
}

/// Disk of Miyamoto & Nagai (1975, PASJ 27, 533),
/// `Phi = -G M / sqrt(R^2 + (a + sqrt(z^2 + b^2))^2)`.
#[derive(Debug, Clone, Copy, Default)]
pub struct MiyamotoNagai;

/// [`MiyamotoNagai`] per G M, for squared coordinates.
#[inline(always)]
fn miyamoto_nagai<N: Number>(a: N, b: N, [rho2, z2]: [N; 2]) -> N {
    let height = a + (z2 + b * b).sqrt();
    -(rho2 + height * height).sqrt().recip()
}

impl Profile<2, 2> for MiyamotoNagai {
    const NAME: &'static str = "miyamoto-nagai";
    const AMPLITUDE: Amplitude = Amplitude::Mass;
    const PARAMETERS: [Parameter; 2] = [
        Parameter {
            name: "scale_length",
            unit: "kpc",
            allowed: Allowed::NotNegative,
        },
        Parameter::length("scale_height"),
    ];
    #[inline(always)]
    fn value<N: Number>(&self, [a, b]: [N; 2], squares: [N; 2]) -> N {
        miyamoto_nagai(a, b, squares)
    }
}

/// Disk of exponential profiles along R and z, as the sum of three disks of Miyamoto & Nagai whose
/// densities are positive everywhere (Smith et al. 2015, MNRAS 448, 2934, table 2 and equation
/// 9). It serves as thin and as thick disk, and is fitted for scale heights up to about the scale
/// length, `b/R_d <= 1.35`. The mass is that of the exponential disk; the fit, made out to ten
/// scale lengths, has some 15 % more of it, far out.
#[derive(Debug, Clone, Copy, Default)]
pub struct ExponentialDisk;

impl Profile<2, 2> for ExponentialDisk {
    const NAME: &'static str = "exponential-disk";
    const AMPLITUDE: Amplitude = Amplitude::Mass;
    const PARAMETERS: [Parameter; 2] = [
        Parameter::length("scale_length"),
        Parameter::length("scale_height"),
    ];
    #[inline(always)]
    fn value<N: Number>(&self, [length, height]: [N; 2], squares: [N; 2]) -> N {
        /// Masses of the three disks over the mass of the disk, by falling powers of b/R_d.
        const MASS: [[f64; 5]; 3] = [
            [0.0036, -0.0330, 0.1117, -0.1335, 0.1749],
            [-0.0131, 0.1090, -0.3035, 0.2921, -5.7976],
            [-0.0048, 0.0454, -0.1425, 0.1012, 6.7120],
        ];
        /// Their scale lengths over that of the disk.
        const LENGTH: [[f64; 5]; 3] = [
            [-0.0158, 0.0993, -0.2070, -0.7089, 0.6445],
            [-0.0319, 0.1514, -0.1279, -0.9325, 2.6836],
            [-0.0326, 0.1816, -0.2943, -0.6329, 2.3193],
        ];
        let thickness = height / length;
        let ratio = ((thickness * -0.269 + 1.080) * thickness + 1.092) * thickness;
        let mut sum = ratio * 0.0;
        for (mass, scale) in MASS.iter().zip(&LENGTH) {
            let (mass, scale) = (falling(mass, ratio), falling(scale, ratio));
            sum = sum + mass * miyamoto_nagai(scale * length, ratio * length, squares);
        }
        sum
    }
}

/// The polynomial with the given coefficients, of the highest power first.
#[inline(always)]
fn falling<N: Number>(coefficients: &[f64; 5], x: N) -> N {
    let mut sum = x * coefficients[0] + coefficients[1];
    for &c in &coefficients[2..] {
        sum = sum * x + c;
    }
    sum
}

/// Logarithmic potential (Binney & Tremaine 2008, equation 2.71a),
/// `Phi = (v^2/2) ln(r_c^2 + R^2 + z^2/q^2)` with r_c, R and z in kpc, of circular speed v. With a
/// core radius r_c of zero it is singular at the centre, which is an error.
#[derive(Debug, Clone, Copy, Default)]
pub struct Logarithmic;

impl Profile<2, 2> for Logarithmic {
    const NAME: &'static str = "logarithmic";
    const AMPLITUDE: Amplitude = Amplitude::Speed;
    const PARAMETERS: [Parameter; 2] = [
        Parameter {
            name: "core_radius",
            unit: "kpc",
            allowed: Allowed::NotNegative,
        },
        Parameter::ratio("flattening"),
    ];
    #[inline(always)]
    fn value<N: Number>(&self, [core, q]: [N; 2], [rho2, z2]: [N; 2]) -> N {
        (core * core + rho2 + z2 / (q * q)).ln() * 0.5
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quadrature_is_exact_for_polynomials() {
        for power in [0, 1, 2, 17, 60, 99] {
            let found: f64 = gauss_legendre()
                .iter()
                .map(|[x, w]| w * x.powi(power))
                .sum();
            assert!(
                (found * f64::from(power + 1) - 1.0).abs() < 1e-13,
                "x^{power}"
            );
        }
    }
}
