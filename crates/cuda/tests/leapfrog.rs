//! Runs on a device, and their gradients under every schedule.

mod common;

use std::sync::Arc;

use adastra_core::{Evolve, Operator, ReversibleSchedule, Schedule, State, Storage};
use adastra_cuda::{
    Background, Boson, ComplexArray, Deposits, Device, Leapfrog, ParticleState, Particles,
    RealArray, SelfGravity, Wave, WaveState,
};
use adastra_gravity::{Limit, Source};
use adastra_grid::Mesh;
use ndarray::{Array1, Array2, Array3};
use num_complex::Complex;

/// A factor that grows with time.
struct Grows;

impl Source for Grows {
    fn factor(&self, time: f64) -> f64 {
        1.0 + time
    }
    fn limit(&self, _: f64) -> Limit {
        Limit {
            name: "source",
            dt: f64::INFINITY,
        }
    }
}

type Matter = (Wave<f64>, Particles<f64>);
type Start = (WaveState<f64>, ParticleState<f64>);

fn system(device: &Device, mesh: &Mesh) -> Arc<SelfGravity<f64, Matter>> {
    let wave = Wave::new(device, mesh, 0.1).unwrap();
    let particles = Particles::new(device, mesh, Deposits::SameBits);
    let system = SelfGravity::with_constant(device, mesh, (wave, particles), 0.02).unwrap();
    Arc::new(system.with_source(Grows))
}

fn start(device: &Device, mesh: &Mesh) -> Start {
    let psi = Array3::from_shape_fn(mesh.shape(), |(i, j, k)| {
        let [x, y, z] = mesh.centre([i, j, k]);
        Complex::new(1.0 + 0.3 * (x + 2.0 * y).sin(), 0.4 * (z - x).cos())
    });
    let psi = ComplexArray::from_host(device, psi.view()).unwrap();
    let n = 40;
    let position = Array2::from_shape_fn((n, 3), |(i, d)| (0.37 * (3 * i + d) as f64) % 4.0);
    let velocity = Array2::from_shape_fn((n, 3), |(i, d)| (1.7 * (3 * i + d) as f64).sin());
    let mass = Array1::from_elem(n, 0.2);
    let stars = ParticleState {
        position: RealArray::from_host(device, position.view()).unwrap(),
        velocity: RealArray::from_host(device, velocity.view()).unwrap(),
        mass: RealArray::from_host(device, mass.view()).unwrap(),
    };
    (WaveState { psi }, stars)
}

fn loss(y: &Start) -> adastra_core::Result<(f64, Start)> {
    // Of fourth order in the density, so that its cotangent is no eigenvector of anything.
    let mut bar = y.zeros_like();
    let mut host: Array3<Complex<f64>> = y.0.psi.to_array()?;
    let value = host.iter().map(|z| z.norm_sqr().powi(2)).sum();
    host.mapv_inplace(|z| 4.0 * z.norm_sqr() * z);
    bar.0.psi = ComplexArray::from_host(y.0.psi.device(), host.view())?;
    bar.1.position.axpy(1.0, &y.1.velocity);
    let value: f64 = value;
    Ok((value, bar))
}

#[test]
fn every_schedule_gives_the_same_gradient() {
    let Some(device) = common::device() else {
        return;
    };
    let mesh = Mesh::new([8, 6, 4], [4.0, 4.0, 4.0]).unwrap();
    let (system, x) = (system(&device, &mesh), start(&device, &mesh));
    let boson = Boson {
        m_per_hbar: 0.8,
        c1: 0.05,
    };
    let p = ((boson, ()), Background::none());
    let dt = [0.05; 9];
    let leapfrog = || Leapfrog::new(system.clone(), &dt);
    let gradient = |run: Evolve<f64, Leapfrog<f64, Matter>>| {
        let found = run.value_and_gradient(&p, x.clone(), loss).unwrap();
        assert_eq!(found.report, run.predict(&x).unwrap());
        found
    };
    let stored = gradient(Evolve::new(leapfrog(), Schedule::StoreAll));
    let (boson_bar, ()) = stored.p_bar.0;
    assert!(boson_bar.m_per_hbar.abs() > 1e-3 && boson_bar.c1.abs() > 1e-3);

    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR"));
    let state = adastra_core::Fields::<f64>::bytes(&x);
    for storage in [
        Storage::Memory,
        Storage::Disk(folder.to_owned()),
        Storage::Host,
    ] {
        assert_eq!(device.allocated_on_host(), 0);
        let found = gradient(Evolve::new(
            leapfrog(),
            Schedule::Checkpoint {
                budget_bytes: 3 * state,
                storage,
            },
        ));
        assert_eq!(found.p_bar.0.0, boson_bar);
        let mut difference = found.x_bar;
        difference.axpy(-1.0, &stored.x_bar);
        assert_eq!(difference.dot(&difference), 0.0, "the same bits");
    }
    // Each array of three states starts a block of its own.
    let kept = device.allocated_on_host();
    assert!((3 * state..4 * state).contains(&kept), "{kept} of {state}");

    let undone = gradient(Evolve::reversible(
        leapfrog(),
        ReversibleSchedule::Reconstruct { anchors: 1 },
    ));
    let mut difference = undone.x_bar;
    difference.axpy(-1.0, &stored.x_bar);
    let scale = stored.x_bar.dot(&stored.x_bar);
    assert!(difference.dot(&difference) < 1e-20 * scale);
    let error = undone.p_bar.0.0.m_per_hbar / boson_bar.m_per_hbar - 1.0;
    assert!(error.abs() < 1e-10, "{error:e}");
}

#[test]
fn a_run_keeps_its_mass_and_asks_for_no_new_memory() {
    let Some(device) = common::device() else {
        return;
    };
    let mesh = Mesh::new([8; 3], [4.0; 3]).unwrap();
    let (system, x) = (system(&device, &mesh), start(&device, &mesh));
    let boson = Boson {
        m_per_hbar: 0.8,
        c1: 0.0,
    };
    let p = ((boson, ()), Background::none());
    let run = |n: usize| {
        let leapfrog = Leapfrog::new(system.clone(), &vec![0.05; n]);
        let schedule = ReversibleSchedule::Reconstruct { anchors: 0 };
        let run = Evolve::reversible(leapfrog, schedule);
        let y = run.apply(&p, x.clone()).unwrap();
        run.value_and_gradient(&p, x.clone(), loss).unwrap();
        y
    };
    drop(run(3));
    let before = device.allocated();
    let y = run(40);
    assert_eq!(
        device.allocated(),
        before,
        "memory does not grow with the steps"
    );
    let (found, expected) = (y.0.psi.dot(&y.0.psi), x.0.psi.dot(&x.0.psi));
    assert!((found / expected - 1.0).abs() < 1e-12);
    assert!(adastra_core::Fields::<f64>::non_finite(&y).is_none());
}

#[test]
fn wrong_shapes_and_parameters_are_named() {
    let Some(device) = common::device() else {
        return;
    };
    let mesh = Mesh::new([8; 3], [4.0; 3]).unwrap();
    let (system, x) = (system(&device, &mesh), start(&device, &mesh));
    let run = Evolve::new(Leapfrog::new(system, &[0.1]), Schedule::StoreAll);
    let with = |m_per_hbar| {
        let boson = Boson {
            m_per_hbar,
            c1: 0.0,
        };
        ((boson, ()), Background::none())
    };
    let error = run.apply(&with(-1.0), x.clone()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "m_per_hbar = -1: must be positive and finite"
    );
    let mut short = x.clone();
    short.0.psi = ComplexArray::zeros(&device, &[8, 8, 6]).unwrap();
    let error = run.apply(&with(1.0), short).unwrap_err();
    assert_eq!(
        error.to_string(),
        "psi: shape [8, 8, 6], expected [8, 8, 8]"
    );
    let mut few = x;
    few.1.mass = RealArray::zeros(&device, &[3]).unwrap();
    let error = run.apply(&with(1.0), few).unwrap_err();
    assert_eq!(
        error.to_string(),
        "particle masses: shape [3], expected [40]"
    );
}
