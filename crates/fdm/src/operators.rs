//! The motions of a wave as operators of their own, for typed compositions.

use adastra_core::{Adjoint, Operator, Real, Result, Reversible, Tangent};
use ndarray::Array3;
use num_complex::Complex;
use rayon::prelude::*;

use crate::drift::{Drift as Phases, PushForward};
use crate::kick::{Kick as Factors, KickTangent};
use crate::phase::vectorized;
use crate::{Wave, WaveParams, WaveState};

/// The density |psi|^2 (Msun/kpc^3) of a wave.
#[derive(Debug, Clone)]
pub struct Density<T>(Wave<T>);

impl<T: Real> Density<T> {
    /// The density of `wave`.
    pub fn new(wave: &Wave<T>) -> Self {
        Self(wave.clone())
    }
}

impl<T: Real> Operator<T> for Density<T> {
    type Params = ();
    type In = WaveState<T>;
    type Out = Array3<T>;

    /// # Errors
    /// [`adastra_core::Error::Shape`] where psi is not of the mesh's shape.
    fn apply(&self, (): &(), x: WaveState<T>) -> Result<Array3<T>> {
        let mut rho = self.0.mesh().zeros();
        self.0.add_density(&x.psi, &mut rho)?;
        Ok(rho)
    }
}

impl<T: Real> Tangent<T> for Density<T> {
    /// drho = 2 Re(conj(psi) dpsi).
    fn jvp(
        &self,
        (): &(),
        (): &(),
        x: WaveState<T>,
        dx: WaveState<T>,
    ) -> Result<(Array3<T>, Array3<T>)> {
        let mut drho: Array3<T> = self.0.mesh().zeros();
        let two = T::of(2.0);
        let rho = self.apply(&(), x.clone())?;
        ndarray::par_azip!((drho in &mut drho, z in &x.psi, dz in &dx.psi) {
            *drho = two * (z.re * dz.re + z.im * dz.im);
        });
        Ok((rho, drho))
    }
}

impl<T: Real> Adjoint<T> for Density<T> {
    /// The wave.
    type Saved = WaveState<T>;

    fn record(&self, (): &(), x: WaveState<T>) -> Result<(Array3<T>, WaveState<T>)> {
        Ok((self.apply(&(), x.clone())?, x))
    }

    fn vjp(
        &self,
        (): &(),
        x: WaveState<T>,
        rho_bar: Array3<T>,
        (): &mut (),
    ) -> Result<WaveState<T>> {
        let mut psi_bar = self.0.mesh().zeros_complex();
        self.0.density_vjp(&x.psi, &rho_bar, &mut psi_bar)?;
        Ok(WaveState { psi: psi_bar })
    }
}

/// A free drift of given length: psi_k' = exp(-i k^2 dt/(2 m/hbar)) psi_k. Unitary.
#[derive(Debug, Clone)]
pub struct Drift<T> {
    wave: Wave<T>,
    dt: f64,
}

impl<T: Real> Drift<T> {
    /// A drift of `wave` of length `dt`, in kpc/(km/s).
    pub fn new(wave: &Wave<T>, dt: f64) -> Self {
        Self {
            wave: wave.clone(),
            dt,
        }
    }
}

impl<T: Real> Operator<T> for Drift<T> {
    type Params = WaveParams<T>;
    type In = WaveState<T>;
    type Out = WaveState<T>;

    /// # Errors
    /// [`adastra_core::Error::Range`] unless the boson mass is positive and the coupling finite;
    /// [`adastra_core::Error::Shape`] where psi is not of the mesh's shape.
    fn apply(&self, p: &WaveParams<T>, mut x: WaveState<T>) -> Result<WaveState<T>> {
        self.wave.drift_psi(p, &mut x.psi, self.dt)?;
        Ok(x)
    }
}

impl<T: Real> Tangent<T> for Drift<T> {
    fn jvp(
        &self,
        p: &WaveParams<T>,
        dp: &WaveParams<T>,
        mut x: WaveState<T>,
        mut dx: WaveState<T>,
    ) -> Result<(WaveState<T>, WaveState<T>)> {
        p.check()?;
        self.wave.psi(&mut x.psi)?;
        self.wave.psi(&mut dx.psi)?;
        let drift = Phases::new(self.wave.mesh(), p, self.dt);
        let forward = PushForward {
            drift: &drift,
            dm: dp.mass.f64() / p.mass.f64(),
        };
        let fields = [&mut x.psi, &mut dx.psi];
        self.wave
            .fft()
            .filter_with(fields, |_, _| (), &forward, |_, _| ());
        Ok((x, dx))
    }
}

impl<T: Real> Adjoint<T> for Drift<T> {
    /// The wave before the drift.
    type Saved = WaveState<T>;

    fn record(&self, p: &WaveParams<T>, x: WaveState<T>) -> Result<(WaveState<T>, WaveState<T>)> {
        Ok((self.apply(p, x.clone())?, x))
    }

    fn vjp(
        &self,
        p: &WaveParams<T>,
        mut x: WaveState<T>,
        mut y_bar: WaveState<T>,
        p_bar: &mut WaveParams<T>,
    ) -> Result<WaveState<T>> {
        self.wave
            .drift_psi_vjp(p, &mut x.psi, |_, _| (), self.dt, &mut y_bar.psi, p_bar)?;
        Ok(y_bar)
    }
}

impl<T: Real> Reversible<T> for Drift<T> {
    fn invert(&self, p: &WaveParams<T>, mut y: WaveState<T>) -> Result<WaveState<T>> {
        self.wave.drift_psi(p, &mut y.psi, -self.dt)?;
        Ok(y)
    }

    fn invert_vjp(
        &self,
        p: &WaveParams<T>,
        mut y: WaveState<T>,
        mut y_bar: WaveState<T>,
        p_bar: &mut WaveParams<T>,
    ) -> Result<(WaveState<T>, WaveState<T>)> {
        self.wave
            .undrift_psi_vjp(p, &mut y.psi, self.dt, &mut y_bar.psi, p_bar)?;
        Ok((y, y_bar))
    }
}

/// A kick of given length in a potential: psi' = exp(-i (m/hbar) dt (V + V_si(|psi|^2))) psi.
///
/// The potential, shape (nx, ny, nz) in (km/s)^2, is a parameter beside those of the wave: it is
/// known when the kick is undone, and its cotangent adds up over many kicks.
#[derive(Debug, Clone)]
pub struct Kick<T> {
    wave: Wave<T>,
    dt: f64,
}

impl<T: Real> Kick<T> {
    /// A kick of `wave` of length `dt`, in kpc/(km/s).
    pub fn new(wave: &Wave<T>, dt: f64) -> Self {
        Self {
            wave: wave.clone(),
            dt,
        }
    }
}

type KickParams<T> = (WaveParams<T>, Array3<T>);

impl<T: Real> Operator<T> for Kick<T> {
    type Params = KickParams<T>;
    type In = WaveState<T>;
    type Out = WaveState<T>;

    /// # Errors
    /// As [`Drift`], and where the potential is not of the mesh's shape.
    fn apply(&self, (p, v): &KickParams<T>, mut x: WaveState<T>) -> Result<WaveState<T>> {
        self.wave.kick_psi(p, &mut x.psi, v, self.dt)?;
        Ok(x)
    }
}

impl<T: Real> Tangent<T> for Kick<T> {
    fn jvp(
        &self,
        (p, v): &KickParams<T>,
        (dp, dv): &KickParams<T>,
        mut x: WaveState<T>,
        mut dx: WaveState<T>,
    ) -> Result<(WaveState<T>, WaveState<T>)> {
        p.check()?;
        let (wave, n) = (&self.wave, self.wave.plane());
        let (kick, d) = (Factors::new(p, self.dt), KickTangent::new(p, dp, self.dt));
        let v = wave.field("potential", v)?.par_chunks(n);
        let dv = wave.field("tangent of the potential", dv)?.par_chunks(n);
        let psi = wave.psi(&mut x.psi)?.par_chunks_mut(n);
        let dpsi = wave.psi(&mut dx.psi)?.par_chunks_mut(n);
        psi.zip(dpsi)
            .zip(v.zip(dv))
            .for_each(|((psi, dpsi), (v, dv))| {
                vectorized(
                    #[inline(always)]
                    || kick.push_forward(psi, dpsi, v, dv, &d),
                );
            });
        Ok((x, dx))
    }
}

impl<T: Real> Adjoint<T> for Kick<T> {
    /// The wave before the kick.
    type Saved = WaveState<T>;

    fn record(&self, p: &KickParams<T>, x: WaveState<T>) -> Result<(WaveState<T>, WaveState<T>)> {
        Ok((self.apply(p, x.clone())?, x))
    }

    fn vjp(
        &self,
        (p, v): &KickParams<T>,
        x: WaveState<T>,
        mut y_bar: WaveState<T>,
        (p_bar, v_bar): &mut KickParams<T>,
    ) -> Result<WaveState<T>> {
        self.wave
            .kick_psi_vjp(p, &x.psi, v, self.dt, &mut y_bar.psi, v_bar, p_bar)?;
        Ok(y_bar)
    }
}

impl<T: Real> Reversible<T> for Kick<T> {
    fn invert(&self, (p, v): &KickParams<T>, mut y: WaveState<T>) -> Result<WaveState<T>> {
        self.wave.kick_psi(p, &mut y.psi, v, -self.dt)?;
        Ok(y)
    }

    fn invert_vjp(
        &self,
        (p, v): &KickParams<T>,
        mut y: WaveState<T>,
        mut y_bar: WaveState<T>,
        (p_bar, v_bar): &mut KickParams<T>,
    ) -> Result<(WaveState<T>, WaveState<T>)> {
        let (psi, psi_bar): (&mut Array3<Complex<T>>, _) = (&mut y.psi, &mut y_bar.psi);
        self.wave
            .unkick_psi_vjp(p, psi, v, self.dt, psi_bar, v_bar, p_bar)?;
        Ok((y, y_bar))
    }
}
