//! The loss of a run and its gradient.

use std::sync::Arc;

use adastra_core::{Adjoint, Fields, Real, Report, ReversibleSchedule, Schedule, State, Storage};
use adastra_gravity::{March, TimeStep};

use crate::{
    Error, Result, Reversal, Run, Scatter, Scene, SceneBar, ScheduleName, Simulation, Start, Watch,
    World,
};

/// A loss, its gradient with respect to everything a run starts from, and what it cost.
pub struct Gradient<T: Real> {
    /// The loss.
    pub value: f64,
    /// Its gradient.
    pub bar: Start<T>,
    /// Schedule, recomputed steps, memory.
    pub report: Report,
    /// The recorded time steps, which the gradient holds fixed, in kpc/(km/s).
    pub dt: Vec<f64>,
}

impl<T: Real> Simulation<T> {
    /// The time steps of a run from `start` without intermediate outputs. Fixed steps are checked
    /// against the limits at the start; adaptive ones take a run to find.
    ///
    /// # Errors
    /// A step beyond a limit; those of the components.
    pub fn time_steps(&self, start: &Start<T>) -> Result<Vec<f64>> {
        let mut dt = Vec::new();
        let (rule, mut march) = (self.rule(), March::default());
        let motion = self.engine.motion(&Arc::new(self.given(start)?))?;
        let mut x = motion.load(start.state.clone())?;
        while march.time < self.span() {
            let step = motion.advance(&mut march, &mut x, rule, self.span())?;
            dt.push(step.dt);
            if let (TimeStep::Fixed(step), Some(steps)) = (rule, self.config.time.steps) {
                return Ok(vec![step; steps]);
            }
        }
        Ok(dt)
    }

    /// The length of the first step, in kpc/(km/s), as an adaptive rule would choose it; at most
    /// that of the configuration.
    ///
    /// # Errors
    /// Those of the components.
    pub fn first_step(&self) -> Result<f64> {
        let rule = TimeStep::Adaptive(crate::SAFETY);
        let motion = self.engine.motion(&Arc::new(self.given(&self.start)?))?;
        let mut x = motion.load(self.start.state.clone())?;
        let step = motion.advance(&mut March::default(), &mut x, rule, self.span())?;
        let steps = self.config.time.steps.unwrap_or(1);
        Ok(step.dt.min(self.span() / steps as f64))
    }

    /// The run over recorded steps of the lengths `dt` (kpc/(km/s)), under the configured schedule
    /// and where the configuration says.
    ///
    /// # Errors
    /// What the schedule gets wrong; what a device says.
    pub fn run(&self, dt: &[f64], watch: Option<Watch>) -> Result<Box<dyn Run<T>>> {
        Ok(self.engine.run(dt, self.reversal(dt.len())?, watch))
    }

    fn reversal(&self, steps: usize) -> Result<Reversal> {
        let config = &self.config.gradient;
        let budget = config.budget.map(|b| b.0);
        let spare = || -> Result<Option<usize>> {
            Ok(match budget {
                Some(budget) => Some(budget),
                None => self.engine.memory()?,
            })
        };
        let storage = match &config.disk {
            Some(_) if config.host => {
                return Err(Error::range(
                    "gradient.host",
                    "true",
                    "not beside gradient.disk",
                ));
            }
            Some(folder) => Storage::Disk(self.site.folder.join(folder)),
            None if config.host => Storage::Host,
            None => Storage::Memory,
        };
        Ok(match config.schedule {
            ScheduleName::Store => Reversal::Recompute(Schedule::StoreAll),
            ScheduleName::Checkpoint => {
                let budget_bytes = budget.ok_or_else(|| Error::Missing {
                    key: "gradient.budget".into(),
                    needed: "bytes of checkpoints, e.g. \"500 MiB\"".into(),
                })?;
                Reversal::Recompute(Schedule::Checkpoint {
                    budget_bytes,
                    storage,
                })
            }
            ScheduleName::Auto if !self.engine.reversible() => {
                let auto = |budget_bytes| Schedule::Auto { budget_bytes };
                Reversal::Recompute(spare()?.map_or_else(Schedule::auto, auto))
            }
            ScheduleName::Auto => {
                let auto = |budget_bytes| ReversibleSchedule::Auto { budget_bytes };
                Reversal::Undo(spare()?.map_or_else(ReversibleSchedule::auto, auto))
            }
            ScheduleName::Reversible if self.engine.reversible() => {
                let anchors = budget.map_or(steps / ANCHOR_EVERY, |budget| {
                    (budget / self.start.state.bytes().max(1)).min(steps / ANCHOR_EVERY)
                });
                Reversal::Undo(ReversibleSchedule::Reconstruct { anchors })
            }
            ScheduleName::Reversible => {
                return Err(Error::range(
                    "gradient.schedule",
                    "reversible",
                    "auto, store or checkpoint: a component cannot be undone",
                ));
            }
        })
    }

    /// What [`Simulation::gradient`] will cost, without running anything but adaptive steps.
    ///
    /// # Errors
    /// As [`Simulation::gradient`].
    pub fn predict(&self) -> Result<Report> {
        let dt = self.time_steps(&self.start)?;
        Ok(self.run(&dt, None)?.predict(&self.start.state)?)
    }

    fn scene<'a>(&'a self, parameters: &'a World<T>, state: &'a World<T>) -> Scene<'a, T> {
        Scene {
            components: self.components_matter(),
            mesh: &self.site.mesh,
            parameters,
            state,
        }
    }

    /// The objective on a state, and pictures of how close it is.
    ///
    /// # Errors
    /// [`Error::Missing`] without an objective; those of the objective.
    pub fn pictures(
        &self,
        parameters: &World<T>,
        state: &World<T>,
    ) -> Result<Vec<(String, ndarray::Array2<f64>)>> {
        self.objective()?.pictures(&self.scene(parameters, state))
    }

    /// Plots of points of how close a state is to the objective.
    ///
    /// # Errors
    /// As [`Simulation::pictures`].
    pub fn scatters(&self, parameters: &World<T>, state: &World<T>) -> Result<Vec<Scatter>> {
        self.objective()?.scatters(&self.scene(parameters, state))
    }

    fn objective(&self) -> Result<&dyn crate::Objective<T>> {
        self.objective.as_deref().ok_or_else(|| Error::Missing {
            key: "objective".into(),
            needed: "a table [objective] with use = \"...\"".into(),
        })
    }

    /// The loss of a run from `start`, and its final state.
    ///
    /// # Errors
    /// Those of the components and of the objective.
    pub fn loss(&self, start: &Start<T>) -> Result<(f64, World<T>)> {
        let objective = self.objective()?;
        let dt = self.time_steps(start)?;
        let p = self.given(start)?;
        let y = self.run(&dt, None)?.last(&p, start.state.clone())?;
        let value = objective.evaluate(&self.scene(&p.0, &y), None)?;
        Ok((value, y))
    }

    /// The loss of a run from `start` and its gradient.
    ///
    /// # Errors
    /// Those of the components and of the objective; a final state or loss that is not finite.
    pub fn gradient(&self, start: &Start<T>, watch: Option<Watch>) -> Result<Gradient<T>> {
        let objective = self.objective()?;
        let dt = self.time_steps(start)?;
        let p = self.given(start)?;
        let (y, pull_back) = self.run(&dt, watch)?.recorded(&p, start.state.clone())?;
        if let Some(field) = y.non_finite() {
            let (operator, step) = ("leapfrog".into(), dt.len());
            return Err(adastra_core::Error::NonFinite {
                operator,
                field,
                step,
            }
            .into());
        }
        let mut bar = SceneBar {
            parameters: p.0.zeros_like(),
            state: y.zeros_like(),
        };
        let value = objective.evaluate(&self.scene(&p.0, &y), Some(&mut bar))?;
        drop(y);
        let mut p_bar = (bar.parameters, p.1.zeros_like());
        let (state, report) = pull_back(&p, bar.state, &mut p_bar)?;
        let mut potentials = start.potentials.zeros_like();
        self.potentials
            .vjp(&start.potentials, (), p_bar.1, &mut potentials)?;
        let mut parameters = p_bar.0;
        let mut initial = start.initial.zeros_like();
        for (k, (i, generator)) in self.generators.iter().enumerate() {
            let (p, matter) = (start.initial.at(k), start.parameters.at(*i));
            let (p_bar, matter_bar) = (initial.at_mut(k), parameters.at_mut(*i));
            generator.vjp(p, matter, state.at(*i), p_bar, matter_bar)?;
        }
        let bar = Start {
            state,
            parameters,
            potentials,
            initial,
        };
        Ok(Gradient {
            value,
            bar,
            report,
            dt,
        })
    }
}

/// Steps between the anchors of a reversible sweep.
const ANCHOR_EVERY: usize = 32;
