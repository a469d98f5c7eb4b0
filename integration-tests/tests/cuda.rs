//! Configurations on a device against the same on the CPU, on a driver without a device.

use std::io::Write;
use std::path::Path;

use adastra::check::{Tolerances, check_adjoint_at, nearby};
use adastra::core::{FieldRef, Fields, Real, State};
use adastra::cuda::fake::{FakeError, install};
use adastra::pipeline::{Config, Registry, Runner, Simulation, World};

/// Whether there is a driver without a device for this process.
fn device() -> bool {
    match install(Path::new(env!("CARGO_TARGET_TMPDIR")), &[]) {
        Ok(_) => true,
        Err(error @ FakeError::NoCompiler) => {
            let _ = writeln!(std::io::stderr(), "SKIPPED, runs on a device: {error}");
            false
        }
        Err(error) => panic!("{error}"),
    }
}

const SITE: &str = r#"
seed = 5
[mesh]
cells = [8, 6, 10]
size = ["8 kpc", "7 kpc", "9 kpc"]
"#;
const TIME: &str = r#"
[time]
end = 0.08
steps = 8
"#;
const ADAPTIVE: &str = r#"
[time]
end = 0.08
safety = 0.3
"#;
const COSMOLOGY: &str = r#"
[time]
safety = 0.05
[cosmology]
h = 0.7
omega_matter = 0.3
redshifts = [1.0, 0.9998, 0.9995]
"#;
const WAVE: &str = r#"
[[matter]]
name = "dm"
use = "fdm.wave"
parameters = { mass = 0.8, coupling = 0.05 }
initial = { use = "fdm.random-phases", with = { mean_density = 1e6, velocity_dispersion = 12.0 } }
"#;
const SECOND_WAVE: &str = r#"
[[matter]]
name = "heavy"
use = "fdm.wave"
parameters = { mass = 1.3 }
initial = { use = "fdm.random-phases", with = { mean_density = 5e5, velocity_dispersion = 9.0 } }
"#;
const STARS: &str = r#"
[[matter]]
name = "stars"
use = "particles"
initial = { use = "particles.uniform", with = { count = 40, mass = 2e6, velocity_dispersion = 9.0 } }
"#;
const WELL: &str = r#"
[[potential]]
name = "well"
use = "plummer"
parameters = { mass = "1e9 Msun", scale_radius = "2 kpc", centre = ["4 kpc", "3 kpc", "5 kpc"] }
"#;

fn objective(of: &str) -> String {
    format!(
        "[objective]\nuse = \"objective.density\"\nwith = {{ of = [{of}], target = \"target.h5\" }}\n"
    )
}

fn write_target(folder: &Path) {
    use adastra::io::{Dataset, Header, SnapshotWriter};
    let mut writer = SnapshotWriter::new(Header {
        time: 0.0,
        step: 0,
        code_version: String::new(),
        config: String::new(),
    });
    let target = ndarray::Array3::from_shape_fn((8, 6, 10), |(i, j, k)| (1 + i + j * k % 3) as f64);
    let target = Dataset::F64(target.into_dyn());
    writer.dataset("target", "", &target).expect("a dataset");
    writer.write(folder.join("target.h5")).expect("a file");
}

fn registry() -> Registry {
    let mut registry = adastra::registry().expect("a registry");
    adastra_plugin_plummer_potential::plugin(&mut registry).expect("a new name");
    registry
}

fn build<T: Real>(text: &str, folder: &Path) -> adastra::pipeline::Result<Simulation<T>> {
    let config = Config::parse(text, folder).expect("a configuration");
    Simulation::build(&config, &registry())
}

/// The largest relative difference of a field.
fn worst<T: Real>(found: &World<T>, expected: &World<T>) -> f64 {
    let mut difference = found.clone();
    difference.axpy(-T::one(), expected);
    let norms = |world: &World<T>| {
        let mut norms = Vec::new();
        world.visit(&mut |_, field| {
            norms.push(match field {
                FieldRef::Real(a) => a.iter().map(|x| x.f64().powi(2)).sum::<f64>().sqrt(),
                FieldRef::Complex(a) => a.iter().map(|z| z.norm_sqr().f64()).sum::<f64>().sqrt(),
            });
        });
        norms
    };
    let pairs = norms(&difference).into_iter().zip(norms(expected));
    pairs.fold(0.0, |worst: f64, (error, size)| {
        // Masses of particles do not change, and have no gradient where nobody weighs them.
        let error = if size == 0.0 { error } else { error / size };
        assert!(error.is_finite());
        worst.max(error)
    })
}

/// Runs on both, and compares states, steps and gradients.
fn compare<T: Real>(text: &str, allowed: f64) {
    let folder = tempfile::tempdir().expect("a folder");
    write_target(folder.path());
    let on = |device: &str| {
        let text = format!("device = \"{device}\"\n{text}");
        build::<T>(&text, folder.path()).expect("a simulation")
    };
    let (cpu, cuda) = (on("cpu"), on("cuda:1"));
    let outputs = cpu.outputs(2);
    let mut runs = [&cpu, &cuda].map(|s| Runner::new(s, s.begin(), outputs).expect("a run"));
    let begin = cpu.begin().state;
    loop {
        let [a, b] = runs.each_mut().map(|run| run.step().expect("a step"));
        assert!((a.dt / b.dt - 1.0).abs() < allowed, "{} {}", a.dt, b.dt);
        assert_eq!((a.binding.name, a.at_output), (b.binding.name, b.at_output));
        if a.at_output {
            let [a, b] = runs.each_ref().map(|run| run.progress());
            assert_eq!((&a.march, a.output), (&b.march, b.output));
            let error = worst(&b.state, &a.state);
            assert!(error < 10.0 * allowed, "state: {error:e}");
        }
        if a.finished {
            break;
        }
    }
    assert!(
        worst(&runs[0].progress().state, &begin) > 1e-2,
        "the run goes somewhere"
    );

    let [a, b] = [&cpu, &cuda].map(|s| s.gradient(&s.start, None).expect("a gradient"));
    assert!((b.value / a.value - 1.0).abs() < 10.0 * allowed);
    assert_eq!(a.report.steps, b.report.steps);
    for (what, found, expected) in [
        ("state", &b.bar.state, &a.bar.state),
        ("parameters", &b.bar.parameters, &a.bar.parameters),
        ("potentials", &b.bar.potentials, &a.bar.potentials),
    ] {
        let error = worst(found, expected);
        assert!(error < 100.0 * allowed, "gradient by {what}: {error:e}");
        let none = expected.addresses().is_empty();
        assert!(none || expected.dot(expected) > 0.0, "a gradient by {what}");
    }
}

#[test]
fn configurations_run_as_on_the_cpu() {
    if !device() {
        return;
    }
    let schedule = |name: &str| format!("[gradient]\nschedule = \"{name}\"\nbudget = \"80 KiB\"\n");
    let both = objective("\"dm\", \"stars\"");
    for text in [
        format!("{SITE}{TIME}{WAVE}{}", objective("\"dm\"")),
        format!("{SITE}{TIME}{STARS}{WELL}{}", objective("\"stars\"")),
        format!(
            "{SITE}{ADAPTIVE}{WAVE}{STARS}{both}{}",
            schedule("checkpoint")
        ),
        format!("{SITE}{TIME}{WAVE}{STARS}{WELL}{both}{}", schedule("store")),
        format!("{SITE}{TIME}{WAVE}{SECOND_WAVE}{}", objective("\"heavy\"")),
        format!(
            "{SITE}{COSMOLOGY}{WAVE}{STARS}{both}{}",
            schedule("reversible")
        ),
        format!(
            "self_gravity = false\n{SITE}{TIME}{WAVE}{WELL}{}",
            objective("\"dm\"")
        ),
    ] {
        compare::<f64>(&text, 1e-11);
        compare::<f32>(&text, 3e-5);
    }
}

#[test]
fn a_run_on_a_device_passes_the_gradient_check() {
    if !device() {
        return;
    }
    let text = format!(
        "device = \"cuda\"\n{SITE}{TIME}{WAVE}{STARS}{WELL}[gradient]\nschedule = \"store\"\n"
    );
    let simulation = build::<f64>(&text, Path::new("")).expect("a simulation");
    let p = simulation.given(&simulation.start).expect("a background");
    let run = simulation.run(&[0.01; 3], None).expect("a run");
    let state = nearby(&simulation.start.state, 0.01, 7);
    let tolerances = Tolerances {
        step: 1e-6,
        difference: 1e-6,
        ..Tolerances::default()
    };
    check_adjoint_at(&run, &p, &state, 7, &tolerances).expect("an adjoint");
}

#[test]
fn what_a_device_cannot_run_is_refused_with_its_name() {
    let folder = tempfile::tempdir().expect("a folder");
    let refused = |more: &str, device: &str| {
        let text = format!("device = \"{device}\"\n{SITE}{TIME}{STARS}{more}");
        build::<f64>(&text, folder.path())
            .err()
            .expect("an error")
            .to_string()
    };
    let gas = r#"
[[matter]]
name = "gas"
use = "gas.isothermal"
parameters = { sound_speed = "10 km/s" }
initial = { use = "gas.uniform", with = { density = 1e6 } }
"#;
    assert_eq!(
        refused(gas, "cuda"),
        "matter.gas.use = \"gas.isothermal\": allowed: with device = \"cuda\": fdm.wave, particles; \
         or run on the CPU: device = \"cpu\""
    );
    let clock = r#"
[[matter]]
name = "clock"
use = "clock"
initial = { use = "clock.start" }
"#;
    assert!(refused(clock, "cuda:1").contains("matter.clock.use = \"clock\""));
    let process = format!(
        "{gas}[[process]]\nname = \"eats\"\nuse = \"accretion.bondi\"\nwith = {{ gas = \"gas\", \
         sinks = \"stars\" }}\n"
    );
    let text = refused(&process, "cuda");
    assert!(text.contains("process = \"eats\""), "{text}");
    assert!(
        text.ends_with("or run on the CPU: device = \"cpu\""),
        "{text}"
    );
    assert_eq!(
        refused("", "cua"),
        "device = \"cua\": no such device, did you mean \"cuda\"?; allowed: cpu, cuda"
    );
    if device() {
        let text = refused("", "cuda:7");
        assert!(text.contains("device: no GPU 7"), "{text}");
    }
}
