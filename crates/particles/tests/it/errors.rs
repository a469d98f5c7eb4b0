//! Bad input ends in an error that says what is wrong.

use std::error::Error as _;

use adastra_core::{Adjoint, Error, Operator, Tangent};
use adastra_gravity::{Matter, MatterAdjoint};
use adastra_grid::{Gravity, Mesh};
use adastra_particles::{Conserved, Deposit, ParticleError, ParticleState, Particles, Readout};
use ndarray::{Array1, Array2, Array3, array};

fn mesh() -> Mesh {
    Mesh::new([4, 2, 6], [1.0, 1.0, 1.0]).unwrap()
}

fn gravity() -> Gravity<f64> {
    let zeros = || mesh().zeros();
    Gravity {
        potential: zeros(),
        acceleration: Some([zeros(), zeros(), zeros()]),
    }
}

#[track_caller]
fn particle_error<T: std::fmt::Debug>(result: adastra_core::Result<T>) -> ParticleError {
    let error = result.unwrap_err();
    error
        .source()
        .unwrap()
        .downcast_ref::<ParticleError>()
        .unwrap()
        .clone()
}

#[track_caller]
fn is_shape_error<T: std::fmt::Debug>(result: adastra_core::Result<T>) {
    let error = result.unwrap_err();
    assert!(matches!(error, Error::Shape { .. }), "{error}");
}

#[test]
fn positions_that_are_not_finite() {
    let (particles, gravity) = (Particles::new(&mesh()), gravity());
    for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        // Few particles and enough for the sorted sweeps.
        for n in [3, 10_000] {
            let mut x = ParticleState::<f64>::zeros(n);
            x.position[[2, 1]] = bad;
            let mut bar = x.clone();
            let mut rho = mesh().zeros();
            let check = |error| {
                let ParticleError::Particle {
                    field,
                    particle,
                    component,
                    value,
                    ..
                } = error
                else {
                    panic!("{error}");
                };
                assert_eq!((field, particle, component), ("position", 2, 1));
                assert_eq!(value.is_nan(), bad.is_nan());
                assert!(value.is_nan() || value == bad);
            };
            check(particle_error(particles.deposit(&(), &x, &mut rho)));
            check(particle_error(particles.deposit_vjp(
                &(),
                &x,
                &rho,
                &mut bar,
                &mut (),
            )));
            let mut g_bar = gravity.clone();
            let (bar, g) = (&mut bar, &gravity);
            check(particle_error(particles.kick_vjp(
                &(),
                &x,
                g,
                1.0,
                bar,
                &mut g_bar,
                &mut (),
            )));
            check(particle_error(particles.kick(&(), &mut x, g, 1.0)));
            check(particle_error(particles.acceleration(&x.position, g)));
            let position = || x.position.clone();
            check(particle_error(
                Deposit::new(&mesh()).apply(&(), (position(), x.mass.clone())),
            ));
            check(particle_error(
                Readout::new(&mesh()).apply(&(), (rho.clone(), position())),
            ));
            check(particle_error(ParticleState::new(
                position(),
                bar.velocity.clone(),
                Array1::zeros(n),
            )));
        }
    }
}

#[test]
fn a_drift_into_nowhere() {
    let particles = Particles::new(&mesh());
    let mut x = ParticleState::<f64>::zeros(2);
    x.velocity[[1, 2]] = f64::INFINITY;
    let error = particle_error(particles.drift(&(), &mut x, 0.1));
    assert!(
        matches!(
            error,
            ParticleError::Particle {
                particle: 1,
                component: 2,
                ..
            }
        ),
        "{error}"
    );
}

#[test]
fn huge_positions_and_masses_are_no_error() {
    let mut x = ParticleState::<f64>::zeros(1);
    x.position = array![[1e300, -1e300, f64::MAX]];
    x.mass[0] = 1.0;
    let mut rho = mesh().zeros();
    Particles::new(&mesh()).deposit(&(), &x, &mut rho).unwrap();
    assert!((rho.sum() * mesh().cell_volume() - 1.0).abs() < 1e-14);
}

#[test]
fn gravity_without_an_acceleration() {
    let particles = Particles::new(&mesh());
    let bare = Gravity {
        potential: mesh().zeros(),
        acceleration: None,
    };
    let mut x = ParticleState::<f64>::zeros(5);
    let missing = ParticleError::MissingAcceleration {
        cells: [4, 2, 6],
        particles: 5,
    };
    assert_eq!(
        particle_error(particles.kick(&(), &mut x, &bare, 1.0)),
        missing
    );
    let mut bar = x.clone();
    let mut bars = [bare.clone(), gravity()];
    let [no_bar, full_bar] = &mut bars;
    let found = particles.kick_vjp(&(), &x, &bare, 1.0, &mut bar, full_bar, &mut ());
    assert_eq!(particle_error(found), missing);
    let found = particles.kick_vjp(&(), &x, &gravity(), 1.0, &mut bar, no_bar, &mut ());
    assert_eq!(particle_error(found), missing);
    assert_eq!(
        missing.to_string(),
        "gravity on [4, 2, 6] cells comes without an acceleration: 5 particles need one"
    );
}

#[test]
fn shapes_that_do_not_fit() {
    let particles = Particles::new(&mesh());
    let x = ParticleState::<f64>::zeros(3);
    let wrong_mesh = || Array3::<f64>::zeros((4, 4, 4));
    let right_mesh = || mesh().zeros::<f64>();
    is_shape_error(particles.deposit(&(), &x, &mut wrong_mesh()));
    is_shape_error(particles.deposit_vjp(&(), &x, &wrong_mesh(), &mut x.clone(), &mut ()));
    let mut other = ParticleState::zeros(2);
    is_shape_error(particles.deposit_vjp(&(), &x, &right_mesh(), &mut other, &mut ()));
    is_shape_error(particles.drift_vjp(&(), &x, 1.0, &mut other, &mut ()));
    let mut g = gravity();
    is_shape_error(particles.kick_vjp(&(), &x, &gravity(), 1.0, &mut other, &mut g, &mut ()));
    g.acceleration.as_mut().unwrap()[2] = wrong_mesh();
    is_shape_error(particles.kick(&(), &mut x.clone(), &g, 1.0));
    let mut bar = x.clone();
    is_shape_error(particles.kick_vjp(&(), &x, &gravity(), 1.0, &mut bar, &mut g, &mut ()));

    let broken = ParticleState {
        velocity: Array2::zeros((3, 2)),
        ..x.clone()
    };
    is_shape_error(particles.deposit(&(), &broken, &mut right_mesh()));
    is_shape_error(particles.kick(&(), &mut broken.clone(), &gravity(), 1.0));
    is_shape_error(particles.drift(&(), &mut broken.clone(), 1.0));
    is_shape_error(particles.limits(&(), &broken, &gravity()));
    is_shape_error(Conserved::of(&mesh(), &broken));
    is_shape_error(ParticleState::new(
        Array2::<f64>::zeros((3, 3)),
        Array2::zeros((3, 3)),
        Array1::zeros(2),
    ));

    let deposit = Deposit::new(&mesh());
    let (position, mass) = (Array2::<f64>::zeros((3, 3)), Array1::<f64>::zeros(3));
    is_shape_error(deposit.apply(&(), (position.clone(), Array1::zeros(2))));
    is_shape_error(deposit.apply(&(), (Array2::zeros((3, 2)), mass.clone())));
    let at = (position.clone(), mass.clone());
    is_shape_error(deposit.jvp(&(), &(), at.clone(), (position.clone(), Array1::zeros(2))));
    is_shape_error(deposit.vjp(&(), at, wrong_mesh(), &mut ()));

    let readout = Readout::new(&mesh());
    is_shape_error(readout.apply(&(), (wrong_mesh(), position.clone())));
    is_shape_error(readout.apply(&(), (right_mesh(), Array2::zeros((3, 2)))));
    let at = (right_mesh(), position);
    is_shape_error(readout.jvp(&(), &(), at.clone(), (right_mesh(), Array2::zeros((2, 3)))));
    is_shape_error(readout.vjp(&(), at, Array1::zeros(4), &mut ()));
}

#[test]
fn masses_below_zero() {
    for bad in [-1.0, f64::NAN, f64::INFINITY] {
        let x = ParticleState::new(
            Array2::zeros((2, 3)),
            Array2::zeros((2, 3)),
            array![1.0, bad],
        );
        let error = particle_error(x);
        let ParticleError::Particle {
            field: "mass",
            particle: 1,
            ..
        } = error
        else {
            panic!("{error}");
        };
    }
}

#[test]
fn arrays_in_other_memory_orders() {
    // Transposed views made owned: the same numbers in another order of memory.
    let mesh = mesh();
    let x = ParticleState {
        position: array![[0.1, 0.2, 0.3], [0.7, 0.4, 0.9]],
        velocity: array![[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]],
        mass: array![1.0, 2.0],
    };
    let turned =
        |a: &Array2<f64>| Array2::from_shape_fn((3, 2), |(d, i)| a[[i, d]]).reversed_axes();
    let mut y = ParticleState {
        position: turned(&x.position),
        velocity: turned(&x.velocity),
        mass: x.mass.clone(),
    };
    assert!(!y.position.is_standard_layout());
    let particles = Particles::new(&mesh);
    let mut rho = [mesh.zeros(), Array3::zeros((6, 2, 4)).reversed_axes()];
    particles.deposit(&(), &x, &mut rho[0]).unwrap();
    particles.deposit(&(), &y, &mut rho[1]).unwrap();
    assert_eq!(rho[0], rho[1]);
    let g = Gravity {
        potential: mesh.zeros(),
        acceleration: Some([rho[0].clone(), rho[1].clone(), rho[0].clone()]),
    };
    let mut x = x;
    particles.kick_drift(&(), &mut x, &g, 0.1, 0.2).unwrap();
    particles.kick_drift(&(), &mut y, &g, 0.1, 0.2).unwrap();
    assert_eq!(x, y);
}
