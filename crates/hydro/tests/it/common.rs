//! The initial condition of the golden data, and helpers of the other tests.

use std::f64::consts::TAU;

use adastra_core::{Operator, Real};
use adastra_grid::Mesh;
use adastra_hydro::{
    EquationOfState, FromPrimitive, Ideal, IdealParams, IdealState, Isothermal, IsothermalParams,
    IsothermalState,
};
use ndarray::Array3;

/// A field of the position, in kpc.
pub(crate) fn field<T: Real>(mesh: &Mesh, f: impl Fn([f64; 3]) -> f64) -> Array3<T> {
    Array3::from_shape_fn(mesh.shape(), |(i, j, k)| T::of(f(mesh.centre([i, j, k]))))
}

/// Density and velocities of the golden data, for any box.
pub(crate) fn smooth<T: Real>(mesh: &Mesh, density: f64) -> Vec<Array3<T>> {
    let k = mesh.size().map(|size| TAU / size);
    let at =
        |f: fn(f64, f64, f64) -> f64| field(mesh, move |[x, y, z]| f(k[0] * x, k[1] * y, k[2] * z));
    vec![
        at(|x, y, z| {
            1.0 + 0.2 * (x + 0.3).sin() * (y + 0.4).cos() + 0.1 * (2.0 * z + y + 0.9).cos()
        })
        .mapv(|rho| T::of(density) * rho),
        at(|x, y, z| 8.0 * (y + 0.2).sin() + 3.0 * (x + 2.0 * z + 0.6).cos()),
        at(|x, y, z| 6.0 * (z + 0.5).cos() - 2.0 * (2.0 * x + y + 0.1).sin()),
        at(|x, y, z| 5.0 * (x + 0.8).sin() + 4.0 * (y + z + 1.1).cos()),
    ]
}

pub(crate) fn isothermal<T: Real>(sound_speed: f64) -> IsothermalParams<T> {
    IsothermalParams {
        sound_speed: T::of(sound_speed),
    }
}

pub(crate) fn ideal<T: Real>(adiabatic_index: f64) -> IdealParams<T> {
    IdealParams {
        adiabatic_index: T::of(adiabatic_index),
    }
}

/// Conserved variables of isothermal gas.
pub(crate) fn isothermal_state<T: Real>(mesh: &Mesh, w: Vec<Array3<T>>) -> IsothermalState<T> {
    state::<T, Isothermal>(mesh, &isothermal(1.0), w)
}

/// Conserved variables of ideal gas.
pub(crate) fn ideal_state<T: Real>(mesh: &Mesh, gamma: f64, w: Vec<Array3<T>>) -> IdealState<T> {
    state::<T, Ideal>(mesh, &ideal(gamma), w)
}

fn state<T: Real, E: EquationOfState<T>>(
    mesh: &Mesh,
    p: &E::Params,
    w: Vec<Array3<T>>,
) -> E::State {
    FromPrimitive::<E>::new(mesh).apply(p, w).unwrap()
}

/// Largest difference, relative to the largest value expected. NaN counts as infinite.
pub(crate) fn distance<'a>(
    found: impl IntoIterator<Item = &'a f64>,
    expected: impl IntoIterator<Item = &'a f64>,
) -> f64 {
    let (mut worst, mut scale) = (0.0f64, 0.0f64);
    for (a, b) in found.into_iter().zip(expected) {
        let difference = (a - b).abs();
        worst = worst.max(if difference.is_nan() {
            f64::INFINITY
        } else {
            difference
        });
        scale = scale.max(b.abs());
    }
    worst / scale
}
