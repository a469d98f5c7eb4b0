//! Matter, its mesh and the Poisson solver that couples it.

use std::sync::{Mutex, PoisonError};

use adastra_core::{Real, Result};
use adastra_grid::{Gravity, Mesh, Poisson};
use ndarray::Array3;
use rayon::prelude::*;

use crate::{Background, Matter};

/// Newton's constant, in kpc (km/s)^2 / Msun.
pub const G: f64 = 4.302_410_02e-6;

/// Matter under its own gravity on a periodic mesh.
pub struct SelfGravity<T: Real, M: Matter<T>> {
    matter: M,
    mesh: Mesh,
    poisson: Poisson<T>,
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
            states: Mutex::default(),
        }
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

    /// The gravity that the matter feels in state `x`: its own and the background's.
    ///
    /// # Errors
    /// Those of [`Matter::deposit`].
    pub fn gravity(
        &self,
        p: &M::Params,
        background: &Background<T>,
        x: &M::State,
    ) -> Result<Gravity<T>> {
        let rho = self.density(p, x)?;
        let mut gravity = self.poisson.solve(rho, self.matter.needs_acceleration());
        background.add_to(&mut gravity);
        Ok(gravity)
    }

    /// A zero cotangent of the gravity that this matter feels.
    pub(crate) fn gravity_bar(&self) -> Gravity<T> {
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
