//! Matter, its mesh and the Poisson solver that couples it.

use std::sync::{Mutex, PoisonError};

use adastra_core::{Real, Result, State};
use adastra_grid::{Gravity, Mesh, Poisson};
use ndarray::Array3;
use rayon::prelude::*;

use crate::{Background, Limit, Matter};

/// A factor of the source of Poisson's equation that changes with time: the scale factor of an
/// expanding universe, in supercomoving time.
pub trait Source: Send + Sync {
    /// The factor at a time since the start of the run, in kpc/(km/s).
    fn factor(&self, time: f64) -> f64;

    /// The step, in kpc/(km/s), over which it changes by no more than about a tenth.
    fn limit(&self, time: f64) -> Limit;
}

/// Newton's constant, in kpc (km/s)^2 / Msun.
pub const G: f64 = 4.302_410_02e-6;

/// Matter under its own gravity on a periodic mesh.
pub struct SelfGravity<T: Real, M: Matter<T>> {
    matter: M,
    mesh: Mesh,
    poisson: Poisson<T>,
    source: Option<Box<dyn Source>>,
    /// States that wait for their next use: in a run that keeps all of them, fresh pages would
    /// cost as much as the steps.
    states: Mutex<Vec<M::State>>,
}

impl<T: Real, M: Matter<T>> SelfGravity<T, M> {
    /// Couples `matter` through gravity on `mesh`, with 4 pi G from [`G`].
    pub fn new(mesh: &Mesh, matter: M) -> Self {
        Self::with_constant(mesh, matter, G)
    }

    /// As [`SelfGravity::new`] with another Newton's constant, in kpc (km/s)^2 / Msun; zero
    /// leaves the background alone.
    pub fn with_constant(mesh: &Mesh, matter: M, constant: f64) -> Self {
        let poisson = Poisson::new(mesh, 4.0 * std::f64::consts::PI * constant);
        Self {
            matter,
            mesh: mesh.clone(),
            poisson,
            source: None,
            states: Mutex::default(),
        }
    }

    /// Multiplies the source of Poisson's equation by a factor that changes with time.
    #[must_use]
    pub fn with_source(mut self, source: impl Source + 'static) -> Self {
        self.source = Some(Box::new(source));
        self
    }

    /// The factor of the source of Poisson's equation at a time; one unless it was set.
    pub fn source(&self, time: f64) -> f64 {
        self.source
            .as_ref()
            .map_or(1.0, |source| source.factor(time))
    }

    /// The time steps, in kpc/(km/s), that matter and source allow at a time, by name.
    ///
    /// # Errors
    /// Those of [`Matter::limits`].
    pub fn limits(
        &self,
        p: &M::Params,
        x: &M::State,
        gravity: &Gravity<T>,
        time: f64,
    ) -> Result<Vec<Limit>> {
        let mut limits = self.matter.limits(p, x, gravity)?;
        limits.extend(self.source.as_ref().map(|source| source.limit(time)));
        Ok(limits)
    }

    /// The matter.
    pub fn matter(&self) -> &M {
        &self.matter
    }

    /// The mesh.
    pub fn mesh(&self) -> &Mesh {
        &self.mesh
    }

    /// The solver, for its count of transforms.
    pub fn poisson(&self) -> &Poisson<T> {
        &self.poisson
    }

    /// A mesh of zeros.
    fn zeros(&self) -> Array3<T> {
        let mut mesh = self.poisson.array();
        let plane = self.mesh.len() / self.mesh.cells()[0];
        if let Some(cells) = mesh.as_slice_mut() {
            let planes = cells.par_chunks_mut(plane);
            planes.for_each(|plane| plane.fill(T::zero()));
        }
        mesh
    }

    /// A state of the shape of `like`, to be overwritten.
    pub(crate) fn state(&self, like: &M::State) -> M::State {
        let mut states = self.states.lock().unwrap_or_else(PoisonError::into_inner);
        states.pop().unwrap_or_else(|| like.clone())
    }

    /// A copy of a state.
    pub(crate) fn copy(&self, x: &M::State) -> M::State {
        let waiting = self
            .states
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop();
        let Some(mut copy) = waiting else {
            return x.clone();
        };
        State::<T>::copy_from(&mut copy, x);
        copy
    }

    /// Takes a state that is no longer needed, for [`SelfGravity::state`]. What is held never
    /// exceeds what was once in use.
    pub(crate) fn recycle_state(&self, state: M::State) {
        let mut states = self.states.lock().unwrap_or_else(PoisonError::into_inner);
        states.push(state);
    }

    /// Total density of all matter, in Msun/kpc^3, shape (nx, ny, nz).
    ///
    /// # Errors
    /// Those of [`Matter::deposit`].
    pub fn density(&self, p: &M::Params, x: &M::State) -> Result<Array3<T>> {
        let mut rho = self.zeros();
        self.matter.deposit(p, x, &mut rho)?;
        Ok(rho)
    }

    /// The gravity that the matter feels in state `x`: its own, times `source`, and the
    /// background's.
    ///
    /// # Errors
    /// Those of [`Matter::deposit`].
    pub fn gravity(
        &self,
        p: &M::Params,
        background: &Background<T>,
        x: &M::State,
        source: f64,
    ) -> Result<Gravity<T>> {
        if !self.matter.gravitates() {
            return Ok(none());
        }
        let mut rho = self.density(p, x)?;
        scale(&mut rho, source);
        let mut gravity = self.poisson.solve(rho, self.matter.needs_acceleration());
        background.add_to(&mut gravity);
        Ok(gravity)
    }

    /// A zero cotangent of the gravity that this matter feels.
    pub(crate) fn gravity_bar(&self) -> Gravity<T> {
        if !self.matter.gravitates() {
            return none();
        }
        let acceleration = self
            .matter
            .needs_acceleration()
            .then(|| [self.zeros(), self.zeros(), self.zeros()]);
        Gravity {
            potential: self.zeros(),
            acceleration,
        }
    }
}

/// No gravity at all, for matter that does not look at it.
fn none<T: Real>() -> Gravity<T> {
    Gravity {
        potential: Array3::default((0, 0, 0)),
        acceleration: None,
    }
}

/// Multiplies all cells, unless by one.
pub(crate) fn scale<T: Real>(mesh: &mut Array3<T>, factor: f64) {
    if factor != 1.0 {
        let factor = T::of(factor);
        mesh.par_mapv_inplace(|x| x * factor);
    }
}
