//! Matter on a device: how it gravitates, and the motions that a leapfrog asks for.

use adastra_core::{Fields, Real, Result};
use adastra_gravity::Limit;

use crate::{Gravity, RealArray};

/// Matter that gravitates on a device: the twin of [`adastra_gravity::Matter`], with the adjoints
/// of its motions.
///
/// Each `_vjp` pulls `x_bar` back in place through one motion, given the state before it, and adds
/// to the cotangents of the parameters and of gravity. A kick must not change the density. All
/// methods return [`Error::Shape`](adastra_core::Error::Shape) for arrays that do not fit the mesh,
/// and what the device says.
pub trait Matter<T: Real>: Send + Sync {
    /// Differentiable parameters (`()` for none).
    type Params: Fields<T>;
    /// What evolves.
    type State: Fields<T>;

    /// Whether kicks read [`Gravity::acceleration`].
    fn needs_acceleration(&self) -> bool;

    /// `factor` times the mass density, in Msun/kpc^3: added to `rho`, or written over it.
    ///
    /// # Errors
    /// As the trait says.
    fn deposit(
        &self,
        p: &Self::Params,
        x: &Self::State,
        factor: T,
        rho: &mut RealArray<T>,
        add: bool,
    ) -> Result<()>;

    /// Feels gravity for a time `dt`, in kpc/(km/s).
    ///
    /// # Errors
    /// As the trait says.
    fn kick(
        &self,
        p: &Self::Params,
        x: &mut Self::State,
        gravity: &Gravity<T>,
        dt: f64,
    ) -> Result<()>;

    /// Moves freely for a time `dt`, in kpc/(km/s).
    ///
    /// # Errors
    /// As the trait says.
    fn drift(&self, p: &Self::Params, x: &mut Self::State, dt: f64) -> Result<()>;

    /// The time steps, in kpc/(km/s), that the scheme's stability and accuracy allow in this state,
    /// by name.
    ///
    /// # Errors
    /// As the trait says.
    fn limits(&self, p: &Self::Params, x: &Self::State, gravity: &Gravity<T>)
    -> Result<Vec<Limit>>;

    /// Adjoint of [`Matter::deposit`]: `x_bar += factor (drho/dx)^T rho_bar`.
    ///
    /// # Errors
    /// As the trait says.
    fn deposit_vjp(
        &self,
        p: &Self::Params,
        x: &Self::State,
        factor: T,
        rho_bar: &RealArray<T>,
        x_bar: &mut Self::State,
        p_bar: &mut Self::Params,
    ) -> Result<()>;

    /// Adjoint of [`Matter::kick`].
    ///
    /// # Errors
    /// As the trait says.
    fn kick_vjp(
        &self,
        p: &Self::Params,
        x: &Self::State,
        gravity: &Gravity<T>,
        dt: f64,
        x_bar: &mut Self::State,
        gravity_bar: &mut Gravity<T>,
        p_bar: &mut Self::Params,
    ) -> Result<()>;

    /// Adjoint of [`Matter::drift`]; what `x` holds may be used up.
    ///
    /// # Errors
    /// As the trait says.
    fn drift_vjp(
        &self,
        p: &Self::Params,
        x: &mut Self::State,
        dt: f64,
        x_bar: &mut Self::State,
        p_bar: &mut Self::Params,
    ) -> Result<()>;
}

/// Matter whose motions are undone by those of negative length, so that a reverse sweep rebuilds
/// states instead of storing them.
pub trait MatterReversible<T: Real>: Matter<T> {
    /// Undoes a kick and pulls `x_bar` back through it.
    ///
    /// # Errors
    /// As [`Matter`] says.
    fn unkick_vjp(
        &self,
        p: &Self::Params,
        x: &mut Self::State,
        gravity: &Gravity<T>,
        dt: f64,
        x_bar: &mut Self::State,
        gravity_bar: &mut Gravity<T>,
        p_bar: &mut Self::Params,
    ) -> Result<()>;

    /// Undoes a drift and pulls `x_bar` back through it.
    ///
    /// # Errors
    /// As [`Matter`] says.
    fn undrift_vjp(
        &self,
        p: &Self::Params,
        x: &mut Self::State,
        dt: f64,
        x_bar: &mut Self::State,
        p_bar: &mut Self::Params,
    ) -> Result<()>;
}

/// Two components side by side.
impl<T: Real, A: Matter<T>, B: Matter<T>> Matter<T> for (A, B) {
    type Params = (A::Params, B::Params);
    type State = (A::State, B::State);

    fn needs_acceleration(&self) -> bool {
        self.0.needs_acceleration() || self.1.needs_acceleration()
    }

    fn deposit(
        &self,
        p: &Self::Params,
        x: &Self::State,
        factor: T,
        rho: &mut RealArray<T>,
        add: bool,
    ) -> Result<()> {
        self.0.deposit(&p.0, &x.0, factor, rho, add)?;
        self.1.deposit(&p.1, &x.1, factor, rho, true)
    }

    fn kick(&self, p: &Self::Params, x: &mut Self::State, g: &Gravity<T>, dt: f64) -> Result<()> {
        self.0.kick(&p.0, &mut x.0, g, dt)?;
        self.1.kick(&p.1, &mut x.1, g, dt)
    }

    fn drift(&self, p: &Self::Params, x: &mut Self::State, dt: f64) -> Result<()> {
        self.0.drift(&p.0, &mut x.0, dt)?;
        self.1.drift(&p.1, &mut x.1, dt)
    }

    fn limits(&self, p: &Self::Params, x: &Self::State, g: &Gravity<T>) -> Result<Vec<Limit>> {
        let mut limits = self.0.limits(&p.0, &x.0, g)?;
        limits.extend(self.1.limits(&p.1, &x.1, g)?);
        Ok(limits)
    }

    fn deposit_vjp(
        &self,
        p: &Self::Params,
        x: &Self::State,
        factor: T,
        rho_bar: &RealArray<T>,
        x_bar: &mut Self::State,
        p_bar: &mut Self::Params,
    ) -> Result<()> {
        self.0
            .deposit_vjp(&p.0, &x.0, factor, rho_bar, &mut x_bar.0, &mut p_bar.0)?;
        self.1
            .deposit_vjp(&p.1, &x.1, factor, rho_bar, &mut x_bar.1, &mut p_bar.1)
    }

    fn kick_vjp(
        &self,
        p: &Self::Params,
        x: &Self::State,
        g: &Gravity<T>,
        dt: f64,
        x_bar: &mut Self::State,
        g_bar: &mut Gravity<T>,
        p_bar: &mut Self::Params,
    ) -> Result<()> {
        self.0
            .kick_vjp(&p.0, &x.0, g, dt, &mut x_bar.0, g_bar, &mut p_bar.0)?;
        self.1
            .kick_vjp(&p.1, &x.1, g, dt, &mut x_bar.1, g_bar, &mut p_bar.1)
    }

    fn drift_vjp(
        &self,
        p: &Self::Params,
        x: &mut Self::State,
        dt: f64,
        x_bar: &mut Self::State,
        p_bar: &mut Self::Params,
    ) -> Result<()> {
        self.0
            .drift_vjp(&p.0, &mut x.0, dt, &mut x_bar.0, &mut p_bar.0)?;
        self.1
            .drift_vjp(&p.1, &mut x.1, dt, &mut x_bar.1, &mut p_bar.1)
    }
}

impl<T: Real, A: MatterReversible<T>, B: MatterReversible<T>> MatterReversible<T> for (A, B) {
    fn unkick_vjp(
        &self,
        p: &Self::Params,
        x: &mut Self::State,
        g: &Gravity<T>,
        dt: f64,
        x_bar: &mut Self::State,
        g_bar: &mut Gravity<T>,
        p_bar: &mut Self::Params,
    ) -> Result<()> {
        self.0
            .unkick_vjp(&p.0, &mut x.0, g, dt, &mut x_bar.0, g_bar, &mut p_bar.0)?;
        self.1
            .unkick_vjp(&p.1, &mut x.1, g, dt, &mut x_bar.1, g_bar, &mut p_bar.1)
    }

    fn undrift_vjp(
        &self,
        p: &Self::Params,
        x: &mut Self::State,
        dt: f64,
        x_bar: &mut Self::State,
        p_bar: &mut Self::Params,
    ) -> Result<()> {
        self.0
            .undrift_vjp(&p.0, &mut x.0, dt, &mut x_bar.0, &mut p_bar.0)?;
        self.1
            .undrift_vjp(&p.1, &mut x.1, dt, &mut x_bar.1, &mut p_bar.1)
    }
}
