//! The components of a simulation as one matter.

use adastra_core::{Error, Real, Result};
use adastra_gravity::{Limit, Matter, MatterAdjoint, MatterReversible};
use adastra_grid::Gravity;
use ndarray::Array3;

use crate::{AnyMatter, AnyReversible, World};

/// The components of a simulation: matter over [`World`]s, entry by entry.
pub struct Components<T: Real> {
    list: Vec<(String, Box<dyn AnyMatter<T>>)>,
}

/// A component that cannot be undone was asked to.
#[derive(Debug, thiserror::Error)]
#[error("{component} cannot be undone; allowed: a schedule that stores or recomputes")]
struct Irreversible {
    component: String,
}

impl<T: Real> Components<T> {
    /// Components by name; the worlds they work on hold one entry each, in the same order.
    pub fn new(list: Vec<(String, Box<dyn AnyMatter<T>>)>) -> Self {
        Self { list }
    }

    /// Names, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.list.iter().map(|(name, _)| name.as_str())
    }

    /// Name and matter at a position.
    pub(crate) fn at(&self, i: usize) -> &(String, Box<dyn AnyMatter<T>>) {
        &self.list[i]
    }

    /// Position and matter of a name.
    pub fn find(&self, name: &str) -> Option<(usize, &dyn AnyMatter<T>)> {
        let i = self.list.iter().position(|(n, _)| n == name)?;
        Some((i, &*self.list[i].1))
    }

    /// Whether every component's motions can be undone.
    pub fn all_reversible(&self) -> bool {
        self.list
            .iter()
            .all(|(_, matter)| matter.reversible().is_some())
    }

    fn each(&self) -> impl Iterator<Item = (usize, &dyn AnyMatter<T>)> {
        self.list
            .iter()
            .enumerate()
            .map(|(i, (_, matter))| (i, &**matter))
    }

    fn each_reversible(&self) -> Result<Vec<&dyn AnyReversible<T>>> {
        let face = |(name, matter): &'_ (String, Box<dyn AnyMatter<T>>)| {
            let component = name.clone();
            let missing = || Error::operator("reverse sweep", Irreversible { component });
            // Borrow from the list, not from the closure's argument.
            matter
                .reversible()
                .is_some()
                .then_some(())
                .ok_or_else(missing)
        };
        self.list.iter().try_for_each(face)?;
        Ok(self
            .list
            .iter()
            .filter_map(|(_, matter)| matter.reversible())
            .collect())
    }
}

impl<T: Real> Matter<T> for Components<T> {
    type Params = World<T>;
    type State = World<T>;

    fn gravitates(&self) -> bool {
        self.each().any(|(_, m)| m.gravitates())
    }
    fn needs_acceleration(&self) -> bool {
        self.each().any(|(_, m)| m.needs_acceleration())
    }
    fn deposit(&self, p: &World<T>, x: &World<T>, rho: &mut Array3<T>) -> Result<()> {
        self.each()
            .filter(|(_, m)| m.gravitates())
            .try_for_each(|(i, m)| m.deposit(p.at(i), x.at(i), rho))
    }
    fn kick(&self, p: &World<T>, x: &mut World<T>, g: &Gravity<T>, dt: f64) -> Result<()> {
        self.each()
            .try_for_each(|(i, m)| m.kick(p.at(i), x.at_mut(i), g, dt))
    }
    fn drift(&self, p: &World<T>, x: &mut World<T>, dt: f64) -> Result<()> {
        self.each()
            .try_for_each(|(i, m)| m.drift(p.at(i), x.at_mut(i), dt))
    }
    fn kick_drift(
        &self,
        p: &World<T>,
        x: &mut World<T>,
        g: &Gravity<T>,
        kick: f64,
        drift: f64,
    ) -> Result<()> {
        self.each()
            .try_for_each(|(i, m)| m.kick_drift(p.at(i), x.at_mut(i), g, kick, drift))
    }
    fn kick_drift_into(
        &self,
        p: &World<T>,
        from: &World<T>,
        to: &mut World<T>,
        g: &Gravity<T>,
        kick: f64,
        drift: f64,
    ) -> Result<()> {
        self.each().try_for_each(|(i, m)| {
            m.kick_drift_into(p.at(i), from.at(i), to.at_mut(i), g, kick, drift)
        })
    }
    fn limits(&self, p: &World<T>, x: &World<T>, g: &Gravity<T>) -> Result<Vec<Limit>> {
        let mut limits = Vec::new();
        for (i, m) in self.each() {
            limits.extend(m.limits(p.at(i), x.at(i), g)?);
        }
        Ok(limits)
    }
}

impl<T: Real> MatterAdjoint<T> for Components<T> {
    fn deposit_vjp(
        &self,
        p: &World<T>,
        x: &World<T>,
        rho_bar: &Array3<T>,
        x_bar: &mut World<T>,
        p_bar: &mut World<T>,
    ) -> Result<()> {
        let mut each = self.each().filter(|(_, m)| m.gravitates());
        each.try_for_each(|(i, m)| {
            m.deposit_vjp(p.at(i), x.at(i), rho_bar, x_bar.at_mut(i), p_bar.at_mut(i))
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
            m.kick_vjp(
                p.at(i),
                x.at(i),
                g,
                dt,
                x_bar.at_mut(i),
                g_bar,
                p_bar.at_mut(i),
            )
        })
    }
    fn drift_vjp(
        &self,
        p: &World<T>,
        x: &World<T>,
        dt: f64,
        x_bar: &mut World<T>,
        p_bar: &mut World<T>,
    ) -> Result<()> {
        self.each().try_for_each(|(i, m)| {
            m.drift_vjp(p.at(i), x.at(i), dt, x_bar.at_mut(i), p_bar.at_mut(i))
        })
    }
    fn kick_drift_vjp(
        &self,
        p: &World<T>,
        x: &mut World<T>,
        g: &Gravity<T>,
        kick: f64,
        drift: f64,
        x_bar: &mut World<T>,
        g_bar: &mut Gravity<T>,
        p_bar: &mut World<T>,
    ) -> Result<()> {
        self.each().try_for_each(|(i, m)| {
            let (x, x_bar, p_bar) = (x.at_mut(i), x_bar.at_mut(i), p_bar.at_mut(i));
            m.kick_drift_vjp(p.at(i), x, g, kick, drift, x_bar, g_bar, p_bar)
        })
    }
}

/// Each method fails with a message that names the component where one cannot be undone;
/// [`Components::all_reversible`] tells beforehand.
impl<T: Real> MatterReversible<T> for Components<T> {
    fn undrift(&self, p: &World<T>, x: &mut World<T>, dt: f64) -> Result<()> {
        let mut each = self.each_reversible()?.into_iter().enumerate();
        each.try_for_each(|(i, m)| m.undrift(p.at(i), x.at_mut(i), dt))
    }
    fn unkick(&self, p: &World<T>, x: &mut World<T>, g: &Gravity<T>, dt: f64) -> Result<()> {
        let mut each = self.each_reversible()?.into_iter().enumerate();
        each.try_for_each(|(i, m)| m.unkick(p.at(i), x.at_mut(i), g, dt))
    }
    fn undrift_vjp(
        &self,
        p: &World<T>,
        x: &mut World<T>,
        dt: f64,
        x_bar: &mut World<T>,
        p_bar: &mut World<T>,
    ) -> Result<()> {
        let mut each = self.each_reversible()?.into_iter().enumerate();
        each.try_for_each(|(i, m)| {
            m.undrift_vjp(p.at(i), x.at_mut(i), dt, x_bar.at_mut(i), p_bar.at_mut(i))
        })
    }
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
        let mut each = self.each_reversible()?.into_iter().enumerate();
        each.try_for_each(|(i, m)| {
            m.unkick_vjp(
                p.at(i),
                x.at_mut(i),
                g,
                dt,
                x_bar.at_mut(i),
                g_bar,
                p_bar.at_mut(i),
            )
        })
    }
}
