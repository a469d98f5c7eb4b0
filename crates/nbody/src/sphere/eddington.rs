//! Distribution functions of spheres from their densities, by Eddington's inversion.

use std::f64::consts::PI;

use adastra_core::{Error, Result};

use super::draw::Model;
use crate::NBodyError;

/// A density profile that falls outwards, in units of the scale radius and up to a constant.
pub(super) trait Density {
    /// The density and its first two derivatives by the radius.
    fn density(&self, r: f64) -> [f64; 3];
}

/// The halo of Navarro, Frenk & White (1996), which alone has no finite mass, with the cut-off of
/// McMillan & Dehnen (2007, MNRAS 378, 541): `rho ~ sech(r/t) / (r (1 + r)^2)`.
pub(super) struct TruncatedNfw {
    pub(super) truncation: f64,
}

impl Density for TruncatedNfw {
    fn density(&self, r: f64) -> [f64; 3] {
        let (t, sech) = (self.truncation, (r / self.truncation).cosh().recip());
        let rho = sech / (r * (1.0 + r).powi(2));
        // The slope of the logarithm, and its derivative.
        let slope = -1.0 / r - 2.0 / (1.0 + r) - (r / t).tanh() / t;
        let bend = 1.0 / (r * r) + 2.0 / (1.0 + r).powi(2) - (sech / t).powi(2);
        [rho, rho * slope, rho * (slope * slope + bend)]
    }
}

/// A model on a grid of equal steps in ln r, in units of G = M = a = 1.
pub(super) struct Eddington {
    first: f64,
    step: f64,
    radius: Vec<f64>,
    mass: Vec<f64>,
    density: Vec<[f64; 3]>,
    /// The potential below that of the centre, and the depth of the centre.
    drop: Vec<f64>,
    centre: f64,
    /// Logarithm of the distribution function at the depths of the radii.
    distribution: Vec<f64>,
}

/// Nodes and weights of Gauss's quadrature with three nodes on [0, 1].
const GAUSS: [[f64; 2]; 3] = [
    [0.112_701_665_379_258_3, 5.0 / 18.0],
    [0.5, 4.0 / 9.0],
    [0.887_298_334_620_741_7, 5.0 / 18.0],
];

/// The cubic through two values with two slopes, at a part of the way between them.
fn hermite([a, b]: [f64; 2], [da, db]: [f64; 2], step: f64, s: f64) -> f64 {
    let (da, db) = (da * step, db * step);
    let (c, d) = (3.0 * (b - a) - 2.0 * da - db, 2.0 * (a - b) + da + db);
    ((d * s + c) * s + da) * s + a
}

impl Eddington {
    /// The isotropic model of a density between two radii; inside the first it is a power law, and
    /// beyond the last there must be next to nothing.
    pub(super) fn new(profile: &impl Density, inner: f64, outer: f64) -> Result<Self> {
        const PER_E_FOLD: f64 = 60.0;
        let n = ((outer / inner).ln() * PER_E_FOLD).ceil() as usize;
        let (first, step) = (inner.ln(), (outer / inner).ln() / n as f64);
        let at = |i: f64| (first + step * i).exp();
        let radius: Vec<f64> = (0..=n).map(|i| at(i as f64)).collect();
        let mut density: Vec<_> = radius.iter().map(|&r| profile.density(r)).collect();
        let shell = |r: f64| 4.0 * PI * profile.density(r)[0] * r.powi(3);
        let slope = inner * density[0][1] / density[0][0];
        let mut mass = vec![shell(inner) / (3.0 + slope)];
        for i in 0..n {
            let parts = GAUSS.map(|[x, w]| w * shell(at(i as f64 + x)));
            mass.push(mass[i] + step * parts.iter().sum::<f64>());
        }
        let total = mass[n];
        mass.iter_mut().for_each(|m| *m /= total);
        density.iter_mut().flatten().for_each(|d| *d /= total);
        let mut model = Self {
            first,
            step,
            drop: vec![mass[0] / (inner * (2.0 + slope))],
            radius,
            mass,
            density,
            centre: 0.0,
            distribution: Vec::new(),
        };
        for i in 0..n {
            let pull = |x: f64| model.mass_at(i as f64 + x) / at(i as f64 + x);
            let parts = GAUSS.map(|[x, w]| w * pull(x));
            let drop = model.drop[i] + step * parts.iter().sum::<f64>();
            model.drop.push(drop);
        }
        model.centre = model.drop[n] + 1.0 / outer;
        for i in 0..=n {
            let f = model.invert(profile, i, total);
            if !(f > 0.0) {
                return Err(Error::operator(
                    "sphere",
                    NBodyError::Range {
                        name: "distribution function".to_owned(),
                        value: f,
                        allowed: "above 0: no isotropic model has this density",
                    },
                ));
            }
            model.distribution.push(f.ln());
        }
        Ok(model)
    }

    /// Index and part of the step after it.
    fn split(&self, at: f64) -> (usize, f64) {
        let i = (at.max(0.0) as usize).min(self.radius.len() - 2);
        (i, at - i as f64)
    }

    /// The mass within `at` steps.
    fn mass_at(&self, at: f64) -> f64 {
        let (i, s) = self.split(at);
        let slope = |i: usize| 4.0 * PI * self.density[i][0] * self.radius[i].powi(3);
        let values = [self.mass[i], self.mass[i + 1]];
        hermite(values, [slope(i), slope(i + 1)], self.step, s)
    }

    /// The drop of the potential within `at` steps.
    fn drop_at(&self, at: f64) -> f64 {
        let (i, s) = self.split(at);
        let slope = |i: usize| self.mass[i] / self.radius[i];
        let values = [self.drop[i], self.drop[i + 1]];
        hermite(values, [slope(i), slope(i + 1)], self.step, s)
    }

    /// Eddington's (1916, MNRAS 76, 572) inversion at the depth of node `i`,
    ///
    /// ```text
    /// f(E) = 1/(sqrt(8) pi^2) int_0^E (d^2 rho/dPsi^2) dPsi / sqrt(E - Psi)
    /// ```
    ///
    /// over ln r = ln r_E + u^2, which takes the root away. The boundary term vanishes with the
    /// density.
    fn invert(&self, profile: &impl Density, i: usize, total: f64) -> f64 {
        const PANELS: usize = 80;
        let last = self.radius.len() - 1;
        if i == last {
            // Nothing is left beyond: a neighbour's value keeps the logarithm finite.
            return self.distribution.last().map_or(0.0, |f| f.exp());
        }
        let most = ((last - i) as f64 * self.step).sqrt();
        let width = most / PANELS as f64;
        let mut sum = 0.0;
        for panel in 0..PANELS {
            for [x, w] in GAUSS {
                let u = (panel as f64 + x) * width;
                let at = i as f64 + u * u / self.step;
                let r = (self.first + at * self.step).exp();
                let m = self.mass_at(at);
                let [rho, first, second] = profile.density(r).map(|d| d / total);
                let slope = -m / (r * r);
                let bend = 2.0 * m / r.powi(3) - 4.0 * PI * rho;
                let by_depth = (second - first / slope * bend) / (slope * slope);
                let root = (self.drop_at(at) - self.drop[i]).sqrt();
                sum += w * width * by_depth * (m / r) * 2.0 * u / root;
            }
        }
        sum / (8f64.sqrt() * PI * PI)
    }

    /// Steps from the first radius.
    fn steps(&self, r: f64) -> f64 {
        ((r.ln() - self.first) / self.step).min((self.radius.len() - 1) as f64)
    }
}

/// Where an ascending function of a number in [low, high] takes a value.
fn bisect(mut low: f64, mut high: f64, f: impl Fn(f64) -> f64, value: f64) -> f64 {
    for _ in 0..60 {
        let middle = 0.5 * (low + high);
        if f(middle) < value {
            low = middle;
        } else {
            high = middle;
        }
    }
    0.5 * (low + high)
}

impl Model for Eddington {
    fn mass_within(&self, r: f64) -> f64 {
        self.mass_at(self.steps(r).max(0.0)).min(1.0)
    }

    fn radius_of(&self, mass: f64) -> f64 {
        let i = self.mass.partition_point(|&m| m < mass);
        let i = i.clamp(1, self.mass.len() - 1) as f64;
        let at = bisect(i - 1.0, i, |at| self.mass_at(at), mass);
        (self.first + at * self.step).exp()
    }

    fn depth(&self, r: f64) -> f64 {
        self.centre - self.drop_at(self.steps(r).max(0.0))
    }

    fn distribution(&self, energy: f64) -> f64 {
        // Linear between the depths of the nodes.
        let drop = self.centre - energy;
        let i = self.drop.partition_point(|&d| d < drop);
        let last = self.drop.len() - 1;
        if i > last {
            return 0.0;
        }
        let i = i.max(1);
        let part = (drop - self.drop[i - 1]) / (self.drop[i] - self.drop[i - 1]);
        let f = [self.distribution[i - 1], self.distribution[i]];
        (f[0] + part.max(0.0) * (f[1] - f[0])).exp()
    }
}

#[cfg(test)]
mod tests {
    use super::super::draw::Hernquist;
    use super::*;

    struct HernquistDensity;

    impl Density for HernquistDensity {
        fn density(&self, r: f64) -> [f64; 3] {
            let rho = 1.0 / (2.0 * PI * r * (1.0 + r).powi(3));
            let slope = -1.0 / r - 3.0 / (1.0 + r);
            let bend = 1.0 / (r * r) + 3.0 / (1.0 + r).powi(2);
            [rho, rho * slope, rho * (slope * slope + bend)]
        }
    }

    #[test]
    fn inversion_gives_hernquist_s_own_distribution() {
        let found = Eddington::new(&HernquistDensity, 1e-5, 1e5).unwrap();
        assert!((found.centre - 1.0).abs() < 1e-4, "{}", found.centre);
        for r in [1e-3, 0.03, 0.5, 1.0, 7.0, 100.0] {
            assert!((found.mass_within(r) / Hernquist.mass_within(r) - 1.0).abs() < 1e-4);
            assert!((found.depth(r) / Hernquist.depth(r) - 1.0).abs() < 1e-4);
            let mass = Hernquist.mass_within(r);
            assert!((found.radius_of(mass) / r - 1.0).abs() < 2e-3, "{r}");
        }
        // f of the paper (equation 17) is the one here times 8 sqrt(2) pi^3 (1 - q^2)^(5/2).
        let scale = |e: f64| Hernquist.distribution(e) / (8.0 * 2f64.sqrt() * PI.powi(3));
        for energy in [0.01, 0.1, 0.4, 0.8, 0.95] {
            let ratio = found.distribution(energy) / scale(energy);
            assert!((ratio - 1.0).abs() < 3e-3, "{energy}: {ratio}");
        }
    }
}
