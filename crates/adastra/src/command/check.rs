//! `adastra check`

use adastra_check::{Tolerances, check_adjoint_at, nearby};
use adastra_pipeline::{
    Config, GradientConfig, Per, Precision, Registry, ScheduleName, Simulation,
};

use super::error::{Error, Result};

/// Cells along each axis, at most; more where the initial conditions need them.
const CELLS: [usize; 3] = [8, 16, 32];
/// Steps of the checked run.
const STEPS: usize = 3;
/// How far the state is moved, in parts of each field: initial conditions like to sit on kinks,
/// such as stars on the centres of cells.
const MOVED: f64 = 0.01;

/// Short steps, so that of thousands of particles none crosses a cell's centre, and the rounding
/// error that they bring.
fn tolerances() -> Tolerances {
    Tolerances {
        step: 1e-6,
        difference: 1e-6,
        ..Tolerances::default()
    }
}

/// Checks the gradients of the configured pipeline in f64 on a small mesh.
pub(super) fn check(mut config: Config, registry: &Registry, quiet: bool) -> Result<()> {
    let size = config.mesh.size.each().map(|l| l.0);
    let cells = config.mesh.cells.each();
    config.precision = Precision::F64;
    // Targets have the size of the configured mesh; the run is checked with random cotangents.
    config.objective = None;
    config.gradient = GradientConfig {
        schedule: ScheduleName::Store,
        ..GradientConfig::default()
    };
    // A coarser mesh allows longer steps: the span shrinks to a few of them.
    let [mut small, ..] = CELLS;
    let simulation = loop {
        config.mesh.cells = Per::Each(cells.map(|n| n.min(small)));
        let built = Simulation::<f64>::build(&config, registry);
        match CELLS.into_iter().find(|&more| more > small) {
            Some(more) if built.is_err() => small = more,
            _ => break built?,
        }
    };
    let small = config.mesh.cells.each();
    let dt = simulation.first_step()?;
    let p = simulation.given(&simulation.start)?;
    let run = simulation.run(&[dt; STEPS], None)?;
    if !quiet {
        println!(
            "{STEPS} steps of {dt:.3e} kpc/(km/s) on {small:?} cells of a box of {size:?} kpc, f64, on {}, \
             from a state moved by {} % at random",
            config.device,
            100.0 * MOVED
        );
    }
    let state = nearby(&simulation.start.state, MOVED, config.seed);
    let report = check_adjoint_at(&run, &p, &state, config.seed, &tolerances());
    match report {
        Ok(report) => {
            println!("leapfrog of {}: {report}", names(&simulation));
            Ok(())
        }
        Err(e) => {
            println!("leapfrog of {}: {e}", names(&simulation));
            Err(Error::Check { failed: 1, all: 1 })
        }
    }
}

fn names(simulation: &Simulation<f64>) -> String {
    let names: Vec<_> = simulation
        .components()
        .iter()
        .map(|c| c.name.as_str())
        .collect();
    names.join(", ")
}
