//! Where the steps of a simulation are taken: on the CPU, or on a device.
//!
//! A device keeps the states of a run in its own memory. To the rest of the pipeline they are
//! [`World`]s as well; outputs, objectives and cotangents ask for those of the host.

use std::ops::ControlFlow;
use std::sync::Arc;

use adastra_core::{
    Adjoint, Evolve, Operator, Progress, Real, Report, Result, Reversible, ReversibleSchedule,
    Schedule, Steps,
};
use adastra_gravity::{Background, Leapfrog, March, SelfGravity, Step, TimeStep};

use crate::{Physics, World};

/// Parameters of the components, and the external potentials on the mesh.
pub type Given<T> = (World<T>, Background<T>);

/// Sees the progress of both sweeps and may stop them.
pub type Watch = fn(Progress) -> ControlFlow<()>;

/// The reverse sweep of a run: given the parameters of the run and the cotangent of its last state,
/// the cotangent of the first; adds to that of the parameters.
pub type PullBack<T> =
    Box<dyn FnOnce(&Given<T>, World<T>, &mut Given<T>) -> Result<(World<T>, Report)> + Send>;

/// Where steps are taken.
pub trait Engine<T: Real>: Send + Sync {
    /// Whether all steps can be undone.
    fn reversible(&self) -> bool;

    /// Bytes that a gradient may keep where nothing is said; `None` for half of the memory that the
    /// system has to give.
    ///
    /// # Errors
    /// What a device says.
    fn memory(&self) -> Result<Option<usize>>;

    /// A run forward with these parameters, whose steps are yet to be chosen.
    ///
    /// # Errors
    /// Wrong parameters, and what a device says.
    fn motion(&self, p: &Arc<Given<T>>) -> Result<Box<dyn Motion<T>>>;

    /// A run over recorded steps of the lengths `dt`, in kpc/(km/s).
    fn run(&self, dt: &[f64], reversal: Reversal, watch: Option<Watch>) -> Box<dyn Run<T>>;
}

/// A run forward. The states that it moves live where the engine works.
pub trait Motion<T: Real>: Send + Sync {
    /// Takes a state of the host there.
    ///
    /// # Errors
    /// What a device says.
    fn load(&self, x: World<T>) -> Result<World<T>>;

    /// A copy of a state on the host; `None` where it is there.
    ///
    /// # Errors
    /// What a device says.
    fn to_host(&self, x: &World<T>) -> Result<Option<World<T>>>;

    /// As [`March::advance`].
    ///
    /// # Errors
    /// As there, and what a device says.
    fn advance(
        &self,
        march: &mut March,
        x: &mut World<T>,
        rule: TimeStep,
        until: f64,
    ) -> Result<Step>;

    /// As [`March::close`].
    ///
    /// # Errors
    /// As there, and what a device says.
    fn close(&self, march: &mut March, x: &mut World<T>) -> Result<()>;
}

/// A run over recorded steps, between states of the host: an operator with its adjoint.
pub trait Run<T: Real>: Send + Sync {
    /// What a gradient from the state `x` will cost.
    ///
    /// # Errors
    /// [`adastra_core::Error::Budget`] when the budget holds no state.
    fn predict(&self, x: &World<T>) -> Result<Report>;

    /// The last state of a run from `x`.
    ///
    /// # Errors
    /// Those of the components, and what a device says.
    fn last(&self, p: &Given<T>, x: World<T>) -> Result<World<T>>;

    /// The last state of a run from `x`, and its reverse sweep.
    ///
    /// # Errors
    /// As [`Run::last`].
    fn recorded(&self, p: &Given<T>, x: World<T>) -> Result<(World<T>, PullBack<T>)>;
}

impl<T: Real> Operator<T> for Box<dyn Run<T>> {
    type Params = Given<T>;
    type In = World<T>;
    type Out = World<T>;

    fn apply(&self, p: &Given<T>, x: World<T>) -> Result<World<T>> {
        self.last(p, x)
    }
}

impl<T: Real> Adjoint<T> for Box<dyn Run<T>> {
    type Saved = PullBack<T>;

    fn record(&self, p: &Given<T>, x: World<T>) -> Result<(World<T>, PullBack<T>)> {
        self.recorded(p, x)
    }

    fn vjp(
        &self,
        p: &Given<T>,
        pull_back: PullBack<T>,
        y_bar: World<T>,
        p_bar: &mut Given<T>,
    ) -> Result<World<T>> {
        Ok(pull_back(p, y_bar, p_bar)?.0)
    }
}

/// How a gradient gets its intermediate states back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reversal {
    /// Stores or recomputes them.
    Recompute(Schedule),
    /// Undoes the steps.
    Undo(ReversibleSchedule),
}

impl Reversal {
    /// The run of some steps.
    pub fn evolve<T: Real, S>(self, steps: S, watch: Option<Watch>) -> Evolve<T, S>
    where
        S: Steps<T> + 'static,
        for<'a> S::Step<'a>: Reversible<T>,
    {
        let run = match self {
            Self::Recompute(schedule) => Evolve::new(steps, schedule),
            Self::Undo(schedule) => Evolve::reversible(steps, schedule),
        };
        match watch {
            Some(watch) => run.with_observer(watch),
            None => run,
        }
    }
}

/// The CPU.
pub(crate) struct Cpu<T: Real>(pub(crate) Arc<SelfGravity<T, Physics<T>>>);

impl<T: Real> Engine<T> for Cpu<T> {
    fn reversible(&self) -> bool {
        let physics = self.0.matter();
        physics.matter().all_reversible() && physics.process().is_none()
    }

    fn memory(&self) -> Result<Option<usize>> {
        Ok(None)
    }

    fn motion(&self, p: &Arc<Given<T>>) -> Result<Box<dyn Motion<T>>> {
        let (system, p) = (self.0.clone(), p.clone());
        Ok(Box::new(OnCpu { system, p }))
    }

    fn run(&self, dt: &[f64], reversal: Reversal, watch: Option<Watch>) -> Box<dyn Run<T>> {
        let leapfrog = Leapfrog::new(self.0.clone(), dt);
        Box::new(Arc::new(reversal.evolve(leapfrog, watch)))
    }
}

struct OnCpu<T: Real> {
    system: Arc<SelfGravity<T, Physics<T>>>,
    p: Arc<Given<T>>,
}

impl<T: Real> Motion<T> for OnCpu<T> {
    fn load(&self, x: World<T>) -> Result<World<T>> {
        Ok(x)
    }

    fn to_host(&self, _: &World<T>) -> Result<Option<World<T>>> {
        Ok(None)
    }

    fn advance(
        &self,
        march: &mut March,
        x: &mut World<T>,
        rule: TimeStep,
        until: f64,
    ) -> Result<Step> {
        march.advance(&self.system, &self.p, x, rule, until)
    }

    fn close(&self, march: &mut March, x: &mut World<T>) -> Result<()> {
        march.close(&self.system, &self.p, x)
    }
}

impl<T: Real> Run<T> for Arc<Evolve<T, Leapfrog<T, Physics<T>>>> {
    fn predict(&self, x: &World<T>) -> Result<Report> {
        (**self).predict(x)
    }

    fn last(&self, p: &Given<T>, x: World<T>) -> Result<World<T>> {
        self.apply(p, x)
    }

    fn recorded(&self, p: &Given<T>, x: World<T>) -> Result<(World<T>, PullBack<T>)> {
        let (y, tape) = self.record(p, x)?;
        let run = self.clone();
        let pull_back: PullBack<T> =
            Box::new(move |p, y_bar, p_bar| run.pull_back(p, tape, y_bar, p_bar));
        Ok((y, pull_back))
    }
}
