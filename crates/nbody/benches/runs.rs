//! Steps of test particles in a galaxy, and the gradient of a cluster's run beside the run.
//!
//! `cargo bench -p adastra-nbody --bench runs`; the medians are what to compare.

use adastra_core::{Evolve, Operator, ReversibleSchedule};
use adastra_nbody::{
    Galaxy, Integration, MiyamotoNagai, NBody, NBodyParams, Nfw, ParticleState, Scheme, SelfGravity,
};
use divan::Bencher;
use ndarray::{Array1, Array2};

fn main() {
    divan::main();
}

fn galaxy() -> Galaxy {
    Galaxy::new().with(Nfw).with(MiyamotoNagai)
}

/// Particles around (10, 0, 5) kpc, on orbits through the halo.
fn particles(n: usize) -> ParticleState<f64> {
    let at = |i: usize, k: usize| (i as f64 * [0.618_034, 0.754_877, 0.569_840][k]).fract() - 0.5;
    let centre = [10.0, 0.0, 5.0];
    ParticleState {
        position: Array2::from_shape_fn((n, 3), |(i, k)| centre[k] + at(i, k)),
        velocity: Array2::from_shape_fn((n, 3), |(i, k)| [0.0, 150.0, 0.0][k] + at(i, k)),
        mass: Array1::from_elem(n, 1e5 / n as f64),
    }
}

/// Steps of 1e-3 kpc/(km/s), about a million years.
fn params(steps: usize) -> NBodyParams<f64> {
    let span = 1e-3 * steps as f64;
    NBodyParams::new(span, 0.05, [4.37e11, 16.0, 6.8e10, 3.0, 0.28])
}

fn run(system: NBody, steps: usize) -> Evolve<f64, Integration> {
    let run = Integration::new(system, Scheme::DriftKickDrift, steps);
    Evolve::reversible(run, ReversibleSchedule::Reconstruct { anchors: 10 })
}

const STEPS: usize = 100;

/// A hundred steps; 10 000 particles should take less than 30 ms.
#[divan::bench(args = [1000, 10_000, 100_000])]
fn test_particles_100_steps(bencher: Bencher<'_, '_>, n: usize) {
    let (run, p) = (run(NBody::test_particles(galaxy()), STEPS), params(STEPS));
    bencher
        .with_inputs(|| particles(n))
        .bench_local_values(|x| run.apply(&p, x));
}

fn gradient(run: &Evolve<f64, Integration>, p: &NBodyParams<f64>, x: ParticleState<f64>) -> f64 {
    let found = run.value_and_gradient(p, x, |y| Ok((0.0, y.clone())));
    found.expect("a valid run").p_bar.span
}

#[divan::bench(args = [1000, 10_000])]
fn test_particles_100_steps_and_gradient(bencher: Bencher<'_, '_>, n: usize) {
    let (run, p) = (run(NBody::test_particles(galaxy()), STEPS), params(STEPS));
    bencher
        .with_inputs(|| particles(n))
        .bench_local_values(|x| gradient(&run, &p, x));
}

#[divan::bench(args = [100, 1000], sample_count = 10)]
fn cluster_1000_steps(bencher: Bencher<'_, '_>, n: usize) {
    let system = NBody::new(SelfGravity::new(), galaxy());
    let (run, p) = (run(system, 1000), params(1000));
    bencher
        .with_inputs(|| particles(n))
        .bench_local_values(|x| run.apply(&p, x));
}

#[divan::bench(args = [100, 1000], sample_count = 10)]
fn cluster_1000_steps_and_gradient(bencher: Bencher<'_, '_>, n: usize) {
    let system = NBody::new(SelfGravity::new(), galaxy());
    let (run, p) = (run(system, 1000), params(1000));
    bencher
        .with_inputs(|| particles(n))
        .bench_local_values(|x| gradient(&run, &p, x));
}
