//! The motions of a wave as operators, each with its adjoint.

use adastra_core::{Adjoint, Operator, Real, Result, Reversible, State};

use crate::RealArray;
use crate::wave::{Boson, Undo, Wave, WaveState};

/// The density |psi|^2 of a wave, in Msun/kpc^3.
#[derive(Clone)]
pub struct Density<T: Real>(pub Wave<T>);

impl<T: Real> Operator<T> for Density<T> {
    type Params = ();
    type In = WaveState<T>;
    type Out = RealArray<T>;

    fn apply(&self, (): &(), x: WaveState<T>) -> Result<RealArray<T>> {
        let mut rho = RealArray::new(self.0.device(), &self.0.mesh().cells())?;
        self.0.density(&x.psi, T::one(), &mut rho, false)?;
        Ok(rho)
    }
}

impl<T: Real> Adjoint<T> for Density<T> {
    /// The wave.
    type Saved = WaveState<T>;

    fn record(&self, p: &(), x: WaveState<T>) -> Result<(RealArray<T>, WaveState<T>)> {
        Ok((self.apply(p, x.clone())?, x))
    }

    fn vjp(
        &self,
        (): &(),
        x: WaveState<T>,
        rho_bar: RealArray<T>,
        (): &mut (),
    ) -> Result<WaveState<T>> {
        let mut x_bar = x.zeros_like();
        self.0
            .density_vjp(&x.psi, T::one(), &rho_bar, &mut x_bar.psi)?;
        Ok(x_bar)
    }
}

/// A kick in a potential that is a parameter.
#[derive(Clone)]
pub struct Kick<T: Real> {
    /// The wave.
    pub wave: Wave<T>,
    /// How long it lasts, in kpc/(km/s).
    pub dt: f64,
}

/// The boson, and the potential in (km/s)^2.
pub type KickParams<T> = (Boson<T>, RealArray<T>);

impl<T: Real> Operator<T> for Kick<T> {
    type Params = KickParams<T>;
    type In = WaveState<T>;
    type Out = WaveState<T>;

    fn apply(&self, (p, v): &KickParams<T>, mut x: WaveState<T>) -> Result<WaveState<T>> {
        self.wave.kick_psi(p, &mut x.psi, v, self.dt)?;
        Ok(x)
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
        let (no, bar) = (Undo::No, &mut y_bar.psi);
        self.wave
            .pull_back_kick(p, &x.psi, no, v, self.dt, bar, v_bar, p_bar)?;
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
        y: WaveState<T>,
        mut y_bar: WaveState<T>,
        (p_bar, v_bar): &mut KickParams<T>,
    ) -> Result<(WaveState<T>, WaveState<T>)> {
        let (yes, bar) = (Undo::Yes, &mut y_bar.psi);
        self.wave
            .pull_back_kick(p, &y.psi, yes, v, self.dt, bar, v_bar, p_bar)?;
        Ok((y, y_bar))
    }
}

/// A free flight.
#[derive(Clone)]
pub struct Drift<T: Real> {
    /// The wave.
    pub wave: Wave<T>,
    /// How long it lasts, in kpc/(km/s).
    pub dt: f64,
}

impl<T: Real> Operator<T> for Drift<T> {
    type Params = Boson<T>;
    type In = WaveState<T>;
    type Out = WaveState<T>;

    fn apply(&self, p: &Boson<T>, mut x: WaveState<T>) -> Result<WaveState<T>> {
        self.wave.drift_psi(p, &mut x.psi, self.dt)?;
        Ok(x)
    }
}

impl<T: Real> Adjoint<T> for Drift<T> {
    /// The wave before the drift.
    type Saved = WaveState<T>;

    fn record(&self, p: &Boson<T>, x: WaveState<T>) -> Result<(WaveState<T>, WaveState<T>)> {
        let y = WaveState {
            psi: x.psi.try_clone()?,
        };
        Ok((self.apply(p, y)?, x))
    }

    fn vjp(
        &self,
        p: &Boson<T>,
        mut x: WaveState<T>,
        mut y_bar: WaveState<T>,
        p_bar: &mut Boson<T>,
    ) -> Result<WaveState<T>> {
        let (no, bar) = (Undo::No, &mut y_bar.psi);
        self.wave
            .pull_back_drift(p, &mut x.psi, no, self.dt, bar, p_bar)?;
        Ok(y_bar)
    }
}

impl<T: Real> Reversible<T> for Drift<T> {
    fn invert(&self, p: &Boson<T>, mut y: WaveState<T>) -> Result<WaveState<T>> {
        self.wave.drift_psi(p, &mut y.psi, -self.dt)?;
        Ok(y)
    }

    fn invert_vjp(
        &self,
        p: &Boson<T>,
        mut y: WaveState<T>,
        mut y_bar: WaveState<T>,
        p_bar: &mut Boson<T>,
    ) -> Result<(WaveState<T>, WaveState<T>)> {
        let (yes, bar) = (Undo::Yes, &mut y_bar.psi);
        self.wave
            .pull_back_drift(p, &mut y.psi, yes, self.dt, bar, p_bar)?;
        Ok((y, y_bar))
    }
}
