//! The potential of any density, as a table of multipoles.

use std::f64::consts::{PI, TAU};

use adastra_core::dual::Scalar;
use adastra_core::{Error, Result};

use super::laws::gauss_legendre;
use super::{Amplitude, Parameter, ScalarProfile};
use crate::NBodyError;

/// The potential of a given density, by its expansion in real spherical harmonics (Binney & Tremaine
/// 2008, equation 2.95) on a grid of radii equal in ln r, between which the coefficients are quintic
/// polynomials with the right values, slopes and curvatures at the nodes. So acceleration and density
/// are continuous, and at the nodes the Laplacian is the density's expansion to rounding.
///
/// Within the first radius the potential is that of a smooth core, beyond the last there is no
/// mass. The mass within the last radius and a scale radius are parameters: the density
/// is given in units of both.
///
/// ```
/// use adastra_nbody::{Galaxy, Multipole};
///
/// // A flattened halo; its density up to a constant, with lengths in scale radii.
/// let density = |[x, y, z]: [f64; 3]| {
///     let m = (x * x + y * y + (z / 0.7) * (z / 0.7)).sqrt();
///     1.0 / (m * (1.0 + m).powi(3))
/// };
/// let table = Multipole::of_density(density, 6, [1e-3, 1e2], 120)?;
/// let galaxy = Galaxy::new().with_scalar(table);
/// assert_eq!(galaxy.parameters(), ["multipole.mass", "multipole.scale_radius"]);
/// let far = galaxy.at(&[1e12, 20.0], [0.0, 0.0, 1e4])?;
/// assert!((far.potential / (-4.30241002e-6 * 1e12 / 1e4) - 1.0).abs() < 1e-3);
/// # Ok::<(), adastra_core::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Multipole {
    /// Logarithm of the first radius, and the step.
    first: f64,
    step: f64,
    nodes: usize,
    degree: usize,
    /// Of all harmonics, by degree and order.
    norms: Vec<f64>,
    terms: Vec<Harmonic>,
}

/// One coefficient along the radius.
#[derive(Debug, Clone)]
struct Harmonic {
    l: usize,
    /// The order; sines have the negative ones.
    m: isize,
    /// The potential at the nodes with its first two derivatives by ln r.
    at: Vec<[f64; 3]>,
}

/// The highest degree.
const MOST: usize = 16;

impl Multipole {
    /// From a density up to a constant factor, with lengths in scale radii; degrees up to `degree`,
    /// on `nodes` radii between the two given.
    ///
    /// # Errors
    /// [`NBodyError::Range`] for a degree above 16, fewer than 8 radii, radii that are not ascending
    /// from above zero, a density that is not finite, or a mass that is not above zero.
    pub fn of_density(
        density: impl Fn([f64; 3]) -> f64,
        degree: usize,
        radii: [f64; 2],
        nodes: usize,
    ) -> Result<Self> {
        Self::build(&density, degree, radii, nodes)
    }

    fn build(
        density: &dyn Fn([f64; 3]) -> f64,
        degree: usize,
        [inner, outer]: [f64; 2],
        nodes: usize,
    ) -> Result<Self> {
        let require = |fine: bool, name: &str, value: f64, allowed| match fine {
            true => Ok(()),
            false => Err(range(name, value, allowed)),
        };
        require(degree <= MOST, "degree", degree as f64, "at most 16")?;
        require(nodes >= 8, "nodes", nodes as f64, "at least 8")?;
        require(inner > 0.0, "first radius", inner, "above 0")?;
        let ascending = outer > inner && outer.is_finite();
        require(
            ascending,
            "last radius",
            outer,
            "above the first, and finite",
        )?;
        let mut table = Self {
            first: inner.ln(),
            step: (outer / inner).ln() / (nodes - 1) as f64,
            nodes,
            degree,
            norms: norms(degree),
            terms: Vec::new(),
        };
        let sphere = table.sphere();
        let at_nodes = (0..nodes).map(|i| table.project(density, &sphere, i as f64));
        let at_nodes: Vec<_> = at_nodes.collect::<Result<_>>()?;
        let between = (1..nodes).flat_map(|i| GAUSS.map(|[x, _]| (i - 1) as f64 + x));
        let between = between.map(|at| table.project(density, &sphere, at));
        let between: Vec<_> = between.collect::<Result<_>>()?;
        // The slope of the density at the first radius goes on inwards.
        let (first, second) = (at_nodes[0][0], at_nodes[1][0]);
        let slope = match first > 0.0 && second > 0.0 {
            true => ((second / first).ln() / table.step).clamp(-2.9, 0.0),
            false => 0.0,
        };
        let mut index = 0;
        let mut mass = 0.0;
        for l in 0..=degree {
            for m in -(l as isize)..=l as isize {
                let column = |rows: &[Vec<f64>]| rows.iter().map(|row| row[index]).collect();
                let columns: [Vec<f64>; 2] = [column(&at_nodes), column(&between)];
                let (at, inside) = table.solve(l, &columns, slope);
                if l == 0 {
                    mass = inside * (4.0 * PI).sqrt();
                    require(
                        mass > 0.0 && mass.is_finite(),
                        "mass",
                        mass,
                        "above 0, and finite",
                    )?;
                }
                table.terms.push(Harmonic { l, m, at });
                index += 1;
            }
        }
        let largest = |h: &Harmonic| h.at.iter().fold(0.0, |m: f64, [v, ..]| m.max(v.abs()));
        let most = largest(&table.terms[0]);
        // What symmetry leaves out.
        table.terms.retain(|h| largest(h) > 1e-14 * most);
        let values = table.terms.iter_mut().flat_map(|h| h.at.iter_mut());
        values.flatten().for_each(|v| *v /= mass);
        Ok(table)
    }

    /// Directions over the sphere with their weights, and the harmonics there.
    fn sphere(&self) -> Vec<([f64; 3], Vec<f64>)> {
        // Enough for products of harmonics of the highest degree with some more of the density.
        let around = 4 * self.degree + 8;
        let mut sphere = Vec::new();
        for &[node, weight] in gauss_legendre() {
            let cos = 2.0 * node - 1.0;
            let sin = (1.0 - cos * cos).sqrt();
            let weight = 2.0 * weight * TAU / around as f64;
            for k in 0..around {
                let (s, c) = (TAU * (k as f64 + 0.5) / around as f64).sin_cos();
                let n = [sin * c, sin * s, cos];
                let mut weighted = Vec::with_capacity(self.norms.len());
                harmonics(self.degree, &self.norms, n, |_, _, y| {
                    weighted.push(weight * y)
                });
                sphere.push((n, weighted));
            }
        }
        sphere
    }

    /// The density's coefficients `at` steps from the first radius, by degree and order.
    fn project(
        &self,
        density: &dyn Fn([f64; 3]) -> f64,
        sphere: &[([f64; 3], Vec<f64>)],
        at: f64,
    ) -> Result<Vec<f64>> {
        let r = (self.first + at * self.step).exp();
        let mut sums = vec![0.0; self.norms.len()];
        for (n, weighted) in sphere {
            let rho = density(n.map(|n| r * n));
            if !rho.is_finite() {
                return Err(range("density", rho, "finite"));
            }
            let pairs = sums.iter_mut().zip(weighted);
            pairs.for_each(|(sum, y)| *sum += rho * y);
        }
        Ok(sums)
    }

    /// A coefficient of the potential with G = 1 at the nodes with its derivatives, and the integral
    /// of the density's coefficient times r^(l+2).
    fn solve(
        &self,
        l: usize,
        [at_nodes, between]: &[Vec<f64>; 2],
        slope: f64,
    ) -> (Vec<[f64; 3]>, f64) {
        let (l, n) = (l as f64, self.nodes);
        let radius = |at: f64| (self.first + at * self.step).exp();
        let r0 = radius(0.0);
        // int_0^r rho s^(l+2) ds, and int_r rho s^(1-l) ds, over ln s, in units of powers of r so
        // that high degrees do not overflow: each times r^-(l+1) and r^l.
        let mut within = vec![at_nodes[0] * r0 * r0 / (l + 3.0 + slope)];
        let mut beyond = vec![0.0; n];
        let part = |i: usize, f: &dyn Fn(f64) -> f64| -> f64 {
            let each = |(k, [x, w]): (usize, &[f64; 2])| {
                let s = radius(i as f64 + x);
                w * self.step * between[GAUSS.len() * i + k] * s * s * f(s)
            };
            GAUSS.iter().enumerate().map(each).sum()
        };
        for i in 1..n {
            let r = radius(i as f64);
            let before = within[i - 1] * (radius((i - 1) as f64) / r).powf(l + 1.0);
            within.push(before + part(i - 1, &|s| (s / r).powf(l + 1.0)));
        }
        for i in (0..n - 1).rev() {
            let r = radius(i as f64);
            let after = beyond[i + 1] * (r / radius((i + 1) as f64)).powf(l);
            beyond[i] = after + part(i, &|s| (r / s).powf(l));
        }
        let factor = -4.0 * PI / (2.0 * l + 1.0);
        let node = |i: usize| {
            let r = radius(i as f64);
            let value = factor * (within[i] + beyond[i]);
            let first = factor * (l * beyond[i] - (l + 1.0) * within[i]);
            // Poisson's equation.
            let second = l * (l + 1.0) * value - first + 4.0 * PI * r * r * at_nodes[i];
            [value, first, second]
        };
        let last = radius((n - 1) as f64);
        (
            (0..n).map(node).collect(),
            within[n - 1] * last.powf(l + 1.0),
        )
    }
}

fn range(name: &str, value: f64, allowed: &'static str) -> Error {
    Error::operator(
        "multipole",
        NBodyError::Range {
            name: name.to_owned(),
            value,
            allowed,
        },
    )
}

/// Nodes and weights of Gauss's quadrature with four nodes on [0, 1].
const GAUSS: [[f64; 2]; 4] = [
    [0.069_431_844_202_973_71, 0.173_927_422_568_726_93],
    [0.330_009_478_207_571_87, 0.326_072_577_431_273_07],
    [0.669_990_521_792_428_1, 0.326_072_577_431_273_07],
    [0.930_568_155_797_026_3, 0.173_927_422_568_726_93],
];

/// The factors that make harmonics orthonormal, by degree and order.
fn norms(degree: usize) -> Vec<f64> {
    let norm = |l: usize, m: usize| {
        // (l - m)! / (l + m)!
        let ratio = (l - m + 1..=l + m).fold(1.0, |product, k| product / k as f64);
        let twice = if m == 0 { 1.0 } else { 2.0 };
        (twice * (2 * l + 1) as f64 / (4.0 * PI) * ratio).sqrt()
    };
    let orders = |l: usize| (-(l as isize)..=l as isize).map(move |m| norm(l, m.unsigned_abs()));
    (0..=degree).flat_map(orders).collect()
}

/// Calls `f(l, m, Y_lm)` with the orthonormal real spherical harmonics of a direction, by degree and
/// order; sines have the negative orders. As polynomials in the direction they have no pole.
fn harmonics<D: Scalar>(
    degree: usize,
    norms: &[f64],
    [x, y, z]: [D; 3],
    mut f: impl FnMut(usize, isize, D),
) {
    let zero = x * 0.0;
    // P_l^m / sin^m of this degree and of the two before, by m.
    let (mut now, mut before, mut earlier) = ([zero; MOST + 1], [zero; MOST + 1], [zero; MOST + 1]);
    // (x + i y)^m
    let mut powers = [[zero; 2]; MOST + 1];
    powers[0][0] = zero + 1.0;
    for m in 1..=degree {
        let [c, s] = powers[m - 1];
        powers[m] = [c * x - s * y, c * y + s * x];
    }
    let mut norms = norms.iter();
    let mut top = 1.0;
    for l in 0..=degree {
        for m in 0..l {
            let low = earlier[m] * (l + m - 1) as f64;
            now[m] = (z * before[m] * (2 * l - 1) as f64 - low) / (l - m) as f64;
        }
        // (2 l - 1)!!
        now[l] = zero + top;
        top *= (2 * l + 1) as f64;
        for (order, norm) in (-(l as isize)..=l as isize).zip(&mut norms) {
            let m = order.unsigned_abs();
            let [cos, sin] = powers[m];
            let around = if order < 0 { sin } else { cos };
            f(l, order, now[m] * around * *norm);
        }
        earlier = before;
        before = now;
    }
}

/// The quintic with given values, slopes and curvatures at both ends of a step, at a part s of it.
fn quintic<D: Scalar>(a: [f64; 3], b: [f64; 3], step: f64, s: D) -> D {
    let (a1, a2) = (a[1] * step, 0.5 * a[2] * step * step);
    let (b1, b2) = (b[1] * step, b[2] * step * step);
    // What the first three terms leave at the far end.
    let value = b[0] - a[0] - a1 - a2;
    let slope = b1 - a1 - 2.0 * a2;
    let curvature = b2 - 2.0 * a2;
    let c3 = 10.0 * value - 4.0 * slope + 0.5 * curvature;
    let c4 = -15.0 * value + 7.0 * slope - curvature;
    let c5 = 6.0 * value - 3.0 * slope + 0.5 * curvature;
    ((((s * c5 + c4) * s + c3) * s + a2) * s + a1) * s + a[0]
}

impl ScalarProfile<1> for Multipole {
    const NAME: &'static str = "multipole";
    const AMPLITUDE: Amplitude = Amplitude::Mass;
    const PARAMETERS: [Parameter; 1] = [Parameter::length("scale_radius")];

    fn value<D: Scalar>(&self, [a]: [D; 1], position: [D; 3]) -> D {
        let x = position.map(|x| x / a);
        // Rounded off at the centre, as in the other laws.
        let r = (x[0] * x[0] + x[1] * x[1] + x[2] * x[2] + 1e-24).sqrt();
        let steps = (r.ln() - self.first) / self.step;
        let last = self.nodes - 1;
        let i = (steps.re().max(0.0) as usize).min(last - 1);
        let radial = |l: usize, at: &[[f64; 3]]| {
            let degree = l as f64;
            if steps.re() < 0.0 {
                // A core: r^l and r^(l+2), by value and slope.
                let curved = 0.5 * (at[0][1] - degree * at[0][0]);
                let t = (steps * self.step).exp();
                t.powi(l as i32) * (t * t * curved + (at[0][0] - curved))
            } else if steps.re() > last as f64 {
                let far = (steps - last as f64) * self.step;
                (-far * (degree + 1.0)).exp() * at[last][0]
            } else {
                quintic(at[i], at[i + 1], self.step, steps - i as f64)
            }
        };
        let mut sum = r * 0.0;
        let mut terms = self.terms.iter().peekable();
        // Both go by degree and order.
        harmonics(self.degree, &self.norms, x.map(|x| x / r), |l, m, y| {
            if let Some(term) = terms.next_if(|term| (term.l, term.m) == (l, m)) {
                sum += radial(l, &term.at) * y;
            }
        });
        sum / a
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn harmonics_are_orthonormal() {
        const L: usize = 5;
        let mut sums = vec![0.0; (L + 1).pow(4)];
        for &[node, weight] in gauss_legendre() {
            let cos: f64 = 2.0 * node - 1.0;
            let sin = (1.0 - cos * cos).sqrt();
            for k in 0..24 {
                let (s, c) = (TAU * f64::from(k) / 24.0).sin_cos();
                let mut all = Vec::new();
                harmonics(L, &norms(L), [sin * c, sin * s, cos], |_, _, y| all.push(y));
                for (i, a) in all.iter().enumerate() {
                    for (j, b) in all.iter().enumerate() {
                        sums[i * all.len() + j] += 2.0 * weight * TAU / 24.0 * a * b;
                    }
                }
            }
        }
        let n = (L + 1).pow(2);
        for i in 0..n {
            for j in 0..n {
                let expected = f64::from(u8::from(i == j));
                assert!((sums[i * n + j] - expected).abs() < 1e-12, "{i} {j}");
            }
        }
    }

    #[test]
    fn quintics_have_their_ends() {
        let f = |s: f64| [s.powi(5) - 2.0 * s, 5.0 * s.powi(4) - 2.0, 20.0 * s.powi(3)];
        let (low, high) = (0.3, 0.8);
        for s in [0.0, 0.2, 0.7, 1.0] {
            let found = quintic(f(low), f(high), high - low, s);
            assert!((found - f(low + s * (high - low))[0]).abs() < 1e-15);
        }
    }
}
