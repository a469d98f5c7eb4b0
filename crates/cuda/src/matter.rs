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

/// Two components (more by nesting): both feel the gravity of both.
macro_rules! pair {
    ($($m:ident $i:tt),+) => {
        impl<T: Real, $($m: Matter<T>),+> Matter<T> for ($($m,)+) {
            type Params = ($($m::Params,)+);
            type State = ($($m::State,)+);
            fn needs_acceleration(&self) -> bool {
                $(self.$i.needs_acceleration())||+
            }
            fn deposit(&self, p: &Self::Params, x: &Self::State, factor: T, rho: &mut RealArray<T>, add: bool) -> Result<()> {
                $(self.$i.deposit(&p.$i, &x.$i, factor, rho, add || $i > 0)?;)+
                Ok(())
            }
            fn kick(&self, p: &Self::Params, x: &mut Self::State, g: &Gravity<T>, dt: f64) -> Result<()> {
                $(self.$i.kick(&p.$i, &mut x.$i, g, dt)?;)+
                Ok(())
            }
            fn drift(&self, p: &Self::Params, x: &mut Self::State, dt: f64) -> Result<()> {
                $(self.$i.drift(&p.$i, &mut x.$i, dt)?;)+
                Ok(())
            }
            fn limits(&self, p: &Self::Params, x: &Self::State, g: &Gravity<T>) -> Result<Vec<Limit>> {
                let mut limits = Vec::new();
                $(limits.extend(self.$i.limits(&p.$i, &x.$i, g)?);)+
                Ok(limits)
            }
            fn deposit_vjp(&self, p: &Self::Params, x: &Self::State, factor: T, rho_bar: &RealArray<T>, x_bar: &mut Self::State, p_bar: &mut Self::Params) -> Result<()> {
                $(self.$i.deposit_vjp(&p.$i, &x.$i, factor, rho_bar, &mut x_bar.$i, &mut p_bar.$i)?;)+
                Ok(())
            }
            fn kick_vjp(&self, p: &Self::Params, x: &Self::State, g: &Gravity<T>, dt: f64, x_bar: &mut Self::State, g_bar: &mut Gravity<T>, p_bar: &mut Self::Params) -> Result<()> {
                $(self.$i.kick_vjp(&p.$i, &x.$i, g, dt, &mut x_bar.$i, g_bar, &mut p_bar.$i)?;)+
                Ok(())
            }
            fn drift_vjp(&self, p: &Self::Params, x: &mut Self::State, dt: f64, x_bar: &mut Self::State, p_bar: &mut Self::Params) -> Result<()> {
                $(self.$i.drift_vjp(&p.$i, &mut x.$i, dt, &mut x_bar.$i, &mut p_bar.$i)?;)+
                Ok(())
            }
        }
        impl<T: Real, $($m: MatterReversible<T>),+> MatterReversible<T> for ($($m,)+) {
            fn unkick_vjp(&self, p: &Self::Params, x: &mut Self::State, g: &Gravity<T>, dt: f64, x_bar: &mut Self::State, g_bar: &mut Gravity<T>, p_bar: &mut Self::Params) -> Result<()> {
                $(self.$i.unkick_vjp(&p.$i, &mut x.$i, g, dt, &mut x_bar.$i, g_bar, &mut p_bar.$i)?;)+
                Ok(())
            }
            fn undrift_vjp(&self, p: &Self::Params, x: &mut Self::State, dt: f64, x_bar: &mut Self::State, p_bar: &mut Self::Params) -> Result<()> {
                $(self.$i.undrift_vjp(&p.$i, &mut x.$i, dt, &mut x_bar.$i, &mut p_bar.$i)?;)+
                Ok(())
            }
        }
    };
}
pair!(A 0, B 1);
