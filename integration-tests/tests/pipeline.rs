//! Waves and stars, coupled: the pipeline against the typed library, schedules, restart.

use std::path::Path;
use std::sync::Arc;

use adastra::check::{Tolerances, check_adjoint_at, check_reversible_at};
use adastra::core::{Evolve, Real, ReversibleSchedule, Schedule, State, Storage};
use adastra::fdm::{RandomPhases, Wave, WaveParams, WaveState, random_phases};
use adastra::gravity::{Background, Leapfrog, SelfGravity};
use adastra::grid::Mesh;
use adastra::particles::{InitialParticles, ParticleState, Particles, Positions, Velocities};
use adastra::pipeline::{Config, Progress, Runner, Simulation};

type Typed = (Wave<f64>, Particles);
type TypedState = (WaveState<f64>, ParticleState<f64>);
type TypedParams = ((WaveParams<f64>, ()), Background<f64>);

const CONFIG: &str = r#"
seed = 5
[mesh]
cells = 8
size = "8 kpc"
[time]
end = 0.12
steps = 12
[[matter]]
name = "dm"
use = "fdm.wave"
parameters = { mass = 0.8, coupling = 1e-7 }
initial = { use = "fdm.random-phases", with = { mean_density = 1e6, velocity_dispersion = 12.0 } }
[[matter]]
name = "stars"
use = "particles"
initial = { use = "particles.uniform", with = { count = 5, mass = 2e7, velocity_dispersion = 9.0 } }
[objective]
use = "objective.projected-density"
with = { of = ["dm", "stars"], target = "target.npz" }
"#;

/// A simulation of [`CONFIG`] with changes, and the folder of its target.
fn simulation<T: Real>(changes: &[(&str, &str)]) -> (Simulation<T>, tempfile::TempDir) {
    let folder = tempfile::tempdir().expect("a folder");
    let target = ndarray::Array2::from_shape_fn((8, 8), |(i, j)| 1.0 + (i * j % 5) as f64);
    write_target(folder.path(), &target);
    let text = changes.iter().fold(CONFIG.to_owned(), |text, (from, to)| {
        assert!(text.contains(from), "{from}");
        text.replace(from, to)
    });
    let config = Config::parse(&text, folder.path()).expect("a configuration");
    let registry = adastra::registry().expect("a registry");
    (
        Simulation::build(&config, &registry).expect("a simulation"),
        folder,
    )
}

/// The target as HDF5; its name ends in npz to show that content counts, not the name.
fn write_target(folder: &Path, target: &ndarray::Array2<f64>) {
    use adastra::io::{Dataset, Header, SnapshotWriter};
    let header = Header {
        time: 0.0,
        step: 0,
        code_version: String::new(),
        config: String::new(),
    };
    let mut writer = SnapshotWriter::new(header);
    writer
        .dataset("target", "", &Dataset::F64(target.clone().into_dyn()))
        .expect("a dataset");
    writer.write(folder.join("target.npz")).expect("a file");
}

fn typed() -> (Arc<SelfGravity<f64, Typed>>, TypedParams, TypedState) {
    let mesh = Mesh::new([8; 3], [8.0; 3]).expect("a mesh");
    let options = RandomPhases {
        mean_density: 1e6,
        velocity_dispersion: 12.0,
        seed: 5,
    };
    let wave = random_phases(&mesh, 0.8, &options).expect("a wave");
    let stars = InitialParticles {
        positions: Positions::Uniform { count: 5, seed: 5 },
        velocities: Velocities::Gaussian {
            dispersion: 9.0,
            seed: 5,
        },
        bulk_velocity: [0.0; 3],
        mass: 2e7,
    };
    let stars = stars.generate(&mesh).expect("stars");
    let p = (
        (
            WaveParams {
                mass: 0.8,
                coupling: 1e-7,
            },
            (),
        ),
        Background::none(),
    );
    let matter = (Wave::new(&mesh), Particles::new(&mesh));
    (Arc::new(SelfGravity::new(&mesh, matter)), p, (wave, stars))
}

/// A loss on wave and stars with a non-trivial gradient: a random linear form and a square.
fn loss(x: &TypedState) -> adastra::core::Result<(f64, TypedState)> {
    let mut bar = x.zeros_like();
    let mut value = 0.0;
    for (i, (z, bar)) in x.0.psi.iter().zip(&mut bar.0.psi).enumerate() {
        let weight = (i as f64).sin() * 1e-6;
        value += weight * z.norm_sqr();
        *bar = z * (2.0 * weight);
    }
    for (i, (v, bar)) in x.1.velocity.iter().zip(&mut bar.1.velocity).enumerate() {
        let weight = (i as f64).cos();
        value += weight * v;
        *bar = weight;
    }
    Ok((value, bar))
}

#[test]
fn the_coupled_leapfrog_passes_the_gradient_check() {
    let (system, p, x) = typed();
    let run = Evolve::new(
        Leapfrog::new(system.clone(), &[0.01, 0.013, 0.008]),
        Schedule::StoreAll,
    );
    let tolerances = Tolerances::default();
    let report = check_adjoint_at(&run, &p, &x, 1, &tolerances).expect("an adjoint");
    println!("{report}");
    let undone = Evolve::reversible(
        Leapfrog::new(system, &[0.01, 0.013]),
        ReversibleSchedule::auto(),
    );
    check_reversible_at(&undone, &p, &x, 2, &tolerances).expect("an inverse");
}

#[test]
fn all_schedules_agree_over_300_steps() {
    let (system, p, x) = typed();
    let dt = vec![0.004; 300];
    let steps = || Leapfrog::new(system.clone(), &dt);
    let folder = tempfile::tempdir().expect("a folder");
    let budget_bytes = 12 * adastra::core::Fields::<f64>::bytes(&x);
    let gradient = |schedule| {
        Evolve::new(steps(), schedule)
            .value_and_gradient(&p, x.clone(), loss)
            .expect("a gradient")
    };
    let stored = gradient(Schedule::StoreAll);
    for storage in [Storage::Memory, Storage::Disk(folder.path().to_owned())] {
        let found = gradient(Schedule::Checkpoint {
            budget_bytes,
            storage,
        });
        assert!(
            found.x_bar.0.psi == stored.x_bar.0.psi,
            "the gradients differ in some bits"
        );
        assert_eq!(found.x_bar.1, stored.x_bar.1);
        assert_eq!(found.p_bar.0.0, stored.p_bar.0.0);
        assert!(found.report.recomputed > 0);
        assert!(found.report.peak_checkpoint_bytes <= budget_bytes);
    }
    let schedule = ReversibleSchedule::Reconstruct { anchors: 8 };
    let run = Evolve::reversible(steps(), schedule);
    let found = run
        .value_and_gradient(&p, x.clone(), loss)
        .expect("a gradient");
    let mut difference = found.x_bar.clone();
    difference.axpy(-1.0, &stored.x_bar);
    // Block by block: the velocities' numbers are of another size than the wave's.
    let close = |d: f64, x: f64| assert!(d.sqrt() <= 1e-9 * x.sqrt(), "{d:e} of {x:e}");
    close(
        State::<f64>::dot(&difference.0, &difference.0),
        State::<f64>::dot(&stored.x_bar.0, &stored.x_bar.0),
    );
    let velocity = |x: &TypedState| State::<f64>::dot(&x.1.velocity, &x.1.velocity);
    close(velocity(&difference), velocity(&stored.x_bar));
    let (a, b) = (found.p_bar.0.0.mass, stored.p_bar.0.0.mass);
    assert!((a - b).abs() <= 1e-9 * b.abs(), "{a} {b}");
}

#[test]
fn the_gradient_of_a_file_is_that_of_the_typed_library_bit_for_bit() {
    let (simulation, _folder) = simulation::<f64>(&[(
        "[objective]",
        "[gradient]\nschedule = \"store\"\n[objective]",
    )]);
    let file = simulation
        .gradient(&simulation.start, None)
        .expect("a gradient");

    // The same loss by hand: mean square of the projection over its mean minus the target.
    let (system, p, x) = typed();
    let target = ndarray::Array2::from_shape_fn((8, 8), |(i, j)| 1.0 + (i * j % 5) as f64);
    let target = &target / (target.sum() / 64.0);
    let run = Evolve::new(
        Leapfrog::new(system.clone(), &[0.01; 12]),
        Schedule::StoreAll,
    );
    let typed = run
        .value_and_gradient(&p, x, |y| {
            use adastra::gravity::{Matter, MatterAdjoint};
            let mut rho = system.mesh().zeros();
            system.matter().deposit(&p.0, y, &mut rho)?;
            let projected = rho.sum_axis(ndarray::Axis(2)) / 8.0;
            let mean = projected.sum() / 64.0;
            let mut difference = &projected / mean;
            difference -= &target;
            let value = difference.iter().map(|d| d * d).sum::<f64>() / 64.0;
            let r_bar = difference * (2.0 / 64.0);
            let shared = ndarray::Zip::from(&r_bar)
                .and(&projected)
                .fold(0.0, |sum, r, rho| sum + r * rho)
                / (64.0 * mean * mean);
            let plane = r_bar
                .mapv(|r| (r / mean - shared) / 8.0)
                .insert_axis(ndarray::Axis(2));
            let rho_bar = plane.broadcast((8, 8, 8)).expect("a plane").to_owned();
            let (mut bar, mut p_bar) = (y.zeros_like(), p.0.zeros_like());
            system
                .matter()
                .deposit_vjp(&p.0, y, &rho_bar, &mut bar, &mut p_bar)?;
            Ok((value, bar))
        })
        .expect("a gradient");
    assert_eq!(file.value, typed.value);
    let state = &file.bar.state;
    let psi = &state.get::<WaveState<f64>>("dm").expect("dm").psi;
    let worst = psi
        .iter()
        .zip(&typed.x_bar.0.psi)
        .map(|(a, b)| (a - b).norm())
        .fold(0.0, f64::max);
    assert_eq!(worst, 0.0);
    assert_eq!(
        *state.get::<ParticleState<f64>>("stars").expect("stars"),
        typed.x_bar.1
    );
    let mass = file
        .bar
        .parameters
        .get::<WaveParams<f64>>("dm")
        .expect("parameters");
    assert_eq!(*mass, typed.p_bar.0.0);
}

#[test]
fn gradients_of_a_file_match_differences() {
    let (simulation, _folder) = simulation::<f64>(&[]);
    let found = simulation
        .gradient(&simulation.start, None)
        .expect("a gradient");
    for (address, h) in [
        ("stars.velocity", 1e-3),
        ("dm.mass", 1e-6),
        ("stars.mass", 10.0),
    ] {
        let addresses = [address.to_owned()];
        let gradient = found.bar.read(&addresses);
        let x = simulation.start.read(&addresses);
        let mut start = simulation.start.clone();
        let mut at = |step: f64| {
            let moved: Vec<_> = x
                .iter()
                .enumerate()
                .map(|(i, x)| x + step * (1.0 + i as f64).sin())
                .collect();
            start.write(&addresses, &moved);
            simulation.loss(&start).expect("a loss").0
        };
        let difference = (at(h) - at(-h)) / (2.0 * h);
        let slope: f64 = gradient
            .iter()
            .enumerate()
            .map(|(i, g)| g * (1.0 + i as f64).sin())
            .sum();
        assert!(
            (difference - slope).abs() < 1e-6 * slope.abs(),
            "{address}: {difference} {slope}"
        );
    }
}

/// Runs to the end, stopping and going on from a copy at each given step.
fn run_with_stops(simulation: &Simulation<f64>, stops: &[usize]) -> Progress<f64> {
    let outputs = 3;
    let mut runner = Runner::new(simulation, simulation.begin(), outputs).expect("a run");
    while runner.progress().output < outputs {
        runner.step().expect("a step");
        if stops.contains(&runner.progress().march.step) {
            let progress = runner.progress().clone();
            runner = Runner::new(simulation, progress, outputs).expect("a run");
        }
    }
    runner.progress().clone()
}

#[test]
fn a_run_goes_on_to_the_same_bits_from_any_step() {
    for changes in [&[][..], &[("steps = 12", "safety = 0.05")]] {
        let (simulation, _folder) = simulation::<f64>(changes);
        let whole = run_with_stops(&simulation, &[]);
        let parts = run_with_stops(&simulation, &[1, 4, 7]);
        assert_eq!(whole.march, parts.march);
        let psi = |p: &Progress<f64>| p.state.get::<WaveState<f64>>("dm").expect("dm").psi.clone();
        assert!(psi(&whole) == psi(&parts), "the states differ in some bits");
    }
}

#[test]
fn single_precision_follows_double() {
    let (single, _a) = simulation::<f32>(&[]);
    let (double, _b) = simulation::<f64>(&[]);
    let a = single.gradient(&single.start, None).expect("a gradient");
    let b = double.gradient(&double.start, None).expect("a gradient");
    assert!(
        (a.value - b.value).abs() < 1e-4 * b.value,
        "{} {}",
        a.value,
        b.value
    );
    for address in ["dm.mass", "dm.coupling", "stars.velocity"] {
        let read = |start: &dyn Fn(&[String]) -> Vec<f64>| start(&[address.to_owned()]);
        let (x, y) = (read(&|n| a.bar.read(n)), read(&|n| b.bar.read(n)));
        let norm = y.iter().map(|y| y * y).sum::<f64>().sqrt();
        let error = x
            .iter()
            .zip(&y)
            .map(|(x, y)| (x - y).powi(2))
            .sum::<f64>()
            .sqrt();
        assert!(error < 1e-2 * norm, "{address}: {error:e} of {norm:e}");
        assert!(norm > 0.0);
    }
}
