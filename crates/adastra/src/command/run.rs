//! `adastra run`

use std::time::{Duration, Instant};

use adastra_core::Real;
use adastra_gravity::{Matter, TimeStep};
use adastra_io::CsvLog;
use adastra_pipeline::{Runner, Simulation};
use indicatif::{ProgressBar, ProgressStyle};

use super::error::Result;
use super::output::Output;
use super::{Common, interrupted, plot, restart};

/// Runs a simulation to its end, to an error or to Ctrl-C.
pub(super) fn run<T: Real>(
    simulation: &Simulation<T>,
    common: &Common,
    from_restart: bool,
) -> Result<()> {
    let output = Output::open(simulation.config(), common.out.as_deref())?;
    let outputs = simulation.outputs(output.options.outputs);
    let restart_file = output.path("restart.h5");
    let progress = if from_restart {
        restart::read(&restart_file, simulation, outputs)?
    } else {
        simulation.begin()
    };
    let fresh = progress.march.step == 0;
    let mut runner = Runner::new(simulation, progress, outputs)?;
    let log_file = output.path("quantities.csv");
    let mut log = open_log(simulation, &runner, &log_file)?;
    if fresh {
        write_output(simulation, &runner, &output, &mut log)?;
    }

    let bar = progress_bar(common.quiet);
    let begin = Instant::now();
    let (first_step, first_time) = (runner.march().step, runner.march().time);
    let mut finished = runner.progress().output >= outputs;
    let result = loop {
        if finished {
            break Ok(());
        }
        match runner.step() {
            Ok(report) => {
                finished = report.finished;
                let march = runner.march();
                let seconds = begin.elapsed().as_secs_f64();
                let rate = rate(simulation, (march.step - first_step) as f64 / seconds);
                let done = (march.time - first_time) / (simulation.span() - first_time);
                let left = seconds * (1.0 - done) / done;
                bar.set_position((1000.0 * march.time / simulation.span()) as u64);
                bar.set_message(format!(
                    "t = {:.4} kpc/(km/s), step {}, dt = {:.2e} ({}), {rate}, {left:.0} s left",
                    march.time, march.step, report.dt, report.binding.name
                ));
                if report.at_output
                    && let Err(e) = write_output(simulation, &runner, &output, &mut log)
                {
                    break Err(e);
                }
            }
            Err(e) => break Err(e.into()),
        }
        if interrupted() {
            break Ok(());
        }
    };
    bar.finish_and_clear();

    // After an error what can be shown is shown already.
    let result = result.and_then(|()| Ok(runner.show()?));
    let march = runner.progress().march.clone();
    if !finished {
        // Ctrl-C or an error: nothing is lost.
        restart::write(&restart_file, simulation, runner.progress(), outputs)?;
        eprintln!(
            "stopped at step {}, t = {:.6} kpc/(km/s); `adastra run --restart` goes on from {}",
            march.step,
            march.time,
            restart_file.display()
        );
    }
    result?;
    plot::quantities(&log_file)?;
    output.movie(simulation, runner.progress().output)?;
    output.spectra(simulation, runner.progress().output)?;
    if finished && !common.quiet {
        let seconds = begin.elapsed().as_secs_f64();
        let steps = march.step - first_step;
        println!(
            "{steps} steps in {seconds:.2} s: {}; output in {}",
            rate(simulation, steps as f64 / seconds),
            output.folder.display()
        );
        if let TimeStep::Adaptive(safety) = simulation.rule() {
            println!("steps were adapted to {safety} of the tightest limit");
        }
    }
    Ok(())
}

/// Steps per second as the rate of the work: that of cells, where a mesh is worked on.
fn rate<T: Real>(simulation: &Simulation<T>, steps: f64) -> String {
    if simulation.system().matter().gravitates() {
        let cells = steps * simulation.site().mesh.len() as f64;
        format!("{:.1} million cell updates per second", cells / 1e6)
    } else {
        format!("{steps:.1} steps per second")
    }
}

fn progress_bar(quiet: bool) -> ProgressBar {
    if quiet {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(1000);
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {percent:>3}% {msg}") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

fn row<T: Real>(simulation: &Simulation<T>, runner: &Runner<'_, T>) -> Result<Vec<(String, f64)>> {
    let progress = runner.progress();
    let mut row = vec![
        ("step".to_owned(), progress.march.step as f64),
        ("time".to_owned(), progress.march.time),
    ];
    let redshift = simulation.redshift(progress.march.time);
    row.extend(redshift.map(|z| ("redshift".to_owned(), z)));
    row.extend(simulation.quantities(runner.parameters(), &progress.state)?);
    Ok(row)
}

fn open_log<T: Real>(
    simulation: &Simulation<T>,
    runner: &Runner<'_, T>,
    path: &std::path::Path,
) -> Result<CsvLog> {
    let row = row(simulation, runner)?;
    let columns: Vec<_> = row.iter().map(|(name, _)| name.as_str()).collect();
    let step = runner.progress().march.step as f64;
    Ok(if step == 0.0 {
        CsvLog::create(path, &columns)?
    } else {
        CsvLog::resume(path, &columns, |row| {
            row.first().is_some_and(|s| *s <= step)
        })?
    })
}

fn write_output<T: Real>(
    simulation: &Simulation<T>,
    runner: &Runner<'_, T>,
    output: &Output,
    log: &mut CsvLog,
) -> Result<()> {
    let progress = runner.progress();
    let values: Vec<_> = row(simulation, runner)?
        .into_iter()
        .map(|(_, value)| value)
        .collect();
    log.append(&values)?;
    let outputs = simulation.outputs(output.options.outputs);
    restart::write(&output.path("restart.h5"), simulation, progress, outputs)?;
    if output.options.snapshots {
        let path = output.path(&format!("snapshot_{:04}.h5", progress.output));
        restart::write(&path, simulation, progress, outputs)?;
    }
    output.spectrum(simulation, &runner.parameters().0, progress)?;
    output.frame(simulation, &runner.parameters().0, progress)?;
    output.sky(simulation, progress)
}
