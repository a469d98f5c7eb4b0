//! The components of a simulation as one matter on a device, behind an object-safe face.

use std::marker::PhantomData;

use adastra_core::{Real, Result};
use adastra_gravity::Limit;
use adastra_pipeline::{AnyFields, World};

use crate::matter::{Matter, MatterReversible};
use crate::twin::{DeviceParams, DeviceState, HostParams, HostState};
use crate::{Device, Gravity, RealArray, Twin};

type Any<'a, T> = &'a dyn AnyFields<T>;
type AnyMut<'a, T> = &'a mut dyn AnyFields<T>;
type Boxed<T> = Box<dyn AnyFields<T>>;

/// [`Twin`] and its [`MatterReversible`], with states and parameters behind pointers.
pub(crate) trait AnyTwin<T: Real>: Send + Sync {
    fn params(&self, p: Any<'_, T>) -> Result<Boxed<T>>;
    fn params_vjp(&self, p: Any<'_, T>, bar: Any<'_, T>, p_bar: AnyMut<'_, T>);
    fn to_device(&self, device: &Device, x: Any<'_, T>) -> Result<Boxed<T>>;
    fn to_host(&self, x: Any<'_, T>) -> Result<Boxed<T>>;

    fn needs_acceleration(&self) -> bool;
    fn deposit(
        &self,
        p: Any<'_, T>,
        x: Any<'_, T>,
        factor: T,
        rho: &mut RealArray<T>,
        add: bool,
    ) -> Result<()>;
    fn kick(&self, p: Any<'_, T>, x: AnyMut<'_, T>, g: &Gravity<T>, dt: f64) -> Result<()>;
    fn drift(&self, p: Any<'_, T>, x: AnyMut<'_, T>, dt: f64) -> Result<()>;
    fn limits(&self, p: Any<'_, T>, x: Any<'_, T>, g: &Gravity<T>) -> Result<Vec<Limit>>;
    fn deposit_vjp(
        &self,
        p: Any<'_, T>,
        x: Any<'_, T>,
        factor: T,
        rho_bar: &RealArray<T>,
        x_bar: AnyMut<'_, T>,
        p_bar: AnyMut<'_, T>,
    ) -> Result<()>;
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
    fn drift_vjp(
        &self,
        p: Any<'_, T>,
        x: AnyMut<'_, T>,
        dt: f64,
        x_bar: AnyMut<'_, T>,
        p_bar: AnyMut<'_, T>,
    ) -> Result<()>;
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
    fn undrift_vjp(
        &self,
        p: Any<'_, T>,
        x: AnyMut<'_, T>,
        dt: f64,
        x_bar: AnyMut<'_, T>,
        p_bar: AnyMut<'_, T>,
    ) -> Result<()>;
}

struct Erased<W: Twin, T: Real> {
    matter: W::Matter<T>,
    twin: PhantomData<fn() -> W>,
}

/// Puts the twin of some matter behind the object-safe face.
pub(crate) fn erased<W: Twin, T: Real>(matter: W::Matter<T>) -> Box<dyn AnyTwin<T>> {
    let twin = PhantomData::<fn() -> W>;
    Box::new(Erased { matter, twin })
}

const OWN: &str = "a component is given what it made itself";

fn down<T: Real, S: 'static>(x: Any<'_, T>) -> &S {
    x.as_any().downcast_ref().expect(OWN)
}

fn down_mut<T: Real, S: 'static>(x: AnyMut<'_, T>) -> &mut S {
    x.as_any_mut().downcast_mut().expect(OWN)
}

impl<W: Twin, T: Real> AnyTwin<T> for Erased<W, T> {
    fn params(&self, p: Any<'_, T>) -> Result<Boxed<T>> {
        let p = W::params::<T>(down::<T, HostParams<W, T>>(p))?;
        Ok(Box::new(p))
    }
    fn params_vjp(&self, p: Any<'_, T>, bar: Any<'_, T>, p_bar: AnyMut<'_, T>) {
        let bar = down::<T, DeviceParams<W, T>>(bar);
        W::params_vjp::<T>(down::<T, HostParams<W, T>>(p), bar, down_mut(p_bar));
    }
    fn to_device(&self, device: &Device, x: Any<'_, T>) -> Result<Boxed<T>> {
        let x = W::to_device::<T>(device, down::<T, HostState<W, T>>(x))?;
        Ok(Box::new(x))
    }
    fn to_host(&self, x: Any<'_, T>) -> Result<Boxed<T>> {
        let x = W::to_host::<T>(down::<T, DeviceState<W, T>>(x))?;
        Ok(Box::new(x))
    }

    fn needs_acceleration(&self) -> bool {
        self.matter.needs_acceleration()
    }
    fn deposit(
        &self,
        p: Any<'_, T>,
        x: Any<'_, T>,
        factor: T,
        rho: &mut RealArray<T>,
        add: bool,
    ) -> Result<()> {
        self.matter.deposit(down(p), down(x), factor, rho, add)
    }
    fn kick(&self, p: Any<'_, T>, x: AnyMut<'_, T>, g: &Gravity<T>, dt: f64) -> Result<()> {
        self.matter.kick(down(p), down_mut(x), g, dt)
    }
    fn drift(&self, p: Any<'_, T>, x: AnyMut<'_, T>, dt: f64) -> Result<()> {
        self.matter.drift(down(p), down_mut(x), dt)
    }
    fn limits(&self, p: Any<'_, T>, x: Any<'_, T>, g: &Gravity<T>) -> Result<Vec<Limit>> {
        self.matter.limits(down(p), down(x), g)
    }
    fn deposit_vjp(
        &self,
        p: Any<'_, T>,
        x: Any<'_, T>,
        factor: T,
        rho_bar: &RealArray<T>,
        x_bar: AnyMut<'_, T>,
        p_bar: AnyMut<'_, T>,
    ) -> Result<()> {
        let (x_bar, p_bar) = (down_mut(x_bar), down_mut(p_bar));
        self.matter
            .deposit_vjp(down(p), down(x), factor, rho_bar, x_bar, p_bar)
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
        let (x_bar, p_bar) = (down_mut(x_bar), down_mut(p_bar));
        self.matter
            .kick_vjp(down(p), down(x), g, dt, x_bar, g_bar, p_bar)
    }
    fn drift_vjp(
        &self,
        p: Any<'_, T>,
        x: AnyMut<'_, T>,
        dt: f64,
        x_bar: AnyMut<'_, T>,
        p_bar: AnyMut<'_, T>,
    ) -> Result<()> {
        let (x_bar, p_bar) = (down_mut(x_bar), down_mut(p_bar));
        self.matter
            .drift_vjp(down(p), down_mut(x), dt, x_bar, p_bar)
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
    fn undrift_vjp(
        &self,
        p: Any<'_, T>,
        x: AnyMut<'_, T>,
        dt: f64,
        x_bar: AnyMut<'_, T>,
        p_bar: AnyMut<'_, T>,
    ) -> Result<()> {
        let (x_bar, p_bar) = (down_mut(x_bar), down_mut(p_bar));
        self.matter
            .undrift_vjp(down(p), down_mut(x), dt, x_bar, p_bar)
    }
}

/// The components of a simulation on a device: matter over [`World`]s, entry by entry.
pub(crate) struct Components<T: Real>(pub(crate) Vec<Box<dyn AnyTwin<T>>>);

/// A world with the names of `like`, of what `make` makes of its entries.
fn each<T: Real>(
    like: &World<T>,
    mut make: impl FnMut(usize, Any<'_, T>) -> Result<Boxed<T>>,
) -> Result<World<T>> {
    let mut world = World::new();
    for (i, name) in like.names().enumerate() {
        world.push(name, make(i, like.at(i))?);
    }
    Ok(world)
}

impl<T: Real> Components<T> {
    pub(crate) fn params(&self, p: &World<T>) -> Result<World<T>> {
        each(p, |i, p| self.0[i].params(p))
    }

    pub(crate) fn params_vjp(&self, p: &World<T>, bar: &World<T>, p_bar: &mut World<T>) {
        for (i, m) in self.each() {
            m.params_vjp(p.at(i), bar.at(i), p_bar.at_mut(i));
        }
    }

    pub(crate) fn to_device(&self, device: &Device, x: &World<T>) -> Result<World<T>> {
        each(x, |i, x| self.0[i].to_device(device, x))
    }

    pub(crate) fn to_host(&self, x: &World<T>) -> Result<World<T>> {
        each(x, |i, x| self.0[i].to_host(x))
    }

    fn each(&self) -> impl Iterator<Item = (usize, &dyn AnyTwin<T>)> {
        self.0.iter().enumerate().map(|(i, twin)| (i, &**twin))
    }
}

impl<T: Real> Matter<T> for Components<T> {
    type Params = World<T>;
    type State = World<T>;

    fn needs_acceleration(&self) -> bool {
        self.each().any(|(_, m)| m.needs_acceleration())
    }

    fn deposit(
        &self,
        p: &World<T>,
        x: &World<T>,
        factor: T,
        rho: &mut RealArray<T>,
        add: bool,
    ) -> Result<()> {
        self.each()
            .try_for_each(|(i, m)| m.deposit(p.at(i), x.at(i), factor, rho, add || i > 0))
    }

    fn kick(&self, p: &World<T>, x: &mut World<T>, g: &Gravity<T>, dt: f64) -> Result<()> {
        self.each()
            .try_for_each(|(i, m)| m.kick(p.at(i), x.at_mut(i), g, dt))
    }

    fn drift(&self, p: &World<T>, x: &mut World<T>, dt: f64) -> Result<()> {
        self.each()
            .try_for_each(|(i, m)| m.drift(p.at(i), x.at_mut(i), dt))
    }

    fn limits(&self, p: &World<T>, x: &World<T>, g: &Gravity<T>) -> Result<Vec<Limit>> {
        let mut limits = Vec::new();
        for (i, m) in self.each() {
            limits.extend(m.limits(p.at(i), x.at(i), g)?);
        }
        Ok(limits)
    }

    fn deposit_vjp(
        &self,
        p: &World<T>,
        x: &World<T>,
        factor: T,
        rho_bar: &RealArray<T>,
        x_bar: &mut World<T>,
        p_bar: &mut World<T>,
    ) -> Result<()> {
        self.each().try_for_each(|(i, m)| {
            let (x_bar, p_bar) = (x_bar.at_mut(i), p_bar.at_mut(i));
            m.deposit_vjp(p.at(i), x.at(i), factor, rho_bar, x_bar, p_bar)
        })
    }

    fn kick_vjp(
        &self,
        p: &World<T>,
        x: &World<T>,
        g: &Gravity<T>,
        dt: f64,
        x_bar: &mut World<T>,
        g_bar: &mut Gravity<T>,
        p_bar: &mut World<T>,
    ) -> Result<()> {
        self.each().try_for_each(|(i, m)| {
            let (x_bar, p_bar) = (x_bar.at_mut(i), p_bar.at_mut(i));
            m.kick_vjp(p.at(i), x.at(i), g, dt, x_bar, g_bar, p_bar)
        })
    }

    fn drift_vjp(
        &self,
        p: &World<T>,
        x: &mut World<T>,
        dt: f64,
        x_bar: &mut World<T>,
        p_bar: &mut World<T>,
    ) -> Result<()> {
        self.each().try_for_each(|(i, m)| {
            let (x_bar, p_bar) = (x_bar.at_mut(i), p_bar.at_mut(i));
            m.drift_vjp(p.at(i), x.at_mut(i), dt, x_bar, p_bar)
        })
    }
}

impl<T: Real> MatterReversible<T> for Components<T> {
    fn unkick_vjp(
        &self,
        p: &World<T>,
        x: &mut World<T>,
        g: &Gravity<T>,
        dt: f64,
        x_bar: &mut World<T>,
        g_bar: &mut Gravity<T>,
        p_bar: &mut World<T>,
    ) -> Result<()> {
        self.each().try_for_each(|(i, m)| {
            let (x_bar, p_bar) = (x_bar.at_mut(i), p_bar.at_mut(i));
            m.unkick_vjp(p.at(i), x.at_mut(i), g, dt, x_bar, g_bar, p_bar)
        })
    }

    fn undrift_vjp(
        &self,
        p: &World<T>,
        x: &mut World<T>,
        dt: f64,
        x_bar: &mut World<T>,
        p_bar: &mut World<T>,
    ) -> Result<()> {
        self.each().try_for_each(|(i, m)| {
            let (x_bar, p_bar) = (x_bar.at_mut(i), p_bar.at_mut(i));
            m.undrift_vjp(p.at(i), x.at_mut(i), dt, x_bar, p_bar)
        })
    }
}
