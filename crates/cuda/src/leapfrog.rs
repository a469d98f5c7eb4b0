//! Kick-drift-kick on a device, with one Poisson solve a step.
//!
//! The sequence is that of [`adastra_gravity`]: elements of *solve, kick, drift*, with the kicks of
//! neighbouring steps merged, and a closing half kick. n steps take n + 1 Poisson solves; the
//! reverse sweep of an element takes one solve and one adjoint solve.

use std::f64::consts::PI;
use std::sync::Arc;

use adastra_core::{
    Adjoint, FieldMut, FieldRef, Fields, Operator, Real, Result, Reversible, State, Steps,
};
use adastra_gravity::{G, KickDrift, March, Source, Step, TimeStep, elements};
use adastra_grid::Mesh;

use crate::matter::{Matter, MatterReversible};
use crate::{CudaError, Device, Gravity, Poisson, RealArray};

/// Gravity that is given, on a device: empty where there is none. A parameter of the leapfrog.
#[derive(Clone, Debug, Default)]
pub struct Background<T: Real>(pub Option<Gravity<T>>);

impl<T: Real> Background<T> {
    /// No external potential.
    pub fn none() -> Self {
        Self(None)
    }
}

/// `y += x`, field by field; an acceleration that `y` does not have is not wanted.
fn add<T: Real>(x: &Gravity<T>, a: T, y: &mut Gravity<T>) -> Result<(), CudaError> {
    y.potential.try_axpy(a, &x.potential)?;
    if let (Some(y), Some(x)) = (&mut y.acceleration, &x.acceleration) {
        for (y, x) in y.iter_mut().zip(x) {
            y.try_axpy(a, x)?;
        }
    }
    Ok(())
}

const NAMES: [&str; 3] = ["acceleration.x", "acceleration.y", "acceleration.z"];

impl<T: Real> State<T> for Background<T> {
    fn zeros_like(&self) -> Self {
        Self(self.0.as_ref().map(|g| {
            Gravity {
                potential: g.potential.zeros_like(),
                acceleration: g
                    .acceleration
                    .as_ref()
                    .map(|a| a.each_ref().map(|a| a.zeros_like())),
            }
        }))
    }

    fn axpy(&mut self, a: T, x: &Self) {
        match (&mut self.0, &x.0) {
            (Some(y), Some(x)) => {
                if let Err(error) = add(x, a, y) {
                    y.potential.device().fail(error);
                }
            }
            (None, None) => {}
            _ => panic!("axpy of backgrounds of which only one is empty"),
        }
    }

    fn dot(&self, other: &Self) -> f64 {
        let (Some(x), Some(y)) = (&self.0, &other.0) else {
            return 0.0;
        };
        let mut sum = x.potential.dot(&y.potential);
        if let (Some(x), Some(y)) = (&x.acceleration, &y.acceleration) {
            sum += x.iter().zip(y).map(|(x, y)| x.dot(y)).sum::<f64>();
        }
        sum
    }
}

impl<T: Real> Fields<T> for Background<T> {
    fn visit(&self, f: &mut dyn FnMut(&str, FieldRef<'_, T>)) {
        let Some(g) = &self.0 else { return };
        g.potential.visit(&mut |_, field| f("potential", field));
        for (a, name) in g.acceleration.iter().flatten().zip(NAMES) {
            a.visit(&mut |_, field| f(name, field));
        }
    }

    fn visit_mut(&mut self, f: &mut dyn FnMut(&str, FieldMut<'_, T>)) {
        let Some(g) = &mut self.0 else { return };
        g.potential.visit_mut(&mut |_, field| f("potential", field));
        for (a, name) in g.acceleration.iter_mut().flatten().zip(NAMES) {
            a.visit_mut(&mut |_, field| f(name, field));
        }
    }
}

/// Matter under its own gravity on a periodic mesh, on a device.
pub struct SelfGravity<T: Real, M: Matter<T>> {
    matter: M,
    mesh: Mesh,
    poisson: Poisson<T>,
    source: Option<Box<dyn Source>>,
}

impl<T: Real, M: Matter<T>> SelfGravity<T, M> {
    /// Couples `matter` through gravity on `mesh`, with 4 pi G from [`G`].
    ///
    /// # Errors
    /// [`CudaError::NoFft`], [`CudaError::OutOfMemory`], and what the device says.
    pub fn new(device: &Device, mesh: &Mesh, matter: M) -> Result<Self, CudaError> {
        Self::with_constant(device, mesh, matter, G)
    }

    /// As [`SelfGravity::new`] with another Newton's constant, in kpc (km/s)^2 / Msun.
    ///
    /// # Errors
    /// As [`SelfGravity::new`].
    pub fn with_constant(
        device: &Device,
        mesh: &Mesh,
        matter: M,
        constant: f64,
    ) -> Result<Self, CudaError> {
        Ok(Self {
            matter,
            mesh: mesh.clone(),
            poisson: Poisson::new(device, mesh, 4.0 * PI * constant)?,
            source: None,
        })
    }

    /// Multiplies the source of Poisson's equation by a factor that changes with time.
    #[must_use]
    pub fn with_source(mut self, source: impl Source + 'static) -> Self {
        self.source = Some(Box::new(source));
        self
    }

    /// The factor of the source of Poisson's equation at a time; one unless it was set.
    pub fn source(&self, time: f64) -> f64 {
        let source = self.source.as_ref();
        source.map_or(1.0, |source| source.factor(time))
    }

    /// The matter.
    pub fn matter(&self) -> &M {
        &self.matter
    }

    /// The mesh.
    pub fn mesh(&self) -> &Mesh {
        &self.mesh
    }

    /// The gravity that the matter feels in state `x`: its own, times `source`, and the
    /// background's.
    ///
    /// # Errors
    /// Those of [`Matter::deposit`] and [`Poisson::solve`].
    pub fn gravity(
        &self,
        p: &M::Params,
        background: &Background<T>,
        x: &M::State,
        source: f64,
    ) -> Result<Gravity<T>> {
        let mut rho = RealArray::new(self.poisson.device(), &self.mesh.cells())?;
        self.matter.deposit(p, x, T::of(source), &mut rho, false)?;
        let mut gravity = self.poisson.solve(rho, self.matter.needs_acceleration())?;
        if let Some(background) = &background.0 {
            add(background, T::one(), &mut gravity)?;
        }
        Ok(gravity)
    }

    /// One step of a run: solve, choose its length (at most up to the time `until`), kick, drift;
    /// as [`March::advance`] on the CPU.
    ///
    /// # Errors
    /// [`adastra_gravity::StepError`] where the rule and the limits disagree; those of the matter.
    pub fn advance(
        &self,
        march: &mut March,
        p: &(M::Params, Background<T>),
        x: &mut M::State,
        rule: TimeStep,
        until: f64,
    ) -> Result<Step> {
        let gravity = self.gravity(&p.0, &p.1, x, self.source(march.time))?;
        let mut limits = self.matter.limits(&p.0, x, &gravity)?;
        let source = self.source.as_ref();
        limits.extend(source.map(|source| source.limit(march.time)));
        let step = march.choose(limits, rule, until)?;
        let kick = 0.5 * (march.pending + step.dt);
        self.matter.kick(&p.0, x, &gravity, kick)?;
        self.matter.drift(&p.0, x, step.dt)?;
        march.moved(step.dt, until);
        Ok(step)
    }

    /// The closing half kick, after which positions and velocities belong to one time; as
    /// [`March::close`] on the CPU.
    ///
    /// # Errors
    /// Those of the matter.
    pub fn close(
        &self,
        march: &mut March,
        p: &(M::Params, Background<T>),
        x: &mut M::State,
    ) -> Result<()> {
        if march.pending > 0.0 {
            let gravity = self.gravity(&p.0, &p.1, x, self.source(march.time))?;
            self.matter.kick(&p.0, x, &gravity, 0.5 * march.pending)?;
            march.pending = 0.0;
        }
        Ok(())
    }

    /// A zero cotangent of the gravity that this matter feels.
    fn gravity_bar(&self) -> Result<Gravity<T>, CudaError> {
        let zeros = || RealArray::zeros(self.poisson.device(), &self.mesh.cells());
        let mut acceleration = None;
        if self.matter.needs_acceleration() {
            acceleration = Some([zeros()?, zeros()?, zeros()?]);
        }
        Ok(Gravity {
            potential: zeros()?,
            acceleration,
        })
    }
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
        let meshes = if self.system.matter.needs_acceleration() {
            4
        } else {
            1
        };
        state.bytes() + meshes * self.system.mesh.len() * <T as Real>::BYTES
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

    fn gravity(&self, p: &(M::Params, Background<T>), x: &M::State) -> Result<Gravity<T>> {
        self.system.gravity(&p.0, &p.1, x, self.motion.source)
    }

    fn forward(
        &self,
        p: &(M::Params, Background<T>),
        x: &mut M::State,
        gravity: &Gravity<T>,
    ) -> Result<()> {
        let matter = &self.system.matter;
        matter.kick(&p.0, x, gravity, self.motion.kick)?;
        match self.motion.drift {
            Some(dt) => matter.drift(&p.0, x, dt),
            None => Ok(()),
        }
    }

    /// From the cotangent of gravity to those of the background and of the state that made the
    /// density.
    fn gravity_vjp(
        &self,
        p: &(M::Params, Background<T>),
        x: &M::State,
        gravity_bar: Gravity<T>,
        x_bar: &mut M::State,
        p_bar: &mut (M::Params, Background<T>),
    ) -> Result<()> {
        if let Some(background_bar) = &mut p_bar.1.0 {
            add(&gravity_bar, T::one(), background_bar)?;
        }
        let rho_bar = self.system.poisson.solve_vjp(gravity_bar)?;
        let source = T::of(self.motion.source);
        let matter = &self.system.matter;
        matter.deposit_vjp(&p.0, x, source, &rho_bar, x_bar, &mut p_bar.0)
    }
}

impl<T: Real, M: Matter<T>> Operator<T> for Element<'_, T, M> {
    type Params = (M::Params, Background<T>);
    type In = M::State;
    type Out = M::State;

    fn apply(&self, p: &Self::Params, mut x: M::State) -> Result<M::State> {
        let gravity = self.gravity(p, &x)?;
        self.forward(p, &mut x, &gravity)?;
        Ok(x)
    }
}

impl<T: Real, M: Matter<T>> Adjoint<T> for Element<'_, T, M> {
    /// The state before the kick, and the gravity that it felt.
    type Saved = (M::State, Gravity<T>);

    fn record(&self, p: &Self::Params, x: M::State) -> Result<(M::State, Self::Saved)> {
        let gravity = self.gravity(p, &x)?;
        let mut y = x.clone();
        self.forward(p, &mut y, &gravity)?;
        Ok((y, (x, gravity)))
    }

    fn save(&self, p: &Self::Params, x: M::State) -> Result<Self::Saved> {
        let gravity = self.gravity(p, &x)?;
        Ok((x, gravity))
    }

    fn vjp(
        &self,
        p: &Self::Params,
        (x, gravity): Self::Saved,
        mut x_bar: M::State,
        p_bar: &mut Self::Params,
    ) -> Result<M::State> {
        let (matter, kick) = (&self.system.matter, self.motion.kick);
        if let Some(dt) = self.motion.drift {
            let mut kicked = x.clone();
            matter.kick(&p.0, &mut kicked, &gravity, kick)?;
            matter.drift_vjp(&p.0, &mut kicked, dt, &mut x_bar, &mut p_bar.0)?;
        }
        let mut g_bar = self.system.gravity_bar()?;
        matter.kick_vjp(
            &p.0,
            &x,
            &gravity,
            kick,
            &mut x_bar,
            &mut g_bar,
            &mut p_bar.0,
        )?;
        drop(gravity);
        self.gravity_vjp(p, &x, g_bar, &mut x_bar, p_bar)?;
        Ok(x_bar)
    }
}

impl<T: Real, M: MatterReversible<T>> Reversible<T> for Element<'_, T, M> {
    fn invert(&self, p: &Self::Params, mut x: M::State) -> Result<M::State> {
        let matter = &self.system.matter;
        if let Some(dt) = self.motion.drift {
            matter.drift(&p.0, &mut x, -dt)?;
        }
        let gravity = self.gravity(p, &x)?;
        matter.kick(&p.0, &mut x, &gravity, -self.motion.kick)?;
        Ok(x)
    }

    fn invert_vjp(
        &self,
        p: &Self::Params,
        mut x: M::State,
        mut x_bar: M::State,
        p_bar: &mut Self::Params,
    ) -> Result<(M::State, M::State)> {
        let (matter, kick) = (&self.system.matter, self.motion.kick);
        if let Some(dt) = self.motion.drift {
            matter.undrift_vjp(&p.0, &mut x, dt, &mut x_bar, &mut p_bar.0)?;
        }
        // The kick left the density alone: the kicked state gives the potential that kicked it.
        let gravity = self.gravity(p, &x)?;
        let mut g_bar = self.system.gravity_bar()?;
        matter.unkick_vjp(
            &p.0,
            &mut x,
            &gravity,
            kick,
            &mut x_bar,
            &mut g_bar,
            &mut p_bar.0,
        )?;
        drop(gravity);
        self.gravity_vjp(p, &x, g_bar, &mut x_bar, p_bar)?;
        Ok((x, x_bar))
    }
}
