//! Particles alone under their own gravity: gradient of a run, conservation, reversal, an orbit.

use std::sync::Arc;

use adastra_check as check;
use adastra_core::{
    Evolve, Operator, Real, Reversible, ReversibleSchedule, Schedule, State, Steps,
};
use adastra_gravity::{Background, Element, G, KickDrift, Leapfrog, SelfGravity};
use adastra_grid::Mesh;
use adastra_particles::{
    Conserved, InitialParticles, ParticleState, Particles, Positions, Velocities,
};
use ndarray::{Array2, array};
use proptest::prelude::*;

use crate::common::smooth_particles;

type System<T> = Arc<SelfGravity<T, Particles>>;

fn system<T: Real>(mesh: &Mesh) -> System<T> {
    Arc::new(SelfGravity::new(mesh, Particles::new(mesh)))
}

fn no_background<T: Real>() -> ((), Background<T>) {
    ((), Background::none())
}

fn box_of(cells: usize, size: f64) -> Mesh {
    Mesh::new([cells; 3], [size; 3]).unwrap()
}

/// A warm cluster that mixes within the test's runs.
fn cluster<T: Real>(mesh: &Mesh, count: usize) -> ParticleState<T> {
    let half = 0.5 * mesh.size()[0];
    let positions = Positions::Plummer {
        count,
        centre: [half; 3],
        scale_radius: 0.3 * half,
        cutoff: 0.8 * half,
        seed: 5,
    };
    let velocities = Velocities::Equilibrium { seed: 5 };
    let initial = InitialParticles {
        positions,
        velocities,
        bulk_velocity: [3.0, -2.0, 1.0],
        mass: 1e8,
    };
    initial.generate(mesh).unwrap()
}

#[test]
fn every_element_has_its_adjoint_and_inverse() {
    // In units where 4 pi G is one, so that gravity moves the particles by a fair share of a cell.
    let mesh = Mesh::new([6, 4, 8], [1.2, 0.8, 1.6]).unwrap();
    let constant = 1.0 / (4.0 * std::f64::consts::PI);
    let system = SelfGravity::with_constant(&mesh, Particles::new(&mesh), constant);
    // Away from the boundary, which a difference quotient must not cross.
    let inside = |mut x: ParticleState<f64>| {
        for ((_, d), position) in x.position.indexed_iter_mut() {
            let spacing = mesh.spacing()[d];
            let last = mesh.size()[d] - 1.5 * spacing;
            while *position > last {
                *position -= spacing;
            }
        }
        x
    };
    for motion in [
        KickDrift {
            kick: 0.05,
            drift: Some(0.1),
            source: 1.0,
        },
        KickDrift {
            kick: 0.1,
            drift: None,
            source: 1.0,
        },
    ] {
        let particles = smooth_particles(&mesh, 5, 0.02).prop_map(inside);
        check::reversible(
            &Element::new(&system, motion),
            (Just(no_background()), particles),
        );
    }
}

/// A smooth, periodic loss of the final positions, and its gradient.
fn loss(size: f64, y: &ParticleState<f64>) -> (f64, ParticleState<f64>) {
    let k = 2.0 * std::f64::consts::PI / size;
    let mut bar = y.zeros_like();
    let mut value = 0.0;
    for ((i, d), &x) in y.position.indexed_iter() {
        let phase = k * x - 0.3 * (i as f64 + 2.0 * d as f64);
        value += phase.sin();
        bar.position[[i, d]] = k * phase.cos();
    }
    (value, bar)
}

#[test]
fn gradient_of_a_run_against_differences() {
    let mesh = box_of(16, 10.0);
    let system = system::<f64>(&mesh);
    let start = cluster::<f64>(&mesh, 40);
    let dt = [0.004; 10];
    let p = no_background();
    let run = Evolve::new(Leapfrog::new(system, &dt), Schedule::StoreAll);
    let found = run
        .value_and_gradient(&p, start.clone(), |y| Ok(loss(10.0, y)))
        .unwrap();
    // Gravity matters: the particles move otherwise than freely.
    let moved = run.apply(&p, start.clone()).unwrap();
    let change = &moved.velocity - &start.velocity;
    assert!(change.iter().any(|v| v.abs() > 3.0), "{change}");

    let value = |x: ParticleState<f64>| loss(10.0, &run.apply(&p, x).unwrap()).0;
    let directions: [(&str, f64, fn(&mut ParticleState<f64>) -> Vec<&mut f64>); 3] = [
        ("position", 1e-6, |x| x.position.iter_mut().collect()),
        ("velocity", 1e-4, |x| x.velocity.iter_mut().collect()),
        ("mass", 1e2, |x| x.mass.iter_mut().collect()),
    ];
    for (name, h, values) in directions {
        // A direction that mixes all particles.
        let mut direction = start.zeros_like();
        for (i, v) in values(&mut direction).into_iter().enumerate() {
            *v = (1.0 + i as f64).sin();
        }
        let mut ahead = start.clone();
        ahead.axpy(h, &direction);
        let mut behind = start.clone();
        behind.axpy(-h, &direction);
        let difference = (value(ahead) - value(behind)) / (2.0 * h);
        let adjoint = found.x_bar.dot(&direction);
        let error = (adjoint - difference).abs();
        assert!(
            error <= 2e-6 * difference.abs(),
            "{name}: {adjoint} for {difference}"
        );
    }
}

#[test]
fn gradients_of_all_schedules_agree() {
    let mesh = box_of(8, 10.0);
    let start = cluster::<f64>(&mesh, 30);
    let dt = [0.01, 0.02, 0.015, 0.01, 0.01, 0.02, 0.01];
    let p = no_background();
    let steps = || Leapfrog::new(system::<f64>(&mesh), &dt);
    let gradient = |run: Evolve<f64, Leapfrog<f64, Particles>>| {
        run.value_and_gradient(&p, start.clone(), |y| Ok(loss(10.0, y)))
            .unwrap()
            .x_bar
    };
    let stored = gradient(Evolve::new(steps(), Schedule::StoreAll));
    let undone = gradient(Evolve::reversible(
        steps(),
        ReversibleSchedule::Reconstruct { anchors: 1 },
    ));
    let mut difference = undone.clone();
    difference.axpy(-1.0, &stored);
    assert!(difference.dot(&difference).sqrt() <= 1e-9 * stored.dot(&stored).sqrt());
}

#[test]
fn momentum_is_conserved_to_rounding() {
    let mesh = Mesh::new([16, 8, 12], [10.0, 6.0, 7.0]).unwrap();
    let half = mesh.size().map(|l| 0.5 * l);
    let initial = InitialParticles {
        positions: Positions::Plummer {
            count: 200,
            centre: half,
            scale_radius: 1.0,
            cutoff: 3.0,
            seed: 1,
        },
        velocities: Velocities::Gaussian {
            dispersion: 20.0,
            seed: 1,
        },
        bulk_velocity: [0.0; 3],
        mass: 1e8,
    };
    let start = initial.generate::<f64>(&mesh).unwrap();
    let run = Evolve::new(
        Leapfrog::new(system(&mesh), &[0.005; 40]),
        Schedule::StoreAll,
    );
    let end = run.apply(&no_background(), start.clone()).unwrap();
    let [before, after] = [&start, &end].map(|x| Conserved::of(&mesh, x).unwrap());
    assert_eq!(before.mass, after.mass);
    let scale: f64 = end.velocity.iter().map(|v| 1e8 * v.abs()).sum();
    let transferred: f64 = (&end.velocity - &start.velocity)
        .iter()
        .map(|v| 1e8 * v.abs())
        .sum();
    assert!(transferred > 0.1 * scale);
    for (before, after) in before.momentum.into_iter().zip(after.momentum) {
        assert!((before - after).abs() <= 1e-13 * scale, "{before} {after}");
    }
}

#[test]
fn a_particle_exerts_no_force_on_itself() {
    let mesh = Mesh::new([8, 12, 10], [4.0, 4.0, 4.0]).unwrap();
    let system = system::<f64>(&mesh);
    let mut x = ParticleState::zeros(1);
    x.position = array![[1.23, 0.4, 3.21]];
    x.mass = array![1e10];
    let gravity = system.gravity(&(), &Background::none(), &x, 1.0).unwrap();
    let a = system.matter().acceleration(&x.position, &gravity).unwrap();
    let largest = gravity.acceleration.unwrap()[0]
        .iter()
        .fold(0.0f64, |m, a| m.max(a.abs()));
    assert!(
        a.iter().all(|a| a.abs() < 1e-13 * largest),
        "{a} of {largest}"
    );
}

#[test]
fn a_run_comes_back_to_its_start() {
    let mesh = box_of(16, 10.0);
    let start = cluster::<f64>(&mesh, 100);
    let run = Leapfrog::new(system::<f64>(&mesh), &[0.01; 30]);
    let p = no_background();
    let mut x = start.clone();
    for i in 0..run.len() {
        x = run.step(i).apply(&p, x).unwrap();
    }
    let far = (&x.position - &start.position)
        .iter()
        .any(|x| x.abs() > 1.0);
    assert!(far);
    for i in (0..run.len()).rev() {
        x = run.step(i).invert(&p, x).unwrap();
    }
    let close = |a: &Array2<f64>, b: &Array2<f64>, scale: f64| {
        a.iter().zip(b).all(|(a, b)| (a - b).abs() <= 1e-10 * scale)
    };
    assert!(close(&x.position, &start.position, 10.0));
    assert!(close(&x.velocity, &start.velocity, 100.0));
    assert_eq!(x.mass, start.mass);
}

#[test]
fn two_bodies_orbit_each_other() {
    let (size, mass, separation) = (32.0, 1e10, 6.0f64);
    let mesh = box_of(32, size);
    // Two point masses in a periodic box with a neutralizing background: the images pull with
    // a tidal force that grows linearly, here 3 % of the whole.
    let slope = 4.0 * std::f64::consts::PI / 3.0 / f64::powi(size, 3);
    let acceleration = 2.0 * G * mass * (separation.powi(-2) - slope * separation);
    let omega = (acceleration / separation).sqrt();
    let speed = 0.5 * separation * omega;
    // The orbit's plane is tilted against the mesh.
    let (sin, cos) = 0.6f64.sin_cos();
    let offset = 0.5 * separation;
    let start = ParticleState {
        position: array![
            [15.8 + offset * cos, 16.3 + offset * sin, 16.1],
            [15.8 - offset * cos, 16.3 - offset * sin, 16.1]
        ],
        velocity: array![[0.0, 0.0, speed], [0.0, 0.0, -speed]],
        mass: array![mass, mass],
    };
    let period = 2.0 * std::f64::consts::PI / omega;
    let run = Leapfrog::new(system::<f64>(&mesh), &[period / 120.0; 120]);
    let mut x = start.clone();
    for i in 0..run.len() {
        x = run.step(i).apply(&no_background(), x).unwrap();
        let distance = (&x.position.row(0) - &x.position.row(1))
            .mapv(|x| x * x)
            .sum()
            .sqrt();
        assert!(
            (distance / separation - 1.0).abs() < 0.05,
            "step {i}: {distance}"
        );
        let centre = 0.5 * (&x.position.row(0) + &x.position.row(1));
        let moved = (centre - array![15.8, 16.3, 16.1]).mapv(f64::abs).sum();
        assert!(moved < 1e-12, "{moved}");
    }
    // Back where it began, to a tenth of a radian.
    let off = (&x.position - &start.position).mapv(|x| x * x).sum().sqrt();
    assert!(off < 0.1 * separation, "{off}");
}
