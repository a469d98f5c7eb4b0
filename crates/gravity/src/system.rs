//! Matter, its mesh and the Poisson solver that couples it.

use std::sync::Mutex;

use adastra_core::{Real, Result};
use adastra_grid::{Gravity, Mesh, Poisson};
use ndarray::Array3;

use crate::{Background, Matter};

/// Newton's constant, in kpc (km/s)^2 / Msun.
pub const G: f64 = 4.302_410_02e-6;

/// Matter under its own gravity on a periodic mesh.
pub struct SelfGravity<T: Real, M> {
    matter: M,
    mesh: Mesh,
    poisson: Poisson<T>,
    /// Density meshes that wait for their next use: a fresh allocation a step would cost more
    /// than the deposit.
    pool: Mutex<Vec<Array3<T>>>,
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
            pool: Mutex::default(),
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

    fn buffer(&self) -> Array3<T> {
        let waiting = self.pool.lock().ok().and_then(|mut pool| pool.pop());
        match waiting {
            Some(mut buffer) => {
                buffer.fill(T::zero());
                buffer
            }
            None => Array3::zeros(self.mesh.shape()),
        }
    }

    pub(crate) fn recycle(&self, gravity: Gravity<T>) {
        if let Ok(mut pool) = self.pool.lock() {
            pool.push(gravity.potential);
            // One mesh serves the next density; the others are taken by the cotangent.
            if let Some(a) = gravity.acceleration {
                pool.extend(a);
            }
            pool.truncate(8);
        }
    }

    /// Total density of all matter, in Msun/kpc^3, shape (nx, ny, nz).
    ///
    /// # Errors
    /// Those of [`Matter::deposit`].
    pub fn density(&self, p: &M::Params, x: &M::State) -> Result<Array3<T>> {
        let mut rho = self.buffer();
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
            .then(|| [self.buffer(), self.buffer(), self.buffer()]);
        Gravity {
            potential: self.buffer(),
            acceleration,
        }
    }
}
