//! Running forward: choosing steps, recording them, stopping anywhere.

use adastra_core::{Error, Real, Result};

use crate::{Background, Limit, Matter, SelfGravity};

/// How the time step is chosen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum TimeStep {
    /// This length, in kpc/(km/s); a step beyond a limit is an error.
    Fixed(f64),
    /// Before each step, this fraction of the tightest limit.
    Adaptive(f64),
}

/// Why a step was not taken.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum StepError {
    /// A fixed step is longer than the scheme allows.
    #[error(
        "step {step} of {dt:.4e} kpc/(km/s) exceeds the {limit} limit of {allowed:.4e} kpc/(km/s); \
         allowed: a step at most that long, or an adaptive one"
    )]
    TooLong {
        /// Index of the step.
        step: usize,
        /// Its length, in kpc/(km/s).
        dt: f64,
        /// Name of the limit.
        limit: &'static str,
        /// The limit, in kpc/(km/s).
        allowed: f64,
    },
    /// No step of positive length is allowed.
    #[error("the {limit} limit at step {step} is {allowed:e} kpc/(km/s); allowed: a positive time")]
    Vanishing {
        /// Index of the step.
        step: usize,
        /// Name of the limit.
        limit: &'static str,
        /// The limit, in kpc/(km/s).
        allowed: f64,
    },
}

/// The progress of a leapfrog that runs forward and records its steps.
///
/// Between [`March::advance`] and [`March::close`] velocities lag half a step behind positions,
/// and the kick that is due is half of [`March::pending`]. Saving the state together with this
/// struct's numbers and going on later gives the same bits as never stopping. The recorded steps
/// can be replayed by a [`Leapfrog`](crate::Leapfrog), whose gradient holds them fixed.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct March {
    /// Steps taken.
    pub step: usize,
    /// Time elapsed, in kpc/(km/s).
    pub time: f64,
    /// Length of the last step if its closing half kick is still due, else zero.
    pub pending: f64,
}

/// A step that was taken.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// Its length, in kpc/(km/s).
    pub dt: f64,
    /// The limit that was tightest.
    pub binding: Limit,
}

impl March {
    /// One step: solve, choose its length (at most up to the time `until`), kick, drift.
    ///
    /// # Errors
    /// [`StepError`] where the rule and the limits disagree; those of the matter.
    pub fn advance<T: Real, M: Matter<T>>(
        &mut self,
        system: &SelfGravity<T, M>,
        p: &(M::Params, Background<T>),
        x: &mut M::State,
        rule: TimeStep,
        until: f64,
    ) -> Result<Step> {
        // On a thread of the pool: from any other, each pass over a mesh would wake it anew.
        rayon::scope(|_| {
            let gravity = system.gravity(&p.0, &p.1, x, system.source(self.time))?;
            let limits = system.limits(&p.0, x, &gravity, self.time)?;
            let step = self.choose(limits, rule, until)?;
            let kick = 0.5 * (self.pending + step.dt);
            let matter = system.matter();
            matter.kick_drift(&p.0, x, &gravity, kick, step.dt)?;
            system.poisson().recycle(gravity);
            self.moved(step.dt, until);
            Ok(step)
        })
    }

    /// The step that rule and limits ask for now, at most up to the time `until`: it starts with a
    /// kick of half of it and of [`March::pending`]. For matter that moves elsewhere than through
    /// [`March::advance`], such as on a device.
    ///
    /// # Errors
    /// [`StepError`] where the rule and the limits disagree.
    pub fn choose(&self, limits: Vec<Limit>, rule: TimeStep, until: f64) -> Result<Step> {
        let binding = self.tightest(limits)?;
        let left = until - self.time;
        let dt = match rule {
            TimeStep::Fixed(dt) if dt > binding.dt * (1.0 + 1e-9) => {
                let (step, limit, allowed) = (self.step, binding.name, binding.dt);
                return Err(error(StepError::TooLong {
                    step,
                    dt,
                    limit,
                    allowed,
                }));
            }
            TimeStep::Fixed(dt) => dt.min(left),
            // Equal shares of what is left, so that no tiny step ends the interval.
            TimeStep::Adaptive(safety) => left / (left / (safety * binding.dt)).ceil().max(1.0),
        };
        Ok(Step { dt, binding })
    }

    /// Takes note of a step of length `dt`, whose closing half kick is due.
    pub fn moved(&mut self, dt: f64, until: f64) {
        self.pending = dt;
        self.step += 1;
        let left = until - self.time;
        // The last step of an interval ends on it exactly, whatever the rounding of the sum.
        self.time = if left - dt <= 1e-9 * dt {
            until
        } else {
            self.time + dt
        };
    }

    /// The closing half kick, after which positions and velocities belong to one time.
    ///
    /// # Errors
    /// Those of the matter.
    pub fn close<T: Real, M: Matter<T>>(
        &mut self,
        system: &SelfGravity<T, M>,
        p: &(M::Params, Background<T>),
        x: &mut M::State,
    ) -> Result<()> {
        if self.pending > 0.0 {
            let gravity = system.gravity(&p.0, &p.1, x, system.source(self.time))?;
            system
                .matter()
                .kick(&p.0, x, &gravity, 0.5 * self.pending)?;
            system.poisson().recycle(gravity);
            self.pending = 0.0;
        }
        Ok(())
    }

    fn tightest(&self, limits: Vec<Limit>) -> Result<Limit> {
        let free = Limit {
            name: "none",
            dt: f64::INFINITY,
        };
        let tightest =
            limits.into_iter().fold(
                free,
                |a, b| if b.dt < a.dt || b.dt.is_nan() { b } else { a },
            );
        if tightest.dt > 0.0 {
            return Ok(tightest);
        }
        let Limit {
            name: limit,
            dt: allowed,
        } = tightest;
        Err(error(StepError::Vanishing {
            step: self.step,
            limit,
            allowed,
        }))
    }
}

fn error(e: StepError) -> Error {
    Error::operator("leapfrog", e)
}
