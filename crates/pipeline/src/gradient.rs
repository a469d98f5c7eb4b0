//! The loss of a run and its gradient.

use std::ops::ControlFlow;

use adastra_core::{
    Adjoint, Evolve, Fields, Operator, Progress as Sweep, Real, Report, ReversibleSchedule,
    Schedule, State, Storage,
};
use adastra_gravity::{Background, Leapfrog, March, TimeStep};

use crate::{
    Error, Physics, Result, Scatter, Scene, SceneBar, ScheduleName, Simulation, Start, World,
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

/// Sees the progress of both sweeps and may stop them.
pub type Watch = fn(Sweep) -> ControlFlow<()>;

type Run<T> = Evolve<T, Leapfrog<T, Physics<T>>>;

impl<T: Real> Simulation<T> {
    /// The time steps of a run from `start` without intermediate outputs. Fixed steps are checked
    /// against the limits at the start; adaptive ones take a run to find.
    ///
    /// # Errors
    /// A step beyond a limit; those of the components.
    pub fn time_steps(&self, start: &Start<T>) -> Result<Vec<f64>> {
        let p = (start.parameters.clone(), self.background(start)?);
        let mut x = start.state.clone();
        let mut march = March::default();
        let mut dt = Vec::new();
        while march.time < self.span() {
            dt.push(
                march
                    .advance(&self.system, &p, &mut x, self.rule(), self.span())?
                    .dt,
            );
            if let (TimeStep::Fixed(step), Some(steps)) = (self.rule(), self.config.time.steps) {
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
        let p = (self.start.parameters.clone(), self.background(&self.start)?);
        let rule = TimeStep::Adaptive(crate::SAFETY);
        let mut x = self.start.state.clone();
        let step = March::default().advance(&self.system, &p, &mut x, rule, self.span())?;
        let steps = self.config.time.steps.unwrap_or(1);
        Ok(step.dt.min(self.span() / steps as f64))
    }

    fn evolve(&self, dt: &[f64], watch: Option<Watch>) -> Result<Run<T>> {
        let leapfrog = Leapfrog::new(self.system.clone(), dt);
        let config = &self.config.gradient;
        let budget = config.budget.map(|b| b.0);
        let all_reversible =
            self.components_matter().all_reversible() && self.system.matter().process().is_none();
        let storage = match &config.disk {
            Some(folder) => Storage::Disk(self.site.folder.join(folder)),
            None => Storage::Memory,
        };
        let run = match config.schedule {
            ScheduleName::Store => Evolve::new(leapfrog, Schedule::StoreAll),
            ScheduleName::Checkpoint => {
                let budget_bytes = budget.ok_or_else(|| Error::Missing {
                    key: "gradient.budget".into(),
                    needed: "bytes of checkpoints, e.g. \"500 MiB\"".into(),
                })?;
                Evolve::new(
                    leapfrog,
                    Schedule::Checkpoint {
                        budget_bytes,
                        storage,
                    },
                )
            }
            ScheduleName::Auto if !all_reversible => {
                let auto = budget.map_or_else(Schedule::auto, |budget_bytes| Schedule::Auto {
                    budget_bytes,
                });
                Evolve::new(leapfrog, auto)
            }
            ScheduleName::Auto => {
                let auto = budget.map_or_else(ReversibleSchedule::auto, |budget_bytes| {
                    ReversibleSchedule::Auto { budget_bytes }
                });
                Evolve::reversible(leapfrog, auto)
            }
            ScheduleName::Reversible if all_reversible => {
                let spare = budget.map_or(dt.len() / ANCHOR_EVERY, |budget| {
                    (budget / self.start.state.bytes().max(1)).min(dt.len() / ANCHOR_EVERY)
                });
                Evolve::reversible(leapfrog, ReversibleSchedule::Reconstruct { anchors: spare })
            }
            ScheduleName::Reversible => {
                return Err(Error::range(
                    "gradient.schedule",
                    "reversible",
                    "auto, store or checkpoint: a component cannot be undone",
                ));
            }
        };
        Ok(match watch {
            Some(watch) => run.with_observer(watch),
            None => run,
        })
    }

    /// What [`Simulation::gradient`] will cost, without running anything but adaptive steps.
    ///
    /// # Errors
    /// As [`Simulation::gradient`].
    pub fn predict(&self) -> Result<Report> {
        let dt = self.time_steps(&self.start)?;
        Ok(self.evolve(&dt, None)?.predict(&self.start.state)?)
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
        let p = (start.parameters.clone(), self.background(start)?);
        let y = self.evolve(&dt, None)?.apply(&p, start.state.clone())?;
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
        let evolve = self.evolve(&dt, watch)?;
        let background = self.background(start)?;
        let p: (World<T>, Background<T>) = (start.parameters.clone(), background);
        let (y, tape) = evolve.record(&p, start.state.clone())?;
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
        let (state, report) = evolve.pull_back(&p, tape, bar.state, &mut p_bar)?;
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
