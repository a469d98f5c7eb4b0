//! Collisionless particles that gravitate on a mesh.

use std::borrow::Cow;

use adastra_core::{Error, Real, Result};
use adastra_gravity::{Limit, Matter, MatterAdjoint, MatterReversible};
use adastra_grid::{Gravity, Mesh};
use ndarray::{Array2, Array3};

use crate::arrays::{CHUNK, add, dense, dense_mut, each, finite, positions, shape, triple};
use crate::cic::{Cic, Cloud};
use crate::slabs::{SORTED, Slabs};
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
        let outputs = dense_mut(&mut acceleration).chunks_mut(3 * SORTED);
        self.each_acceleration(position, gravity, outputs, |out, i, a| {
            out[3 * i..3 * i + 3].copy_from_slice(&a);
        })?;
        Ok(acceleration)
    }

    /// Calls `f(output, i, a)` with the acceleration of every particle; see
    /// [`Results::each`](crate::slabs::Results::each).
    fn each_acceleration<T: Real, O: Send>(
        &self,
        position: &Array2<T>,
        gravity: &Gravity<T>,
        outputs: impl ExactSizeIterator<Item = O>,
        f: impl Fn(&mut O, usize, [T; 3]) + Send + Sync,
    ) -> Result<()> {
        positions(position, position.nrows())?;
        let meshes = self.meshes(gravity, position.nrows())?;
        let meshes = meshes.each_ref().map(|mesh| &**mesh);
        let cic = Cic::new(&self.mesh);
        let slabs = Slabs::new(&cic, &dense(position), |_| ());
        let read = |cloud: &Cloud<T>, (): &(), a: &[[T; 8]; 3]| cloud.values(a);
        slabs.gather(meshes, read).each(outputs, f);
        Ok(())
    }

    /// Adjoint of a kick; `also` sees the acceleration at the corners of every particle, and
    /// `store` its result.
    fn pull_back<T: Real, R: Copy + Default + Send + Sync, O: Send>(
        &self,
        position: &Array2<T>,
        gravity: &Gravity<T>,
        dt: T,
        x_bar: &mut ParticleState<T>,
        gravity_bar: &mut Gravity<T>,
        also: impl Fn(&Cloud<T>, &[[T; 8]; 3]) -> R + Send + Sync,
        outputs: impl ExactSizeIterator<Item = O>,
        store: impl Fn(&mut O, usize, R) + Send + Sync,
    ) -> Result<()> {
        let n = position.nrows();
        positions(position, n)?;
        let meshes = self.meshes(gravity, n)?;
        let meshes = meshes.each_ref().map(|mesh| &**mesh);
        let Some(acceleration_bar) = &mut gravity_bar.acceleration else {
            return Err(self.missing(n));
        };
        for mesh in acceleration_bar.iter() {
            shape(
                "cotangent of the acceleration",
                mesh.shape(),
                &self.mesh.cells(),
            )?;
        }
        let cic = Cic::new(&self.mesh);
        let v_bar = dense(&x_bar.velocity);
        let slabs = Slabs::new(&cic, &dense(position), |i| {
            triple(&v_bar, i).map(|v| dt * v)
        });

        let results = slabs.gather(meshes, |cloud, v_bar, a| {
            // A gradient is linear in the field: the one of the weighted sum of the three
            // components does for all.
            let sum = |c| v_bar[0] * a[0][c] + v_bar[1] * a[1][c] + v_bar[2] * a[2][c];
            (cloud.gradient(std::array::from_fn(sum)), also(cloud, a))
        });
        let position_bar = dense_mut(&mut x_bar.position).chunks_mut(3 * SORTED);
        results.each(
            position_bar.zip(outputs),
            |(position_bar, output), i, (slope, result)| {
                add(&mut position_bar[3 * i..3 * i + 3], slope);
                store(output, i, result);
            },
        );

        let [ax_bar, ay_bar, az_bar] = acceleration_bar;
        let meshes = [dense_mut(ax_bar), dense_mut(ay_bar), dense_mut(az_bar)];
        slabs.scatter(meshes, |cloud, &[x, y, z]| {
            [cloud.weights(x), cloud.weights(y), cloud.weights(z)]
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
        Error::operator(
            "particles",
            ParticleError::MissingAcceleration { cells, particles },
        )
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
    shape(
        "cotangent of the masses",
        x_bar.mass.shape(),
        &[x.checked_len()?],
    )
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

    fn kick(&self, (): &(), x: &mut ParticleState<T>, gravity: &Gravity<T>, dt: f64) -> Result<()> {
        x.checked_len()?;
        let dt = T::of(dt);
        let velocity = dense_mut(&mut x.velocity).chunks_mut(3 * SORTED);
        self.each_acceleration(&x.position, gravity, velocity, |v, i, a| {
            add(&mut v[3 * i..3 * i + 3], a.map(|a| dt * a));
        })
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
        // NaN is kept, so that it shows in the limit.
        let fastest = velocity.chunks_exact(3).fold([T::zero(); 3], |fastest, v| {
            std::array::from_fn(|d| {
                let v = v[d].abs();
                if v > fastest[d] || v.is_nan() {
                    v
                } else {
                    fastest[d]
                }
            })
        });
        let spacing = self.mesh.spacing();
        let dt = (0..3).map(|d| spacing[d] / fastest[d].f64());
        let dt = dt.fold(
            f64::INFINITY,
            |a, b| if b < a || b.is_nan() { b } else { a },
        );
        Ok(vec![Limit {
            name: "particle CFL",
            dt,
        }])
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
        same_len(x, x_bar)?;
        let nothing = std::iter::repeat_n((), x.len().div_ceil(SORTED));
        let (position, dt) = (&x.position, T::of(dt));
        let also = |_: &Cloud<T>, _: &[[T; 8]; 3]| ();
        self.pull_back(
            position,
            gravity,
            dt,
            x_bar,
            gravity_bar,
            also,
            nothing,
            |_, _, ()| (),
        )
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
        x: &mut ParticleState<T>,
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
impl<T: Real> MatterReversible<T> for Particles {
    /// As the provided method, with one sweep over particles and meshes for both.
    fn unkick_vjp(
        &self,
        (): &(),
        x: &mut ParticleState<T>,
        gravity: &Gravity<T>,
        dt: f64,
        x_bar: &mut ParticleState<T>,
        gravity_bar: &mut Gravity<T>,
        (): &mut (),
    ) -> Result<()> {
        same_len(x, x_bar)?;
        let dt = T::of(dt);
        let velocity = dense_mut(&mut x.velocity).chunks_mut(3 * SORTED);
        let also = |cloud: &Cloud<T>, a: &[[T; 8]; 3]| cloud.values(a);
        let unkick = |v: &mut &mut [T], i: usize, a: [T; 3]| {
            add(&mut v[3 * i..3 * i + 3], a.map(|a| -dt * a));
        };
        self.pull_back(
            &x.position,
            gravity,
            dt,
            x_bar,
            gravity_bar,
            also,
            velocity,
            unkick,
        )
    }
}
