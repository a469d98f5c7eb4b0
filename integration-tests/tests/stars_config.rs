//! Stars of configuration files: the growing bar goes on from its arrays to the same bits, in single
//! precision as in double, and its gradients are those of its loss.

use std::path::{Path, PathBuf};

use adastra::core::{Fields, Operator, Real};
use adastra::io::{Dataset, Header, SnapshotWriter};
use adastra::nbody::{Observer, ParticleState, Sky};
use adastra::pipeline::{AnyArray, Arrays, Config, Progress, Simulation};
use ndarray::IxDyn;

fn example(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../examples/{name}/config.toml"))
}

/// The example of a growing bar at small size, with changes.
fn bar<T: Real>(folder: &Path, changes: &[(&str, &str)]) -> Simulation<T> {
    let mut text = std::fs::read_to_string(example("growing-bar")).expect("the example");
    let small = [
        ("count = 100000", "count = 120"),
        ("steps = 1500", "steps = 60"),
        ("cells = [192, 192, 16]", "cells = 8"),
        ("\"1.5 Gyr\"", "\"0.2 Gyr\""),
    ];
    for (from, to) in small.iter().chain(changes) {
        assert!(text.contains(from), "{from}");
        text = text.replace(from, to);
    }
    let config = Config::parse(&text, folder).expect("a configuration");
    let registry = adastra::registry().expect("a registry");
    Simulation::build(&config, &registry).expect("a simulation")
}

/// Takes steps until the end, at most as many as said.
fn run<T: Real>(simulation: &Simulation<T>, progress: &mut Progress<T>, steps: usize) {
    let background = simulation.background(&simulation.start).expect("none");
    let p = (simulation.start.parameters.clone(), background);
    for _ in 0..steps {
        if progress.output < 1 {
            simulation.step(&p, progress, 1).expect("a step");
        }
    }
}

fn stars<T: Real>(progress: &Progress<T>) -> &ParticleState<T> {
    progress.state.get("disk").expect("the disk")
}

#[test]
fn a_bar_goes_on_from_its_arrays() {
    let simulation = bar::<f64>(Path::new(""), &[]);
    let mut whole = simulation.begin();
    run(&simulation, &mut whole, 25);
    let mut arrays = Arrays::new();
    whole.state.visit(&mut |address, field| {
        let name = address.strip_prefix("disk.").expect("the only component");
        let array = match AnyArray::of(field) {
            // As files have it.
            AnyArray::Real(a) if a.ndim() == 0 => {
                AnyArray::Real(a.into_shape_with_order(IxDyn(&[1])).expect("one number"))
            }
            array => array,
        };
        arrays.insert(name, array);
    });
    let mut restored = Progress {
        state: simulation.start.state.clone(),
        ..whole.clone()
    };
    let into = &mut restored.state;
    simulation.restore(into, 0, arrays).expect("its own arrays");
    for progress in [&mut whole, &mut restored] {
        run(&simulation, progress, 100);
    }
    assert_eq!(stars(&whole), stars(&restored));
}

#[test]
fn single_precision_follows_double() {
    let (double, single) = (
        bar::<f64>(Path::new(""), &[]),
        bar::<f32>(Path::new(""), &[]),
    );
    let (mut x, mut y) = (double.begin(), single.begin());
    run(&double, &mut x, 100);
    run(&single, &mut y, 100);
    let pairs = stars(&x).position.iter().zip(&stars(&y).position);
    let worst = pairs.map(|(a, b)| (a - f64::from(*b)).abs());
    let worst = worst.fold(0.0, f64::max);
    assert!(worst < 1e-3, "{worst}");
}

#[test]
fn gradients_of_a_bar_agree_with_differences_of_its_loss() {
    let folder = tempfile::tempdir().expect("a folder");
    let truth = bar::<f64>(folder.path(), &[]);
    let mut last = truth.begin();
    run(&truth, &mut last, 100);
    let sky = Sky::icrs(&Observer::default());
    let seen = sky.apply(&(), stars(&last).clone()).expect("a view");
    let mut writer = SnapshotWriter::new(Header {
        time: 0.0,
        step: 0,
        code_version: String::new(),
        config: String::new(),
    });
    let data = Dataset::from(seen.into_dyn());
    writer.dataset("sky", "", &data).expect("a dataset");
    writer.write(folder.path().join("data.h5")).expect("a file");
    let simulation = bar::<f64>(
        folder.path(),
        &[
            (
                "[output]",
                "[objective]\nuse = \"nbody.sky-likeness\"\nwith = { of = \"disk\", frame = \"icrs\", \
                 data = \"data.h5\", dataset = \"sky\", scales = [40, 20, 4, 8, 8, 60] }\n[output]",
            ),
            ("1.2e10", "1.8e10"),
            ("\"20 km/s\"", "\"30 km/s\""),
        ],
    );
    let addresses = [
        "disk.span",
        "disk.bar.mass",
        "disk.bar.pattern_speed",
        "disk.bar.angle",
        "disk.bar.growth_rate",
        "disk.initial.scale_length",
        "disk.initial.dispersion",
    ]
    .map(str::to_owned);
    let found = simulation
        .gradient(&simulation.start, None)
        .expect("a gradient");
    let gradient = found.bar.read(&addresses);
    let at = simulation.start.read(&addresses);
    for i in 0..at.len() {
        // A star near a pole of the sky bends the loss on any longer scale.
        let h = 1e-6 * at[i].abs();
        let loss = |sign: f64| {
            let mut moved = at.clone();
            moved[i] += sign * h;
            let mut start = simulation.start.clone();
            let set = simulation.set(&mut start, &addresses, &moved);
            set.expect("numbers near the given ones");
            simulation.loss(&start).expect("a loss").0
        };
        let difference = (loss(1.0) - loss(-1.0)) / (2.0 * h);
        assert!(
            (difference - gradient[i]).abs() <= 1e-4 * difference.abs() + 1e-9 / at[i].abs(),
            "{}: {difference:e} by differences, {:e} by the sweep",
            addresses[i],
            gradient[i]
        );
    }
}
