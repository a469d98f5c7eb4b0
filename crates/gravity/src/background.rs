//! Gravity that is given: an external potential on the mesh.

use adastra_core::{FieldMut, FieldRef, Fields, Real, State};
use adastra_grid::Gravity;
use ndarray::Array3;

/// An external potential on the mesh, with its acceleration; empty where there is none.
///
/// It is a *parameter* of the leapfrog, so a run can be differentiated with respect to every
/// cell of it, and the reverse sweep only adds up its cotangent. An analytic potential is an
/// operator from a handful of parameters to a `Background`; it runs once before the evolution
/// and its adjoint once after the reverse sweep, not once a step.
#[derive(Debug, Clone, Default)]
pub struct Background<T>(pub Option<Gravity<T>>);

impl<T: Real> Background<T> {
    /// No external potential.
    pub fn none() -> Self {
        Self(None)
    }

    /// Adds this background to the self-gravity of a step.
    pub fn add_to(&self, gravity: &mut Gravity<T>) {
        if let Some(background) = &self.0 {
            add(background, T::one(), gravity);
        }
    }
}

/// `y += a x`, field by field; an acceleration that `y` does not have is not wanted.
pub(crate) fn add<T: Real>(x: &Gravity<T>, a: T, y: &mut Gravity<T>) {
    y.potential.axpy(a, &x.potential);
    if let (Some(y), Some(x)) = (&mut y.acceleration, &x.acceleration) {
        for (y, x) in y.iter_mut().zip(x) {
            y.axpy(a, x);
        }
    }
}

const NAMES: [&str; 3] = ["acceleration.x", "acceleration.y", "acceleration.z"];

impl<T: Real> State<T> for Background<T> {
    fn zeros_like(&self) -> Self {
        let zero = |a: &Array3<T>| Array3::zeros(a.raw_dim());
        Self(self.0.as_ref().map(|g| {
            Gravity {
                potential: zero(&g.potential),
                acceleration: g
                    .acceleration
                    .as_ref()
                    .map(|a| [zero(&a[0]), zero(&a[1]), zero(&a[2])]),
            }
        }))
    }

    fn axpy(&mut self, a: T, x: &Self) {
        match (&mut self.0, &x.0) {
            (Some(y), Some(x)) => add(x, a, y),
            (None, None) => {}
            _ => panic!("axpy of backgrounds of which only one is empty"),
        }
    }

    fn dot(&self, other: &Self) -> f64 {
        let (Some(x), Some(y)) = (&self.0, &other.0) else {
            return 0.0;
        };
        let mut sum = x.potential.dot(&y.potential);
        if let (Some(x), Some(y)) = (&x.acceleration, &y.acceleration) {
            sum += x.iter().zip(y).map(|(x, y)| x.dot(y)).sum::<f64>();
        }
        sum
    }
}

impl<T: Real> Fields<T> for Background<T> {
    fn visit(&self, f: &mut dyn FnMut(&str, FieldRef<'_, T>)) {
        let Some(g) = &self.0 else { return };
        f("potential", FieldRef::Real(g.potential.view().into_dyn()));
        for (a, name) in g.acceleration.iter().flatten().zip(NAMES) {
            f(name, FieldRef::Real(a.view().into_dyn()));
        }
    }

    fn visit_mut(&mut self, f: &mut dyn FnMut(&str, FieldMut<'_, T>)) {
        let Some(g) = &mut self.0 else { return };
        f(
            "potential",
            FieldMut::Real(g.potential.view_mut().into_dyn()),
        );
        for (a, name) in g.acceleration.iter_mut().flatten().zip(NAMES) {
            f(name, FieldMut::Real(a.view_mut().into_dyn()));
        }
    }
}
