//! Gas and particles in an expanding space, against Zel'dovich (1970, A&A 5, 84).
//!
//! In an Einstein-de Sitter universe a plane wave of cold matter moves by
//! `x = q - (a/a_c) sin(k q)/k` until planes cross at `a_c`: exact for particles, and for the density
//! `rho = rho_mean/(1 - (a/a_c) cos(k q))` of cold gas. A configuration starts it at one scale
//! factor, and the run must end with it at another.

use std::f64::consts::TAU;
use std::path::Path;

use adastra::gravity::G;
use adastra::hydro::IdealState;
use adastra::io::{Dataset, Header, SnapshotWriter};
use adastra::particles::ParticleState;
use adastra::pipeline::{Config, Progress, Runner, Simulation};
use ndarray::{Array1, Array2, Array3};

/// Hubble's constant, in km/s/kpc.
const H0: f64 = 0.07;
/// From redshift 49 to 9.
const START: f64 = 0.02;
const END: f64 = 0.1;
const SIZE: f64 = 6400.0;
const N: usize = 64;

fn mean_density() -> f64 {
    3.0 * H0 * H0 / (4.0 * TAU * G)
}

/// Displacement and velocity at q, of a wave whose planes cross at `crossing`. In supercomoving time
/// da/dtau = a^3 H = H0 a^(3/2).
fn zeldovich(q: f64, a: f64, crossing: f64) -> [f64; 2] {
    let k = TAU / SIZE;
    let shape = -(k * q).sin() / (k * crossing);
    [a * shape, H0 * a.powf(1.5) * shape]
}

fn run(matter: &str, arrays: &[(&str, Dataset)]) -> Progress<f64> {
    let folder = tempfile::tempdir().expect("a folder");
    let mut writer = SnapshotWriter::new(Header {
        time: 0.0,
        step: 0,
        code_version: "test".into(),
        config: String::new(),
    });
    for (name, array) in arrays {
        writer.dataset(name, "", array).expect("a dataset");
    }
    writer
        .write(folder.path().join("start.h5"))
        .expect("a file");
    let config = format!(
        r#"
        [mesh]
        cells = [{N}, 4, 4]
        size = ["6400 kpc", "400 kpc", "400 kpc"]
        [time]
        safety = 0.5
        [cosmology]
        h = 0.7
        omega_matter = 1.0
        redshifts = [49.0, 9.0]
        [[matter]]
        name = "matter"
        {matter}
        initial = {{ use = "file", with = {{ path = "start.h5" }} }}
        "#
    );
    evolve(&config, folder.path())
}

fn evolve(config: &str, folder: &Path) -> Progress<f64> {
    let config = Config::parse(config, folder).expect("a configuration");
    let registry = adastra::registry().expect("a registry");
    let simulation = Simulation::<f64>::build(&config, &registry).expect("a simulation");
    let mut runner = Runner::new(&simulation, simulation.begin(), 1).expect("a run");
    while !runner.step().expect("a step").finished {}
    runner.progress().clone()
}

#[test]
fn particles_follow_the_pancake() {
    // Twice as far from crossing at the end: the wave is far from linear.
    let crossing = 2.0 * END;
    let count = 2 * N * 16;
    let place = |i: usize| (i / 16) as f64 * SIZE / (2 * N) as f64 + 0.25 * SIZE / N as f64;
    let position = Array2::from_shape_fn((count, 3), |(i, d)| match d {
        0 => (place(i) + zeldovich(place(i), START, crossing)[0]).rem_euclid(SIZE),
        1 => 100.0 * ((i / 4 % 4) as f64 + 0.5),
        _ => 100.0 * ((i % 4) as f64 + 0.5),
    });
    let velocity = Array2::from_shape_fn((count, 3), |(i, d)| {
        if d == 0 {
            zeldovich(place(i), START, crossing)[1]
        } else {
            0.0
        }
    });
    let mass = mean_density() * SIZE * 400.0 * 400.0 / count as f64;
    let arrays = [
        ("position", Dataset::from(position.into_dyn())),
        ("velocity", Dataset::from(velocity.into_dyn())),
        (
            "mass",
            Dataset::from(Array1::from_elem(count, mass).into_dyn()),
        ),
    ];
    let end = run("use = \"particles\"", &arrays);
    let x: &ParticleState<f64> = end.state.get("matter").expect("the particles");
    let largest = END / crossing / (TAU / SIZE);
    for i in 0..count {
        let expected = place(i) + zeldovich(place(i), END, crossing)[0];
        let mut off = (x.position[[i, 0]] - expected).rem_euclid(SIZE);
        off = off.min(SIZE - off);
        assert!(off < 0.02 * largest, "{i}: {off} of {largest}");
    }
}

#[test]
fn cold_gas_grows_with_the_scale_factor() {
    // A contrast of one per cent grows to five.
    let crossing = START / 0.01;
    let k = TAU / SIZE;
    let shape = (N, 4, 4);
    let x = |i: usize| (i as f64 + 0.5) * SIZE / N as f64;
    // To first order in the contrast q and x are the same.
    let density = Array3::from_shape_fn(shape, |(i, _, _)| {
        mean_density() * (1.0 + START / crossing * (k * x(i)).cos())
    });
    let velocity = Array3::from_shape_fn(shape, |(i, _, _)| zeldovich(x(i), START, crossing)[1]);
    let momentum = &density * &velocity;
    // So cold that the wave is a thousand Jeans lengths long.
    let pressure = mean_density() * (1e-3 * H0 / k * START.sqrt()).powi(2);
    let energy = 1.5 * pressure + 0.5 * &momentum * &velocity;
    let rest = Dataset::from(Array3::<f64>::zeros(shape).into_dyn());
    let arrays = [
        ("density", Dataset::from(density.into_dyn())),
        ("momentum_x", Dataset::from(momentum.into_dyn())),
        ("momentum_y", rest.clone()),
        ("momentum_z", rest),
        ("energy", Dataset::from(energy.into_dyn())),
    ];
    let end = run("use = \"gas.ideal\"", &arrays);
    let gas: &IdealState<f64> = end.state.get("matter").expect("the gas");
    let contrast = (0..N).map(|i| gas.density[[i, 0, 0]] * (k * x(i)).cos());
    let found = 2.0 * contrast.sum::<f64>() / N as f64 / mean_density();
    let expected = END / crossing;
    assert!((found / expected - 1.0).abs() < 0.02, "{found} {expected}");
}
