//! Adaptive runs: derivatives of the recorded steps, order, tolerance, bad input.

use std::f64::consts::TAU;

use adastra_check as check;
use adastra_core::{Evolve, Operator, Schedule, Steps};
use adastra_nbody::{
    AdaptiveRun, Galaxy, MiyamotoNagai, NBody, NBodyParams, Nfw, ParticleState, Plummer, PointMass,
    SelfGravity, TriaxialNfw,
};
use ndarray::{Array2, array};
use proptest::prelude::*;

fn unit(span: f64, softening: f64, galaxy: &[f64]) -> NBodyParams<f64> {
    NBodyParams {
        gravitational_constant: 1.0,
        softening,
        span,
        galaxy: galaxy.iter().copied().collect(),
    }
}

const VALUES: [f64; 9] = [2.0, 0.9, 0.3, 3.0, 1.3, 0.8, 1.2, 0.6, 0.3];

fn inputs() -> impl Strategy<Value = (NBodyParams<f64>, ParticleState<f64>)> {
    let vectors = || check::normal((4, 3), 0.0, 1.0);
    let masses = check::real(4, 0.1..1.0);
    let factors = check::real(VALUES.len(), 0.9..1.1);
    (
        0.2..0.4f64,
        0.2..0.4f64,
        factors,
        vectors(),
        vectors(),
        masses,
    )
        .prop_map(|(span, softening, factors, position, velocity, mass)| {
            let mut p = unit(span, softening, &VALUES);
            p.galaxy.iter_mut().zip(factors).for_each(|(p, f)| *p *= f);
            let x = ParticleState {
                position,
                velocity,
                mass,
            };
            (p, x)
        })
}

#[test]
fn derivatives_of_the_recorded_steps() {
    let galaxy = Galaxy::new()
        .with(MiyamotoNagai)
        .with(TriaxialNfw)
        .rotating();
    let property = check::Property {
        cases: 4,
        ..check::Property::default()
    };
    for system in [
        NBody::new(SelfGravity::new(), galaxy.clone()),
        NBody::test_particles(galaxy),
    ] {
        property.tangent_of(inputs(), |(p, x)| {
            let run = AdaptiveRun::plan_from(system.clone(), 0.3, &p, &x, 1e-3).unwrap();
            (Evolve::new(run, Schedule::StoreAll), p, x)
        });
    }
}

/// At apocentre of an orbit of semi-major axis one and period 2 pi.
fn apocentre(eccentricity: f64) -> ParticleState<f64> {
    let speed = ((1.0 - eccentricity) / (1.0 + eccentricity)).sqrt();
    ParticleState {
        position: array![[1.0 + eccentricity, 0.0, 0.0]],
        velocity: array![[0.0, speed * 0.8, speed * 0.6]],
        mass: array![1.0],
    }
}

/// Distance from the start after a period, and the steps it took.
fn gap(eccentricity: f64, tolerance: f64) -> (f64, usize) {
    let system = NBody::test_particles(Galaxy::new().with(PointMass));
    let (p, x) = (unit(TAU, 0.0, &[1.0]), apocentre(eccentricity));
    let run = AdaptiveRun::plan(system, &p, &x, tolerance).unwrap();
    let steps = Steps::<f64>::len(&run);
    assert!((run.step_lengths().iter().sum::<f64>() - 1.0).abs() < 1e-12);
    let run = Evolve::<f64, _>::new(run, Schedule::StoreAll);
    let y = run.apply(&p, x.clone()).unwrap();
    let d = (&y.position - &x.position).mapv(|d| d * d).sum().sqrt();
    (d, steps)
}

#[test]
fn the_error_follows_the_tolerance_and_the_steps_its_fifth_root() {
    let found: Vec<_> = [1e-5, 1e-7, 1e-9, 1e-11].map(|t| gap(0.9, t)).into();
    for pair in found.windows(2) {
        let ((coarse, few), (fine, many)) = (pair[0], pair[1]);
        // A hundred times more exact, with 100^(1/5) = 2.5 times the steps.
        let gain = coarse / fine;
        assert!((15.0..1500.0).contains(&gain), "{found:?}");
        let more = many as f64 / few as f64;
        assert!((1.8..3.2).contains(&more), "{found:?}");
    }
    assert!(found[3].0 < 1e-7, "{found:?}");
}

#[test]
fn steps_are_short_where_the_orbit_is_fast() {
    let system = NBody::test_particles(Galaxy::new().with(PointMass));
    let (p, x) = (unit(TAU, 0.0, &[1.0]), apocentre(0.99));
    let run = AdaptiveRun::plan(system, &p, &x, 1e-9).unwrap();
    let lengths = run.step_lengths();
    let shortest = lengths.iter().copied().fold(1.0, f64::min);
    let longest = lengths.iter().copied().fold(0.0, f64::max);
    assert!(longest / shortest > 300.0, "{shortest:e} {longest:e}");
    // As many steps of the shortest length would be a hundred times more.
    assert!(100.0 * (lengths.len() as f64) < 1.0 / shortest);
}

#[test]
fn single_precision_agrees_with_double() {
    let galaxy = Galaxy::new().with(Nfw);
    let x = ParticleState {
        position: array![[1.0f32, 0.5, -0.25], [-0.5, 1.25, 0.75]],
        velocity: array![[0.25f32, 0.5, 0.0], [0.5, 0.0, -0.75]],
        mass: array![0.5f32, 0.25],
    };
    let wide = ParticleState {
        position: x.position.mapv(f64::from),
        velocity: x.velocity.mapv(f64::from),
        mass: x.mass.mapv(f64::from),
    };
    let p = NBodyParams {
        gravitational_constant: 1.0f32,
        softening: 0.25,
        span: 0.5,
        galaxy: array![5.0, 2.0],
    };
    let q = unit(0.5, 0.25, &[5.0, 2.0]);
    let system = NBody::new(SelfGravity::new(), galaxy);
    let run = AdaptiveRun::plan(system, &q, &wide, 1e-4).unwrap();
    let single = Evolve::<f32, _>::new(run.clone(), Schedule::StoreAll);
    let double = Evolve::<f64, _>::new(run, Schedule::StoreAll);
    let tolerances = check::Tolerances::default();
    check::check_precision_at((&single, &p, &x), (&double, &q, &wide), 5, &tolerances).unwrap();
}

#[test]
fn nothing_happens_in_no_time() {
    let system = NBody::test_particles(Galaxy::new().with(PointMass));
    let (p, x) = (unit(0.0, 0.0, &[1.0]), apocentre(0.5));
    let run = AdaptiveRun::plan(system, &p, &x, 1e-8).unwrap();
    let y = Evolve::<f64, _>::new(run, Schedule::StoreAll).apply(&p, x.clone());
    assert_eq!(y.unwrap(), x);
}

#[test]
fn a_particle_at_rest_in_a_centre_stays() {
    let system = NBody::test_particles(Galaxy::new().with(Plummer));
    let (p, mut x) = (unit(5.0, 0.0, &[1.0, 1.0]), apocentre(0.5));
    x.position.fill(0.0);
    x.velocity.fill(0.0);
    let run = AdaptiveRun::plan(system, &p, &x, 1e-8).unwrap();
    assert!(run.step_lengths().len() < 20);
    let y = Evolve::<f64, _>::new(run, Schedule::StoreAll).apply(&p, x.clone());
    assert_eq!(y.unwrap(), x);
}

#[test]
fn bad_input_is_named() {
    let system = || NBody::test_particles(Galaxy::new().with(PointMass));
    let text = |p: &NBodyParams<f64>, x: &ParticleState<f64>, tolerance: f64| {
        let found = AdaptiveRun::plan(system(), p, x, tolerance);
        found.unwrap_err().to_string()
    };
    let (p, x) = (unit(10.0, 0.0, &[1.0]), apocentre(0.3));
    for wrong in [0.0, -1.0, f64::NAN, 1.0] {
        assert!(text(&p, &x, wrong).contains("tolerance = "));
    }
    let endless = unit(f64::INFINITY, 0.0, &[1.0]);
    assert!(text(&endless, &x, 1e-8).contains("span = inf: must be finite"));
    // Straight into a point mass.
    let mut falls = x.clone();
    falls.velocity.fill(0.0);
    let stiff = text(&p, &falls, 1e-8);
    assert!(stiff.contains("singular centre"), "{stiff}");
    let mut centre = x.clone();
    centre.position.fill(0.0);
    assert!(text(&p, &centre, 1e-8).contains("point-mass has no finite force"));
    let mut short = x;
    short.velocity = Array2::zeros((2, 3));
    assert!(text(&p, &short, 1e-8).contains("velocities"));
}
