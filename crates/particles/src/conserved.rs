//! What a collisionless system conserves.

use adastra_core::{Real, Result};
use adastra_grid::Mesh;

use crate::ParticleState;
use crate::arrays::dense;

/// Sums over particles that a run conserves, or exchanges with other matter.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Conserved {
    /// Total mass, in Msun.
    pub mass: f64,
    /// Total momentum, in Msun km/s.
    pub momentum: [f64; 3],
    /// Kinetic energy `sum m v^2 / 2`, in Msun (km/s)^2.
    pub kinetic_energy: f64,
    /// Angular momentum `sum m r x v` about the centre of the box, in Msun kpc km/s. A periodic
    /// box conserves it only while no particle crosses its boundary and images do not matter.
    pub angular_momentum: [f64; 3],
}

impl Conserved {
    /// Sums over the particles of `x` in the box of `mesh`, in f64 and in order of the particles.
    ///
    /// # Errors
    /// [`Error::Shape`](adastra_core::Error::Shape) unless the state's arrays agree on the number
    /// of particles.
    pub fn of<T: Real>(mesh: &Mesh, x: &ParticleState<T>) -> Result<Self> {
        x.checked_len()?;
        let centre = mesh.size().map(|l| 0.5 * l);
        let (position, velocity) = (dense(&x.position), dense(&x.velocity));
        let mut sums = Self::default();
        let particles = position
            .chunks_exact(3)
            .zip(velocity.chunks_exact(3))
            .zip(&x.mass);
        for ((position, velocity), m) in particles {
            let m = m.f64();
            let r: [f64; 3] = std::array::from_fn(|d| position[d].f64() - centre[d]);
            let v: [f64; 3] = std::array::from_fn(|d| velocity[d].f64());
            sums.mass += m;
            sums.kinetic_energy += 0.5 * m * v.iter().map(|v| v * v).sum::<f64>();
            for d in 0..3 {
                let (e, f) = ((d + 1) % 3, (d + 2) % 3);
                sums.momentum[d] += m * v[d];
                sums.angular_momentum[d] += m * (r[e] * v[f] - r[f] * v[e]);
            }
        }
        Ok(sums)
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn sums_of_two_particles() {
        let mesh = Mesh::new([2, 2, 2], [2.0, 4.0, 6.0]).unwrap();
        let x = ParticleState::<f64> {
            position: array![[2.0, 2.0, 3.0], [1.0, 2.0, 2.0]],
            velocity: array![[0.0, 3.0, 0.0], [-1.0, 0.0, 2.0]],
            mass: array![2.0, 4.0],
        };
        let sums = Conserved::of(&mesh, &x).unwrap();
        assert_eq!(sums.mass, 6.0);
        assert_eq!(sums.momentum, [-4.0, 6.0, 8.0]);
        assert_eq!(sums.kinetic_energy, 9.0 + 10.0);
        // r = (1, 0, 0) and (0, 0, -1).
        assert_eq!(sums.angular_momentum, [0.0, 4.0, 6.0]);
    }
}
