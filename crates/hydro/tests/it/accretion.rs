//! Bondi accretion: conservation, the rate, gradients, bad input.

use adastra_check as check;
use adastra_core::Operator;
use adastra_grid::Mesh;
use adastra_hydro::{Accretion, AccretionParams, Bondi, IsothermalState};
use adastra_particles::ParticleState;
use ndarray::{Array1, Array2, array};
use proptest::prelude::*;

use crate::common::{isothermal, isothermal_state, smooth};

fn mesh() -> Mesh {
    Mesh::new([6, 8, 4], [6.0, 8.0, 4.0]).unwrap()
}

fn gas(mesh: &Mesh) -> IsothermalState<f64> {
    isothermal_state(mesh, smooth(mesh, 1.5e6))
}

fn efficiency(efficiency: f64) -> AccretionParams<f64> {
    AccretionParams { efficiency }
}

/// Totals of mass and momentum.
fn totals(mesh: &Mesh, gas: &IsothermalState<f64>, sinks: &ParticleState<f64>) -> [f64; 4] {
    let v = mesh.cell_volume();
    let momenta = [&gas.momentum_x, &gas.momentum_y, &gas.momentum_z];
    let of = |axis: usize| {
        let own = sinks.velocity.column(axis).dot(&sinks.mass);
        own + momenta[axis].sum() * v
    };
    [
        gas.density.sum() * v + sinks.mass.sum(),
        of(0),
        of(1),
        of(2),
    ]
}

#[test]
fn mass_and_momentum_are_conserved_to_rounding() {
    let mesh = mesh();
    let position = array![[0.3, 7.9, 1.0], [2.6, 3.3, 3.9], [2.9, 3.1, 0.2]];
    let velocity = array![[3.0, 0.0, -8.0], [0.0, 1.0, 0.0], [-20.0, 5.0, 2.0]];
    let sinks = ParticleState::new(position, velocity, array![3e7, 1e8, 5e7]).unwrap();
    let before = totals(&mesh, &gas(&mesh), &sinks);
    let accretion = Accretion::new(Bondi::new(&mesh, true), 2e-3);
    let p = (isothermal(20.0), efficiency(1.0));
    let (gas, sinks) = accretion.apply(&p, (gas(&mesh), sinks)).unwrap();
    let after = totals(&mesh, &gas, &sinks);
    assert!(sinks.mass[1] > 1.0005e8, "{}", sinks.mass[1]);
    for (a, b) in before.iter().zip(after) {
        assert!(
            (a - b).abs() < 1e-14 * before[0] * 20.0,
            "{before:?} {after:?}"
        );
    }
}

#[test]
fn the_rate_is_bondis() {
    // In uniform gas: dM = dt 4 pi lambda (G M)^2 rho / c^3, lambda = e^1.5/4 = 1.1204.
    let mesh = mesh();
    let mut gas = gas(&mesh);
    gas.density.fill(2e6);
    let sinks = ParticleState::new(array![[1.3, 2.2, 3.1]], Array2::zeros((1, 3)), array![1e8]);
    let accretion = Accretion::new(Bondi::new(&mesh, false), 1e-3);
    let p = (isothermal(20.0), efficiency(0.5));
    let (_, sinks) = accretion.apply(&p, (gas, sinks.unwrap())).unwrap();
    let g_m = 4.302_410_02e-6 * 1e8;
    let expected = 0.5e-3 * 4.0 * std::f64::consts::PI * 1.120_422_27 * g_m * g_m * 2e6 / 8e3;
    let found = sinks.mass[0] - 1e8;
    assert!((found / expected - 1.0).abs() < 1e-7, "{found} {expected}");
}

#[test]
fn gradients() {
    let inputs = (
        check::real([3, 3], 0.05..0.95),
        check::real([3, 3], -20.0..20.0),
        check::real(3, 0.5..1.5),
        (12.0..30.0, 0.3..1.0),
        prop::bool::ANY,
    );
    check::adjoint_of(inputs, |(inside, velocity, mass, (c, part), momentum)| {
        let mesh = mesh();
        // Within a cell of its own each, off the centres, where the weights have kinks.
        let cells = array![[0.5, 7.5, 1.5], [2.5, 3.5, 3.5], [4.5, 2.5, 0.5]];
        let mass: Array1<f64> = mass * 5e7;
        let sinks = ParticleState::new(cells + inside, velocity, mass).unwrap();
        let accretion = Accretion::new(Bondi::new(&mesh, momentum), 2e-3);
        let state = (gas(&mesh), sinks);
        (accretion, (isothermal(c), efficiency(part)), state)
    });
}

#[test]
fn more_sinks_than_cells_are_an_error() {
    let mesh = Mesh::new([2; 3], [1.0; 3]).unwrap();
    let bondi = Bondi::new(&mesh, true);
    let (p, a) = (isothermal(20.0), efficiency(1.0));
    for (n, good) in [(8, true), (9, false)] {
        let rest = Array2::from_elem((n, 3), 0.3);
        let sinks = ParticleState::new(rest.clone(), rest, Array1::from_elem(n, 1.0)).unwrap();
        let limit = bondi.limit(&p, &a, &sinks).map(drop);
        let run = Accretion::new(bondi.clone(), 1e-3)
            .apply(&(p.clone(), a.clone()), (gas(&mesh), sinks))
            .map(drop);
        for result in [limit, run] {
            assert_eq!(result.is_ok(), good);
            let said =
                |e: adastra_core::Error| e.to_string().contains("9 sinks accrete from 8 cells");
            assert!(result.err().is_none_or(said));
        }
    }
}

#[test]
fn taking_more_than_there_is_is_an_error() {
    let mesh = mesh();
    let sinks = ParticleState::new(array![[1.5, 2.5, 3.5]], Array2::zeros((1, 3)), array![1e9]);
    let sinks = sinks.unwrap();
    let bondi = Bondi::new(&mesh, true);
    let (p, a) = (isothermal(20.0), efficiency(1.0));
    let limit = bondi.limit(&p, &a, &sinks).unwrap();
    let run = |dt: f64| {
        Accretion::new(bondi.clone(), dt)
            .apply(&(p.clone(), a.clone()), (gas(&mesh), sinks.clone()))
    };
    assert!(run(0.99 * limit.dt).is_ok());
    let message = run(1.01 * limit.dt).unwrap_err().to_string();
    assert!(message.contains("density of cell [1, 2, 3]"), "{message}");
}
