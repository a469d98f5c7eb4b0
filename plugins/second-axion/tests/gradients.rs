//! The proof of the gradients: one call per property, at random fields, masses and steps.

use adastra_check as check;
use adastra_core::{Evolve, ReversibleSchedule, Schedule};
use adastra_gravity::{Background, Leapfrog, SelfGravity};
use adastra_grid::Mesh;
use adastra_plugin_second_axion::{Axion, AxionMass, SecondAxion};
use proptest::prelude::*;
use std::sync::Arc;

type Run = Evolve<f64, Leapfrog<f64, SecondAxion<f64>>>;
type Inputs = (Run, (AxionMass<f64>, Background<f64>), Axion<f64>);

fn run(reversible: bool) -> impl Fn((f64, ndarray::Array3<num_complex::Complex<f64>>)) -> Inputs {
    move |(mass, psi)| {
        let mesh = Mesh::new([4, 6, 8], [4.0, 6.0, 8.0]).expect("a mesh");
        let system = Arc::new(SelfGravity::new(&mesh, SecondAxion::new(&mesh)));
        let leapfrog = Leapfrog::new(system, &[0.01, 0.02]);
        let run = if reversible {
            Evolve::reversible(leapfrog, ReversibleSchedule::Reconstruct { anchors: 0 })
        } else {
            Evolve::new(leapfrog, Schedule::StoreAll)
        };
        (run, (AxionMass { mass }, Background::none()), Axion { psi })
    }
}

fn inputs() -> impl Strategy<Value = (f64, ndarray::Array3<num_complex::Complex<f64>>)> {
    (0.5..2.0, check::complex((4, 6, 8), 1e3))
}

#[test]
fn the_leapfrog_has_the_right_gradient() {
    check::adjoint_of(inputs(), run(false));
}

#[test]
fn and_so_when_it_is_undone() {
    check::reversible_of(inputs(), run(true));
}
