//! Gradients of the boson mass and of the coupling through whole runs.

use adastra_core::{Operator, Real};
use adastra_fdm::{WaveParams, WaveState};
use adastra_gravity::{Background, Leapfrog, SelfGravity};
use adastra_grid::Mesh;
use num_complex::Complex;

use crate::common::{loss, reversing, smooth_wave, storing, system};

const DT: [f64; 20] = [0.001; 20];

fn mesh() -> Mesh {
    Mesh::new([16; 3], [10.0; 3]).unwrap()
}

fn narrow<T: Real>(x: &WaveState<f64>) -> WaveState<T> {
    WaveState {
        psi: x.psi.mapv(|z| Complex::new(T::of(z.re), T::of(z.im))),
    }
}

fn wide<T: Real>(x: &WaveState<T>) -> WaveState<f64> {
    WaveState {
        psi: x.psi.mapv(|z| Complex::new(z.re.f64(), z.im.f64())),
    }
}

/// Loss, dL/dm and dL/dg in the precision T.
fn gradient<T: Real>(mass: f64, coupling: f64, reverse: bool) -> (f64, f64, f64) {
    let system = system::<T>(&mesh());
    let p = (
        WaveParams {
            mass: T::of(mass),
            coupling: T::of(coupling),
        },
        Background::none(),
    );
    let run = if reverse {
        reversing(&system, &DT, 1)
    } else {
        storing(&system, &DT)
    };
    let found = run
        .value_and_gradient(&p, narrow(&smooth_wave(&mesh(), 1e8)), |y| {
            let (value, y_bar) = loss(&mesh(), &wide(y));
            Ok((value, narrow(&y_bar)))
        })
        .unwrap();
    (
        found.value,
        found.p_bar.0.mass.f64(),
        found.p_bar.0.coupling.f64(),
    )
}

fn value(mass: f64, coupling: f64) -> f64 {
    let system = system::<f64>(&mesh());
    let p = (WaveParams { mass, coupling }, Background::none());
    let y = storing(&system, &DT)
        .apply(&p, smooth_wave(&mesh(), 1e8))
        .unwrap();
    loss(&mesh(), &y).0
}

/// Fourth-order central difference.
fn difference(f: impl Fn(f64) -> f64, h: f64) -> f64 {
    (8.0 * (f(h) - f(-h)) - (f(2.0 * h) - f(-2.0 * h))) / (12.0 * h)
}

#[test]
fn mass_and_coupling_against_differences_and_single_precision() {
    for (mass, coupling) in [(1.0, 0.0), (1.7, 2.0), (0.6, -0.5)] {
        let (_, by_mass, by_coupling) = gradient::<f64>(mass, coupling, false);
        let expected = difference(|h| value(mass + h, coupling), 1e-3);
        assert!(
            (by_mass / expected - 1.0).abs() < 1e-7,
            "{mass}: {by_mass} {expected}"
        );
        let expected = difference(|h| value(mass, coupling + h), 1e-2);
        assert!(
            (by_coupling / expected - 1.0).abs() < 1e-7,
            "{by_coupling} {expected}"
        );
        for reverse in [false, true] {
            let (single, m, g) = gradient::<f32>(mass, coupling, reverse);
            assert!(
                (single / value(mass, coupling) - 1.0).abs() < 1e-4,
                "{single}"
            );
            assert!(
                (m / by_mass - 1.0).abs() < 1e-3,
                "{mass}, {reverse}: {m} {by_mass}"
            );
            assert!(
                (g / by_coupling - 1.0).abs() < 1e-3,
                "{reverse}: {g} {by_coupling}"
            );
        }
    }
}

#[test]
fn nothing_leaves_the_range_of_single_precision() {
    // Extreme but physical axions: the peer's masses of 1e-89 underflow.
    for (mass, coupling) in [(1e-2f32, 1e-3f32), (30.0, 100.0), (300.0, -1e4)] {
        let size = 10.0 / f64::from(mass).sqrt();
        let mesh = Mesh::new([8; 3], [size; 3]).unwrap();
        let system = std::sync::Arc::new(SelfGravity::new(&mesh, adastra_fdm::Wave::new(&mesh)));
        let p = (WaveParams { mass, coupling }, Background::none());
        let steps = Leapfrog::new(system, &[1e-3; 3]);
        let run = adastra_core::Evolve::new(steps, adastra_core::Schedule::StoreAll);
        let x = narrow::<f32>(&smooth_wave(&mesh, 1e7));
        let found = run
            .value_and_gradient(&p, x, |y| {
                let (value, y_bar) = loss(&mesh, &wide(y));
                Ok((value, narrow(&y_bar)))
            })
            .unwrap();
        let bar = found.p_bar.0;
        assert!(found.value.is_finite() && found.value > 0.0);
        assert!(
            bar.mass.is_normal() && bar.coupling.is_normal(),
            "{mass}: {bar:?}"
        );
    }
}
