//! Kick-drift-kick over any matter, with one Poisson solve a step.
//!
//! A kick changes no density, so the potential after the closing half kick of a step is the one
//! of the next opening half kick. A run between two outputs is therefore
//!
//! ```text
//! half kick, (drift, kick) n - 1 times, drift, half kick
//! ```
//!
//! where the kick between the steps i and i + 1 lasts (dt_i + dt_{i+1})/2. One element of the
//! sequence below is *solve, kick, drift*; the closing half kick is an element without a drift.
//! n steps take n + 1 Poisson solves, each of one real-to-complex and one complex-to-real
//! transform, and three more of the latter where some matter reads the acceleration. The reverse
//! sweep of a reversible element takes one solve and one adjoint solve.

use std::sync::Arc;

use adastra_core::{Adjoint, Fields, Operator, Real, Result, Reversible, State, Steps};
use adastra_grid::Gravity;

use crate::background::add;
use crate::system::scale;
use crate::{Background, Matter, MatterAdjoint, MatterReversible, SelfGravity};

/// One element of the leapfrog: solve, kick, drift.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct KickDrift {
    /// Length of the kick, in kpc/(km/s).
    pub kick: f64,
    /// Length of the drift; `None` in the closing element.
    pub drift: Option<f64>,
    /// Factor of the source of Poisson's equation (see [`SelfGravity::with_source`]).
    pub source: f64,
}

/// The elements of a run over the recorded time steps `dt`: one per step, and the closing kick.
/// `source` is the factor of Poisson's equation at a time since the start.
///
/// ```
/// let elements = adastra_gravity::elements(&[0.2, 0.4], |_| 1.0);
/// let kicks: Vec<_> = elements.iter().map(|e| (e.kick * 10.0).round()).collect();
/// assert_eq!(kicks, [1.0, 3.0, 2.0]);
/// ```
pub fn elements(dt: &[f64], source: impl Fn(f64) -> f64) -> Vec<KickDrift> {
    let (mut before, mut time) = (0.0, 0.0);
    let mut elements = Vec::with_capacity(dt.len() + 1);
    for &dt in dt {
        elements.push(KickDrift {
            kick: 0.5 * (before + dt),
            drift: Some(dt),
            source: source(time),
        });
        before = dt;
        time += dt;
    }
    elements.push(KickDrift {
        kick: 0.5 * before,
        drift: None,
        source: source(time),
    });
    elements
}

/// Kick-drift-kick over recorded time steps: a sequence for [`adastra_core::Evolve`].
///
/// Its parameters are those of the matter and the [`Background`].
pub struct Leapfrog<T: Real, M: Matter<T>> {
    system: Arc<SelfGravity<T, M>>,
    elements: Vec<KickDrift>,
}

impl<T: Real, M: Matter<T>> Leapfrog<T, M> {
    /// Steps of the given lengths, in kpc/(km/s).
    pub fn new(system: Arc<SelfGravity<T, M>>, dt: &[f64]) -> Self {
        let elements = elements(dt, |time| system.source(time));
        Self { system, elements }
    }

    /// The matter and its gravity.
    pub fn system(&self) -> &SelfGravity<T, M> {
        &self.system
    }
}

impl<T: Real, M: Matter<T> + 'static> Steps<T> for Leapfrog<T, M> {
    type Params = (M::Params, Background<T>);
    type State = M::State;
    type Step<'a> = Element<'a, T, M>;

    fn len(&self) -> usize {
        self.elements.len()
    }

    fn step(&self, i: usize) -> Element<'_, T, M> {
        Element {
            system: &self.system,
            motion: self.elements[i],
        }
    }

    fn saved_bytes(&self, state: &M::State) -> usize {
        let matter = self.system.matter();
        let meshes = match (matter.gravitates(), matter.needs_acceleration()) {
            (false, _) => 0,
            (true, false) => 1,
            (true, true) => 4,
        };
        state.bytes() + meshes * self.system.mesh().len() * <T as Real>::BYTES
    }
}

/// One element of a [`Leapfrog`], as an operator.
pub struct Element<'a, T: Real, M: Matter<T>> {
    system: &'a SelfGravity<T, M>,
    motion: KickDrift,
}

impl<'a, T: Real, M: Matter<T>> Element<'a, T, M> {
    /// The element `motion` of a run of `system`.
    pub fn new(system: &'a SelfGravity<T, M>, motion: KickDrift) -> Self {
        Self { system, motion }
    }

    fn forward(&self, p: &(M::Params, Background<T>), x: &mut M::State) -> Result<Gravity<T>> {
        let source = self.motion.source;
        let gravity = self.system.gravity(&p.0, &p.1, x, source)?;
        let matter = self.system.matter();
        match self.motion.drift {
            Some(dt) => matter.kick_drift(&p.0, x, &gravity, self.motion.kick, dt)?,
            None => matter.kick(&p.0, x, &gravity, self.motion.kick)?,
        }
        Ok(gravity)
    }
}

impl<T: Real, M: Matter<T>> Operator<T> for Element<'_, T, M> {
    type Params = (M::Params, Background<T>);
    type In = M::State;
    type Out = M::State;

    fn apply(&self, p: &Self::Params, mut x: M::State) -> Result<M::State> {
        let gravity = self.forward(p, &mut x)?;
        self.system.poisson().recycle(gravity);
        Ok(x)
    }

    fn copy(&self, x: &M::State) -> M::State {
        self.system.copy(x)
    }
}

impl<T: Real, M: MatterAdjoint<T>> Element<'_, T, M> {
    /// The part of the reverse sweep that does not depend on the schedule: from the cotangent of
    /// gravity to those of the background and of the state that made the density.
    fn gravity_vjp(
        &self,
        p: &(M::Params, Background<T>),
        x: &M::State,
        gravity_bar: Gravity<T>,
        x_bar: &mut M::State,
        p_bar: &mut (M::Params, Background<T>),
    ) -> Result<()> {
        if !self.system.matter().gravitates() {
            return Ok(());
        }
        if let Some(background_bar) = &mut p_bar.1.0 {
            add(&gravity_bar, T::one(), background_bar);
        }
        let mut rho_bar = self.system.poisson().solve_vjp(&gravity_bar);
        scale(&mut rho_bar, self.motion.source);
        self.system
            .matter()
            .deposit_vjp(&p.0, x, &rho_bar, x_bar, &mut p_bar.0)?;
        self.system.poisson().recycle(gravity_bar);
        Ok(())
    }
}

impl<T: Real, M: MatterAdjoint<T>> Adjoint<T> for Element<'_, T, M> {
    /// The state before the kick, and the gravity that it felt.
    type Saved = (M::State, Gravity<T>);

    fn record(&self, p: &Self::Params, x: M::State) -> Result<(M::State, Self::Saved)> {
        let source = self.motion.source;
        let gravity = self.system.gravity(&p.0, &p.1, &x, source)?;
        let matter = self.system.matter();
        let KickDrift { kick, drift, .. } = self.motion;
        let mut y = self.system.state(&x);
        if let Some(dt) = drift {
            matter.kick_drift_into(&p.0, &x, &mut y, &gravity, kick, dt)?;
        } else {
            State::<T>::copy_from(&mut y, &x);
            matter.kick(&p.0, &mut y, &gravity, kick)?;
        }
        Ok((y, (x, gravity)))
    }

    fn save(&self, p: &Self::Params, x: M::State) -> Result<Self::Saved> {
        let gravity = self.system.gravity(&p.0, &p.1, &x, self.motion.source)?;
        Ok((x, gravity))
    }

    fn vjp(
        &self,
        p: &Self::Params,
        (mut x, gravity): Self::Saved,
        mut x_bar: M::State,
        p_bar: &mut Self::Params,
    ) -> Result<M::State> {
        let matter = self.system.matter();
        let KickDrift { kick, drift, .. } = self.motion;
        let mut g_bar = self.system.gravity_bar();
        if let Some(dt) = drift {
            let p_bar = &mut p_bar.0;
            matter.kick_drift_vjp(
                &p.0, &mut x, &gravity, kick, dt, &mut x_bar, &mut g_bar, p_bar,
            )?;
        } else {
            matter.kick_vjp(
                &p.0,
                &x,
                &gravity,
                kick,
                &mut x_bar,
                &mut g_bar,
                &mut p_bar.0,
            )?;
        }
        self.system.poisson().recycle(gravity);
        self.gravity_vjp(p, &x, g_bar, &mut x_bar, p_bar)?;
        self.system.recycle_state(x);
        Ok(x_bar)
    }
}

impl<T: Real, M: MatterReversible<T>> Reversible<T> for Element<'_, T, M> {
    fn invert(&self, p: &Self::Params, mut x: M::State) -> Result<M::State> {
        let matter = self.system.matter();
        if let Some(dt) = self.motion.drift {
            matter.undrift(&p.0, &mut x, dt)?;
        }
        let source = self.motion.source;
        let gravity = self.system.gravity(&p.0, &p.1, &x, source)?;
        matter.unkick(&p.0, &mut x, &gravity, self.motion.kick)?;
        self.system.poisson().recycle(gravity);
        Ok(x)
    }

    fn invert_vjp(
        &self,
        p: &Self::Params,
        mut x: M::State,
        mut x_bar: M::State,
        p_bar: &mut Self::Params,
    ) -> Result<(M::State, M::State)> {
        let matter = self.system.matter();
        if let Some(dt) = self.motion.drift {
            matter.undrift_vjp(&p.0, &mut x, dt, &mut x_bar, &mut p_bar.0)?;
        }
        // The kick left the density alone: the kicked state gives the potential that kicked it.
        let source = self.motion.source;
        let gravity = self.system.gravity(&p.0, &p.1, &x, source)?;
        let mut g_bar = self.system.gravity_bar();
        let kick = self.motion.kick;
        matter.unkick_vjp(
            &p.0,
            &mut x,
            &gravity,
            kick,
            &mut x_bar,
            &mut g_bar,
            &mut p_bar.0,
        )?;
        self.system.poisson().recycle(gravity);
        self.gravity_vjp(p, &x, g_bar, &mut x_bar, p_bar)?;
        Ok((x, x_bar))
    }
}
