//! The ground state of a self-gravitating wave, by shooting.

use std::f64::consts::PI;

use adastra_gravity::G;

use crate::units::M_PER_HBAR_22;

/// The node-free solution of the radial Schroedinger-Poisson equations without units,
///
/// ```text
/// chi'' + 2 chi'/r = 2 (U - gamma) chi,   U'' + 2 U'/r = chi^2,   chi(0) = 1,   U(0) = 0
/// ```
///
/// (Ruffini & Bonazzola 1969; Guzman & Urena-Lopez 2004, section II).
pub(super) struct GroundState {
    /// chi at multiples of [`STEP`].
    chi: Vec<f64>,
    /// Where chi^2 = 1/2: about 1.2993.
    half_radius: f64,
    /// Decay rate of chi beyond the table.
    decay: f64,
}

const STEP: f64 = 0.005;
/// Where the table ends: chi^2 is some 1e-6 there, and not yet spoilt by the growing solution.
const END: f64 = 7.0;

impl GroundState {
    pub(super) fn new() -> Self {
        // Too small an eigenvalue and chi turns up again, too large a one and it crosses zero.
        let (mut low, mut high) = (0.5, 0.8);
        for _ in 0..52 {
            let gamma = 0.5 * (low + high);
            match integrate(gamma, &mut |_| ()) {
                Tail::TurnsUp => low = gamma,
                Tail::CrossesZero => high = gamma,
            }
        }
        let mut chi = Vec::new();
        integrate(low, &mut |value| chi.push(value));
        chi.truncate((END / STEP) as usize + 1);
        let half = chi.partition_point(|chi| chi * chi > 0.5);
        let (above, below) = (chi[half - 1].powi(2), chi[half].powi(2));
        let fraction = (above - 0.5) / (above - below);
        let half_radius = STEP * ((half - 1) as f64 + fraction);
        let last = chi.len() - 1;
        let decay = (chi[last - 1] / chi[last]).ln() / STEP;
        Self {
            chi,
            half_radius,
            decay,
        }
    }

    /// sqrt(density) at the radius `r` (kpc), for a boson of `mass` (1e-22 eV) and a core radius
    /// `core` (kpc), by the scaling symmetry rho ~ r_c^-4 of the equations.
    pub(super) fn amplitude(&self, mass: f64, core: f64, r: f64) -> f64 {
        let scale = self.half_radius / core;
        let centre = scale * scale / (mass * M_PER_HBAR_22 * (4.0 * PI * G).sqrt());
        let at = r * scale / STEP;
        let cell = at as usize;
        let last = self.chi.len() - 1;
        let chi = if cell < last {
            let fraction = at - cell as f64;
            (1.0 - fraction) * self.chi[cell] + fraction * self.chi[cell + 1]
        } else {
            self.chi[last] * (-self.decay * STEP * (at - last as f64)).exp()
        };
        centre * chi
    }
}

/// What becomes of chi far out where gamma is not quite the eigenvalue.
enum Tail {
    TurnsUp,
    CrossesZero,
}

/// Runge-Kutta steps of fourth order outwards, each value of chi given to `visit`.
fn integrate(gamma: f64, visit: &mut dyn FnMut(f64)) -> Tail {
    let slope = |r: f64, [chi, dchi, u, du]: [f64; 4]| {
        let (chi_source, u_source) = (2.0 * (u - gamma) * chi, chi * chi);
        if r == 0.0 {
            // f'' + 2 f'/r tends to 3 f''.
            [0.0, chi_source / 3.0, 0.0, u_source / 3.0]
        } else {
            [
                dchi,
                chi_source - 2.0 * dchi / r,
                du,
                u_source - 2.0 * du / r,
            ]
        }
    };
    let moved = |y: [f64; 4], h: f64, dy: [f64; 4]| std::array::from_fn(|i| y[i] + h * dy[i]);
    let mut y = [1.0, 0.0, 0.0, 0.0];
    let mut step = 0u32;
    loop {
        visit(y[0]);
        let r = f64::from(step) * STEP;
        let a = slope(r, y);
        let b = slope(r + 0.5 * STEP, moved(y, 0.5 * STEP, a));
        let c = slope(r + 0.5 * STEP, moved(y, 0.5 * STEP, b));
        let d = slope(r + STEP, moved(y, STEP, c));
        let mean = std::array::from_fn(|i| (a[i] + 2.0 * b[i] + 2.0 * c[i] + d[i]) / 6.0);
        y = moved(y, STEP, mean);
        step += 1;
        if y[0] < 0.0 {
            return Tail::CrossesZero;
        }
        if y[1] > 0.0 {
            return Tail::TurnsUp;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_ground_state() {
        let state = GroundState::new();
        // Guzman & Urena-Lopez (2004): int chi^2 r^2 dr = 2.0622.
        let shells = state
            .chi
            .iter()
            .enumerate()
            .map(|(i, chi)| (i as f64 * STEP * chi).powi(2));
        let mass = STEP * shells.sum::<f64>();
        assert!((mass - 2.0622).abs() < 2e-3, "{mass}");
        assert!(
            (state.half_radius - 1.2993).abs() < 1e-4,
            "{}",
            state.half_radius
        );
        assert_eq!(state.chi.len(), (END / STEP) as usize + 1);
        assert!(state.chi.windows(2).all(|pair| pair[1] < pair[0]));
    }

    #[test]
    fn half_the_peak_at_the_core_radius() {
        let state = GroundState::new();
        let density = |r| state.amplitude(2.0, 0.6, r).powi(2);
        assert!((density(0.6) / density(0.0) - 0.5).abs() < 1e-5);
        let coefficient = density(0.0) * 4.0 * 0.6f64.powi(4);
        assert!(
            (coefficient / 1.937e7 - 1.0).abs() < 1e-3,
            "{coefficient:e}"
        );
        // Where the table ends the amplitude goes on smoothly.
        let end = END * 0.6 / state.half_radius;
        let (inside, outside) = (density(end * 0.9999), density(end * 1.0001));
        assert!(outside < inside && outside > 0.99 * inside);
        assert!(density(10.0 * end) < 1e-9 * inside);
    }
}
