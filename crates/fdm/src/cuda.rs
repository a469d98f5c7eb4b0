//! Wave dark matter on an NVIDIA GPU.
//!
//! [`WaveTwin`] takes [`Wave`], its states and its parameters to the waves of [`adastra_cuda`], whose
//! motions depend on m/hbar and c1 alone, and cotangents back.

use adastra_core::{Real, Result};
use adastra_cuda::{Boson, ComplexArray, Device, Twin};

use crate::state::C2_BY_C1_SQUARED;
use crate::units::M_PER_HBAR_22;
use crate::{Wave, WaveParams, WaveState};

/// Registers the twin of `fdm.wave`.
///
/// # Errors
/// [`adastra_pipeline::Error::Duplicate`].
#[cfg(feature = "pipeline")]
pub fn plugin(registry: &mut adastra_pipeline::Registry) -> adastra_pipeline::Result<()> {
    adastra_cuda::register::<WaveTwin, crate::pipeline::WaveMatter>(registry)
}

/// [`Wave`] and [`adastra_cuda::Wave`], with the self-interaction of an axion.
#[derive(Debug)]
pub struct WaveTwin;

impl Twin for WaveTwin {
    type Host<T: Real> = Wave<T>;
    type Matter<T: Real> = adastra_cuda::Wave<T>;

    fn matter<T: Real>(device: &Device, host: &Wave<T>) -> Result<adastra_cuda::Wave<T>> {
        Ok(adastra_cuda::Wave::new(
            device,
            host.mesh(),
            C2_BY_C1_SQUARED,
        )?)
    }

    fn params<T: Real>(p: &WaveParams<T>) -> Result<Boson<T>> {
        p.check()?;
        Ok(Boson {
            m_per_hbar: T::of(p.m_per_hbar()),
            c1: T::of(p.interaction().c1),
        })
    }

    /// With c1 = C g/m^2,
    ///
    /// ```text
    /// m_bar = (m/hbar)_bar d(m/hbar)/dm - 2 (c1/m) c1_bar,   g_bar = (C/m^2) c1_bar
    /// ```
    fn params_vjp<T: Real>(p: &WaveParams<T>, bar: &Boson<T>, p_bar: &mut WaveParams<T>) {
        let interaction = p.interaction();
        let c1_bar = bar.c1.f64();
        let by_mass = -2.0 * interaction.c1 / p.mass.f64();
        p_bar.mass += T::of(M_PER_HBAR_22 * bar.m_per_hbar.f64() + by_mass * c1_bar);
        p_bar.coupling += T::of(interaction.c1_by_coupling * c1_bar);
    }

    fn to_device<T: Real>(device: &Device, x: &WaveState<T>) -> Result<adastra_cuda::WaveState<T>> {
        let psi = ComplexArray::from_host(device, x.psi.view())?;
        Ok(adastra_cuda::WaveState { psi })
    }

    fn to_host<T: Real>(x: &adastra_cuda::WaveState<T>) -> Result<WaveState<T>> {
        let psi = x.psi.to_array()?;
        Ok(WaveState { psi })
    }
}
