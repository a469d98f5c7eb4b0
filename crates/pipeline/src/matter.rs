//! Matter of any type behind one object-safe face.

use adastra_core::{Real, Result};
use adastra_gravity::{Limit, MatterAdjoint, MatterReversible};
use adastra_grid::Gravity;
use ndarray::Array3;

use crate::AnyFields;

type Any<'a, T> = &'a dyn AnyFields<T>;
type AnyMut<'a, T> = &'a mut dyn AnyFields<T>;

/// [`MatterAdjoint`] with its state and parameters behind pointers; see there for the methods.
pub trait AnyMatter<T: Real>: Send + Sync {
    #[doc(hidden)]
    fn gravitates(&self) -> bool;
    #[doc(hidden)]
    fn needs_acceleration(&self) -> bool;
    #[doc(hidden)]
    fn deposit(&self, p: Any<'_, T>, x: Any<'_, T>, rho: &mut Array3<T>) -> Result<()>;
    #[doc(hidden)]
    fn kick(&self, p: Any<'_, T>, x: AnyMut<'_, T>, g: &Gravity<T>, dt: f64) -> Result<()>;
    #[doc(hidden)]
    fn drift(&self, p: Any<'_, T>, x: AnyMut<'_, T>, dt: f64) -> Result<()>;
    #[doc(hidden)]
    fn kick_drift(
        &self,
        p: Any<'_, T>,
        x: AnyMut<'_, T>,
        g: &Gravity<T>,
        kick: f64,
        drift: f64,
    ) -> Result<()>;
    #[doc(hidden)]
    fn kick_drift_into(
        &self,
        p: Any<'_, T>,
        from: Any<'_, T>,
        to: AnyMut<'_, T>,
        g: &Gravity<T>,
        kick: f64,
        drift: f64,
    ) -> Result<()>;
    #[doc(hidden)]
    fn limits(&self, p: Any<'_, T>, x: Any<'_, T>, g: &Gravity<T>) -> Result<Vec<Limit>>;
    #[doc(hidden)]
    fn deposit_vjp(
        &self,
        p: Any<'_, T>,
        x: Any<'_, T>,
        rho_bar: &Array3<T>,
        x_bar: AnyMut<'_, T>,
        p_bar: AnyMut<'_, T>,
    ) -> Result<()>;
    #[doc(hidden)]
    fn kick_vjp(
        &self,
        p: Any<'_, T>,
        x: Any<'_, T>,
        g: &Gravity<T>,
        dt: f64,
        x_bar: AnyMut<'_, T>,
        g_bar: &mut Gravity<T>,
        p_bar: AnyMut<'_, T>,
    ) -> Result<()>;
    #[doc(hidden)]
    fn drift_vjp(
        &self,
        p: Any<'_, T>,
        x: Any<'_, T>,
        dt: f64,
        x_bar: AnyMut<'_, T>,
        p_bar: AnyMut<'_, T>,
    ) -> Result<()>;
    #[doc(hidden)]
    fn kick_drift_vjp(
        &self,
        p: Any<'_, T>,
        x: AnyMut<'_, T>,
        g: &Gravity<T>,
        kick: f64,
        drift: f64,
        x_bar: AnyMut<'_, T>,
        g_bar: &mut Gravity<T>,
        p_bar: AnyMut<'_, T>,
    ) -> Result<()>;
    /// The face of matter whose motions can be undone, if these can.
    fn reversible(&self) -> Option<&dyn AnyReversible<T>>;
}

/// [`MatterReversible`] with its state and parameters behind pointers; see there for the methods.
pub trait AnyReversible<T: Real>: Send + Sync {
    #[doc(hidden)]
    fn undrift(&self, p: Any<'_, T>, x: AnyMut<'_, T>, dt: f64) -> Result<()>;
    #[doc(hidden)]
    fn unkick(&self, p: Any<'_, T>, x: AnyMut<'_, T>, g: &Gravity<T>, dt: f64) -> Result<()>;
    #[doc(hidden)]
    fn undrift_vjp(
        &self,
        p: Any<'_, T>,
        x: AnyMut<'_, T>,
        dt: f64,
        x_bar: AnyMut<'_, T>,
        p_bar: AnyMut<'_, T>,
    ) -> Result<()>;
    #[doc(hidden)]
    fn unkick_vjp(
        &self,
        p: Any<'_, T>,
        x: AnyMut<'_, T>,
        g: &Gravity<T>,
        dt: f64,
        x_bar: AnyMut<'_, T>,
        g_bar: &mut Gravity<T>,
        p_bar: AnyMut<'_, T>,
    ) -> Result<()>;
}

struct Erased<T: Real, M> {
    matter: M,
    reversible: Option<fn(&Erased<T, M>) -> &dyn AnyReversible<T>>,
}

/// Puts matter behind the object-safe face.
pub fn irreversible<T: Real, M: MatterAdjoint<T> + 'static>(matter: M) -> Box<dyn AnyMatter<T>> {
    Box::new(Erased {
        matter,
        reversible: None,
    })
}

/// Puts matter whose motions can be undone behind the object-safe face.
pub fn reversible<T: Real, M: MatterReversible<T> + 'static>(matter: M) -> Box<dyn AnyMatter<T>> {
    Box::new(Erased {
        matter,
        reversible: Some(|erased| erased),
    })
}

fn down<T: Real, S: 'static>(x: Any<'_, T>) -> &S {
    x.as_any()
        .downcast_ref()
        .expect("a component is given the state that it made itself")
}

fn down_mut<T: Real, S: 'static>(x: AnyMut<'_, T>) -> &mut S {
    x.as_any_mut()
        .downcast_mut()
        .expect("a component is given the state that it made itself")
}

impl<T: Real, M: MatterAdjoint<T>> AnyMatter<T> for Erased<T, M> {
    fn gravitates(&self) -> bool {
        self.matter.gravitates()
    }
    fn needs_acceleration(&self) -> bool {
        self.matter.needs_acceleration()
    }
    fn deposit(&self, p: Any<'_, T>, x: Any<'_, T>, rho: &mut Array3<T>) -> Result<()> {
        self.matter.deposit(down(p), down(x), rho)
    }
    fn kick(&self, p: Any<'_, T>, x: AnyMut<'_, T>, g: &Gravity<T>, dt: f64) -> Result<()> {
        self.matter.kick(down(p), down_mut(x), g, dt)
    }
    fn drift(&self, p: Any<'_, T>, x: AnyMut<'_, T>, dt: f64) -> Result<()> {
        self.matter.drift(down(p), down_mut(x), dt)
    }
    fn kick_drift(
        &self,
        p: Any<'_, T>,
        x: AnyMut<'_, T>,
        g: &Gravity<T>,
        kick: f64,
        drift: f64,
    ) -> Result<()> {
        self.matter.kick_drift(down(p), down_mut(x), g, kick, drift)
    }
    fn kick_drift_into(
        &self,
        p: Any<'_, T>,
        from: Any<'_, T>,
        to: AnyMut<'_, T>,
        g: &Gravity<T>,
        kick: f64,
        drift: f64,
    ) -> Result<()> {
        self.matter
            .kick_drift_into(down(p), down(from), down_mut(to), g, kick, drift)
    }
    fn limits(&self, p: Any<'_, T>, x: Any<'_, T>, g: &Gravity<T>) -> Result<Vec<Limit>> {
        self.matter.limits(down(p), down(x), g)
    }
    fn deposit_vjp(
        &self,
        p: Any<'_, T>,
        x: Any<'_, T>,
        rho_bar: &Array3<T>,
        x_bar: AnyMut<'_, T>,
        p_bar: AnyMut<'_, T>,
    ) -> Result<()> {
        self.matter
            .deposit_vjp(down(p), down(x), rho_bar, down_mut(x_bar), down_mut(p_bar))
    }
    fn kick_vjp(
        &self,
        p: Any<'_, T>,
        x: Any<'_, T>,
        g: &Gravity<T>,
        dt: f64,
        x_bar: AnyMut<'_, T>,
        g_bar: &mut Gravity<T>,
        p_bar: AnyMut<'_, T>,
    ) -> Result<()> {
        self.matter.kick_vjp(
            down(p),
            down(x),
            g,
            dt,
            down_mut(x_bar),
            g_bar,
            down_mut(p_bar),
        )
    }
    fn drift_vjp(
        &self,
        p: Any<'_, T>,
        x: Any<'_, T>,
        dt: f64,
        x_bar: AnyMut<'_, T>,
        p_bar: AnyMut<'_, T>,
    ) -> Result<()> {
        self.matter
            .drift_vjp(down(p), down(x), dt, down_mut(x_bar), down_mut(p_bar))
    }
    fn kick_drift_vjp(
        &self,
        p: Any<'_, T>,
        x: AnyMut<'_, T>,
        g: &Gravity<T>,
        kick: f64,
        drift: f64,
        x_bar: AnyMut<'_, T>,
        g_bar: &mut Gravity<T>,
        p_bar: AnyMut<'_, T>,
    ) -> Result<()> {
        let (x_bar, p_bar) = (down_mut(x_bar), down_mut(p_bar));
        self.matter
            .kick_drift_vjp(down(p), down_mut(x), g, kick, drift, x_bar, g_bar, p_bar)
    }
    fn reversible(&self) -> Option<&dyn AnyReversible<T>> {
        self.reversible.map(|face| face(self))
    }
}

impl<T: Real, M: MatterReversible<T>> AnyReversible<T> for Erased<T, M> {
    fn undrift(&self, p: Any<'_, T>, x: AnyMut<'_, T>, dt: f64) -> Result<()> {
        self.matter.undrift(down(p), down_mut(x), dt)
    }
    fn unkick(&self, p: Any<'_, T>, x: AnyMut<'_, T>, g: &Gravity<T>, dt: f64) -> Result<()> {
        self.matter.unkick(down(p), down_mut(x), g, dt)
    }
    fn undrift_vjp(
        &self,
        p: Any<'_, T>,
        x: AnyMut<'_, T>,
        dt: f64,
        x_bar: AnyMut<'_, T>,
        p_bar: AnyMut<'_, T>,
    ) -> Result<()> {
        self.matter
            .undrift_vjp(down(p), down_mut(x), dt, down_mut(x_bar), down_mut(p_bar))
    }
    fn unkick_vjp(
        &self,
        p: Any<'_, T>,
        x: AnyMut<'_, T>,
        g: &Gravity<T>,
        dt: f64,
        x_bar: AnyMut<'_, T>,
        g_bar: &mut Gravity<T>,
        p_bar: AnyMut<'_, T>,
    ) -> Result<()> {
        let (x_bar, p_bar) = (down_mut(x_bar), down_mut(p_bar));
        self.matter
            .unkick_vjp(down(p), down_mut(x), g, dt, x_bar, g_bar, p_bar)
    }
}
