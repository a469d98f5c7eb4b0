//! A state that knows its time.

use adastra_core::{FieldMut, FieldRef, Fields, Memory, Real, State};

/// A state and the time that it has reached, for matter whose forces depend on time: a motion knows
/// its length, not when it takes place. The time is one more field, `"time"`, so that restarts and
/// reverse sweeps have it too. A [`World`](crate::World) shows the state within as if it stood alone.
#[derive(Debug, Clone, PartialEq)]
pub struct Timed<S, T> {
    /// The state.
    pub state: S,
    /// Time since the start of the run, in kpc/(km/s).
    pub time: T,
}

impl<S, T: Real> Timed<S, T> {
    /// A state at the start.
    pub fn at_start(state: S) -> Self {
        let time = T::zero();
        Self { state, time }
    }
}

impl<S: State<T>, T: Real> State<T> for Timed<S, T> {
    fn zeros_like(&self) -> Self {
        Self::at_start(self.state.zeros_like())
    }
    fn axpy(&mut self, a: T, x: &Self) {
        self.state.axpy(a, &x.state);
        self.time += a * x.time;
    }
    fn dot(&self, other: &Self) -> f64 {
        self.state.dot(&other.state) + self.time.f64() * other.time.f64()
    }
    fn copy_from(&mut self, x: &Self) {
        self.state.copy_from(&x.state);
        self.time = x.time;
    }
    fn copy_in(&self, memory: Memory) -> Self {
        let state = self.state.copy_in(memory);
        Self {
            state,
            time: self.time,
        }
    }
}

impl<S: Fields<T>, T: Real> Fields<T> for Timed<S, T> {
    fn visit(&self, f: &mut dyn FnMut(&str, FieldRef<'_, T>)) {
        self.state.visit(f);
        self.time.visit(&mut |_, field| f("time", field));
    }
    fn visit_mut(&mut self, f: &mut dyn FnMut(&str, FieldMut<'_, T>)) {
        self.state.visit_mut(f);
        self.time.visit_mut(&mut |_, field| f("time", field));
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{Array1, arr1};

    use super::*;
    use crate::World;

    #[test]
    fn a_world_shows_what_is_within() {
        let mut world = World::<f64>::new();
        world.push("a", Box::new(Timed::at_start(arr1(&[1.0, 2.0]))));
        world.push("b", Box::new(arr1(&[3.0])));
        assert_eq!(world.addresses(), ["a", "a.time", "b"]);
        assert_eq!(world.get("a"), Some(&arr1(&[1.0, 2.0])));
        type Numbers = Array1<f64>;
        world.get_mut::<Numbers>("a").unwrap()[0] = 5.0;
        let (a, b) = world.pair_mut::<Numbers, Numbers>("a", "b").unwrap();
        b[0] += a[0];
        world.get_mut::<Timed<Numbers, f64>>("a").unwrap().time = 7.0;
        let mut values = Vec::new();
        for address in world.addresses() {
            world.read(&address, &mut values);
        }
        assert_eq!(values, [5.0, 2.0, 7.0, 8.0]);
        assert!(world.get::<f64>("a").is_none());
    }
}
