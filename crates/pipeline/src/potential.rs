//! External potentials: from a handful of parameters to a background on the mesh.

use adastra_core::{Adjoint, FieldMut, FieldRef, Fields, Operator, Real, Result, State};
use adastra_gravity::Background;
use adastra_grid::{Gravity, Mesh};
use ndarray::{Array1, Array3};
use rayon::prelude::*;

use crate::{PotentialPlugin, World};

type ValueGradient = fn(&[f64], [f64; 3]) -> (f64, [f64; 3]);
type ParameterVjp = fn(&[f64], [f64; 3], f64, [f64; 3], &mut [f64]);

/// A potential law with its derivatives by dual numbers, and the values of its parameters.
pub(crate) struct Law {
    pub(crate) values: Vec<f64>,
    names: Vec<&'static str>,
    value_gradient: ValueGradient,
    parameter_vjp: ParameterVjp,
}

impl Law {
    pub(crate) fn new<P: PotentialPlugin>(values: Vec<f64>) -> Self {
        Self {
            values,
            names: P::PARAMETERS.iter().map(|doc| doc.name).collect(),
            value_gradient: |p, r| P::default().value_gradient(p, r),
            parameter_vjp: |p, r, value_bar, gradient_bar, p_bar| {
                P::default().parameter_vjp(p, r, value_bar, gradient_bar, p_bar);
            },
        }
    }

    /// The parameters as an entry of a world.
    pub(crate) fn parameters<T: Real>(&self) -> Scalars<T> {
        let values = self.values.iter().map(|&v| T::of(v)).collect();
        Scalars {
            names: self.names.clone(),
            values,
        }
    }
}

/// Named scalars.
#[derive(Debug, Clone)]
pub(crate) struct Scalars<T> {
    names: Vec<&'static str>,
    values: Array1<T>,
}

impl<T: Real> State<T> for Scalars<T> {
    fn zeros_like(&self) -> Self {
        Self {
            names: self.names.clone(),
            values: Array1::zeros(self.values.len()),
        }
    }
    fn axpy(&mut self, a: T, x: &Self) {
        self.values.axpy(a, &x.values);
    }
    fn dot(&self, other: &Self) -> f64 {
        State::<T>::dot(&self.values, &other.values)
    }
}

impl<T: Real> Fields<T> for Scalars<T> {
    fn visit(&self, f: &mut dyn FnMut(&str, FieldRef<'_, T>)) {
        for (name, value) in self.names.iter().zip(&self.values) {
            f(name, FieldRef::Real(ndarray::aview0(value).into_dyn()));
        }
    }
    fn visit_mut(&mut self, f: &mut dyn FnMut(&str, FieldMut<'_, T>)) {
        for (name, value) in self.names.iter().zip(&mut self.values) {
            value.visit_mut(&mut |_, field| f(name, field));
        }
    }
}

/// The sum of the potentials of a configuration as an operator from their parameters (a world
/// with one entry per potential) to a [`Background`]. Evaluated once a run.
pub struct Potentials<T: Real> {
    laws: Vec<(String, Law)>,
    mesh: Mesh,
    acceleration: bool,
    scalar: std::marker::PhantomData<T>,
}

impl<T: Real> Potentials<T> {
    pub(crate) fn new(laws: Vec<(String, Law)>, mesh: &Mesh, acceleration: bool) -> Self {
        Self {
            laws,
            mesh: mesh.clone(),
            acceleration,
            scalar: std::marker::PhantomData,
        }
    }

    /// The configured parameters.
    pub fn parameters(&self) -> World<T> {
        let mut world = World::new();
        for (name, law) in &self.laws {
            world.push(name, Box::new(law.parameters::<T>()));
        }
        world
    }

    fn values(&self, p: &World<T>) -> Vec<Vec<f64>> {
        let values = |name: &String| {
            p.get::<Scalars<T>>(name)
                .map(|s| s.values.mapv(T::f64).to_vec())
        };
        self.laws
            .iter()
            .map(|(name, _)| values(name).unwrap_or_default())
            .collect()
    }
}

impl<T: Real> Operator<T> for Potentials<T> {
    type Params = World<T>;
    type In = ();
    type Out = Background<T>;

    fn apply(&self, p: &World<T>, (): ()) -> Result<Background<T>> {
        if self.laws.is_empty() {
            return Ok(Background::none());
        }
        let values = self.values(p);
        let mut fields = [0; 4].map(|_| self.mesh.zeros::<T>());
        let [potential, x, y, z] = &mut fields;
        ndarray::Zip::indexed(potential)
            .and(x)
            .and(y)
            .and(z)
            .par_for_each(|(i, j, k), potential, x, y, z| {
                let r = self.mesh.centre([i, j, k]);
                let mut sum = [0.0; 4];
                for ((_, law), p) in self.laws.iter().zip(&values) {
                    let (phi, gradient) = (law.value_gradient)(p, r);
                    sum[0] += phi;
                    (0..3).for_each(|axis| sum[axis + 1] -= gradient[axis]);
                }
                *potential = T::of(sum[0]);
                (*x, *y, *z) = (T::of(sum[1]), T::of(sum[2]), T::of(sum[3]));
            });
        let [potential, x, y, z] = fields;
        let acceleration = self.acceleration.then_some([x, y, z]);
        Ok(Background(Some(Gravity {
            potential,
            acceleration,
        })))
    }
}

impl<T: Real> Adjoint<T> for Potentials<T> {
    type Saved = ();

    fn record(&self, p: &World<T>, (): ()) -> Result<(Background<T>, ())> {
        Ok((self.apply(p, ())?, ()))
    }

    fn vjp(&self, p: &World<T>, (): (), y_bar: Background<T>, p_bar: &mut World<T>) -> Result<()> {
        let Some(bar) = y_bar.0 else { return Ok(()) };
        let values = self.values(p);
        let [nx, ny, nz] = self.mesh.cells();
        for ((name, law), p) in self.laws.iter().zip(&values) {
            // One partial sum per slab, added in order: the same bits for any thread count.
            let slab = |i: usize| {
                let mut sum = vec![0.0; p.len()];
                for (j, k) in (0..ny).flat_map(|j| (0..nz).map(move |k| (j, k))) {
                    let at = |a: &Array3<T>| a[[i, j, k]].f64();
                    // The acceleration is minus the gradient.
                    let slope = |a: &[Array3<T>; 3]| [-at(&a[0]), -at(&a[1]), -at(&a[2])];
                    let gradient_bar = bar.acceleration.as_ref().map_or([0.0; 3], slope);
                    let r = self.mesh.centre([i, j, k]);
                    (law.parameter_vjp)(p, r, at(&bar.potential), gradient_bar, &mut sum);
                }
                sum
            };
            let slabs: Vec<_> = (0..nx).into_par_iter().map(slab).collect();
            if let Some(scalars) = p_bar.get_mut::<Scalars<T>>(name) {
                for (k, value) in scalars.values.iter_mut().enumerate() {
                    *value += T::of(slabs.iter().map(|s| s[k]).sum());
                }
            }
        }
        Ok(())
    }
}
