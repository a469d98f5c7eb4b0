//! Draws from isotropic distribution functions, in units of G = M = a = 1.

use adastra_core::{Error, Result};
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::SeedableRng;

use crate::NBodyError;
use crate::random::{direction, uniform};

/// An isotropic model.
pub(super) trait Model {
    /// Mass within a radius.
    fn mass_within(&self, r: f64) -> f64;
    /// The radius that holds a mass, less than that of the model.
    fn radius_of(&self, mass: f64) -> f64;
    /// The depth Psi of the potential below that at which particles escape.
    fn depth(&self, r: f64) -> f64;
    /// The density in phase space at a binding energy, up to a constant.
    fn distribution(&self, energy: f64) -> f64;
}

/// Plummer (1911): f ~ E^(7/2).
pub(super) struct Plummer;

impl Model for Plummer {
    fn mass_within(&self, r: f64) -> f64 {
        (1.0 + 1.0 / (r * r)).powf(-1.5)
    }
    fn radius_of(&self, mass: f64) -> f64 {
        (mass.powf(-2.0 / 3.0) - 1.0).powf(-0.5)
    }
    fn depth(&self, r: f64) -> f64 {
        (1.0 + r * r).powf(-0.5)
    }
    fn distribution(&self, energy: f64) -> f64 {
        energy.powf(3.5)
    }
}

/// Hernquist (1990), equations 17 and 18.
pub(super) struct Hernquist;

impl Model for Hernquist {
    fn mass_within(&self, r: f64) -> f64 {
        (1.0 + 1.0 / r).powi(-2)
    }
    fn radius_of(&self, mass: f64) -> f64 {
        let root = mass.sqrt();
        root / (1.0 - root)
    }
    fn depth(&self, r: f64) -> f64 {
        1.0 / (1.0 + r)
    }
    fn distribution(&self, energy: f64) -> f64 {
        let q2 = energy;
        let q = q2.sqrt();
        // The terms cancel for small q, where f ~ q^5.
        if q < 0.05 {
            return 25.6
                * q.powi(5)
                * (1.0 + q2 * (10.0 / 7.0 + q2 * (40.0 / 21.0 + q2 * 80.0 / 33.0)));
        }
        let left = 1.0 - q2;
        let polynomial = q * left.sqrt() * (1.0 - 2.0 * q2) * (8.0 * q2 * q2 - 8.0 * q2 - 3.0);
        (3.0 * q.asin() + polynomial) * left.powf(-2.5)
    }
}

/// King (1966): f ~ e^E - 1 in units of the dispersion parameter.
pub(super) struct King {
    /// sigma^2 in G M / a.
    dispersion: f64,
    radius: Vec<f64>,
    /// W = Psi/sigma^2 at the radii.
    potential: Vec<f64>,
    /// Mass within the radii, ending at one.
    mass: Vec<f64>,
}

impl King {
    /// Solves Poisson's equation outwards from the centre: with x = r/r_0 and m the mass in units of
    /// rho_0 r_0^3, `dW/dx = -(9/4 pi) m / x^2`, `dm/dx = 4 pi x^2 rho(W)/rho(W_0)`.
    pub(super) fn new(w0: f64) -> Result<Self> {
        const STEP: f64 = 2e-3;
        if !(0.1..=12.0).contains(&w0) {
            return Err(Error::operator(
                "sphere",
                NBodyError::Range {
                    name: "central_potential".to_owned(),
                    value: w0,
                    allowed: "between 0.1 and 12",
                },
            ));
        }
        let centre = king_density(w0);
        let slopes = |x: f64, [w, m]: [f64; 2]| {
            let pull = if x > 0.0 { m / (x * x) } else { 0.0 };
            let density = king_density(w.max(0.0)) / centre;
            [
                -2.25 / std::f64::consts::PI * pull,
                4.0 * std::f64::consts::PI * x * x * density,
            ]
        };
        let (mut radius, mut potential, mut mass) = (vec![0.0], vec![w0], vec![0.0]);
        let (mut x, mut y) = (0.0f64, [w0, 0.0]);
        while y[0] > 0.0 {
            // In steps that grow with the radius: the models of large W_0 reach far.
            let h = STEP * (1.0 + x);
            let at = |k: [f64; 2], h: f64| [y[0] + h * k[0], y[1] + h * k[1]];
            let k1 = slopes(x, y);
            let k2 = slopes(x + 0.5 * h, at(k1, 0.5 * h));
            let k3 = slopes(x + 0.5 * h, at(k2, 0.5 * h));
            let k4 = slopes(x + h, at(k3, h));
            for i in 0..2 {
                y[i] += h / 6.0 * (k1[i] + 2.0 * k2[i] + 2.0 * k3[i] + k4[i]);
            }
            x += h;
            radius.push(x);
            potential.push(y[0]);
            mass.push(y[1]);
        }
        // The tidal radius lies within the last step, where the density has all but vanished.
        let last = radius.len() - 1;
        let part = potential[last - 1] / (potential[last - 1] - potential[last]);
        radius[last] = radius[last - 1] + part * (radius[last] - radius[last - 1]);
        potential[last] = 0.0;
        let total = mass[last];
        mass.iter_mut().for_each(|m| *m /= total);
        Ok(Self {
            dispersion: 4.0 * std::f64::consts::PI / (9.0 * total),
            radius,
            potential,
            mass,
        })
    }

    pub(super) fn tidal_radius(&self) -> f64 {
        self.radius[self.radius.len() - 1]
    }
}

/// The density of King's distribution function at W, up to a constant:
/// `int_0^sqrt(2 W) (e^(W - u^2/2) - 1) u^2 du`, by Simpson's rule in u = sqrt(2 W) s.
fn king_density(w: f64) -> f64 {
    const N: usize = 64;
    let most = (2.0 * w).sqrt();
    let value = |i: usize| {
        let s = i as f64 / N as f64;
        (w * (1.0 - s * s)).exp_m1() * s * s
    };
    let inner: f64 = (1..N)
        .map(|i| if i % 2 == 1 { 4.0 } else { 2.0 } * value(i))
        .sum();
    most.powi(3) * inner / (3.0 * N as f64)
}

/// Linear interpolation of `y` at `at`, for ascending `x`.
fn interpolate(x: &[f64], y: &[f64], at: f64) -> f64 {
    let i = x.partition_point(|&x| x <= at).clamp(1, x.len() - 1);
    let part = (at - x[i - 1]) / (x[i] - x[i - 1]);
    y[i - 1] + part.clamp(0.0, 1.0) * (y[i] - y[i - 1])
}

impl Model for King {
    fn mass_within(&self, r: f64) -> f64 {
        interpolate(&self.radius, &self.mass, r)
    }
    fn radius_of(&self, mass: f64) -> f64 {
        // Between nodes the mass grows with the volume.
        let i = self
            .mass
            .partition_point(|&m| m <= mass)
            .clamp(1, self.mass.len() - 1);
        let part = (mass - self.mass[i - 1]) / (self.mass[i] - self.mass[i - 1]);
        let (a, b) = (self.radius[i - 1].powi(3), self.radius[i].powi(3));
        (a + part * (b - a)).cbrt()
    }
    fn depth(&self, r: f64) -> f64 {
        self.dispersion * interpolate(&self.radius, &self.potential, r)
    }
    fn distribution(&self, energy: f64) -> f64 {
        (energy / self.dispersion).exp_m1()
    }
}

/// A speed over that of escape, with the weight q^2 f(Psi (1 - q^2)), by rejection.
fn speed(model: &impl Model, depth: f64, rng: &mut Xoshiro256PlusPlus) -> f64 {
    const GRID: usize = 64;
    let weight = |q: f64| q * q * model.distribution(depth * (1.0 - q * q));
    let on_grid = (0..GRID).map(|i| weight((i as f64 + 0.5) / GRID as f64));
    // Distribution functions are smooth: between the nodes the weight is hardly larger.
    let bound = 1.1 * on_grid.fold(0.0, f64::max);
    loop {
        let q = uniform(rng);
        if uniform(rng) * bound <= weight(q) {
            return q;
        }
    }
}

/// Positions and velocities of `n` particles within `truncation`.
pub(super) fn draw(
    model: &impl Model,
    n: usize,
    truncation: f64,
    seed: u64,
) -> (Vec<[f64; 3]>, Vec<[f64; 3]>) {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
    let within = model.mass_within(truncation);
    let one = |_| {
        // In (0, 1]: the centre itself is never drawn.
        let mass = within * (1.0 - uniform(&mut rng));
        let r = model.radius_of(mass).min(truncation);
        let depth = model.depth(r);
        let v = speed(model, depth, &mut rng) * (2.0 * depth).sqrt();
        (direction(&mut rng, r), direction(&mut rng, v))
    };
    (0..n).map(one).unzip()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hernquist_s_distribution_joins_its_series() {
        let [below, above] = [0.049_999_9f64, 0.050_000_1].map(|q| Hernquist.distribution(q * q));
        assert!(
            (above / below - 1.0 - 5.0 * 4e-6).abs() < 1e-4,
            "{below:e} {above:e}"
        );
    }

    #[test]
    fn king_models_have_their_concentrations() {
        // log10(r_t / r_0), Binney & Tremaine 2008, figure 4.9, and King 1966, table II.
        for (w0, expected) in [(3.0, 0.672), (5.0, 1.03), (7.0, 1.528), (9.0, 2.119)] {
            let found = King::new(w0).unwrap().tidal_radius().log10();
            assert!((found - expected).abs() < 0.01, "W_0 = {w0}: {found}");
        }
    }
}
