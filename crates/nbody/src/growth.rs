//! How much perturbations of a run grow.

use adastra_core::{Error, Real, Result, State, Steps, Tangent};
use adastra_particles::ParticleState;
use ndarray::Array2;
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::SeedableRng;

use crate::arrays::{shape, state};
use crate::random::normal;
use crate::{Integration, NBodyError, NBodyParams, PairDerivative};

/// How a small perturbation of the first state grows along a run, by the tangent of the run,
/// brought back to unit length after every kick and drift (Benettin et al. 1980, Meccanica 15, 9).
///
/// The length of a perturbation is that of all positions and velocities, in units of the spread of
/// either about its mean in the first state (of their size, for a single particle; of that length
/// over the span, for velocities that all agree). Masses are not perturbed.
///
/// In a chaotic system every perturbation ends up growing as exp(t / t_L); in a regular one it
/// grows in proportion to time or not at all. The gradient of a loss at the end of a run contains
/// the factor by which perturbations grew, so a run over many Lyapunov times t_L has a gradient
/// that is exact and useless; [`PairDerivative`] offers others for that case.
///
/// ```
/// use adastra_core::Operator;
/// use adastra_nbody::*;
///
/// let p = NBodyParams::<f64>::new(0.2, 1e-3, []);
/// let cluster = Sphere::plummer(30, 10.0, 1)?.apply(&SphereParams::new(1e5, 0.01), ())?;
/// let system = NBody::isolated(SelfGravity::new());
/// let run = Integration::new(system, Scheme::KickDriftKick, 500);
/// let growth = Growth::random(&run, &p, cluster, 1)?;
/// // Small clusters are chaotic over a crossing time.
/// assert!(growth.factor() > 100.0 && growth.lyapunov_time() < 0.1);
/// # Ok::<(), adastra_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Growth {
    /// Time since the first state after each kick and drift, in kpc/(km/s).
    pub time: Vec<f64>,
    /// The natural logarithm of the length of the perturbation then over its first length.
    pub logarithm: Vec<f64>,
}

impl Growth {
    /// That of a random perturbation, normal deviates of unit variance in the units of the length.
    ///
    /// # Errors
    /// As [`Growth::along`].
    pub fn random<T: Real>(
        run: &Integration,
        p: &NBodyParams<T>,
        x: ParticleState<T>,
        seed: u64,
    ) -> Result<Self> {
        let units = Units::of(p, &x)?;
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
        let mut d = State::<T>::zeros_like(&x);
        for (rows, unit) in [
            (&mut d.position, units.length),
            (&mut d.velocity, units.speed),
        ] {
            rows.mapv_inplace(|_| T::of(unit * normal(&mut rng)));
        }
        Self::along(run, p, x, d)
    }

    /// That of a given perturbation of positions in kpc and velocities in km/s. Its length does
    /// not matter.
    ///
    /// The derivative is the exact one, whatever the run's [`PairDerivative`].
    ///
    /// # Errors
    /// Those of the run; [`Error::Shape`]; [`NBodyError::Range`] for a run without steps, and for a
    /// perturbation of length zero or that is not finite.
    pub fn along<T: Real>(
        run: &Integration,
        p: &NBodyParams<T>,
        mut x: ParticleState<T>,
        mut d: ParticleState<T>,
    ) -> Result<Self> {
        let n = state(&x)?;
        shape("perturbed masses", &[state(&d)?], &[n])?;
        let units = Units::of(p, &x)?;
        d.mass.fill(T::zero());
        let run = run.clone().with_pair_derivative(PairDerivative::Exact);
        let steps = Steps::<T>::len(&run);
        if steps == 0 {
            return Err(wrong("steps of the run", 0.0, "at least 1"));
        }
        let fixed = State::<T>::zeros_like(p);
        let mut total = 0.0;
        units.normalize(&mut d)?;
        let mut growth = Self {
            time: Vec::with_capacity(steps),
            logarithm: Vec::with_capacity(steps),
        };
        for i in 0..steps {
            (x, d) = Steps::<T>::step(&run, i).jvp(p, &fixed, x, d)?;
            total += units.normalize(&mut d)?.ln();
            growth.time.push(p.span.f64().abs() * run.drifted(i));
            growth.logarithm.push(total);
        }
        Ok(growth)
    }

    /// By what factor the perturbation grew over the run.
    pub fn factor(&self) -> f64 {
        self.logarithm.last().map_or(1.0, |l| l.exp())
    }

    /// The largest Lyapunov exponent, in km/s/kpc: the slope of the logarithm over time, by least
    /// squares over the second half of the run, when the perturbation has turned to the direction
    /// of the fastest growth.
    ///
    /// It is an estimate over a finite time. Growth in proportion to time gives 1.5 over the span:
    /// an exponent of no more than a few over the span tells no chaos.
    pub fn exponent(&self) -> f64 {
        let half = 0.5 * self.time.last().copied().unwrap_or_default();
        let late = || {
            let all = self.time.iter().zip(&self.logarithm);
            all.filter(move |(t, _)| **t >= half)
        };
        let n = late().count() as f64;
        let mean_t = late().map(|(t, _)| t).sum::<f64>() / n;
        let mean_l = late().map(|(_, l)| l).sum::<f64>() / n;
        let spread: f64 = late().map(|(t, _)| (t - mean_t).powi(2)).sum();
        let common: f64 = late().map(|(t, l)| (t - mean_t) * (l - mean_l)).sum();
        if spread > 0.0 { common / spread } else { 0.0 }
    }

    /// The Lyapunov time in kpc/(km/s), in which a perturbation grows by a factor e: one over the
    /// exponent, infinite where that is not above zero.
    pub fn lyapunov_time(&self) -> f64 {
        let exponent = self.exponent();
        if exponent > 0.0 {
            exponent.recip()
        } else {
            f64::INFINITY
        }
    }
}

fn wrong(name: &str, value: f64, allowed: &'static str) -> Error {
    Error::operator(
        "growth",
        NBodyError::Range {
            name: name.to_owned(),
            value,
            allowed,
        },
    )
}

/// Units in which positions and velocities enter the length of a perturbation.
#[derive(Debug, Clone, Copy)]
struct Units {
    length: f64,
    speed: f64,
}

/// Root mean square about the mean, or of one row about zero.
fn spread<T: Real>(rows: &Array2<T>) -> f64 {
    let n = rows.nrows() as f64;
    let mean = |k: usize| match rows.nrows() {
        1 => 0.0,
        _ => rows.column(k).iter().map(|x| x.f64()).sum::<f64>() / n,
    };
    let column = |k: usize| -> f64 {
        let mean = mean(k);
        let squares = rows.column(k);
        squares.iter().map(|x| (x.f64() - mean).powi(2)).sum()
    };
    ((0..3).map(column).sum::<f64>() / n).sqrt()
}

impl Units {
    fn of<T: Real>(p: &NBodyParams<T>, x: &ParticleState<T>) -> Result<Self> {
        state(x)?;
        let length = spread(&x.position);
        if !(length > 0.0 && length.is_finite()) {
            let allowed = "above 0 and finite: the particles are all at one place, or nowhere";
            return Err(wrong("spread of the positions", length, allowed));
        }
        let speed = match spread(&x.velocity) {
            0.0 => length / p.span.f64().abs(),
            speed => speed,
        };
        if !(speed > 0.0 && speed.is_finite()) {
            let allowed = "above 0 and finite";
            return Err(wrong("spread of the velocities", speed, allowed));
        }
        Ok(Self { length, speed })
    }

    /// Brings a perturbation to unit length and returns the length that it had.
    fn normalize<T: Real>(self, d: &mut ParticleState<T>) -> Result<f64> {
        let squares = |rows: &Array2<T>, unit: f64| -> f64 {
            rows.iter().map(|x| (x.f64() / unit).powi(2)).sum()
        };
        let total = squares(&d.position, self.length) + squares(&d.velocity, self.speed);
        let length = total.sqrt();
        if !(length > 0.0 && length.is_finite()) {
            return Err(wrong("length of the perturbation", length, "above 0"));
        }
        for rows in [&mut d.position, &mut d.velocity] {
            rows.mapv_inplace(|x| T::of(x.f64() / length));
        }
        Ok(length)
    }
}
