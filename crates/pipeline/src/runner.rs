//! The run loop: steps, the guard against non-finite numbers, the last good state.

use std::sync::Arc;

use adastra_core::{Fields, Real, State};
use adastra_gravity::{Limit, March};

use crate::culprit::culprit;
use crate::{Given, Motion, Progress, Result, Simulation};

/// Steps between two looks at whether every number is finite. A look and a copy of the state
/// cost about a fifth of a step.
const LOOK: usize = 16;

/// What [`Simulation::step`] tells about a step.
#[derive(Debug, Clone, PartialEq)]
pub struct StepReport {
    /// Its length, in kpc/(km/s).
    pub dt: f64,
    /// The tightest limit.
    pub binding: Limit,
    /// Whether the states belong to one time now, which is when output may be written.
    pub at_output: bool,
    /// Whether this was the last step.
    pub finished: bool,
}

impl<T: Real> Simulation<T> {
    /// One step of a run with `outputs` intervals between outputs ([`Simulation::outputs`]). A
    /// [`Runner`](crate::Runner) takes many, without moving states to a device and back in between.
    ///
    /// # Errors
    /// A step beyond a limit; those of the components; what a device says.
    pub fn step(
        &self,
        p: &Given<T>,
        progress: &mut Progress<T>,
        outputs: usize,
    ) -> Result<StepReport> {
        let motion = self.engine.motion(&Arc::new(p.clone()))?;
        let mut there = Progress {
            state: motion.load(progress.state.clone())?,
            ..progress.clone()
        };
        let report = self.step_with(&*motion, &mut there, outputs)?;
        if let Some(state) = motion.to_host(&there.state)? {
            there.state = state;
        }
        *progress = there;
        Ok(report)
    }

    /// As [`Simulation::step`], with states where `motion` has them.
    pub(crate) fn step_with(
        &self,
        motion: &dyn Motion<T>,
        progress: &mut Progress<T>,
        outputs: usize,
    ) -> Result<StepReport> {
        let until = self.output_time(progress.output + 1, outputs);
        let Progress {
            state,
            march,
            output,
        } = progress;
        let step = motion.advance(march, state, self.rule(), until)?;
        let at_output = march.time >= until;
        if at_output {
            motion.close(march, state)?;
            *output += 1;
        }
        let finished = *output >= outputs;
        Ok(StepReport {
            dt: step.dt,
            binding: step.binding,
            at_output,
            finished,
        })
    }
}

/// A run forward, with the last good state at hand.
pub struct Runner<'a, T: Real> {
    simulation: &'a Simulation<T>,
    p: Arc<Given<T>>,
    outputs: usize,
    motion: Box<dyn Motion<T>>,
    /// Where the run is, with states where its steps are taken.
    live: Progress<T>,
    good: Progress<T>,
    /// The last progress that came from a device to the host.
    shown: Option<Progress<T>>,
}

impl<'a, T: Real> Runner<'a, T> {
    /// A run from `progress`, with `outputs` intervals between outputs ([`Simulation::outputs`]).
    ///
    /// # Errors
    /// Those of the external potentials; what a device says.
    pub fn new(
        simulation: &'a Simulation<T>,
        progress: Progress<T>,
        outputs: usize,
    ) -> Result<Self> {
        let p = Arc::new(simulation.given(&simulation.start)?);
        let motion = simulation.engine.motion(&p)?;
        let live = Progress {
            state: motion.load(progress.state)?,
            ..progress
        };
        let mut runner = Self {
            simulation,
            p,
            outputs,
            motion,
            good: live.clone(),
            live,
            shown: None,
        };
        runner.show()?;
        Ok(runner)
    }

    /// Parameters and background.
    pub fn parameters(&self) -> &Given<T> {
        &self.p
    }

    /// Steps and time of the run.
    pub fn march(&self) -> &March {
        &self.live.march
    }

    /// Where the run is; on a device, where it was at the last output, error or [`Runner::show`].
    pub fn progress(&self) -> &Progress<T> {
        self.shown.as_ref().unwrap_or(&self.live)
    }

    /// Brings [`Runner::progress`] from a device to the host.
    ///
    /// # Errors
    /// What the device says.
    pub fn show(&mut self) -> Result<()> {
        if let Some(state) = self.motion.to_host(&self.live.state)? {
            self.shown = Some(Progress {
                state,
                march: self.live.march.clone(),
                output: self.live.output,
            });
        }
        Ok(())
    }

    /// One step. After an error, [`Runner::progress`] is the last good state; that of the last output
    /// where a device is lost.
    ///
    /// # Errors
    /// A step beyond a limit; a state that is not finite any more, with the first step after
    /// which that was so; those of the components; what a device says.
    pub fn step(&mut self) -> Result<StepReport> {
        let step = self.advance();
        let look = self.live.march.step - self.good.march.step >= LOOK;
        match step {
            Ok(report) if !look && !report.at_output => Ok(report),
            Ok(report) if self.live.state.non_finite().is_none() => self.went_well(report),
            // A limit that turns NaN, or a bad number at the look: find the step that made it.
            _ => self.find_bad_step(),
        }
    }

    fn advance(&mut self) -> Result<StepReport> {
        self.simulation
            .step_with(&*self.motion, &mut self.live, self.outputs)
    }

    fn went_well(&mut self, report: StepReport) -> Result<StepReport> {
        self.keep();
        if report.at_output {
            self.show()?;
        }
        Ok(report)
    }

    /// The part of the step from the last good state that made a bad number.
    fn culprit(&self, report: &Result<StepReport>) -> String {
        let unknown = || "leapfrog".to_owned();
        let Ok(StepReport { dt, .. }) = report else {
            return unknown();
        };
        let mut from = self.good.clone();
        match self.motion.to_host(&from.state) {
            Ok(Some(state)) => from.state = state,
            Ok(None) => {}
            // A device that is lost now was there for the step.
            Err(_) => return unknown(),
        }
        culprit(self.simulation, &self.p, &from, *dt)
    }

    /// The state is good.
    fn keep(&mut self) {
        copy(&self.live, &mut self.good);
    }

    fn find_bad_step(&mut self) -> Result<StepReport> {
        let reached = self.live.march.step;
        copy(&self.good, &mut self.live);
        loop {
            let step = self.live.march.step;
            let report = self.advance();
            let report = match self.live.state.non_finite() {
                None => report,
                // Where a device is lost, its states are too: it says why.
                Some(_) if self.good.state.non_finite().is_some() => report,
                Some(field) => {
                    let operator = self.culprit(&report);
                    Err(adastra_core::Error::NonFinite {
                        operator,
                        field,
                        step,
                    }
                    .into())
                }
            };
            match report {
                Err(e) => {
                    copy(&self.good, &mut self.live);
                    // Where a device is lost, the last output stays.
                    let _ = self.show();
                    return Err(e);
                }
                // What failed, such as a full memory, has passed.
                Ok(report) if self.live.march.step > reached => return self.went_well(report),
                Ok(_) => self.keep(),
            }
        }
    }
}

/// Without new memory for the states.
fn copy<T: Real>(from: &Progress<T>, to: &mut Progress<T>) {
    to.state.copy_from(&from.state);
    to.march.clone_from(&from.march);
    to.output = from.output;
}
