//! Supercomoving time.

use crate::background::check;
use crate::quadrature::integral;
use crate::{Cosmology, CosmologyError};

/// The supercomoving time of an expanding background, dt^ = dt/a^2, from a first scale factor on
/// (Martel & Shapiro 1998, MNRAS 297, 467).
///
/// With comoving positions x, the velocity dx/dt^ = a v_peculiar, and the comoving density, the
/// equations of waves, of collisionless particles and of an ideal gas of gamma = 5/3 (with the
/// pressure a^5 p) are those of a static space whose Poisson equation has the source a rho. The
/// scale factor follows da/dt^ = a^3 H(a).
#[derive(Debug, Clone)]
pub struct Supercomoving {
    cosmology: Cosmology,
    /// ln a at equal distances, and the times there.
    first: f64,
    width: f64,
    times: Vec<f64>,
}

/// Intervals of the table.
const INTERVALS: usize = 512;

impl Supercomoving {
    /// The time from the scale factor `start` to `end`.
    ///
    /// # Errors
    /// [`CosmologyError`] unless 0 < start < end and the expansion never stops in between.
    pub fn new(cosmology: Cosmology, start: f64, end: f64) -> Result<Self, CosmologyError> {
        check("scale factor", start, start > 0.0, "positive")?;
        check("scale factor", end, end > start, "above that of the start")?;
        let (first, width) = (start.ln(), (end / start).ln() / INTERVALS as f64);
        let mut table = Self {
            cosmology,
            first,
            width,
            times: vec![0.0],
        };
        let mut time = 0.0;
        for i in 0..INTERVALS {
            let from = first + i as f64 * width;
            time += table.between(from, from + width);
            check("time", time, time.is_finite(), "of a universe that expands")?;
            table.times.push(time);
        }
        Ok(table)
    }

    /// The time between two values of ln a: the integral of 1/(a^2 H).
    fn between(&self, from: f64, to: f64) -> f64 {
        let by_ln_a = |ln_a: f64| {
            let a = ln_a.exp();
            1.0 / (a * a * self.cosmology.hubble_rate(a))
        };
        integral(by_ln_a, from, to, 1)
    }

    /// The background.
    pub fn cosmology(&self) -> &Cosmology {
        &self.cosmology
    }

    /// The time from start to end, in kpc/(km/s).
    pub fn span(&self) -> f64 {
        self.times[INTERVALS]
    }

    /// The time of a scale factor, from the start, in kpc/(km/s).
    pub fn time(&self, a: f64) -> f64 {
        let place = (a.ln() - self.first) / self.width;
        let i = (place.max(0.0) as usize).min(INTERVALS - 1);
        self.times[i] + self.between(self.first + i as f64 * self.width, a.ln())
    }

    /// The scale factor at a time from the start, in kpc/(km/s).
    pub fn scale_factor(&self, time: f64) -> f64 {
        let i = self.times.partition_point(|&t| t <= time).max(1) - 1;
        let i = i.min(INTERVALS - 1);
        let from = self.first + i as f64 * self.width;
        let share = (time - self.times[i]) / (self.times[i + 1] - self.times[i]);
        let mut ln_a = from + share * self.width;
        // Newton's method from a start that is good to the width of an interval.
        for _ in 0..4 {
            let a = ln_a.exp();
            let error = self.times[i] + self.between(from, ln_a) - time;
            ln_a -= error * a * a * self.cosmology.hubble_rate(a);
        }
        ln_a.exp()
    }
}
