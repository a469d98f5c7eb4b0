//! The one small trait through which matter gravitates.

use adastra_core::{Fields, Real, Result, State};
use adastra_grid::Gravity;
use ndarray::Array3;

use crate::Limit;

/// Matter that gravitates: a wave function, gas, particles, a second axion field.
///
/// A component adds its density to the mesh, receives the potential (and, if it asks, the
/// acceleration), and drifts. Everything works in place on the component's own state.
/// A kick must not change the density: that is what lets a leapfrog use one Poisson solve a step.
pub trait Matter<T: Real>: Send + Sync {
    /// Differentiable parameters (`()` for none).
    type Params: Fields<T>;
    /// What evolves.
    type State: Fields<T>;

    /// Whether the mesh carries its gravity. Matter with a force of its own, such as a direct sum
    /// over pairs in open space, neither makes nor feels that of the mesh: its density is for
    /// pictures and objectives only, and where no matter gravitates kicks are given empty meshes.
    fn gravitates(&self) -> bool {
        true
    }

    /// Whether kicks read [`Gravity::acceleration`] (three more transforms a step, shared by all
    /// components that ask).
    fn needs_acceleration(&self) -> bool;

    /// Adds the mass density, in Msun/kpc^3, to `rho`, shape (nx, ny, nz).
    ///
    /// # Errors
    /// What the component documents.
    fn deposit(&self, p: &Self::Params, x: &Self::State, rho: &mut Array3<T>) -> Result<()>;

    /// Feels gravity for a time `dt`, in kpc/(km/s).
    ///
    /// # Errors
    /// What the component documents.
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
    /// What the component documents.
    fn drift(&self, p: &Self::Params, x: &mut Self::State, dt: f64) -> Result<()>;

    /// A kick of length `kick`, then a drift of length `drift`.
    ///
    /// Override it where the two can share a pass over memory.
    ///
    /// # Errors
    /// As [`Matter::kick`] and [`Matter::drift`].
    fn kick_drift(
        &self,
        p: &Self::Params,
        x: &mut Self::State,
        gravity: &Gravity<T>,
        kick: f64,
        drift: f64,
    ) -> Result<()> {
        self.kick(p, x, gravity, kick)?;
        self.drift(p, x, drift)
    }

    /// [`Matter::kick_drift`] of `from`, written into `to`, a state of the same shape whose contents
    /// do not matter: a run that keeps its states copies none.
    ///
    /// # Errors
    /// As [`Matter::kick_drift`].
    fn kick_drift_into(
        &self,
        p: &Self::Params,
        from: &Self::State,
        to: &mut Self::State,
        gravity: &Gravity<T>,
        kick: f64,
        drift: f64,
    ) -> Result<()> {
        State::<T>::copy_from(to, from);
        self.kick_drift(p, to, gravity, kick, drift)
    }

    /// The time steps, in kpc/(km/s), that the scheme's stability and accuracy allow in this
    /// state, by name.
    ///
    /// # Errors
    /// What the component documents.
    fn limits(&self, p: &Self::Params, x: &Self::State, gravity: &Gravity<T>)
    -> Result<Vec<Limit>>;
}

/// Matter whose three motions have adjoints.
///
/// Each method pulls `x_bar` back in place through one motion, given the state before it, and
/// adds to the cotangents of the parameters and of gravity.
pub trait MatterAdjoint<T: Real>: Matter<T> {
    /// Adjoint of [`Matter::deposit`]: `x_bar += (drho/dx)^T rho_bar`.
    ///
    /// # Errors
    /// As [`Matter::deposit`].
    fn deposit_vjp(
        &self,
        p: &Self::Params,
        x: &Self::State,
        rho_bar: &Array3<T>,
        x_bar: &mut Self::State,
        p_bar: &mut Self::Params,
    ) -> Result<()>;

    /// Adjoint of [`Matter::kick`]; `x` is the state before the kick.
    ///
    /// # Errors
    /// As [`Matter::kick`].
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

    /// Adjoint of [`Matter::drift`]; `x` is the state before the drift.
    ///
    /// # Errors
    /// As [`Matter::drift`].
    fn drift_vjp(
        &self,
        p: &Self::Params,
        x: &Self::State,
        dt: f64,
        x_bar: &mut Self::State,
        p_bar: &mut Self::Params,
    ) -> Result<()>;

    /// Adjoint of [`Matter::kick_drift`]; `x` is the state before the kick. An implementation may
    /// kick it and undo that: it is left as it was up to rounding.
    ///
    /// # Errors
    /// As [`Matter::kick_drift`].
    fn kick_drift_vjp(
        &self,
        p: &Self::Params,
        x: &mut Self::State,
        gravity: &Gravity<T>,
        kick: f64,
        drift: f64,
        x_bar: &mut Self::State,
        gravity_bar: &mut Gravity<T>,
        p_bar: &mut Self::Params,
    ) -> Result<()> {
        let mut kicked = x.clone();
        self.kick(p, &mut kicked, gravity, kick)?;
        self.drift_vjp(p, &kicked, drift, x_bar, p_bar)?;
        self.kick_vjp(p, x, gravity, kick, x_bar, gravity_bar, p_bar)
    }
}

/// Matter whose motions can be undone, so that a reverse sweep rebuilds states instead of
/// storing them.
pub trait MatterReversible<T: Real>: MatterAdjoint<T> {
    /// Undoes [`Matter::drift`].
    ///
    /// # Errors
    /// As [`Matter::drift`].
    fn undrift(&self, p: &Self::Params, x: &mut Self::State, dt: f64) -> Result<()> {
        self.drift(p, x, -dt)
    }

    /// Undoes [`Matter::kick`].
    ///
    /// # Errors
    /// As [`Matter::kick`].
    fn unkick(
        &self,
        p: &Self::Params,
        x: &mut Self::State,
        gravity: &Gravity<T>,
        dt: f64,
    ) -> Result<()> {
        self.kick(p, x, gravity, -dt)
    }

    /// Undoes a drift and pulls the cotangent back through it.
    ///
    /// # Errors
    /// As [`Matter::drift`].
    fn undrift_vjp(
        &self,
        p: &Self::Params,
        x: &mut Self::State,
        dt: f64,
        x_bar: &mut Self::State,
        p_bar: &mut Self::Params,
    ) -> Result<()> {
        self.undrift(p, x, dt)?;
        self.drift_vjp(p, x, dt, x_bar, p_bar)
    }

    /// Undoes a kick and pulls the cotangent back through it.
    ///
    /// # Errors
    /// As [`Matter::kick`].
    fn unkick_vjp(
        &self,
        p: &Self::Params,
        x: &mut Self::State,
        gravity: &Gravity<T>,
        dt: f64,
        x_bar: &mut Self::State,
        gravity_bar: &mut Gravity<T>,
        p_bar: &mut Self::Params,
    ) -> Result<()> {
        self.unkick(p, x, gravity, dt)?;
        self.kick_vjp(p, x, gravity, dt, x_bar, gravity_bar, p_bar)
    }
}

/// Two components (three and more by nesting): both feel the gravity of both.
macro_rules! pair {
    ($($m:ident $i:tt),+) => {
        impl<T: Real, $($m: Matter<T>),+> Matter<T> for ($($m,)+) {
            type Params = ($($m::Params,)+);
            type State = ($($m::State,)+);
            fn gravitates(&self) -> bool {
                $(self.$i.gravitates())||+
            }
            fn needs_acceleration(&self) -> bool {
                $(self.$i.needs_acceleration())||+
            }
            fn deposit(&self, p: &Self::Params, x: &Self::State, rho: &mut Array3<T>) -> Result<()> {
                $(if self.$i.gravitates() {
                    self.$i.deposit(&p.$i, &x.$i, rho)?;
                })+
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
            fn kick_drift(&self, p: &Self::Params, x: &mut Self::State, g: &Gravity<T>, kick: f64, drift: f64) -> Result<()> {
                $(self.$i.kick_drift(&p.$i, &mut x.$i, g, kick, drift)?;)+
                Ok(())
            }
            fn kick_drift_into(&self, p: &Self::Params, from: &Self::State, to: &mut Self::State, g: &Gravity<T>, kick: f64, drift: f64) -> Result<()> {
                $(self.$i.kick_drift_into(&p.$i, &from.$i, &mut to.$i, g, kick, drift)?;)+
                Ok(())
            }
            fn limits(&self, p: &Self::Params, x: &Self::State, g: &Gravity<T>) -> Result<Vec<Limit>> {
                let mut limits = Vec::new();
                $(limits.extend(self.$i.limits(&p.$i, &x.$i, g)?);)+
                Ok(limits)
            }
        }
        impl<T: Real, $($m: MatterAdjoint<T>),+> MatterAdjoint<T> for ($($m,)+) {
            fn deposit_vjp(&self, p: &Self::Params, x: &Self::State, rho_bar: &Array3<T>, x_bar: &mut Self::State, p_bar: &mut Self::Params) -> Result<()> {
                $(if self.$i.gravitates() {
                    self.$i.deposit_vjp(&p.$i, &x.$i, rho_bar, &mut x_bar.$i, &mut p_bar.$i)?;
                })+
                Ok(())
            }
            fn kick_vjp(&self, p: &Self::Params, x: &Self::State, g: &Gravity<T>, dt: f64, x_bar: &mut Self::State, g_bar: &mut Gravity<T>, p_bar: &mut Self::Params) -> Result<()> {
                $(self.$i.kick_vjp(&p.$i, &x.$i, g, dt, &mut x_bar.$i, g_bar, &mut p_bar.$i)?;)+
                Ok(())
            }
            fn drift_vjp(&self, p: &Self::Params, x: &Self::State, dt: f64, x_bar: &mut Self::State, p_bar: &mut Self::Params) -> Result<()> {
                $(self.$i.drift_vjp(&p.$i, &x.$i, dt, &mut x_bar.$i, &mut p_bar.$i)?;)+
                Ok(())
            }
            fn kick_drift_vjp(&self, p: &Self::Params, x: &mut Self::State, g: &Gravity<T>, kick: f64, drift: f64, x_bar: &mut Self::State, g_bar: &mut Gravity<T>, p_bar: &mut Self::Params) -> Result<()> {
                $(self.$i.kick_drift_vjp(&p.$i, &mut x.$i, g, kick, drift, &mut x_bar.$i, g_bar, &mut p_bar.$i)?;)+
                Ok(())
            }
        }
        impl<T: Real, $($m: MatterReversible<T>),+> MatterReversible<T> for ($($m,)+) {
            fn undrift(&self, p: &Self::Params, x: &mut Self::State, dt: f64) -> Result<()> {
                $(self.$i.undrift(&p.$i, &mut x.$i, dt)?;)+
                Ok(())
            }
            fn unkick(&self, p: &Self::Params, x: &mut Self::State, g: &Gravity<T>, dt: f64) -> Result<()> {
                $(self.$i.unkick(&p.$i, &mut x.$i, g, dt)?;)+
                Ok(())
            }
            fn undrift_vjp(&self, p: &Self::Params, x: &mut Self::State, dt: f64, x_bar: &mut Self::State, p_bar: &mut Self::Params) -> Result<()> {
                $(self.$i.undrift_vjp(&p.$i, &mut x.$i, dt, &mut x_bar.$i, &mut p_bar.$i)?;)+
                Ok(())
            }
            fn unkick_vjp(&self, p: &Self::Params, x: &mut Self::State, g: &Gravity<T>, dt: f64, x_bar: &mut Self::State, g_bar: &mut Gravity<T>, p_bar: &mut Self::Params) -> Result<()> {
                $(self.$i.unkick_vjp(&p.$i, &mut x.$i, g, dt, &mut x_bar.$i, g_bar, &mut p_bar.$i)?;)+
                Ok(())
            }
        }
    };
}
pair!(A 0, B 1);
pair!(A 0, B 1, C 2);
