//! The sky: astropy's values, derivatives, bad input.

use adastra_check as check;
use adastra_core::Operator;
use adastra_io::read_arrays;
use adastra_nbody::{Observer, ParticleState, Sky};
use ndarray::{Array1, Array2, Ix2};
use proptest::prelude::*;

#[test]
fn values_are_those_of_astropy() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/sky.npz");
    let arrays = read_arrays(path).unwrap();
    let matrix = |name: &str| -> Array2<f64> {
        let array = arrays[name].to_real().unwrap();
        array.into_dimensionality::<Ix2>().unwrap()
    };
    let n = matrix("position").nrows();
    let x = ParticleState::new(matrix("position"), matrix("velocity"), Array1::zeros(n)).unwrap();
    let observer = Observer::default();
    for (sky, name) in [(Sky::icrs(&observer), "icrs"), (Sky::gd1(&observer), "gd1")] {
        let found = sky.apply(&(), x.clone()).unwrap();
        // Degrees, kpc, mas/yr and km/s. The matrix of GD-1 is orthogonal to ten digits only.
        let allowed = if name == "icrs" { 1e-10 } else { 1e-7 };
        for (found, expected) in found.iter().zip(&matrix(name)) {
            let error = (found - expected).abs();
            assert!(
                error < allowed * expected.abs().max(1.0),
                "{name}: {found} {expected}"
            );
        }
    }
}

#[test]
fn derivatives() {
    let particles = (
        check::normal((6, 3), 0.0, 4.0),
        check::normal((6, 3), 0.0, 150.0),
    );
    let particles = particles.prop_map(|(mut position, velocity)| {
        // Away from the observer and from the poles of either frame.
        position.column_mut(0).mapv_inplace(|x| x.abs() + 3.0);
        (
            (),
            ParticleState {
                position,
                velocity,
                mass: Array1::ones(6),
            },
        )
    });
    let observer = Observer::default();
    for sky in [Sky::icrs(&observer), Sky::gd1(&observer)] {
        check::tangent_of(&particles, |((), x)| (sky, (), x));
    }
}

#[test]
fn longitudes_lie_in_their_ranges() {
    let position = Array2::from_shape_fn((500, 3), |(i, k)| {
        20.0 * (2.3 * i as f64 + 1.9 * (k * k) as f64).sin()
    });
    let x = ParticleState {
        velocity: position.clone(),
        position,
        mass: Array1::zeros(500),
    };
    let observer = Observer::default();
    let ra = Sky::icrs(&observer).apply(&(), x.clone()).unwrap();
    let phi1 = Sky::gd1(&observer).apply(&(), x).unwrap();
    let outside = |a: &Array2<f64>, low: f64| {
        a.column(0)
            .iter()
            .filter(|&&x| !(low..low + 360.0).contains(&x))
            .count()
    };
    assert_eq!((outside(&ra, 0.0), outside(&phi1, -180.0)), (0, 0));
    assert!(ra.column(0).iter().any(|&x| x > 300.0));
    assert!(phi1.column(0).iter().any(|&x| x < -100.0));
}

#[test]
fn a_star_at_the_sun_has_no_direction() {
    let observer = Observer {
        height: 0.0,
        ..Observer::default()
    };
    let mut x = ParticleState::<f64>::zeros(3);
    x.position[[2, 0]] = -observer.distance;
    let text = Sky::icrs(&observer).apply(&(), x).unwrap_err().to_string();
    assert!(text.contains("particle 2"), "{text}");
}
