//! Stars from configurations: gradients of the run and of its beginning, and what is refused.

use std::path::Path;

use adastra_check::{check_adjoint_at, nearby};
use adastra_core::{Evolve, Operator, ReversibleSchedule, Schedule, State};
use adastra_gravity::Leapfrog;
use adastra_io::{Dataset, Header, SnapshotWriter};
use adastra_nbody::{Observer, ParticleState, Sky};
use adastra_pipeline::Simulation;
use proptest::prelude::*;

use crate::configured::{STARS, build, ends_where_it_is_put, final_state, tolerances};

fn simulation() -> Simulation<f64> {
    build(STARS, Path::new("")).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    /// The run over the first state, the softening, the span and the galaxy, under both schedules.
    #[test]
    fn runs_have_exact_gradients(seed in any::<u64>(), kept in any::<bool>()) {
        let simulation = simulation();
        let background = simulation.background(&simulation.start).unwrap();
        let p = (nearby(&simulation.start.parameters, 0.05, seed), background);
        let x = nearby(&simulation.start.state, 0.02, seed);
        let leapfrog = Leapfrog::new(simulation.system().clone(), &[0.02, 0.03, 0.01]);
        let run = if kept {
            Evolve::new(leapfrog, Schedule::StoreAll)
        } else {
            Evolve::reversible(leapfrog, ReversibleSchedule::Reconstruct { anchors: 0 })
        };
        check_adjoint_at(&run, &p, &x, seed, &tolerances()).unwrap();
    }
}

/// The whole chain from parameters of a file to a loss on the sky, against differences of it.
#[test]
fn gradients_of_a_configuration_agree_with_differences_of_its_loss() {
    let folder = tempfile::tempdir().unwrap();
    let truth = simulation();
    let (_, stars) = final_state(&truth);
    let seen = Sky::gd1(&Observer::default()).apply(&(), stars).unwrap();
    let mut writer = SnapshotWriter::new(Header {
        time: 0.0,
        step: 0,
        code_version: String::new(),
        config: String::new(),
    });
    let data = Dataset::from(seen.into_dyn());
    writer.dataset("sky", "", &data).unwrap();
    writer.write(folder.path().join("data.h5")).unwrap();
    let text = format!(
        "{STARS}\n[objective]\nuse = \"nbody.sky-likeness\"\nwith = {{ of = \"stream\", data = \
         \"data.h5\", dataset = \"sky\", scales = [20, 4, 2, 2, 2, 40] }}"
    );
    let simulation = build(&text.replace("1e8 Msun", "2e8 Msun"), folder.path()).unwrap();
    let addresses = [
        "stream.span",
        "stream.softening",
        "stream.halo.mass",
        "stream.halo.axis_ratio_z",
        "stream.disk.scale_length",
        "stream.initial.mass",
        "stream.initial.scale_radius",
        "stream.initial.position",
    ]
    .map(str::to_owned);
    simulation.find_unknowns("unknowns", &addresses).unwrap();
    let found = simulation.gradient(&simulation.start, None).unwrap();
    let gradient = found.bar.read(&addresses);
    let at = simulation.start.read(&addresses);
    for i in 0..at.len() {
        let h = 2e-5 * at[i].abs();
        let loss = |sign: f64| {
            let mut moved = at.clone();
            moved[i] += sign * h;
            let mut start = simulation.start.clone();
            simulation.set(&mut start, &addresses, &moved).unwrap();
            simulation.loss(&start).unwrap().0
        };
        let difference = (loss(1.0) - loss(-1.0)) / (2.0 * h);
        assert!(
            (difference - gradient[i]).abs() <= 1e-5 * difference.abs() + 1e-9 / at[i].abs(),
            "number {i}: {difference:e} by differences, {:e} by the sweep",
            gradient[i]
        );
    }
}

/// Traced back and then run forward over the same span, the centre of mass of a light cluster
/// comes to where the parameters put it.
#[test]
fn clusters_end_where_they_are_put() {
    ends_where_it_is_put(STARS);
}

/// The multipole method and the frozen derivative are asked for by name.
#[test]
fn other_forces_and_derivatives_have_names() {
    let with = |option: &str| {
        let text = STARS.replace("count = 12", "count = 300");
        let text = text.replace("with = { galaxy", &format!("with = {{ {option}, galaxy"));
        build(&text, Path::new("")).unwrap()
    };
    let direct = final_state(&with("pairs = \"run\"")).1;
    let tree = "multipoles = { leaf_size = 8, order = 4, opening_angle = 0.7 }";
    let far = final_state(&with(tree)).1;
    let off = (&far.velocity - &direct.velocity).mapv(f64::abs).sum() / 900.0;
    assert!(off > 0.0 && off < 0.2, "{off}");

    let gradient = |simulation: &Simulation<f64>| {
        let background = simulation.background(&simulation.start).unwrap();
        let p = (simulation.start.parameters.clone(), background);
        let leapfrog = Leapfrog::new(simulation.system().clone(), &[0.02; 5]);
        let run = Evolve::new(leapfrog, Schedule::StoreAll);
        let x = simulation.start.state.clone();
        let found = run
            .value_and_gradient(&p, x, |y| Ok((0.0, y.clone())))
            .unwrap();
        found
            .x_bar
            .get::<ParticleState<f64>>("stream")
            .unwrap()
            .position
            .clone()
    };
    let exact = gradient(&with("pairs = \"run\""));
    let frozen = gradient(&with("pair_derivative = \"frozen\""));
    let off = (&exact - &frozen).mapv(f64::abs).sum() / exact.mapv(f64::abs).sum();
    assert!(off > 1e-6, "{off}");
}

/// Steps of an accuracy are as long as the strongest force allows.
#[test]
fn adaptive_steps_follow_the_force() {
    let adaptive = STARS.replace("steps = 10", "safety = 1.0").replace(
        "disk = \"miyamoto-nagai\" }",
        "disk = \"miyamoto-nagai\" }, accuracy = 0.01",
    );
    let simulation = build(&adaptive, Path::new("")).unwrap();
    let steps = simulation.time_steps(&simulation.start).unwrap();
    assert!(steps.len() > 10);
    let finer = build(&adaptive.replace("0.01", "0.0025"), Path::new("")).unwrap();
    let ratio = finer.time_steps(&finer.start).unwrap().len() as f64 / steps.len() as f64;
    assert!((1.6..2.5).contains(&ratio), "{ratio}");
}

#[test]
fn what_is_wrong_is_named() {
    let cases = [
        (
            "self_gravity = false",
            "self_gravity = true",
            "self_gravity = true: allowed: false",
        ),
        (
            "\"triaxial-nfw\"",
            "\"triaxial-nwf\"",
            "did you mean \"triaxial-nfw\"?",
        ),
        (
            "axis_ratio_y = 0.95, ",
            "",
            "parameters.halo.axis_ratio_y is missing",
        ),
        (
            "axis_ratio_y = 0.95",
            "axis_ratio_y = 0.95, axis_ratio_w = 1",
            "halo.axis_ratio_w",
        ),
        (
            "disk = { mass",
            "bulge = { mass = 1 }\ndisk = { mass",
            "bulge.mass",
        ),
        (
            "\"4.37e11 Msun\"",
            "\"4.37e11 kpc\"",
            "parameters.halo.mass: `4.37e11 kpc` is not a mass",
        ),
        (
            "\"16 kpc\"",
            "\"-16 kpc\"",
            "scale_radius = -16: must be above 0",
        ),
        ("steps = 10", "", "accuracy is missing"),
        (
            "with = { galaxy",
            "with = { multipoles = { order = 99 }, galaxy",
            "order = 99: must be",
        ),
        (
            "with = { galaxy",
            "with = { pair_derivative = \"none\", galaxy",
            "with.pair_derivative = \"none\": allowed: \"exact\", \"frozen\" or { horizon",
        ),
        ("count = 12", "count = 0", "n = 0: must be at least 1"),
        (
            "trace_back = 20",
            "trace_back = 0",
            "trace_back = 0: allowed: at least 1",
        ),
        (
            "\"1e8 Msun\"",
            "\"-1e8 Msun\"",
            "mass = -100000000: must be above 0",
        ),
        (
            "truncation = 5",
            "central_potential = 5",
            "only with model = \"king\"",
        ),
        (
            "use = \"nbody.sphere\"",
            "use = \"nbody.cube\"",
            "nbody.sphere",
        ),
    ];
    for (from, to, expected) in cases {
        assert!(STARS.contains(from), "{from}");
        let error = build(&STARS.replacen(from, to, 1), Path::new(""))
            .and_then(|s| s.time_steps(&s.start))
            .err()
            .map(|e| e.to_string())
            .unwrap_or_default();
        assert!(error.contains(expected), "{to}: {error}");
    }
    let simulation = simulation();
    let state = ["stream.position".to_owned()];
    let error = simulation
        .find_unknowns("fit.unknowns", &state)
        .unwrap_err();
    assert!(error.to_string().contains("stream.initial"), "{error}");
    // As zeros, they are of one type and shape.
    assert_eq!(simulation.start.state.zeros_like().addresses().len(), 4);
}
