//! One step and its adjoint: `cargo bench -p adastra-hydro`.

use std::f64::consts::TAU;
use std::sync::Arc;

use adastra_core::{Adjoint, Operator, Real, State};
use adastra_gravity::{Matter, MatterAdjoint};
use adastra_grid::Mesh;
use adastra_hydro::{
    Drift, EquationOfState, Flux, FromPrimitive, Gas, Ideal, IdealParams, Isothermal,
    IsothermalParams, Limiter, Scheme,
};
use divan::Bencher;
use divan::counter::ItemsCount;
use ndarray::Array3;

fn main() {
    divan::main();
}

const JAXION: Scheme = Scheme {
    flux: Flux::LaxFriedrichs,
    limiter: Limiter::Jaxion,
    cfl: 1.0,
    density_floor: 0.0,
    pressure_floor: 0.0,
};
const SHARP: Scheme = Scheme {
    flux: Flux::Hllc,
    limiter: Limiter::VanLeer,
    ..JAXION
};

/// Gas of smooth flow with sound waves at about the flow's speed.
fn start<T: Real, E: EquationOfState<T>>(
    n: usize,
    scheme: Scheme,
    p: &E::Params,
) -> (Arc<Gas<T, E>>, E::State, f64) {
    let mesh = Mesh::new([n; 3], [10.0; 3]).unwrap();
    let wave = |phase: f64, mean: f64, amplitude: f64| {
        Array3::from_shape_fn(mesh.shape(), |(i, j, k)| {
            let [x, y, z] = mesh.centre([i, j, k]).map(|x| TAU * x / 10.0);
            let sum = (x + phase).sin() + (y + 2.0 * phase).cos() * (2.0 * z + phase).sin();
            T::of(mean + amplitude * sum)
        })
    };
    let mut w = vec![
        wave(0.1, 1e6, 2e5),
        wave(0.7, 1.0, 8.0),
        wave(1.9, 0.0, 6.0),
        wave(3.1, 0.0, 5.0),
    ];
    if E::ENERGY {
        w.push(wave(4.1, 3e8, 5e7));
    }
    let x = FromPrimitive::<E>::new(&mesh).apply(p, w).unwrap();
    let gas = Arc::new(Gas::new(&mesh, scheme).unwrap());
    (gas, x, 0.1 / n as f64)
}

fn forward<T: Real, E: EquationOfState<T>>(
    bencher: Bencher<'_, '_>,
    n: usize,
    s: Scheme,
    p: E::Params,
) {
    let (gas, mut x, dt) = start::<T, E>(n, s, &p);
    bencher
        .counter(ItemsCount::new(n * n * n))
        .bench_local(|| gas.drift(&p, &mut x, dt).unwrap());
}

fn reverse<T: Real, E: EquationOfState<T>>(
    bencher: Bencher<'_, '_>,
    n: usize,
    s: Scheme,
    p: E::Params,
) {
    let (gas, x, dt) = start::<T, E>(n, s, &p);
    let (mut bar, _) = Drift::new(&gas, dt).record(&p, x.clone()).unwrap();
    let mut p_bar = p.zeros_like();
    bencher.counter(ItemsCount::new(n * n * n)).bench_local(|| {
        gas.drift_vjp(&p, &x, dt, &mut bar, &mut p_bar).unwrap();
    });
}

fn cold<T: Real>() -> IsothermalParams<T> {
    IsothermalParams {
        sound_speed: T::of(20.0),
    }
}

fn warm<T: Real>() -> IdealParams<T> {
    IdealParams {
        adiabatic_index: T::of(5.0 / 3.0),
    }
}

const SIZES: [usize; 2] = [64, 128];

#[divan::bench(types = [f32, f64], args = SIZES)]
fn step_isothermal_jaxion<T: Real>(bencher: Bencher<'_, '_>, n: usize) {
    forward::<T, Isothermal>(bencher, n, JAXION, cold());
}

#[divan::bench(types = [f32, f64], args = SIZES)]
fn vjp_isothermal_jaxion<T: Real>(bencher: Bencher<'_, '_>, n: usize) {
    reverse::<T, Isothermal>(bencher, n, JAXION, cold());
}

#[divan::bench(types = [f32, f64], args = SIZES)]
fn step_ideal_hllc<T: Real>(bencher: Bencher<'_, '_>, n: usize) {
    forward::<T, Ideal>(bencher, n, SHARP, warm());
}

#[divan::bench(types = [f32, f64], args = SIZES)]
fn vjp_ideal_hllc<T: Real>(bencher: Bencher<'_, '_>, n: usize) {
    reverse::<T, Ideal>(bencher, n, SHARP, warm());
}
