//! Twins: how matter of the CPU is taken to a device and back.

use adastra_core::{Real, Result};

use crate::{Device, MatterReversible};

type Host<W, T> = <W as Twin>::Host<T>;
type There<W, T> = <W as Twin>::Matter<T>;

/// Parameters of the matter of the CPU.
pub type HostParams<W, T> = <Host<W, T> as adastra_gravity::Matter<T>>::Params;

/// A state of the matter of the CPU.
pub type HostState<W, T> = <Host<W, T> as adastra_gravity::Matter<T>>::State;

/// Parameters of the matter of the device.
pub type DeviceParams<W, T> = <There<W, T> as crate::Matter<T>>::Params;

/// A state of the matter of the device.
pub type DeviceState<W, T> = <There<W, T> as crate::Matter<T>>::State;

/// Matter of a device as the twin of matter of the CPU.
///
/// A cotangent of a state is taken to the device and back as a state is.
pub trait Twin: Sized + 'static {
    /// The matter of the CPU.
    type Host<T: Real>: adastra_gravity::Matter<T>;
    /// The matter of the device.
    type Matter<T: Real>: MatterReversible<T> + 'static;

    /// Makes the twin of some matter.
    ///
    /// # Errors
    /// What the device says.
    fn matter<T: Real>(device: &Device, host: &Self::Host<T>) -> Result<Self::Matter<T>>;

    /// What the motions on the device depend on.
    ///
    /// # Errors
    /// Those of wrong parameters.
    fn params<T: Real>(p: &HostParams<Self, T>) -> Result<DeviceParams<Self, T>>;

    /// Adjoint of [`Twin::params`]: adds to `p_bar`.
    fn params_vjp<T: Real>(
        p: &HostParams<Self, T>,
        bar: &DeviceParams<Self, T>,
        p_bar: &mut HostParams<Self, T>,
    );

    /// A copy of a state on the device.
    ///
    /// # Errors
    /// What the device says.
    fn to_device<T: Real>(device: &Device, x: &HostState<Self, T>) -> Result<DeviceState<Self, T>>;

    /// A copy of a state on the host.
    ///
    /// # Errors
    /// What the device says.
    fn to_host<T: Real>(x: &DeviceState<Self, T>) -> Result<HostState<Self, T>>;
}

/// Particles of the CPU and [`Particles`](crate::Particles), whose deposits have the same bits in
/// every run.
#[derive(Debug)]
pub struct ParticleTwin;

impl Twin for ParticleTwin {
    type Host<T: Real> = adastra_particles::Particles;
    type Matter<T: Real> = crate::Particles<T>;

    fn matter<T: Real>(
        device: &Device,
        host: &adastra_particles::Particles,
    ) -> Result<crate::Particles<T>> {
        let deposits = crate::Deposits::SameBits;
        Ok(crate::Particles::new(device, host.mesh(), deposits))
    }

    fn params<T: Real>((): &()) -> Result<()> {
        Ok(())
    }

    fn params_vjp<T: Real>((): &(), (): &(), (): &mut ()) {}

    fn to_device<T: Real>(
        device: &Device,
        x: &adastra_particles::ParticleState<T>,
    ) -> Result<crate::ParticleState<T>> {
        Ok(crate::ParticleState {
            position: crate::RealArray::from_host(device, x.position.view())?,
            velocity: crate::RealArray::from_host(device, x.velocity.view())?,
            mass: crate::RealArray::from_host(device, x.mass.view())?,
        })
    }

    fn to_host<T: Real>(
        x: &crate::ParticleState<T>,
    ) -> Result<adastra_particles::ParticleState<T>> {
        Ok(adastra_particles::ParticleState {
            position: x.position.to_array()?,
            velocity: x.velocity.to_array()?,
            mass: x.mass.to_array()?,
        })
    }
}
