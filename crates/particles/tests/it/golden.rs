//! Deposit and readout against an independent code; see tests/data.

use adastra_core::Operator;
use adastra_grid::{Gradient, Gravity, Mesh};
use adastra_particles::{Deposit, Particles, Readout};
use ndarray::{Array, Array1, Array2, Array3, Axis, Dimension};
use ndarray_npy::ReadNpyExt;

fn read<D: Dimension>(name: &str) -> Array<f64, D> {
    let path = format!("{}/tests/data/{name}.npy", env!("CARGO_MANIFEST_DIR"));
    Array::read_npy(std::fs::File::open(path).unwrap()).unwrap()
}

/// Largest difference over largest value; fails on NaN.
fn assert_close<D: Dimension>(found: &Array<f64, D>, expected: &Array<f64, D>) {
    assert_eq!(found.shape(), expected.shape());
    let largest = expected.iter().fold(0.0f64, |a, x| a.max(x.abs()));
    for (found, expected) in found.iter().zip(expected) {
        assert!(
            (found - expected).abs() <= 1e-12 * largest,
            "{found} for {expected}"
        );
    }
}

fn mesh() -> Mesh {
    Mesh::new([32; 3], [10.0; 3]).unwrap()
}

#[test]
fn deposit_of_the_stars() {
    let position: Array2<f64> = read("position");
    let mass = Array1::from_elem(position.nrows(), 1e7);
    let rho = Deposit::new(&mesh()).apply(&(), (position, mass)).unwrap();
    assert_close(&rho, &read("density"));
}

#[test]
fn acceleration_of_the_stars() {
    let potential: Array3<f64> = read("potential");
    let position: Array2<f64> = read("position");
    let expected: Array2<f64> = read("acceleration");
    let slopes = Gradient::new(&mesh())
        .apply(&(), potential.clone())
        .unwrap();
    let acceleration = [slopes.0, slopes.1, slopes.2].map(|slope| -slope);

    for (axis, a) in acceleration.iter().enumerate() {
        let a = Readout::new(&mesh())
            .apply(&(), (a.clone(), position.clone()))
            .unwrap();
        assert_close(&a, &expected.index_axis(Axis(1), axis).to_owned());
    }
    let gravity = Gravity {
        potential,
        acceleration: Some(acceleration),
    };
    let found = Particles::new(&mesh())
        .acceleration(&position, &gravity)
        .unwrap();
    assert_close(&found, &expected);
}
