//! Integrators: derivatives, orders, orbits that close, what they conserve, time reversal.

use std::f64::consts::{PI, TAU};

use adastra_check as check;
use adastra_core::{Evolve, Operator, Reversible, ReversibleSchedule, Schedule, Steps};
use adastra_nbody::{
    Galaxy, Integration, MiyamotoNagai, NBody, NBodyParams, Nfw, ParticleState, PointMass, Scheme,
    SelfGravity, TriaxialNfw,
};
use ndarray::{Array1, Array2, array};
use proptest::prelude::*;

const SCHEMES: [Scheme; 5] = [
    Scheme::KickDriftKick,
    Scheme::DriftKickDrift,
    Scheme::Yoshida4,
    Scheme::Yoshida6,
    Scheme::ForestRuth,
];

fn evolve(system: NBody, scheme: Scheme, steps: usize) -> Evolve<f64, Integration> {
    let run = Integration::new(system, scheme, steps).starting_at(0.3);
    Evolve::reversible(run, ReversibleSchedule::Reconstruct { anchors: 1 })
}

/// Parameters with G = 1.
fn unit(span: f64, softening: f64, galaxy: &[f64]) -> NBodyParams<f64> {
    NBodyParams {
        gravitational_constant: 1.0,
        softening,
        span,
        galaxy: galaxy.iter().copied().collect(),
    }
}

fn particles(n: usize) -> impl Strategy<Value = ParticleState<f64>> {
    let vectors = || check::normal((n, 3), 0.0, 1.0);
    (vectors(), vectors(), check::real(n, 0.1..1.0)).prop_map(|(position, velocity, mass)| {
        ParticleState {
            position,
            velocity,
            mass,
        }
    })
}

/// Parameters of a disk and a bar.
const VALUES: [f64; 9] = [2.0, 0.9, 0.3, 3.0, 1.3, 0.8, 1.2, 0.6, 0.3];

/// Random parameters and particles, with the galaxy of [`VALUES`] or none.
fn inputs(in_galaxy: bool) -> impl Strategy<Value = (NBodyParams<f64>, ParticleState<f64>)> {
    let factors = check::real(VALUES.len(), 0.9..1.1);
    (0.2..0.4f64, 0.2..0.4f64, factors, particles(4)).prop_map(
        move |(span, softening, factors, x)| {
            let values = if in_galaxy { &VALUES[..] } else { &[] };
            let mut p = unit(span, softening, values);
            p.galaxy.iter_mut().zip(factors).for_each(|(p, f)| *p *= f);
            (p, x)
        },
    )
}

#[test]
fn derivatives() {
    let galaxy = Galaxy::new()
        .with(MiyamotoNagai)
        .with(TriaxialNfw)
        .rotating();
    let property = check::Property {
        cases: 4,
        ..check::Property::default()
    };
    let both = NBody::new(SelfGravity::new(), galaxy.clone());
    let mut runs: Vec<_> = SCHEMES.map(|scheme| (both.clone(), scheme)).into();
    runs.push((NBody::isolated(SelfGravity::new()), Scheme::KickDriftKick));
    runs.push((NBody::test_particles(galaxy), Scheme::KickDriftKick));
    for (system, scheme) in runs {
        let inputs = || inputs(!system.galaxy().is_empty());
        let build = |(p, x)| (evolve(system.clone(), scheme, 3), p, x);
        property.tangent_of(inputs(), build);
        property.reversible_of(inputs(), build);
    }
}

#[test]
fn schedules_agree() {
    let system = NBody::new(SelfGravity::new(), Galaxy::new().with(Nfw));
    let p = unit(1.0, 0.3, &[5.0, 1.0]);
    let x = cluster(30);
    let run = || Integration::new(system.clone(), Scheme::Yoshida4, 40);
    let loss = |y: &ParticleState<f64>| Ok((0.0, y.clone()));
    let stored = Evolve::new(run(), Schedule::StoreAll);
    let undone = Evolve::reversible(run(), ReversibleSchedule::Reconstruct { anchors: 1 });
    let stored = stored.value_and_gradient(&p, x.clone(), loss).unwrap();
    let undone = undone.value_and_gradient(&p, x, loss).unwrap();
    let close = |a: f64, b: f64| assert!((a / b - 1.0).abs() < 1e-10, "{a:e} {b:e}");
    close(stored.p_bar.span, undone.p_bar.span);
    close(stored.p_bar.softening, undone.p_bar.softening);
    close(stored.p_bar.galaxy[1], undone.p_bar.galaxy[1]);
    close(stored.x_bar.position[[7, 1]], undone.x_bar.position[[7, 1]]);
    close(stored.x_bar.mass[3], undone.x_bar.mass[3]);
}

/// A few particles that hold together.
fn cluster(n: usize) -> ParticleState<f64> {
    let number = |i: usize, k: usize| (12.9898 * i as f64 + 78.233 * (k + 1) as f64).sin();
    ParticleState {
        position: Array2::from_shape_fn((n, 3), |(i, k)| number(i, k)),
        velocity: Array2::from_shape_fn((n, 3), |(i, k)| 0.4 * number(i, k + 3)),
        mass: Array1::from_shape_fn(n, |i| (1.0 + 0.5 * number(i, 9)) / n as f64),
    }
}

/// A test particle at apocentre of an orbit of semi-major axis one and period 2 pi.
fn apocentre(eccentricity: f64) -> ParticleState<f64> {
    let speed = ((1.0 - eccentricity) / (1.0 + eccentricity)).sqrt();
    ParticleState {
        position: array![[1.0 + eccentricity, 0.0, 0.0]],
        velocity: array![[0.0, speed * 0.8, speed * 0.6]],
        mass: array![1.0],
    }
}

fn kepler() -> NBody {
    NBody::test_particles(Galaxy::new().with(PointMass))
}

/// Distance from the start after one period.
fn gap(scheme: Scheme, steps: usize) -> f64 {
    let run = evolve(kepler(), scheme, steps);
    let x = apocentre(0.3);
    let y = run.apply(&unit(TAU, 0.0, &[1.0]), x.clone()).unwrap();
    (&y.position - &x.position).mapv(|d| d * d).sum().sqrt()
}

#[test]
fn kepler_orbits_close() {
    assert!(
        gap(Scheme::Yoshida6, 2000) < 1e-11,
        "{:e}",
        gap(Scheme::Yoshida6, 2000)
    );
    assert!(gap(Scheme::KickDriftKick, 2000) < 1e-4);
}

#[test]
fn orders_are_those_of_the_schemes() {
    for (scheme, order, steps) in [
        (Scheme::KickDriftKick, 2.0, 400),
        (Scheme::DriftKickDrift, 2.0, 400),
        (Scheme::Yoshida4, 4.0, 400),
        (Scheme::ForestRuth, 4.0, 400),
        (Scheme::Yoshida6, 6.0, 150),
    ] {
        let found = (gap(scheme, steps) / gap(scheme, 2 * steps)).log2();
        assert!((found - order).abs() < 0.2, "{scheme:?}: {found}");
    }
}

#[test]
fn neighbouring_kicks_are_one() {
    let evaluations = |scheme| Integration::new(kepler(), scheme, 10).evaluations();
    assert_eq!(SCHEMES.map(evaluations), [11, 10, 31, 71, 30]);
}

#[test]
fn two_bodies_orbit_each_other() {
    // Masses 0.7 and 0.3 on a circle of diameter one turn in 2 pi.
    let x = ParticleState {
        position: array![[0.3, 0.0, 0.0], [-0.7, 0.0, 0.0]],
        velocity: array![[0.0, 0.3, 0.0], [0.0, -0.7, 0.0]],
        mass: array![0.7, 0.3],
    };
    let run = evolve(NBody::isolated(SelfGravity::new()), Scheme::Yoshida6, 200);
    let y = run.apply(&unit(PI, 0.0, &[]), x.clone()).unwrap();
    assert!(
        (&y.position + &x.position).iter().all(|d| d.abs() < 1e-10),
        "{y:?}"
    );
}

#[test]
fn the_energy_of_a_leapfrog_stays_bounded() {
    let p = unit(0.05 * TAU, 0.0, &[1.0]);
    let mut x = apocentre(0.5);
    let system = kepler();
    let energy = |x: &ParticleState<f64>| {
        let p = unit(0.0, 0.0, &[1.0]);
        system.conserved(&p, 0.0, x).unwrap().energy()
    };
    let first = energy(&x);
    let run = evolve(system.clone(), Scheme::KickDriftKick, 5);
    let mut worst = [0.0f64; 2];
    // A thousand orbits of a hundred steps each, looked at twenty times an orbit; the error is no
    // larger in the second half.
    for twentieth in 0..20_000 {
        x = run.apply(&p, x).unwrap();
        let error = (energy(&x) / first - 1.0).abs();
        worst[twentieth / 10_000] = worst[twentieth / 10_000].max(error);
    }
    assert!(worst[0] < 2e-2 && worst[1] < 1.01 * worst[0], "{worst:?}");
}

#[test]
fn a_bar_conserves_the_energy_of_its_own_frame() {
    // E - Omega L_z (Binney & Tremaine 2008, equation 3.112), while E and L_z change.
    let system = NBody::test_particles(Galaxy::new().with(Nfw).with(TriaxialNfw).rotating());
    let p = unit(2.0, 0.0, &[3.0, 1.5, 1.0, 0.6, 0.5, 0.6, 0.8, 0.1]);
    let mut x = apocentre(0.4);
    let jacobi = |x: &ParticleState<f64>, time: f64| {
        let sums = system.conserved(&p, time, x).unwrap();
        (
            sums.energy() - 0.8 * sums.angular_momentum[2],
            sums.energy(),
        )
    };
    let first = jacobi(&x, 0.0);
    let mut change = 0.0f64;
    for piece in 0..20 {
        let start = 2.0 * f64::from(piece);
        let run = Integration::new(system.clone(), Scheme::Yoshida4, 400).starting_at(start);
        x = Evolve::new(run, Schedule::StoreAll).apply(&p, x).unwrap();
        let now = jacobi(&x, start + 2.0);
        assert!((now.0 / first.0 - 1.0).abs() < 1e-7, "{now:?} {first:?}");
        change = change.max((now.1 / first.1 - 1.0).abs());
    }
    assert!(change > 1e-2, "{change}");
}

#[test]
fn momentum_and_angular_momentum_are_conserved_to_rounding() {
    let system = NBody::isolated(SelfGravity::new());
    let p = unit(5.0, 0.05, &[]);
    let x = cluster(100);
    let y = evolve(system.clone(), Scheme::KickDriftKick, 500)
        .apply(&p, x.clone())
        .unwrap();
    let (before, after) = (
        system.conserved(&p, 0.0, &x).unwrap(),
        system.conserved(&p, 0.0, &y).unwrap(),
    );
    for k in 0..3 {
        assert!((before.momentum[k] - after.momentum[k]).abs() < 1e-14);
        assert!((before.angular_momentum[k] - after.angular_momentum[k]).abs() < 1e-14);
    }
    assert!((after.energy() / before.energy() - 1.0).abs() < 1e-3);
    assert!((after.kinetic_energy / before.kinetic_energy - 1.0).abs() > 1e-2);
}

#[test]
fn a_run_goes_back_where_it_came_from() {
    // Soft enough for the cluster not to be chaotic over the run.
    let system = NBody::new(
        SelfGravity::new(),
        Galaxy::new().with(Nfw).with(MiyamotoNagai),
    );
    let p = unit(3.0, 0.3, &[5.0, 2.0, 1.0, 0.9, 0.3]);
    let x = cluster(20);
    let run = evolve(system, Scheme::KickDriftKick, 1000);
    let y = run.apply(&p, x.clone()).unwrap();
    assert!((&y.position - &x.position).iter().any(|d| d.abs() > 0.5));
    let by_span = run
        .apply(
            &NBodyParams {
                span: -p.span,
                ..p.clone()
            },
            y.clone(),
        )
        .unwrap();
    for back in [run.invert(&p, y).unwrap(), by_span] {
        assert!(
            (&back.position - &x.position)
                .iter()
                .all(|d| d.abs() < 1e-9)
        );
        assert!(
            (&back.velocity - &x.velocity)
                .iter()
                .all(|d| d.abs() < 1e-9)
        );
    }
}

#[test]
fn single_precision_agrees_with_double() {
    let system = NBody::new(SelfGravity::new(), Galaxy::new().with(Nfw));
    let single = {
        let x = cluster(20);
        ParticleState {
            position: x.position.mapv(|x| x as f32),
            velocity: x.velocity.mapv(|x| x as f32),
            mass: x.mass.mapv(|x| x as f32),
        }
    };
    let double = ParticleState {
        position: single.position.mapv(f64::from),
        velocity: single.velocity.mapv(f64::from),
        mass: single.mass.mapv(f64::from),
    };
    let p = NBodyParams {
        gravitational_constant: 1.0f32,
        softening: 0.25,
        span: 0.5,
        galaxy: array![5.0, 2.0],
    };
    let q = unit(0.5, 0.25, &[5.0, 2.0]);
    let run = || Integration::new(system.clone(), Scheme::KickDriftKick, 4);
    let in_f32 = Evolve::<f32, _>::new(run(), Schedule::StoreAll);
    let in_f64 = Evolve::<f64, _>::new(run(), Schedule::StoreAll);
    check::check_precision_at(
        (&in_f32, &p, &single),
        (&in_f64, &q, &double),
        5,
        &check::Tolerances::default(),
    )
    .unwrap();
}

#[test]
fn nothing_happens_in_no_time() {
    let x = cluster(5);
    let run = evolve(NBody::isolated(SelfGravity::new()), Scheme::Yoshida4, 3);
    assert_eq!(run.apply(&unit(0.0, 0.1, &[]), x.clone()).unwrap(), x);
    let run = evolve(NBody::isolated(SelfGravity::new()), Scheme::Yoshida4, 0);
    assert_eq!(Steps::<f64>::len(run.steps()), 0);
    assert_eq!(run.steps().evaluations(), 0);
    assert_eq!(run.apply(&unit(1.0, 0.1, &[]), x.clone()).unwrap(), x);
}

#[test]
fn bad_input_is_named() {
    let run = evolve(kepler(), Scheme::KickDriftKick, 10);
    let p = unit(f64::NAN, 0.0, &[1.0]);
    let text = run.apply(&p, apocentre(0.3)).unwrap_err().to_string();
    assert!(text.contains("span = NaN: must be finite"), "{text}");
    // A particle that escapes beyond the numbers.
    let mut x = apocentre(0.3);
    x.velocity[[0, 0]] = 1e305;
    let text = run
        .apply(&unit(1e4, 0.0, &[1.0]), x)
        .unwrap_err()
        .to_string();
    assert!(text.contains("position non-finite"), "{text}");
    let mut x = apocentre(0.3);
    x.velocity = Array2::zeros((2, 3));
    assert!(run.apply(&unit(1.0, 0.0, &[1.0]), x).is_err());
    // Through the centre of a point mass.
    let mut x = apocentre(0.0);
    x.position[[0, 0]] = 0.0;
    let text = run
        .apply(&unit(1.0, 0.0, &[1.0]), x)
        .unwrap_err()
        .to_string();
    assert!(text.contains("point-mass has no finite force"), "{text}");
}
