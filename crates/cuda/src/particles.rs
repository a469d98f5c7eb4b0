//! Particles on a device: cloud-in-cell deposit and readout, kick and drift, with their adjoints.

use adastra_core::{Adjoint, Error, Operator, Real, Result, State, state};
use adastra_gravity::Limit;
use adastra_grid::Mesh;
use cust::sys::CUdeviceptr;

use crate::array::Sums;
use crate::kernels::Launch;
use crate::matter::{Matter, MatterReversible};
use crate::{CudaError, Device, DeviceArray, Gravity, RealArray};

state! {
    /// Positions, velocities and masses of n particles, on a device.
    #[derive(Debug)]
    pub struct ParticleState<T> {
        /// Positions, shape (n, 3), in kpc. A drift leaves them in [0, L).
        pub position: RealArray<T>,
        /// Velocities, shape (n, 3), in km/s.
        pub velocity: RealArray<T>,
        /// Masses, shape (n,), in Msun.
        pub mass: RealArray<T>,
    }
}

/// How the deposits of particles that share a cell are added up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deposits {
    /// As integers in units of 2^-61 of the sum of all: the same bits in every run.
    SameBits,
    /// As they come: less memory and fewer passes, and rounding that differs from run to run.
    Fast,
}

/// `struct mesh_box` of kernels/particles.cu.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
struct MeshBox<T> {
    cells: [u32; 3],
    size: [T; 3],
    per_spacing: [T; 3],
}

/// Collisionless particles on a periodic mesh of a device: the twin of
/// [`adastra_particles::Particles`], with the same weights and wrapping.
///
/// Positions must be finite; a position that is not counts as the corner of the box, and its NaN
/// stays in the state, where [`Fields::non_finite`](adastra_core::Fields::non_finite) finds it.
#[derive(Clone, Debug)]
pub struct Particles<T> {
    device: Device,
    mesh: Mesh,
    geometry: MeshBox<T>,
    per_volume: f64,
    deposits: Deposits,
}

impl<T: Real> Particles<T> {
    /// Particles in the box of `mesh`.
    pub fn new(device: &Device, mesh: &Mesh, deposits: Deposits) -> Self {
        Self {
            device: device.clone(),
            mesh: mesh.clone(),
            geometry: MeshBox {
                // At most 2^16 along an axis.
                cells: mesh.cells().map(|n| n as u32),
                size: mesh.size().map(T::of),
                per_spacing: mesh.spacing().map(|dx| T::of(1.0 / dx)),
            },
            per_volume: 1.0 / mesh.cell_volume(),
            deposits,
        }
    }

    fn field(&self, what: &str, field: &RealArray<T>) -> Result<()> {
        field.expect(what, &self.device, &self.mesh.cells())
    }

    /// The number of particles of positions, or of what is like them.
    fn count(&self, what: &str, position: &RealArray<T>) -> Result<usize> {
        let n = position.shape().first().copied().unwrap_or(0);
        position.expect(what, &self.device, &[n, 3])?;
        Ok(n)
    }

    fn check(&self, x: &ParticleState<T>) -> Result<usize> {
        let n = self.count("particle positions", &x.position)?;
        let shape = [n, 3];
        x.velocity
            .expect("particle velocities", &self.device, &shape)?;
        x.mass.expect("particle masses", &self.device, &[n])?;
        Ok(n)
    }

    fn acceleration<'a>(&self, gravity: &'a Gravity<T>) -> Result<&'a [RealArray<T>; 3]> {
        let Some(acceleration) = &gravity.acceleration else {
            return Err(Error::Shape {
                what: "acceleration that particles read".to_owned(),
                found: Vec::new(),
                expected: self.mesh.cells().to_vec(),
            });
        };
        for field in acceleration {
            self.field("acceleration", field)?;
        }
        Ok(acceleration)
    }

    /// Adds `factor m_i w_c(x_i)` to `rho`, with m_i the number `stride i + offset` of `m`.
    fn scatter(
        &self,
        position: &RealArray<T>,
        m: &RealArray<T>,
        [stride, offset]: [usize; 2],
        factor: T,
        rho: &mut RealArray<T>,
    ) -> Result<()> {
        let n = self.count("particle positions", position)?;
        self.field("density", rho)?;
        assert_eq!(
            m.len(),
            n * stride,
            "one number to deposit for each particle"
        );
        let device = &self.device;
        let start = |name, first: &[CUdeviceptr]| -> Result<(), CudaError> {
            let launch = first
                .iter()
                .fold(Launch::new(device, name), |launch, &at| launch.pointer(at))
                .pointer(position.pointer()?)
                .pointer(m.pointer()?)
                .number(stride as u32)
                .number(offset as u32)
                .number(factor)
                .number(self.geometry)
                .number(n as u64);
            // SAFETY: n particles, `stride n` numbers, and corners inside the mesh for any
            // position; both kernels start with what is written, a number for each cell.
            unsafe { launch.over::<T>(n) }
        };
        if self.deposits == Deposits::Fast {
            return Ok(start("deposit", &[rho.pointer()?])?);
        }
        let sums = Sums::new(device, n, 1)?;
        let launch = Launch::new(device, "sum_abs")
            .pointer(m.pointer()?)
            .number(stride as u32)
            .number(offset as u32)
            .number(n as u64)
            .pointer(sums.pointer());
        // SAFETY: `stride n` numbers, and a sum for every block.
        unsafe { launch.start::<T>(sums.blocks()) }?;
        let units = RealArray::<f64>::new(device, &[1])?;
        let launch = Launch::new(device, "units")
            .pointer(units.pointer()?)
            .pointer(sums.pointer())
            .number(sums.blocks())
            .number(factor);
        // SAFETY: one number to write, and a sum for every block.
        unsafe { launch.start::<T>(1) }?;
        // Integers of 64 bits, in memory for as many f64.
        let integers = DeviceArray::<f64, f64>::zeros(device, &self.mesh.cells())?;
        start("deposit_units", &[integers.pointer()?, units.pointer()?])?;
        let launch = Launch::new(device, "from_units")
            .pointer(rho.pointer()?)
            .pointer(integers.pointer()?)
            .pointer(units.pointer()?)
            .number(rho.len() as u64);
        // SAFETY: both meshes have a number for each cell.
        Ok(unsafe { launch.over::<T>(rho.len()) }?)
    }

    /// `x_bar += factor m_i grad f(x_i)`, and `value_bar += factor f(x_i)` where asked for.
    fn gather_vjp(
        &self,
        position: &RealArray<T>,
        m: &RealArray<T>,
        factor: T,
        f: &RealArray<T>,
        x_bar: &mut RealArray<T>,
        value_bar: Option<&mut RealArray<T>>,
    ) -> Result<()> {
        let n = self.count("particle positions", position)?;
        let device = &self.device;
        self.field("field to read out", f)?;
        m.expect("numbers of the particles", device, &[n])?;
        x_bar.expect("cotangent of the positions", device, &[n, 3])?;
        let mut values = 0;
        if let Some(value_bar) = value_bar {
            value_bar.expect("cotangent of the masses", device, &[n])?;
            values = value_bar.pointer()?;
        }
        let launch = Launch::new(device, "gather_vjp")
            .pointer(x_bar.pointer()?)
            .pointer(values)
            .pointer(f.pointer()?)
            .pointer(position.pointer()?)
            .pointer(m.pointer()?)
            .number(factor)
            .number(self.geometry)
            .number(n as u64);
        // SAFETY: n particles in each array, a null pointer is not followed, and corners lie inside
        // the mesh for any position.
        Ok(unsafe { launch.over::<T>(n) }?)
    }

    /// `x_bar += dt (da/dx)^T v_bar`; with `undo` the velocities lose their kick.
    fn pull_back_kick(
        &self,
        x: &ParticleState<T>,
        undo: bool,
        gravity: &Gravity<T>,
        dt: f64,
        x_bar: &mut ParticleState<T>,
        gravity_bar: &mut Gravity<T>,
    ) -> Result<()> {
        let n = self.check(x)?;
        x_bar
            .mass
            .expect("cotangent of the masses", &self.device, &[n])?;
        self.check(x_bar)?;
        let [ax, ay, az] = self.acceleration(gravity)?;
        self.acceleration(gravity_bar)?;
        let launch = Launch::new(&self.device, "kick_particles_vjp")
            .pointer(x_bar.position.pointer()?)
            .pointer(x.velocity.pointer()?)
            .pointer(x_bar.velocity.pointer()?)
            .pointer(x.position.pointer()?)
            .pointer(ax.pointer()?)
            .pointer(ay.pointer()?)
            .pointer(az.pointer()?)
            .number(T::of(dt))
            .number(i32::from(undo))
            .number(self.geometry)
            .number(n as u64);
        // SAFETY: n particles in each array, three meshes, and corners inside them for any
        // position. Where velocities are written, the caller holds them alone.
        unsafe { launch.over::<T>(n) }?;
        for (axis, a_bar) in gravity_bar.acceleration.iter_mut().flatten().enumerate() {
            let v_bar = &x_bar.velocity;
            self.scatter(&x.position, v_bar, [3, axis], T::of(dt), a_bar)?;
        }
        Ok(())
    }
}

impl<T: Real> Matter<T> for Particles<T> {
    type Params = ();
    type State = ParticleState<T>;

    fn needs_acceleration(&self) -> bool {
        true
    }

    fn deposit(
        &self,
        (): &(),
        x: &ParticleState<T>,
        factor: T,
        rho: &mut RealArray<T>,
        add: bool,
    ) -> Result<()> {
        self.check(x)?;
        if !add {
            rho.clear()?;
        }
        let factor = factor * T::of(self.per_volume);
        self.scatter(&x.position, &x.mass, [1, 0], factor, rho)
    }

    fn kick(&self, (): &(), x: &mut ParticleState<T>, gravity: &Gravity<T>, dt: f64) -> Result<()> {
        let n = self.check(x)?;
        let [ax, ay, az] = self.acceleration(gravity)?;
        let launch = Launch::new(&self.device, "kick_particles")
            .pointer(x.velocity.pointer()?)
            .pointer(x.position.pointer()?)
            .pointer(ax.pointer()?)
            .pointer(ay.pointer()?)
            .pointer(az.pointer()?)
            .number(T::of(dt))
            .number(self.geometry)
            .number(n as u64);
        // SAFETY: n particles, three meshes, and corners inside them for any position.
        Ok(unsafe { launch.over::<T>(n) }?)
    }

    fn drift(&self, (): &(), x: &mut ParticleState<T>, dt: f64) -> Result<()> {
        let n = self.check(x)?;
        let launch = Launch::new(&self.device, "drift_particles")
            .pointer(x.position.pointer()?)
            .pointer(x.velocity.pointer()?)
            .number(T::of(dt))
            .number(self.geometry)
            .number(n as u64);
        // SAFETY: n particles in both arrays.
        Ok(unsafe { launch.over::<T>(3 * n) }?)
    }

    /// No particle crosses more than one cell a step.
    fn limits(&self, (): &(), x: &ParticleState<T>, _: &Gravity<T>) -> Result<Vec<Limit>> {
        let n = self.check(x)?;
        let parts = Sums::new(&self.device, n, 3)?;
        let launch = Launch::new(&self.device, "fastest")
            .pointer(x.velocity.pointer()?)
            .number(n as u64)
            .pointer(parts.pointer());
        // SAFETY: n particles, and three parts for every block.
        unsafe { launch.start::<T>(parts.blocks()) }?;
        let fastest: [f64; 3] = parts.largest()?;
        let dt = self.mesh.spacing().into_iter().zip(fastest);
        let dt =
            dt.map(|(dx, v)| dx / v).fold(
                f64::INFINITY,
                |a, b| {
                    if b < a || b.is_nan() { b } else { a }
                },
            );
        Ok(vec![Limit {
            name: "particle CFL",
            dt,
        }])
    }

    fn deposit_vjp(
        &self,
        (): &(),
        x: &ParticleState<T>,
        factor: T,
        rho_bar: &RealArray<T>,
        x_bar: &mut ParticleState<T>,
        (): &mut (),
    ) -> Result<()> {
        self.check(x)?;
        let factor = factor * T::of(self.per_volume);
        let ParticleState { position, mass, .. } = x_bar;
        self.gather_vjp(&x.position, &x.mass, factor, rho_bar, position, Some(mass))
    }

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
        self.pull_back_kick(x, false, gravity, dt, x_bar, gravity_bar)
    }

    /// `x' = x + dt v`, up to whole box lengths: `v_bar += dt x_bar`.
    fn drift_vjp(
        &self,
        (): &(),
        x: &mut ParticleState<T>,
        dt: f64,
        x_bar: &mut ParticleState<T>,
        (): &mut (),
    ) -> Result<()> {
        self.check(x)?;
        self.check(x_bar)?;
        Ok(x_bar.velocity.try_axpy(T::of(dt), &x_bar.position)?)
    }
}

impl<T: Real> MatterReversible<T> for Particles<T> {
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
        self.pull_back_kick(x, true, gravity, dt, x_bar, gravity_bar)
    }

    fn undrift_vjp(
        &self,
        (): &(),
        x: &mut ParticleState<T>,
        dt: f64,
        x_bar: &mut ParticleState<T>,
        (): &mut (),
    ) -> Result<()> {
        self.drift(&(), x, -dt)?;
        self.drift_vjp(&(), x, dt, x_bar, &mut ())
    }
}

/// Cloud-in-cell deposit: positions (n, 3) in kpc and masses (n,) in Msun to a density in
/// Msun/kpc^3. The twin of [`adastra_particles::Deposit`].
#[derive(Clone, Debug)]
pub struct Deposit<T>(pub Particles<T>);

impl<T: Real> Operator<T> for Deposit<T> {
    type Params = ();
    type In = (RealArray<T>, RealArray<T>);
    type Out = RealArray<T>;

    fn apply(&self, (): &(), (position, mass): Self::In) -> Result<RealArray<T>> {
        let n = self.0.count("particle positions", &position)?;
        mass.expect("particle masses", &self.0.device, &[n])?;
        let mut rho = RealArray::zeros(&self.0.device, &self.0.mesh.cells())?;
        let factor = T::of(self.0.per_volume);
        self.0.scatter(&position, &mass, [1, 0], factor, &mut rho)?;
        Ok(rho)
    }
}

impl<T: Real> Adjoint<T> for Deposit<T> {
    /// Positions and masses.
    type Saved = (RealArray<T>, RealArray<T>);

    fn record(&self, p: &(), x: Self::In) -> Result<(RealArray<T>, Self::Saved)> {
        Ok((self.apply(p, x.clone())?, x))
    }

    fn vjp(
        &self,
        (): &(),
        (position, mass): Self::Saved,
        rho_bar: RealArray<T>,
        (): &mut (),
    ) -> Result<Self::In> {
        let (mut x_bar, mut m_bar) = (position.zeros_like(), mass.zeros_like());
        let (factor, m) = (T::of(self.0.per_volume), Some(&mut m_bar));
        self.0
            .gather_vjp(&position, &mass, factor, &rho_bar, &mut x_bar, m)?;
        Ok((x_bar, m_bar))
    }
}

/// Cloud-in-cell readout: a field (nx, ny, nz) and positions (n, 3) in kpc to values (n,), in the
/// field's units. The twin of [`adastra_particles::Readout`].
#[derive(Clone, Debug)]
pub struct Readout<T>(pub Particles<T>);

impl<T: Real> Operator<T> for Readout<T> {
    type Params = ();
    type In = (RealArray<T>, RealArray<T>);
    type Out = RealArray<T>;

    fn apply(&self, (): &(), (field, position): Self::In) -> Result<RealArray<T>> {
        let n = self.0.count("particle positions", &position)?;
        self.0.field("field to read out", &field)?;
        let values = RealArray::zeros(&self.0.device, &[n])?;
        let launch = Launch::new(&self.0.device, "readout")
            .pointer(values.pointer()?)
            .pointer(field.pointer()?)
            .pointer(position.pointer()?)
            .number(self.0.geometry)
            .number(n as u64);
        // SAFETY: n particles, and corners inside the mesh for any position.
        unsafe { launch.over::<T>(n) }?;
        Ok(values)
    }
}

impl<T: Real> Adjoint<T> for Readout<T> {
    /// Field and positions.
    type Saved = (RealArray<T>, RealArray<T>);

    fn record(&self, p: &(), x: Self::In) -> Result<(RealArray<T>, Self::Saved)> {
        Ok((self.apply(p, x.clone())?, x))
    }

    fn vjp(
        &self,
        (): &(),
        (field, position): Self::Saved,
        value_bar: RealArray<T>,
        (): &mut (),
    ) -> Result<Self::In> {
        let (mut f_bar, mut x_bar) = (field.zeros_like(), position.zeros_like());
        let (one, bar) = (T::one(), &mut x_bar);
        self.0
            .gather_vjp(&position, &value_bar, one, &field, bar, None)?;
        self.0
            .scatter(&position, &value_bar, [1, 0], one, &mut f_bar)?;
        Ok((f_bar, x_bar))
    }
}
