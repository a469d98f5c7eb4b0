//! Collisionless particles that gravitate on a mesh.

use std::borrow::Cow;

use adastra_core::{Error, Real, Result};
use adastra_gravity::{Limit, Matter, MatterAdjoint, MatterReversible};
use adastra_grid::{Gravity, Mesh};
use ndarray::{Array2, Array3};

use crate::arrays::{CHUNK, dense, dense_mut, each, finite, positions, shape};
use crate::cic::Cic;
use crate::scatter::scatter;
use crate::{ParticleError, ParticleState, deposit};

/// Collisionless particles on a periodic mesh: stars, or cold dark matter (the particle-mesh
/// scheme of Hockney & Eastwood 1988, chapter 5).
///
/// * deposit: `rho += sum_i m_i w_c(x_i) / V`, cloud-in-cell;
/// * kick: `v_i += dt sum_c w_c(x_i) a_c` with the same weights, so that pairs of particles feel
///   opposite forces and a particle none of its own;
/// * drift: `x_i = wrap(x_i + dt v_i)`, wrapped into [0, L) along each axis;
/// * limit "particle CFL": no particle crosses more than one cell a step,
///   `dt <= min_d dx_d / max_i |v_id|`.
///
/// All of it has the same bits for any number of threads. The force is continuous and piecewise
/// smooth in the positions; where a particle crosses the centre of a cell, derivatives are the
/// ones on the side of larger x. The state's arrays must agree on the number of particles
/// ([`Error::Shape`] otherwise), and positions must be finite ([`ParticleError::Particle`]).
#[derive(Debug, Clone, PartialEq)]
pub struct Particles {
    mesh: Mesh,
}

impl Particles {
    /// Particles in the box of `mesh`.
    pub fn new(mesh: &Mesh) -> Self {
        Self { mesh: mesh.clone() }
    }

    /// The mesh.
    pub fn mesh(&self) -> &Mesh {
        &self.mesh
    }

    /// The acceleration at `position`, shape (n, 3), in kpc: shape (n, 3), in (km/s)^2/kpc.
    ///
    /// # Errors
    /// [`ParticleError::MissingAcceleration`] where `gravity` has none; [`Error::Shape`] and
    /// [`ParticleError::Particle`] for wrong positions.
    pub fn acceleration<T: Real>(
        &self,
        position: &Array2<T>,
        gravity: &Gravity<T>,
    ) -> Result<Array2<T>> {
        let mut acceleration = Array2::zeros(position.raw_dim());
        self.add_acceleration(position, gravity, T::one(), &mut acceleration)?;
        Ok(acceleration)
    }

    /// `y += factor a(position)`.
    fn add_acceleration<T: Real>(
        &self,
        position: &Array2<T>,
        gravity: &Gravity<T>,
        factor: T,
        y: &mut Array2<T>,
    ) -> Result<()> {
        positions(position, position.nrows())?;
        let meshes = self.meshes(gravity, position.nrows())?;
        let meshes = meshes.each_ref().map(|mesh| &**mesh);
        let cic = Cic::new(&self.mesh);
        let position = dense(position);
        let chunks = position.chunks(3 * CHUNK).zip(dense_mut(y).chunks_mut(3 * CHUNK));
        each(chunks, |(x, y)| {
            for (x, y) in x.chunks_exact(3).zip(y.chunks_exact_mut(3)) {
                let cloud = cic.cloud(x);
                for (y, mesh) in y.iter_mut().zip(meshes) {
                    *y += factor * cloud.value(cic.corners(&cloud, mesh));
                }
            }
        });
        Ok(())
    }

    /// The three meshes of the acceleration.
    fn meshes<'a, T: Real>(
        &self,
        gravity: &'a Gravity<T>,
        particles: usize,
    ) -> Result<[Cow<'a, [T]>; 3]> {
        let Some(acceleration) = &gravity.acceleration else {
            return Err(self.missing(particles));
        };
        for mesh in acceleration {
            shape("acceleration", mesh.shape(), &self.mesh.cells())?;
        }
        Ok(acceleration.each_ref().map(dense))
    }

    fn missing(&self, particles: usize) -> Error {
        let cells = self.mesh.cells();
        Error::operator("particles", ParticleError::MissingAcceleration { cells, particles })
    }

    /// Requires the mesh's shape of `rho` and a consistent state with finite positions.
    fn check<T: Real>(&self, x: &ParticleState<T>, rho: &Array3<T>) -> Result<()> {
        shape("density", rho.shape(), &self.mesh.cells())?;
        positions(&x.position, x.checked_len()?)
    }
}

/// Requires a cotangent of the shape of the state.
fn same_len<T: Real>(x: &ParticleState<T>, x_bar: &ParticleState<T>) -> Result<()> {
    x_bar.checked_len()?;
    shape("cotangent of the masses", x_bar.mass.shape(), &[x.checked_len()?])
}

impl<T: Real> Matter<T> for Particles {
    type Params = ();
    type State = ParticleState<T>;

    fn needs_acceleration(&self) -> bool {
        true
    }

    fn deposit(&self, (): &(), x: &ParticleState<T>, rho: &mut Array3<T>) -> Result<()> {
        self.check(x, rho)?;
        deposit::deposit(&Cic::new(&self.mesh), &x.position, &x.mass, rho);
        Ok(())
    }

    fn kick(
        &self,
        (): &(),
        x: &mut ParticleState<T>,
        gravity: &Gravity<T>,
        dt: f64,
    ) -> Result<()> {
        x.checked_len()?;
        self.add_acceleration(&x.position, gravity, T::of(dt), &mut x.velocity)
    }

    fn drift(&self, (): &(), x: &mut ParticleState<T>, dt: f64) -> Result<()> {
        x.checked_len()?;
        let cic = Cic::<T>::new(&self.mesh);
        let dt = T::of(dt);
        let velocity = dense(&x.velocity);
        let position = dense_mut(&mut x.position).chunks_mut(3 * CHUNK);
        each(position.zip(velocity.chunks(3 * CHUNK)), |(x, v)| {
            for (x, v) in x.chunks_exact_mut(3).zip(v.chunks_exact(3)) {
                for (axis, (x, &v)) in x.iter_mut().zip(v).enumerate() {
                    *x = cic.wrap(*x + dt * v, axis);
                }
            }
        });
        finite("position", &x.position).map_err(|e| Error::operator("particles", e))
    }

    fn limits(&self, (): &(), x: &ParticleState<T>, _: &Gravity<T>) -> Result<Vec<Limit>> {
        x.checked_len()?;
        let velocity = dense(&x.velocity);
        let fastest = velocity.chunks_exact(3).fold([T::zero(); 3], |fastest, v| {
            // NaN is kept, so that it shows in the limit.
            std::array::from_fn(|d| if fastest[d] >= v[d].abs() { fastest[d] } else { v[d].abs() })
        });
        let spacing = self.mesh.spacing();
        let dt = (0..3).map(|d| spacing[d] / fastest[d].f64());
        let dt = dt.fold(f64::INFINITY, |a, b| if a <= b { a } else { b });
        Ok(vec![Limit { name: "particle CFL", dt }])
    }
}

impl<T: Real> MatterAdjoint<T> for Particles {
    fn deposit_vjp(
        &self,
        (): &(),
        x: &ParticleState<T>,
        rho_bar: &Array3<T>,
        x_bar: &mut ParticleState<T>,
        (): &mut (),
    ) -> Result<()> {
        self.check(x, rho_bar)?;
        same_len(x, x_bar)?;
        let cic = Cic::new(&self.mesh);
        let ParticleState { position, mass, .. } = x_bar;
        deposit::deposit_vjp(&cic, &x.position, &x.mass, rho_bar, position, mass);
        Ok(())
    }

    /// `v' = v + dt a(x)`: `x_bar += dt (da/dx)^T v_bar`, and `dt v_bar` is deposited onto the
    /// cotangent of the acceleration.
    fn kick_vjp(
        &self,
        (): &(),
        x: &ParticleState<T>,
        gravity: &Gravity<T>,
        dt: f64,
        x_bar: &mut ParticleState<T>,
        gravity_bar: &mut Gravity<T>,
        (): &mut (),
    ) -> Result<()> {
        let n = x.checked_len()?;
        positions(&x.position, n)?;
        same_len(x, x_bar)?;
        let meshes = self.meshes(gravity, n)?;
        let meshes = meshes.each_ref().map(|mesh| &**mesh);
        let Some(acceleration_bar) = &mut gravity_bar.acceleration else {
            return Err(self.missing(n));
        };
        for mesh in acceleration_bar.iter() {
            shape("cotangent of the acceleration", mesh.shape(), &self.mesh.cells())?;
        }
        let cic = Cic::new(&self.mesh);
        let dt = T::of(dt);
        let (position, v_bar) = (dense(&x.position), dense(&x_bar.velocity));

        let inputs = position.chunks(3 * CHUNK).zip(v_bar.chunks(3 * CHUNK));
        let outputs = dense_mut(&mut x_bar.position).chunks_mut(3 * CHUNK);
        each(inputs.zip(outputs), |((x, v_bar), x_bar)| {
            let inputs = x.chunks_exact(3).zip(v_bar.chunks_exact(3));
            for ((x, v_bar), x_bar) in inputs.zip(x_bar.chunks_exact_mut(3)) {
                let cloud = cic.cloud(x);
                // The gradient is linear in the field: one gradient of the weighted sum of the
                // three components does for all.
                let mut corners = [T::zero(); 8];
                for (mesh, &v_bar) in meshes.iter().zip(v_bar) {
                    let a = cic.corners(&cloud, mesh);
                    for (sum, a) in corners.iter_mut().zip(a) {
                        *sum += v_bar * a;
                    }
                }
                for (x_bar, slope) in x_bar.iter_mut().zip(cloud.gradient(corners)) {
                    *x_bar += dt * slope;
                }
            }
        });

        let [ax_bar, ay_bar, az_bar] = acceleration_bar;
        let meshes = [dense_mut(ax_bar), dense_mut(ay_bar), dense_mut(az_bar)];
        scatter(&cic, &position, meshes, |i, cloud| {
            let v_bar = &v_bar[3 * i..3 * i + 3];
            let weights = cloud.weights(dt);
            [0, 1, 2].map(|axis| weights.map(|w| w * v_bar[axis]))
        });
        Ok(())
    }

    /// `x' = x + dt v`, up to whole box lengths: `v_bar += dt x_bar`.
    fn drift_vjp(
        &self,
        (): &(),
        x: &ParticleState<T>,
        dt: f64,
        x_bar: &mut ParticleState<T>,
        (): &mut (),
    ) -> Result<()> {
        same_len(x, x_bar)?;
        x_bar.velocity.scaled_add(T::of(dt), &x_bar.position);
        Ok(())
    }

    /// As the provided method, without the kicked state: the adjoint of a drift needs none.
    fn kick_drift_vjp(
        &self,
        (): &(),
        x: &ParticleState<T>,
        gravity: &Gravity<T>,
        kick: f64,
        drift: f64,
        x_bar: &mut ParticleState<T>,
        gravity_bar: &mut Gravity<T>,
        (): &mut (),
    ) -> Result<()> {
        self.drift_vjp(&(), x, drift, x_bar, &mut ())?;
        self.kick_vjp(&(), x, gravity, kick, x_bar, gravity_bar, &mut ())
    }
}

/// Positions come back to rounding, velocities too: undoing a kick reads the same acceleration at
/// the same positions.
impl<T: Real> MatterReversible<T> for Particles {}
