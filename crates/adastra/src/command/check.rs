//! `adastra check`

use adastra_check::{Tolerances, check_adjoint_at};
use adastra_core::{Evolve, Schedule};
use adastra_gravity::Leapfrog;
use adastra_pipeline::{Config, Per, Precision, Registry, Simulation};

use super::error::{Error, Result};

/// Cells along each axis, at most, and steps of the checked run.
const CELLS: usize = 8;
const STEPS: usize = 3;

/// Checks the gradients of the configured pipeline in f64 on a small mesh.
pub(super) fn check(mut config: Config, registry: &Registry, quiet: bool) -> Result<()> {
    let size = config.mesh.size.each().map(|l| l.0);
    let cells = config.mesh.cells.each();
    // A coarser mesh allows longer steps: the span shrinks to a few of them.
    let small = cells.map(|n| n.min(CELLS));
    config.mesh.cells = Per::Each(small);
    config.precision = Precision::F64;
    // Targets have the size of the configured mesh; the run is checked with random cotangents.
    config.objective = None;
    let simulation = Simulation::<f64>::build(&config, registry)?;
    let dt = simulation.first_step()?;
    let background = simulation.background(&simulation.start)?;
    let p = (simulation.start.parameters.clone(), background);
    let leapfrog = Leapfrog::new(simulation.system().clone(), &[dt; STEPS]);
    let run = Evolve::new(leapfrog, Schedule::StoreAll);
    if !quiet {
        println!(
            "{STEPS} steps of {dt:.3e} kpc/(km/s) on {small:?} cells of a box of {size:?} kpc, f64"
        );
    }
    let report = check_adjoint_at(
        &run,
        &p,
        &simulation.start.state,
        config.seed,
        &Tolerances::default(),
    );
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
