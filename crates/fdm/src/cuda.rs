//! Wave dark matter on an NVIDIA GPU: a run whose states and parameters are those of the CPU.
//!
//! [`DeviceRun`] copies the start to the device, takes all steps there, and copies the end back; a
//! gradient goes the other way. In between nothing but a few sums crosses the bus. [`DeviceMarch`]
//! runs forward with steps that it chooses. For states that stay on the device, use the operators
//! of [`adastra_cuda`] with [`wave`] and [`boson`].

use std::sync::Arc;

use adastra_core::{
    Adjoint, Evolve, Operator, Real, Report, Result, ReversibleSchedule, Schedule, State, Tape,
};
use adastra_cuda::{
    Boson, ComplexArray, CudaError, Device, Gravity, Leapfrog, RealArray, SelfGravity,
};
use adastra_gravity::{Background, March, Step, TimeStep};
use adastra_grid::Mesh;

use crate::state::C2_BY_C1_SQUARED;
use crate::units::M_PER_HBAR_22;
use crate::{WaveParams, WaveState};

/// Waves on a device, with the self-interaction of an axion.
///
/// # Errors
/// Those of [`adastra_cuda::Wave::new`].
pub fn wave<T: Real>(device: &Device, mesh: &Mesh) -> Result<adastra_cuda::Wave<T>, CudaError> {
    adastra_cuda::Wave::new(device, mesh, C2_BY_C1_SQUARED)
}

/// Waves on a device under their own gravity, with Newton's constant `constant` in
/// kpc (km/s)^2 / Msun: [`adastra_gravity::G`], or zero to leave the background alone.
///
/// # Errors
/// Those of [`adastra_cuda::SelfGravity::new`].
pub fn system<T: Real>(
    device: &Device,
    mesh: &Mesh,
    constant: f64,
) -> Result<System<T>, CudaError> {
    SelfGravity::with_constant(device, mesh, wave(device, mesh)?, constant)
}

/// Waves on a device under their own gravity.
pub type System<T> = SelfGravity<T, adastra_cuda::Wave<T>>;

/// What the motions on a device depend on: m/hbar and c1.
pub fn boson<T: Real>(p: &WaveParams<T>) -> Boson<T> {
    Boson {
        m_per_hbar: T::of(p.m_per_hbar()),
        c1: T::of(p.interaction().c1),
    }
}

/// The adjoint of [`boson`], which adds to `p_bar`: with c1 = C g/m^2,
///
/// ```text
/// m_bar = (m/hbar)_bar d(m/hbar)/dm - 2 (c1/m) c1_bar,   g_bar = (C/m^2) c1_bar
/// ```
pub fn boson_vjp<T: Real>(p: &WaveParams<T>, bar: &Boson<T>, p_bar: &mut WaveParams<T>) {
    let interaction = p.interaction();
    let c1_bar = bar.c1.f64();
    let by_mass = -2.0 * interaction.c1 / p.mass.f64();
    p_bar.mass += T::of(M_PER_HBAR_22 * bar.m_per_hbar.f64() + by_mass * c1_bar);
    p_bar.coupling += T::of(interaction.c1_by_coupling * c1_bar);
}

/// How the gradient of a [`DeviceRun`] gets its intermediate states back; budgets count bytes of
/// the device's memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reversal {
    /// Stores or recomputes states.
    Recompute(Schedule),
    /// Undoes the steps.
    Undo(ReversibleSchedule),
}

type Steps<T> = Leapfrog<T, adastra_cuda::Wave<T>>;
type DeviceState<T> = adastra_cuda::WaveState<T>;
type DeviceParams<T> = (Boson<T>, adastra_cuda::Background<T>);

fn to_device<T: Real>(device: &Device, x: &WaveState<T>) -> Result<DeviceState<T>> {
    let psi = ComplexArray::from_host(device, x.psi.view())?;
    Ok(DeviceState { psi })
}

fn to_host<T: Real>(x: &DeviceState<T>) -> Result<WaveState<T>> {
    let psi = x.psi.to_array()?;
    Ok(WaveState { psi })
}

/// Parameters on the device; a wave does not feel the acceleration of a background.
fn params<T: Real>(
    device: &Device,
    (p, background): &(WaveParams<T>, Background<T>),
) -> Result<DeviceParams<T>> {
    p.check()?;
    let mut there = adastra_cuda::Background::none();
    if let Background(Some(background)) = background {
        there.0 = Some(Gravity {
            potential: RealArray::from_host(device, background.potential.view())?,
            acceleration: None,
        });
    }
    Ok((boson(p), there))
}

/// A run of wave dark matter under its own gravity on a device, as an operator between states of
/// the CPU: the twin of [`Evolve`] over [`adastra_gravity::Leapfrog`] with [`Wave`](crate::Wave).
///
/// Its parameters are those of the wave and the [`Background`], whose acceleration a wave does not
/// feel.
pub struct DeviceRun<T: Real> {
    device: Device,
    run: Evolve<T, Steps<T>>,
}

impl<T: Real> DeviceRun<T> {
    /// Steps of the lengths `dt` (kpc/(km/s)).
    pub fn new(system: Arc<System<T>>, dt: &[f64], reversal: Reversal) -> Self {
        let device = system.matter().device().clone();
        let leapfrog = Leapfrog::new(system, dt);
        let run = match reversal {
            Reversal::Recompute(schedule) => Evolve::new(leapfrog, schedule),
            Reversal::Undo(schedule) => Evolve::reversible(leapfrog, schedule),
        };
        Self { device, run }
    }

    /// Changes the run on the device, such as by an observer of its progress.
    #[must_use]
    pub fn map(mut self, f: impl FnOnce(Evolve<T, Steps<T>>) -> Evolve<T, Steps<T>>) -> Self {
        self.run = f(self.run);
        self
    }

    /// As [`Adjoint::vjp`], with what the gradient has cost.
    ///
    /// # Errors
    /// As [`Operator::apply`].
    pub fn pull_back(
        &self,
        p: &(WaveParams<T>, Background<T>),
        saved: Saved<T>,
        y_bar: &WaveState<T>,
        p_bar: &mut (WaveParams<T>, Background<T>),
    ) -> Result<(WaveState<T>, Report)> {
        let Saved { params, tape } = saved;
        let mut bar = params.zeros_like();
        let y_bar = to_device(&self.device, y_bar)?;
        let (x_bar, report) = self.run.pull_back(&params, tape, y_bar, &mut bar)?;
        boson_vjp(&p.0, &bar.0, &mut p_bar.0);
        if let (Some(to), Some(from)) = (&mut p_bar.1.0, &bar.1.0) {
            to.potential.axpy(T::one(), &from.potential.to_array()?);
        }
        Ok((to_host(&x_bar)?, report))
    }
}

/// What a [`DeviceRun`] keeps, all of it on the device or where its schedule says.
pub struct Saved<T: Real> {
    params: DeviceParams<T>,
    tape: Tape<DeviceState<T>, (DeviceState<T>, Gravity<T>)>,
}

impl<T: Real> Operator<T> for DeviceRun<T> {
    type Params = (WaveParams<T>, Background<T>);
    type In = WaveState<T>;
    type Out = WaveState<T>;

    fn apply(&self, p: &Self::Params, x: WaveState<T>) -> Result<WaveState<T>> {
        let (p, x) = (params(&self.device, p)?, to_device(&self.device, &x)?);
        to_host(&self.run.apply(&p, x)?)
    }
}

impl<T: Real> Adjoint<T> for DeviceRun<T> {
    type Saved = Saved<T>;

    fn record(&self, p: &Self::Params, x: WaveState<T>) -> Result<(WaveState<T>, Saved<T>)> {
        let params = params(&self.device, p)?;
        let (y, tape) = self.run.record(&params, to_device(&self.device, &x)?)?;
        Ok((to_host(&y)?, Saved { params, tape }))
    }

    fn vjp(
        &self,
        p: &Self::Params,
        saved: Saved<T>,
        y_bar: WaveState<T>,
        p_bar: &mut Self::Params,
    ) -> Result<WaveState<T>> {
        Ok(self.pull_back(p, saved, &y_bar, p_bar)?.0)
    }
}

/// A run forward on a device that chooses its steps: what [`March`] does for matter of the CPU.
///
/// The state stays on the device until it is asked for.
pub struct DeviceMarch<T: Real> {
    system: Arc<System<T>>,
    params: DeviceParams<T>,
    state: DeviceState<T>,
}

impl<T: Real> DeviceMarch<T> {
    /// A run from `x`, with the parameters of [`DeviceRun`].
    ///
    /// # Errors
    /// [`adastra_core::Error::Range`] for wrong parameters; a full memory, and what else the device
    /// says.
    pub fn new(
        system: Arc<System<T>>,
        p: &(WaveParams<T>, Background<T>),
        x: &WaveState<T>,
    ) -> Result<Self> {
        let device = system.matter().device();
        let (params, state) = (params(device, p)?, to_device(device, x)?);
        Ok(Self {
            system,
            params,
            state,
        })
    }

    /// As [`March::advance`].
    ///
    /// # Errors
    /// As there, and what the device says.
    pub fn advance(&mut self, march: &mut March, rule: TimeStep, until: f64) -> Result<Step> {
        let (p, x) = (&self.params, &mut self.state);
        self.system.advance(march, p, x, rule, until)
    }

    /// As [`March::close`].
    ///
    /// # Errors
    /// As there, and what the device says.
    pub fn close(&mut self, march: &mut March) -> Result<()> {
        let (p, x) = (&self.params, &mut self.state);
        self.system.close(march, p, x)
    }

    /// A copy of the state on the CPU.
    ///
    /// # Errors
    /// That the device is lost.
    pub fn state(&self) -> Result<WaveState<T>> {
        to_host(&self.state)
    }

    /// Whether every number is finite, found on the device.
    ///
    /// # Errors
    /// That the device is lost.
    pub fn is_finite(&self) -> Result<bool> {
        Ok(self.state.psi.is_finite()?)
    }
}
