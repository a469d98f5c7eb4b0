//! The run loop: steps, the guard against non-finite numbers, the last good state.

use adastra_core::{Fields, Real};
use adastra_gravity::Background;

use crate::{Progress, Result, Simulation, StepReport, World};

/// Steps between two looks at whether every number is finite. A look and a copy of the state
/// cost about a fifth of a step.
const LOOK: usize = 16;

/// A run forward, with the last good state at hand.
pub struct Runner<'a, T: Real> {
    simulation: &'a Simulation<T>,
    p: (World<T>, Background<T>),
    outputs: usize,
    progress: Progress<T>,
    good: Progress<T>,
}

impl<'a, T: Real> Runner<'a, T> {
    /// A run from `progress`, with `outputs` intervals between outputs ([`Simulation::outputs`]).
    ///
    /// # Errors
    /// Those of the external potentials.
    pub fn new(
        simulation: &'a Simulation<T>,
        progress: Progress<T>,
        outputs: usize,
    ) -> Result<Self> {
        let p = (
            simulation.start.parameters.clone(),
            simulation.background(&simulation.start)?,
        );
        Ok(Self {
            simulation,
            p,
            outputs,
            good: progress.clone(),
            progress,
        })
    }

    /// Parameters and background.
    pub fn parameters(&self) -> &(World<T>, Background<T>) {
        &self.p
    }

    /// Where the run is.
    pub fn progress(&self) -> &Progress<T> {
        &self.progress
    }

    /// One step. After an error, [`Runner::progress`] is the last good state.
    ///
    /// # Errors
    /// A step beyond a limit; a state that is not finite any more, with the first step after
    /// which that was so; those of the components.
    pub fn step(&mut self) -> Result<StepReport> {
        let step = self
            .simulation
            .step(&self.p, &mut self.progress, self.outputs);
        let look = self.progress.march.step - self.good.march.step >= LOOK;
        match step {
            Ok(report) if !look && !report.at_output => Ok(report),
            Ok(report) if self.progress.state.non_finite().is_none() => {
                self.good.clone_from(&self.progress);
                Ok(report)
            }
            // A limit that turns NaN, or a bad number at the look: find the step that made it.
            _ => self.find_bad_step(),
        }
    }

    fn find_bad_step(&mut self) -> Result<StepReport> {
        self.progress.clone_from(&self.good);
        loop {
            let step = self.progress.march.step;
            let report = self
                .simulation
                .step(&self.p, &mut self.progress, self.outputs);
            let finite = match self.progress.state.non_finite() {
                None => report.map(drop),
                Some(field) => {
                    let operator = "leapfrog".into();
                    Err(adastra_core::Error::NonFinite {
                        operator,
                        field,
                        step,
                    }
                    .into())
                }
            };
            if let Err(e) = finite {
                self.progress.clone_from(&self.good);
                return Err(e);
            }
            self.good.clone_from(&self.progress);
        }
    }
}
