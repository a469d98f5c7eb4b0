//! Particles as a state.

use adastra_core::{Error, Real, Result, state};
use ndarray::{Array1, Array2};

use crate::ParticleError;
use crate::arrays::finite;

state! {
    /// Positions, velocities and masses of n particles.
    #[derive(Debug, PartialEq)]
    pub struct ParticleState<T> {
        /// Positions, shape (n, 3), in kpc. A drift leaves them in [0, L).
        pub position: Array2<T>,
        /// Velocities, shape (n, 3), in km/s.
        pub velocity: Array2<T>,
        /// Masses, shape (n,), in Msun.
        pub mass: Array1<T>,
    }
}

impl<T: Real> ParticleState<T> {
    /// Particles at the given positions (kpc), with velocities (km/s) and masses (Msun).
    ///
    /// # Errors
    /// [`Error::Shape`] unless the shapes are (n, 3), (n, 3) and (n,);
    /// [`ParticleError::Particle`] where a number is not finite or a mass is negative.
    pub fn new(position: Array2<T>, velocity: Array2<T>, mass: Array1<T>) -> Result<Self> {
        let state = Self {
            position,
            velocity,
            mass,
        };
        state.checked_len()?;
        let wrong = |e: ParticleError| Error::operator("particles", e);
        finite("position", &state.position).map_err(wrong)?;
        finite("velocity", &state.velocity).map_err(wrong)?;
        if let Some(particle) = state
            .mass
            .iter()
            .position(|&m| !(m >= T::zero() && m.is_finite()))
        {
            let value = state.mass[particle].f64();
            let allowed = "finite and not negative, in Msun";
            let (field, component) = ("mass", 0);
            return Err(wrong(ParticleError::Particle {
                field,
                particle,
                component,
                value,
                allowed,
            }));
        }
        Ok(state)
    }

    /// `n` particles of zero mass at rest in the corner of the box.
    pub fn zeros(n: usize) -> Self {
        Self {
            position: Array2::zeros((n, 3)),
            velocity: Array2::zeros((n, 3)),
            mass: Array1::zeros(n),
        }
    }

    /// Number of particles: the number of masses.
    pub fn len(&self) -> usize {
        self.mass.len()
    }

    /// Whether there are no particles.
    pub fn is_empty(&self) -> bool {
        self.mass.is_empty()
    }

    /// The number of particles, if the three arrays agree on it.
    pub(crate) fn checked_len(&self) -> Result<usize> {
        let n = self.len();
        crate::arrays::shape("particle positions", self.position.shape(), &[n, 3])?;
        crate::arrays::shape("particle velocities", self.velocity.shape(), &[n, 3])?;
        Ok(n)
    }
}
