//! The `adastra` command as a user meets it: what it writes, and what it says of bad input.

use std::path::Path;
use std::process::{Command, Output};

const COMMAND: &str = env!("CARGO_BIN_EXE_adastra");

fn adastra(arguments: &[&str]) -> Output {
    Command::new(COMMAND)
        .args(arguments)
        .output()
        .expect("the command runs")
}

const CONFIG: &str = r#"
title = "test"
[mesh]
cells = 8
size = "8 kpc"
[time]
end = 0.12
steps = 12
[[matter]]
name = "dm"
use = "fdm.wave"
parameters = { mass = "1e-22 eV" }
initial = { use = "fdm.random-phases", with = { mean_density = 1e6, velocity_dispersion = 12.0 } }
[[matter]]
name = "stars"
use = "particles"
initial = { use = "particles.lattice", with = { count = [3, 3, 1], mass = 2e7 } }
[objective]
use = "objective.density"
with = { of = ["dm"], target = "target.h5" }
[fit]
unknowns = ["stars.velocity"]
iterations = 2
[output]
outputs = 3
"#;

fn write_target(path: &Path, cells: usize) {
    use adastra::io::{Dataset, Header, SnapshotWriter};
    let header = Header {
        time: 0.0,
        step: 0,
        code_version: String::new(),
        config: String::new(),
    };
    let mut writer = SnapshotWriter::new(header);
    let target = ndarray::Array3::from_shape_fn((cells, cells, cells), |(i, _, _)| 1.0 + i as f64);
    writer
        .dataset("rho", "", &Dataset::F64(target.into_dyn()))
        .expect("a dataset");
    writer.write(path).expect("a file");
}

/// A folder with a configuration and its target.
fn project(config: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("config.toml"), config).expect("a file");
    write_target(&folder.path().join("target.h5"), 8);
    folder
}

fn run(action: &str, folder: &Path, more: &[&str]) -> Output {
    let config = folder.join("config.toml");
    let mut arguments = vec![action, config.to_str().expect("a path")];
    arguments.extend(more);
    adastra(&arguments)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn every_action_works() {
    let folder = project(CONFIG);
    let out = folder.path().join("output");
    let done = run("run", folder.path(), &["--quiet"]);
    assert!(done.status.success(), "{}", text(&done.stderr));
    for file in [
        "snapshot_0000.h5",
        "snapshot_0003.h5",
        "frame_0003.png",
        "quantities.csv",
        "quantities.png",
        "restart.h5",
    ] {
        assert!(out.join(file).exists(), "{file}");
    }
    let plot = adastra(&[
        "plot",
        out.join("snapshot_0003.h5").to_str().expect("a path"),
    ]);
    assert!(plot.status.success(), "{}", text(&plot.stderr));
    assert!(out.join("snapshot_0003.png").exists());

    let prediction = run("grad", folder.path(), &["--dry-run"]);
    assert!(
        text(&prediction.stdout).contains("13 steps"),
        "{}",
        text(&prediction.stdout)
    );
    let gradient = run("grad", folder.path(), &[]);
    assert!(gradient.status.success(), "{}", text(&gradient.stderr));
    let file = adastra::io::Snapshot::open(out.join("gradient.h5")).expect("a gradient");
    assert!(file.real::<f64>("stars/velocity", &[9, 3]).is_ok());
    assert!(file.real::<f64>("dm/mass", &[1]).is_ok());

    let fit = run("fit", folder.path(), &["--quiet"]);
    assert!(fit.status.success(), "{}", text(&fit.stderr));
    for file in ["fit.h5", "loss.csv", "loss.png", "result.png", "final.h5"] {
        assert!(out.join(file).exists(), "{file}");
    }
    let check = run("check", folder.path(), &[]);
    assert!(
        check.status.success(),
        "{}{}",
        text(&check.stdout),
        text(&check.stderr)
    );
    let plugins = adastra(&["plugins"]);
    assert!(text(&plugins.stdout).contains("fdm.wave"));
}

const DRIVEN: &str = r#"
seed = 4
precision = "f32"
self_gravity = false
[mesh]
cells = 8
size = "1 kpc"
[time]
end = 0.04
safety = 0.5
[[matter]]
name = "gas"
use = "gas.isothermal"
parameters = { sound_speed = "10 km/s" }
initial = { use = "gas.uniform", with = { density = 1e6 } }
[[matter]]
name = "clock"
use = "clock"
initial = { use = "clock.start" }
[[process]]
name = "driving"
use = "gas.driving"
with = { gas = "gas", clock = "clock", correlation_time = 0.01 }
parameters = { acceleration = 600.0 }
[objective]
use = "objective.density"
with = { of = ["gas"], target = "target.h5" }
[fit]
unknowns = ["driving.acceleration", "gas.momentum_x"]
scale = [100.0, 1e6]
iterations = 1
[output]
outputs = 4
pictures = { of = ["gas"] }
spectra = ["gas"]
"#;

#[test]
fn driven_gas_restarts_to_the_same_bits_with_spectra_and_fits_its_amplitude() {
    let whole = project(DRIVEN);
    let done = run("run", whole.path(), &["--quiet"]);
    assert!(done.status.success(), "{}", text(&done.stderr));
    let spectrum = |folder: &Path, output: usize| {
        let file = folder.join(format!("output/spectrum_000{output}.h5"));
        let file = adastra::io::Snapshot::open(file).expect("a spectrum");
        let bins = file
            .dataset("k")
            .expect("k")
            .to_real::<f64>()
            .expect("numbers")
            .len();
        file.real::<f64>("power/gas", &[bins]).expect("the power")
    };
    assert!(spectrum(whole.path(), 4).iter().all(|&power| power > 0.0));
    assert!(whole.path().join("output/spectra.png").exists());

    let part = project(DRIVEN);
    let (from, to) = (whole.path().join("output"), part.path().join("output"));
    std::fs::create_dir(&to).expect("a folder");
    std::fs::copy(from.join("snapshot_0002.h5"), to.join("restart.h5")).expect("a copy");
    std::fs::copy(from.join("quantities.csv"), to.join("quantities.csv")).expect("a copy");
    let done = run("run", part.path(), &["--quiet", "--restart"]);
    assert!(done.status.success(), "{}", text(&done.stderr));
    let last = |folder: &Path| {
        let file = adastra::io::Snapshot::open(folder.join("snapshot_0004.h5"));
        let file = file.expect("a snapshot");
        file.real::<f32>("gas/momentum_x", &[8, 8, 8])
            .expect("a field")
    };
    assert_eq!(last(&from), last(&to));
    assert_eq!(spectrum(whole.path(), 4), spectrum(part.path(), 4));

    let fit = run("fit", whole.path(), &["--quiet"]);
    assert!(fit.status.success(), "{}", text(&fit.stderr));
    let said = text(&fit.stdout);
    assert!(said.contains(", from 6.000000e2"), "{said}");
    assert!(!said.contains("gas.momentum_x ="), "{said}");

    let wrong = DRIVEN.replace("spectra = [\"gas\"]", "spectra = [\"dust\"]");
    let done = run("run", project(&wrong).path(), &["--quiet"]);
    assert_eq!(done.status.code(), Some(2));
    let said = text(&done.stderr);
    assert!(said.contains("no matter \"dust\""), "{said}");
}

#[test]
fn bad_input_gives_one_clear_error() {
    let cases: &[(&str, &str, &[&str])] = &[
        ("cells = 8", "cells = 7", &["7", "even"]),
        ("cells = 8", "cells = 0", &["0"]),
        ("cells = 8", "cell = 8", &["cell", "cells"]),
        (
            "size = \"8 kpc\"",
            "size = \"8 Msun\"",
            &["8 Msun", "length", "kpc"],
        ),
        ("size = \"8 kpc\"", "size = -8", &["-8", "positive"]),
        ("end = 0.12", "end = 0", &["time.end", "positive"]),
        ("steps = 12", "steps = 0", &["time.steps", "at least 1"]),
        (
            "end = 0.12\nsteps = 12",
            "end = 12.0\nsteps = 3",
            &["kinetic", "limit"],
        ),
        ("mass = 2e7", "mass = -2e7", &["mass", "-2"]),
        ("\"1e-22 eV\"", "-1.0", &["mass", "-1", "positive"]),
        (
            "mean_density = 1e6",
            "mean_density = nan",
            &["NaN", "finite"],
        ),
        (
            "use = \"fdm.wave\"",
            "use = \"fdm.wav\"",
            &["fdm.wav", "did you mean", "fdm.wave"],
        ),
        (
            "velocity_dispersion",
            "velocity_dispersal",
            &["velocity_dispersal", "did you mean"],
        ),
        (
            "unknowns = [\"stars.velocity\"]",
            "unknowns = [\"stars.velocty\"]",
            &["stars.velocty", "did you mean", "stars.velocity"],
        ),
        ("of = [\"dm\"]", "of = [\"gas\"]", &["gas", "dm", "stars"]),
        (
            "outputs = 3",
            "outputs = 5",
            &["outputs = 5", "divisor", "12"],
        ),
        (
            "target = \"target.h5\"",
            "target = \"missing.h5\"",
            &["missing.h5"],
        ),
        ("name = \"stars\"", "name = \"dm\"", &["dm", "once"]),
    ];
    for (from, to, expected) in cases {
        assert!(CONFIG.contains(from), "{from}");
        let folder = project(&CONFIG.replace(from, to));
        let action = if from.contains("unknowns") {
            "fit"
        } else {
            "run"
        };
        let output = run(action, folder.path(), &["--quiet"]);
        let message = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{to}: {message}");
        assert!(!message.contains("panicked"), "{to}: {message}");
        assert_eq!(message.matches("error:").count(), 1, "{to}: {message}");
        for part in *expected {
            assert!(
                message.contains(part),
                "{to}: {part:?} is not in: {message}"
            );
        }
    }
}

#[test]
fn bad_files_give_one_clear_error() {
    let folder = project(CONFIG);
    let target = folder.path().join("target.h5");
    let whole = std::fs::read(&target).expect("a file");
    let fails = |what: &str| {
        let output = run("run", folder.path(), &["--quiet"]);
        let message = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{what}: {message}");
        assert!(
            message.contains("target") && !message.contains("panicked"),
            "{what}: {message}"
        );
    };
    std::fs::write(&target, &whole[..whole.len() / 2]).expect("a file");
    fails("truncated");
    std::fs::write(&target, "no HDF5").expect("a file");
    fails("foreign");
    write_target(&target, 6);
    fails("another size");

    // An output folder that cannot be made: there is a file in its place.
    write_target(&target, 8);
    std::fs::write(folder.path().join("output"), "in the way").expect("a file");
    let output = run("run", folder.path(), &["--quiet"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        text(&output.stderr).contains("output"),
        "{}",
        text(&output.stderr)
    );
}

#[test]
fn a_killed_run_restarts_to_the_same_bits() {
    let long = CONFIG
        .replace("steps = 12", "steps = 3000")
        .replace("outputs = 3", "outputs = 30");
    let whole = project(&long);
    assert!(run("run", whole.path(), &["--quiet"]).status.success());

    let parts = project(&long);
    let mut kills = 0;
    for wait in [60, 90, 140, 200] {
        let restart = parts.path().join("output/restart.h5").exists();
        let mut arguments = vec!["run", "--quiet"];
        let config = parts.path().join("config.toml");
        arguments.push(config.to_str().expect("a path"));
        if restart {
            arguments.push("--restart");
        }
        let mut child = Command::new(COMMAND)
            .args(&arguments)
            .spawn()
            .expect("the command runs");
        std::thread::sleep(std::time::Duration::from_millis(wait));
        if child.try_wait().expect("a status").is_none() {
            kills += 1;
        }
        let _ = child.kill();
        let _ = child.wait();
        // Whatever moment it was, the snapshots are whole.
        for entry in std::fs::read_dir(parts.path().join("output"))
            .into_iter()
            .flatten()
        {
            let path = entry.expect("readable").path();
            let hidden = path
                .file_name()
                .is_some_and(|n| n.to_string_lossy().starts_with('.'));
            if path.extension().is_some_and(|e| e == "h5") && !hidden {
                adastra::io::Snapshot::open(&path).expect("a whole snapshot");
            }
        }
    }
    let restart = parts.path().join("output/restart.h5").exists();
    let done = run(
        "run",
        parts.path(),
        if restart {
            &["--quiet", "--restart"]
        } else {
            &["--quiet"]
        },
    );
    assert!(done.status.success(), "{}", text(&done.stderr));
    println!("killed {kills} times");
    let last = |folder: &Path| {
        let file = folder.join("output/snapshot_0030.h5");
        let snapshot = adastra::io::Snapshot::open(file).expect("a snapshot");
        (
            snapshot.complex::<f64>("dm/psi", &[8, 8, 8]).expect("psi"),
            snapshot
                .real::<f64>("stars/position", &[9, 3])
                .expect("positions"),
        )
    };
    assert_eq!(last(whole.path()), last(parts.path()));
    let log = |folder: &Path| std::fs::read(folder.join("output/quantities.csv")).expect("a log");
    assert_eq!(log(whole.path()), log(parts.path()));
}

#[cfg(feature = "cuda")]
#[test]
fn a_gpu_that_is_not_there_is_one_line_and_the_cpu_is_offered() {
    let folder = project(CONFIG);
    let config = folder.path().join("config.toml");
    let config = config.to_str().expect("a path");
    let refused = |arguments: &[&str]| {
        // Where there is a GPU, it is hidden.
        let done = Command::new(COMMAND)
            .env("CUDA_VISIBLE_DEVICES", "")
            .args(arguments)
            .output()
            .expect("the command runs");
        assert_eq!(done.status.code(), Some(2), "{arguments:?}");
        text(&done.stderr)
    };
    for action in ["run", "grad", "fit", "check"] {
        let error = refused(&[action, config, "--device", "cuda"]);
        assert!(error.starts_with("error: device: "), "{error}");
        assert!(error.contains("NVIDIA driver"), "{error}");
        assert!(
            error.ends_with("or run on the CPU: device = \"cpu\"\n"),
            "{error}"
        );
        assert_eq!(error.lines().count(), 1, "{error}");
    }
    let error = refused(&["selftest"]);
    assert!(
        error.ends_with("or run on the CPU: device = \"cpu\"\n"),
        "{error}"
    );
    let error = refused(&["selftest", "--device", "cpu"]);
    assert!(error.contains("--device = cpu: allowed: a GPU"), "{error}");
    let error = refused(&["run", config, "--device", "cuda:one"]);
    assert!(
        error.contains("allowed: \"cpu\", or a device and its number"),
        "{error}"
    );

    let on_cpu = project(&format!("device = \"cuda\"\n{CONFIG}"));
    let done = run("run", on_cpu.path(), &["--device", "cpu", "--quiet"]);
    assert!(done.status.success(), "{}", text(&done.stderr));
    let plugins = text(&adastra(&["plugins", "fdm.wave"]).stdout);
    assert!(plugins.contains("device: cpu, cuda"), "{plugins}");
}
