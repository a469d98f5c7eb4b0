//! `adastra fit`

use std::cell::{Cell, RefCell};
use std::io::IsTerminal;
use std::ops::ControlFlow;
use std::path::Path;
use std::time::Instant;

use adastra_core::Real;
use adastra_io::{Attribute, CsvLog, Header, SnapshotWriter};
use adastra_optimize::{Method, Problem};
use adastra_pipeline::{Progress, Simulation, Start};
use serde::Deserialize;

use super::error::{Error, Result};
use super::grad::{WATCH, add};
use super::output::Output;
use super::{Common, interrupted, plot, restart};

/// `[fit]`, besides the keys of the method.
#[derive(Debug, Deserialize)]
struct Options {
    /// Addresses of the unknowns.
    unknowns: Vec<String>,
    /// One typical size per address, by which the optimizer scales its unknowns.
    scale: Option<Vec<f64>>,
}

/// Splits `[fit]` into what is read here and what the method reads.
fn options(table: Option<&toml::Table>) -> Result<(Options, Method)> {
    let missing = || Error::Table {
        key: "fit",
        message: "is missing: allowed: a table [fit] with unknowns = [\"...\"]".into(),
    };
    let mut method = table.ok_or_else(missing)?.clone();
    let mut own = toml::Table::new();
    for key in ["unknowns", "scale"] {
        if let Some(value) = method.remove(key) {
            own.insert(key.into(), value);
        }
    }
    method.entry("method").or_insert_with(|| "lbfgs".into());
    let wrong = |e: toml::de::Error| Error::Table {
        key: "fit",
        message: e.message().to_owned(),
    };
    Ok((
        own.try_into().map_err(wrong)?,
        method.try_into().map_err(wrong)?,
    ))
}

/// Whether an error says that the unknowns are outside of where the simulation runs: a negative
/// density, a step that is too long for the velocities, a number that is not finite any more.
fn leaves_region(error: &adastra_pipeline::Error) -> bool {
    use adastra_core::Error::{NonFinite, Operator, Range};
    match error {
        adastra_pipeline::Error::Core(Operator { source, .. }) => !of_device(&**source),
        adastra_pipeline::Error::Core(Range { .. } | NonFinite { .. }) => true,
        _ => false,
    }
}

/// Whether a device fails, which no other unknowns would mend.
#[cfg(feature = "cuda")]
fn of_device(error: &(dyn std::error::Error + Send + Sync + 'static)) -> bool {
    error.is::<adastra_cuda::CudaError>()
}

#[cfg(not(feature = "cuda"))]
fn of_device(_: &(dyn std::error::Error + Send + Sync + 'static)) -> bool {
    false
}

/// Minimizes the objective over the unknowns.
pub(super) fn fit<T: Real>(
    mut simulation: Simulation<T>,
    common: &Common,
    iterations: Option<usize>,
) -> Result<()> {
    let (Options { unknowns, scale }, mut method) = options(simulation.config().fit.as_ref())?;
    if let Some(n) = iterations {
        match &mut method {
            Method::Lbfgs(options) => options.iterations = n,
            Method::Adam(options) => options.iterations = n,
        }
    }
    method.validate()?;
    simulation.find_unknowns("fit.unknowns", &unknowns)?;
    let output = Output::open(simulation.config(), common.out.as_deref())?;
    let scale = scales(&simulation.start, &unknowns, scale)?;
    let mut log = CsvLog::create(
        output.path("loss.csv"),
        &[
            "iteration",
            "loss",
            "gradient_norm",
            "evaluations",
            "seconds",
        ],
    )?;
    let begin = Instant::now();
    let x0 = simulation.start.read(&unknowns);
    let start = RefCell::new(simulation.start.clone());
    let (evaluations, refused) = (Cell::new(0_usize), Cell::new(0_usize));
    let evaluate = |x: &[f64]| {
        let mut start = start.borrow_mut();
        let first = evaluations.replace(evaluations.get() + 1) == 0;
        let set = simulation.set(&mut start, &unknowns, x);
        match set.and_then(|()| simulation.gradient(&start, Some(WATCH))) {
            Ok(gradient) => Ok((gradient.value, gradient.bar.read(&unknowns))),
            Err(e) if first || !leaves_region(&e) => Err(e),
            // The line search takes the way back from a loss that is not finite.
            Err(_) => {
                refused.set(refused.get() + 1);
                Ok((f64::INFINITY, vec![0.0; x.len()]))
            }
        }
    };
    let live = std::io::stderr().is_terminal() && !common.quiet;
    let best_file = output.path("fit.h5");
    let mut write_error = None;
    let observer = |progress: &adastra_optimize::Progress<'_>| {
        let it = progress.iteration;
        let row = [
            it.iteration as f64,
            it.loss,
            it.gradient_norm,
            it.evaluations as f64,
            it.seconds,
        ];
        let mut best = simulation.start.clone();
        best.write(&unknowns, progress.best_x);
        let written = log.append(&row).map_err(Error::from).and_then(|()| {
            write_best(
                &best_file,
                &simulation,
                &best,
                &unknowns,
                progress.best_loss,
            )
        });
        let line = format!(
            "iteration {:>4}  loss {:.6e}  |gradient| {:.3e}  evaluations {:>4}  {:.1} s",
            it.iteration, it.loss, it.gradient_norm, it.evaluations, it.seconds
        );
        if live {
            eprint!("\r{line}");
        } else if !common.quiet && it.iteration.is_multiple_of(10) {
            eprintln!("{line}");
        }
        if let Err(e) = written {
            write_error = Some(e);
            return ControlFlow::Break(());
        }
        if interrupted() {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    };
    let report = Problem::new(x0, evaluate)?
        .with_scale(scale)?
        .minimize(&method, observer);
    if live {
        eprintln!();
    }
    if let Some(e) = write_error {
        return Err(e);
    }
    let report = match report {
        Ok(report) => report,
        Err(_) if interrupted() => {
            eprintln!(
                "stopped; the best unknowns so far are in {}",
                best_file.display()
            );
            return Ok(());
        }
        Err(e) => return Err(e.into()),
    };
    println!(
        "loss {:.6e} after {} iterations, {} evaluations and {:.1} s: {}",
        report.loss,
        report.iterations,
        report.evaluations,
        begin.elapsed().as_secs_f64(),
        report.termination
    );
    if refused.get() > 0 {
        println!(
            "{} evaluations left the region where the simulation runs and counted as infinite",
            refused.get()
        );
    }
    for address in &unknowns {
        let one = std::slice::from_ref(address);
        let (before, mut solution) = (simulation.start.read(one), simulation.start.clone());
        solution.write(&unknowns, &report.x);
        if let ([before], [after]) = (&before[..], &solution.read(one)[..]) {
            println!("{address} = {after:.6e}, from {before:.6e}");
        }
    }
    let mut solution = simulation.start.clone();
    simulation.set(&mut solution, &unknowns, &report.x)?;
    simulation.start = solution;
    finish(&simulation, &output)?;
    plot::loss(&output.path("loss.csv"))?;
    println!(
        "unknowns, pictures and final snapshot in {}",
        output.folder.display()
    );
    Ok(())
}

/// One scale per number: the configured one of its address.
fn scales<T: Real>(
    start: &Start<T>,
    unknowns: &[String],
    scale: Option<Vec<f64>>,
) -> Result<Vec<f64>> {
    let scale = scale.unwrap_or_else(|| vec![1.0; unknowns.len()]);
    if scale.len() != unknowns.len() {
        let message = format!(
            "scale has {} numbers; allowed: one for each of the {} unknowns",
            scale.len(),
            unknowns.len()
        );
        return Err(Error::Table {
            key: "fit",
            message,
        });
    }
    let each = unknowns.iter().zip(scale);
    Ok(each
        .flat_map(|(address, scale)| vec![scale; start.read(std::slice::from_ref(address)).len()])
        .collect())
}

fn write_best<T: Real>(
    path: &Path,
    simulation: &Simulation<T>,
    best: &Start<T>,
    unknowns: &[String],
    loss: f64,
) -> Result<()> {
    let mut writer = SnapshotWriter::new(Header {
        time: 0.0,
        step: 0,
        code_version: env!("CARGO_PKG_VERSION").into(),
        config: simulation.config().text.clone(),
    });
    writer.attribute("loss", Attribute::Real(loss))?;
    add(&mut writer, best, unknowns)?;
    Ok(writer.write(path)?)
}

/// Runs once more from the solution: the final snapshot, its picture, target beside result.
fn finish<T: Real>(simulation: &Simulation<T>, output: &Output) -> Result<()> {
    let (_, state) = simulation.loss(&simulation.start)?;
    let pictures = simulation.pictures(&simulation.start.parameters, &state)?;
    let scatters = simulation.scatters(&simulation.start.parameters, &state)?;
    output.comparison(simulation, &pictures, &scatters, "result.png")?;
    let outputs = simulation.outputs(output.options.outputs);
    let mut progress = Progress {
        state,
        ..simulation.begin()
    };
    progress.march.time = simulation.span();
    progress.march.step = simulation.time_steps(&simulation.start)?.len();
    progress.output = outputs;
    restart::write(&output.path("final.h5"), simulation, &progress, outputs)?;
    output.frame(simulation, &simulation.start.parameters, &progress)?;
    output.sky(simulation, &progress)
}
