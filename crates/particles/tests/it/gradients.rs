//! Deposit and readout: tangents, adjoints and difference quotients on random meshes.

use adastra_check as check;
use adastra_core::Operator;
use adastra_grid::Mesh;
use adastra_particles::{Deposit, Readout};
use ndarray::{Array1, Array2, array};
use proptest::prelude::*;
use proptest::strategy::ValueTree;

use crate::common::{masses, meshes, smooth_positions};

#[test]
fn deposit_has_its_derivatives() {
    let inputs = (meshes(), 1..9usize).prop_flat_map(|(mesh, n)| {
        let particles = (smooth_positions(&mesh, n), masses(n));
        (Just(mesh), particles)
    });
    check::tangent_of(inputs, |(mesh, x)| (Deposit::new(&mesh), (), x));
}

#[test]
fn readout_has_its_derivatives() {
    let inputs = (meshes(), 1..9usize).prop_flat_map(|(mesh, n)| {
        let x = (
            check::normal(mesh.shape(), 0.3, 1.0),
            smooth_positions(&mesh, n),
        );
        (Just(mesh), x)
    });
    check::tangent_of(inputs, |(mesh, x)| (Readout::new(&mesh), (), x));
}

#[test]
fn derivatives_of_many_particles_are_those_of_few() {
    // Enough for the sorted sweeps.
    let mesh = Mesh::new([6, 4, 8], [1.0, 2.0, 1.5]).unwrap();
    let n = 5000;
    let tolerances = check::Tolerances::default();
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let inputs = (
        smooth_positions(&mesh, n),
        masses(n),
        check::normal(mesh.shape(), 0.3, 1.0),
    );
    let (position, mass, field) = inputs.new_tree(&mut runner).unwrap().current();
    let (deposit, readout) = (Deposit::new(&mesh), Readout::new(&mesh));
    let x = (position.clone(), mass);
    check::check_tangent_at(&deposit, &(), &x, 1, &tolerances).unwrap();
    check::check_tangent_at(&readout, &(), &(field, position), 2, &tolerances).unwrap();
}

#[test]
fn single_precision_agrees_with_double() {
    let mesh = Mesh::new([8, 6, 4], [1.0, 1.2, 0.5]).unwrap();
    let tolerances = check::Tolerances::default();
    let position = array![[0.11, 0.52, 0.33], [0.97, 1.15, 0.02]];
    let mass = array![1.5, 0.5];
    let single: (Array2<f32>, Array1<f32>) = (position.mapv(|x| x as f32), mass.mapv(|x| x as f32));
    let double = (single.0.mapv(f64::from), single.1.mapv(f64::from));
    let deposit = Deposit::new(&mesh);
    let (in_f32, in_f64) = ((&deposit, &(), &single), (&deposit, &(), &double));
    check::check_precision_at(in_f32, in_f64, 3, &tolerances).unwrap();
    let field = ndarray::Array3::from_shape_fn(mesh.shape(), |(i, j, k)| (i * j + k) as f32);
    let (single, double) = ((field.clone(), single.0), (field.mapv(f64::from), double.0));
    let readout = Readout::new(&mesh);
    let (in_f32, in_f64) = ((&readout, &(), &single), (&readout, &(), &double));
    check::check_precision_at(in_f32, in_f64, 4, &tolerances).unwrap();
}

#[test]
fn on_a_cell_centre_the_derivative_is_that_of_larger_x() {
    let mesh = Mesh::new([4, 2, 2], [4.0, 2.0, 2.0]).unwrap();
    let mut field = mesh.zeros::<f64>();
    for (i, value) in [0.0, 1.0, 10.0, 100.0].into_iter().enumerate() {
        field.index_axis_mut(ndarray::Axis(0), i).fill(value);
    }
    let slope = |x: f64| {
        use adastra_core::Adjoint;
        let readout = Readout::new(&mesh);
        let (_, saved) = readout
            .record(&(), (field.clone(), array![[x, 0.7, 1.1]]))
            .unwrap();
        readout.vjp(&(), saved, array![1.0], &mut ()).unwrap().1[[0, 0]]
    };
    assert_eq!(slope(1.5), 9.0);
    assert_eq!(slope(1.5 - 1e-12), 1.0);
    assert_eq!(slope(3.5), -100.0);
    assert_eq!(slope(0.5 - 1e-12), -100.0);
}

proptest! {
    #[test]
    fn mass_is_conserved_and_a_uniform_field_read_exactly(
        (mesh, position, mass) in (meshes(), 0..40usize).prop_flat_map(|(mesh, n)| {
            (Just(mesh), check::real((n, 3), -5.0..5.0), masses(n))
        }),
    ) {
        let total = mass.sum();
        let rho = Deposit::new(&mesh).apply(&(), (position.clone(), mass)).unwrap();
        prop_assert!((rho.sum() * mesh.cell_volume() - total).abs() <= 1e-13 * total);
        prop_assert!(rho.iter().all(|&rho| rho >= 0.0));
        let uniform = mesh.zeros::<f64>() + 2.5;
        for value in Readout::new(&mesh).apply(&(), (uniform, position)).unwrap() {
            prop_assert!((value - 2.5).abs() < 1e-13);
        }
    }
}
