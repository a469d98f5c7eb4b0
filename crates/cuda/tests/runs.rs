//! Configurations on a device: where checkpoints live, and a device that is lost on the way.

mod common;

use std::path::Path;

use adastra_core::{Fields, State};
use adastra_pipeline::{
    Config, Nothing, Objective, ObjectivePlugin, Registry, Result, Runner, Scene, SceneBar,
    Simulation, Site,
};

/// Half the sum of the squares of all numbers.
struct Squares;

impl ObjectivePlugin for Squares {
    const NAME: &'static str = "squares";
    const ABOUT: &'static str = "half the sum of squares";
    type Options = Nothing;

    fn objective<T: adastra_core::Real>(_: Nothing, _: &Site) -> Result<Box<dyn Objective<T>>> {
        Ok(Box::new(Self))
    }
}

impl<T: adastra_core::Real> Objective<T> for Squares {
    fn evaluate(&self, scene: &Scene<'_, T>, bar: Option<&mut SceneBar<T>>) -> Result<f64> {
        if let Some(bar) = bar {
            bar.state.axpy(T::one(), scene.state);
        }
        Ok(0.5 * scene.state.dot(scene.state))
    }
}

fn build(more: &str) -> Simulation<f64> {
    let text = format!(
        "device = \"cuda\"\nseed = 3\n[mesh]\ncells = 8\nsize = 8\n[time]\nend = 0.16\nsteps = 40\n{more}\n{}",
        r#"
[[matter]]
name = "stars"
use = "particles"
initial = { use = "particles.uniform", with = { count = 30, mass = 1e7, velocity_dispersion = 20.0 } }
[objective]
use = "squares"
"#
    );
    let mut registry = Registry::new();
    adastra_particles::pipeline::plugin(&mut registry).unwrap();
    adastra_cuda::plugin(&mut registry).unwrap();
    registry.objective::<Squares>().unwrap();
    let config = Config::parse(&text, Path::new(env!("CARGO_TARGET_TMPDIR"))).unwrap();
    Simulation::build(&config, &registry).unwrap()
}

/// One test: what it does to the driver is seen by the whole process.
#[test]
fn checkpoints_live_where_they_are_asked_to_and_a_lost_device_leaves_the_last_output() {
    let (Some(fake), Some(_)) = (common::fake(), common::device()) else {
        return;
    };
    let gradient = |more: &str| {
        let simulation = build(&format!("[gradient]\nschedule = \"checkpoint\"\n{more}"));
        let found = simulation.gradient(&simulation.start, None).unwrap();
        assert_eq!(found.report, simulation.predict().unwrap());
        assert_eq!(found.report.steps, 41);
        (found.bar.state, found.report.to_string())
    };
    let state = build("").start.state.bytes();
    let budget = format!("budget = {}", 5 * state);
    let (expected, text) = gradient(&budget);
    assert!(text.contains("5 binomial checkpoints in memory"), "{text}");
    for (more, place) in [("host = true", "of the host"), ("disk = \".\"", " in ")] {
        let (mut found, text) = gradient(&format!("{budget}\n{more}"));
        assert!(text.contains(place), "{text}");
        found.axpy(-1.0, &expected);
        assert_eq!(found.dot(&found), 0.0, "{more}");
    }

    let simulation = build("");
    let run = |simulation: &Simulation<f64>, progress| {
        let mut runner = Runner::new(simulation, progress, 4).unwrap();
        while !runner.step().unwrap().finished {}
        runner.progress().clone()
    };
    let expected = run(&simulation, simulation.begin());

    let mut runner = Runner::new(&simulation, simulation.begin(), 4).unwrap();
    while runner.march().step < 23 {
        runner.step().unwrap();
    }
    assert_eq!(runner.progress().march.step, 20, "that of the last output");
    runner.show().unwrap();
    assert_eq!(runner.progress().march.step, 23);
    fake.fail(c"cuLaunchKernel", 719).unwrap();
    let error = runner.step().unwrap_err().to_string();
    assert!(error.contains("the GPU is lost"), "{error}");
    assert!(runner.step().is_err(), "and stays lost");
    let shown = runner.progress().clone();
    assert_eq!(shown.march.step, 23);
    assert!(shown.state.non_finite().is_none());

    // Another order mends it; the run goes on to the same bits.
    fake.fail(c"cuNothing", 0).unwrap();
    let simulation = build("");
    let mut found = run(&simulation, shown);
    assert_eq!(found.march, expected.march);
    found.state.axpy(-1.0, &expected.state);
    assert_eq!(found.state.dot(&found.state), 0.0);
}
