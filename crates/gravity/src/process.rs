//! What happens to matter besides gravity and free motion.

use adastra_core::{Real, Result};
use adastra_grid::Gravity;
use ndarray::Array3;

use crate::{Limit, Matter, MatterAdjoint, MatterReversible};

/// A process on states `X` with parameters `P` that acts at the end of every drift: accretion,
/// cooling, forcing, a source.
///
/// It may couple components, and may change what a density is made of.
pub trait Process<T: Real, P, X>: Send + Sync {
    /// Acts on `x` for a time `dt`, in kpc/(km/s).
    ///
    /// # Errors
    /// What the process documents.
    fn apply(&self, p: &P, x: &mut X, dt: f64) -> Result<()>;

    /// Adjoint of [`Process::apply`]: pulls `x_bar` back in place, given the state `x` before it,
    /// and adds to `p_bar`.
    ///
    /// # Errors
    /// As [`Process::apply`].
    fn vjp(&self, p: &P, x: &X, dt: f64, x_bar: &mut X, p_bar: &mut P) -> Result<()>;

    /// The time steps, in kpc/(km/s), that the process allows in this state, by name.
    ///
    /// # Errors
    /// What the process documents.
    fn limits(&self, p: &P, x: &X) -> Result<Vec<Limit>> {
        let _ = (p, x);
        Ok(Vec::new())
    }
}

/// Processes one after the other.
impl<T: Real, P, X: Clone> Process<T, P, X> for Vec<Box<dyn Process<T, P, X>>> {
    fn apply(&self, p: &P, x: &mut X, dt: f64) -> Result<()> {
        self.iter().try_for_each(|process| process.apply(p, x, dt))
    }

    fn vjp(&self, p: &P, x: &X, dt: f64, x_bar: &mut X, p_bar: &mut P) -> Result<()> {
        // The state before each process.
        let mut states = vec![x.clone()];
        for process in &self[..self.len().saturating_sub(1)] {
            let mut next = states[states.len() - 1].clone();
            process.apply(p, &mut next, dt)?;
            states.push(next);
        }
        let mut all = self.iter().zip(&states).rev();
        all.try_for_each(|(process, x)| process.vjp(p, x, dt, x_bar, p_bar))
    }

    fn limits(&self, p: &P, x: &X) -> Result<Vec<Limit>> {
        let mut limits = Vec::new();
        for process in self {
            limits.extend(process.limits(p, x)?);
        }
        Ok(limits)
    }
}

/// Matter with a process at the end of its drifts, as matter.
#[derive(Debug)]
pub struct With<M, S> {
    matter: M,
    process: Option<S>,
}

impl<M, S> With<M, S> {
    /// `matter`, to which `process` happens; `None` leaves it as it is.
    pub fn new(matter: M, process: Option<S>) -> Self {
        Self { matter, process }
    }

    /// The matter.
    pub fn matter(&self) -> &M {
        &self.matter
    }

    /// The process.
    pub fn process(&self) -> Option<&S> {
        self.process.as_ref()
    }
}

impl<T, M, S> Matter<T> for With<M, S>
where
    T: Real,
    M: Matter<T>,
    S: Process<T, M::Params, M::State>,
{
    type Params = M::Params;
    type State = M::State;

    fn gravitates(&self) -> bool {
        self.matter.gravitates()
    }
    fn needs_acceleration(&self) -> bool {
        self.matter.needs_acceleration()
    }

    fn deposit(&self, p: &M::Params, x: &M::State, rho: &mut Array3<T>) -> Result<()> {
        self.matter.deposit(p, x, rho)
    }

    fn kick(&self, p: &M::Params, x: &mut M::State, gravity: &Gravity<T>, dt: f64) -> Result<()> {
        self.matter.kick(p, x, gravity, dt)
    }

    fn drift(&self, p: &M::Params, x: &mut M::State, dt: f64) -> Result<()> {
        self.matter.drift(p, x, dt)?;
        self.act(p, x, dt)
    }

    fn kick_drift(
        &self,
        p: &M::Params,
        x: &mut M::State,
        gravity: &Gravity<T>,
        kick: f64,
        drift: f64,
    ) -> Result<()> {
        self.matter.kick_drift(p, x, gravity, kick, drift)?;
        self.act(p, x, drift)
    }

    fn kick_drift_into(
        &self,
        p: &M::Params,
        from: &M::State,
        to: &mut M::State,
        gravity: &Gravity<T>,
        kick: f64,
        drift: f64,
    ) -> Result<()> {
        self.matter
            .kick_drift_into(p, from, to, gravity, kick, drift)?;
        self.act(p, to, drift)
    }

    fn limits(&self, p: &M::Params, x: &M::State, gravity: &Gravity<T>) -> Result<Vec<Limit>> {
        let mut limits = self.matter.limits(p, x, gravity)?;
        if let Some(process) = &self.process {
            limits.extend(process.limits(p, x)?);
        }
        Ok(limits)
    }
}

impl<M, S> With<M, S> {
    fn act<T: Real>(&self, p: &M::Params, x: &mut M::State, dt: f64) -> Result<()>
    where
        M: Matter<T>,
        S: Process<T, M::Params, M::State>,
    {
        self.process
            .as_ref()
            .map_or(Ok(()), |process| process.apply(p, x, dt))
    }
}

impl<T, M, S> MatterAdjoint<T> for With<M, S>
where
    T: Real,
    M: MatterAdjoint<T>,
    S: Process<T, M::Params, M::State>,
{
    fn deposit_vjp(
        &self,
        p: &M::Params,
        x: &M::State,
        rho_bar: &Array3<T>,
        x_bar: &mut M::State,
        p_bar: &mut M::Params,
    ) -> Result<()> {
        self.matter.deposit_vjp(p, x, rho_bar, x_bar, p_bar)
    }

    fn kick_vjp(
        &self,
        p: &M::Params,
        x: &M::State,
        gravity: &Gravity<T>,
        dt: f64,
        x_bar: &mut M::State,
        gravity_bar: &mut Gravity<T>,
        p_bar: &mut M::Params,
    ) -> Result<()> {
        self.matter
            .kick_vjp(p, x, gravity, dt, x_bar, gravity_bar, p_bar)
    }

    fn drift_vjp(
        &self,
        p: &M::Params,
        x: &M::State,
        dt: f64,
        x_bar: &mut M::State,
        p_bar: &mut M::Params,
    ) -> Result<()> {
        if let Some(process) = &self.process {
            let mut drifted = x.clone();
            self.matter.drift(p, &mut drifted, dt)?;
            process.vjp(p, &drifted, dt, x_bar, p_bar)?;
        }
        self.matter.drift_vjp(p, x, dt, x_bar, p_bar)
    }

    fn kick_drift_vjp(
        &self,
        p: &M::Params,
        x: &mut M::State,
        gravity: &Gravity<T>,
        kick: f64,
        drift: f64,
        x_bar: &mut M::State,
        gravity_bar: &mut Gravity<T>,
        p_bar: &mut M::Params,
    ) -> Result<()> {
        if let Some(process) = &self.process {
            let mut drifted = x.clone();
            self.matter
                .kick_drift(p, &mut drifted, gravity, kick, drift)?;
            process.vjp(p, &drifted, drift, x_bar, p_bar)?;
        }
        self.matter
            .kick_drift_vjp(p, x, gravity, kick, drift, x_bar, gravity_bar, p_bar)
    }
}

/// A process cannot be undone.
#[derive(Debug, thiserror::Error)]
#[error("a process in the drift cannot be undone; allowed: a schedule that stores or recomputes")]
struct Irreversible;

/// Where nothing happens but gravity and free motion; a process makes every method fail.
impl<T, M, S> MatterReversible<T> for With<M, S>
where
    T: Real,
    M: MatterReversible<T>,
    S: Process<T, M::Params, M::State>,
{
    fn undrift(&self, p: &M::Params, x: &mut M::State, dt: f64) -> Result<()> {
        self.only()?;
        self.matter.undrift(p, x, dt)
    }

    fn unkick(&self, p: &M::Params, x: &mut M::State, gravity: &Gravity<T>, dt: f64) -> Result<()> {
        self.only()?;
        self.matter.unkick(p, x, gravity, dt)
    }

    fn undrift_vjp(
        &self,
        p: &M::Params,
        x: &mut M::State,
        dt: f64,
        x_bar: &mut M::State,
        p_bar: &mut M::Params,
    ) -> Result<()> {
        self.only()?;
        self.matter.undrift_vjp(p, x, dt, x_bar, p_bar)
    }

    fn unkick_vjp(
        &self,
        p: &M::Params,
        x: &mut M::State,
        gravity: &Gravity<T>,
        dt: f64,
        x_bar: &mut M::State,
        gravity_bar: &mut Gravity<T>,
        p_bar: &mut M::Params,
    ) -> Result<()> {
        self.only()?;
        self.matter
            .unkick_vjp(p, x, gravity, dt, x_bar, gravity_bar, p_bar)
    }
}

impl<M, S> With<M, S> {
    fn only(&self) -> Result<()> {
        match self.process {
            None => Ok(()),
            Some(_) => Err(adastra_core::Error::operator("reverse sweep", Irreversible)),
        }
    }
}
