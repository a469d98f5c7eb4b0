//! The `adastra` command.

mod check;
mod error;
mod fit;
mod frames;
mod grad;
mod listing;
mod output;
mod plot;
mod restart;
mod run;
mod sky;
mod spectra;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

use adastra_core::Real;
use adastra_pipeline::{Config, Place, Precision, Registry, Result as PipelineResult, Simulation};
use clap::{Args, Parser, Subcommand};

use error::{Error, Result};

/// Adds names to the registry.
pub type Plugin = fn(&mut Registry) -> PipelineResult<()>;

/// Differentiable astrophysics: runs a simulation from one configuration file, and
/// differentiates it.
#[derive(Parser)]
#[command(name = "adastra", version, about)]
struct Cli {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Run a simulation: snapshots, pictures and a log of conserved quantities.
    Run {
        #[command(flatten)]
        common: Common,
        /// Go on from the restart file in the output folder.
        #[arg(long)]
        restart: bool,
    },
    /// Write the value and the gradient of the configured objective.
    Grad {
        #[command(flatten)]
        common: Common,
        /// Say what the gradient would cost, and stop.
        #[arg(long)]
        dry_run: bool,
    },
    /// Solve the configured inverse problem.
    Fit {
        #[command(flatten)]
        common: Common,
        /// Largest number of iterations, instead of the configured one.
        #[arg(long)]
        iterations: Option<usize>,
    },
    /// Check the gradients of the configured pipeline, at small size.
    Check {
        #[command(flatten)]
        common: Common,
    },
    /// Make pictures of snapshots, and plots of logs.
    Plot {
        /// HDF5 snapshots and CSV logs; the picture lands beside each.
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
    /// Compare a GPU with the CPU, then measure it.
    #[cfg(feature = "cuda")]
    Selftest {
        /// Which one: "cuda", or "cuda:1" and so on.
        #[arg(long, default_value = "cuda")]
        device: Place,
    },
    /// List every matter, initial condition, potential and objective with its keys and units.
    Plugins {
        /// Only names that contain this.
        filter: Option<String>,
    },
}

#[derive(Args)]
struct Common {
    /// The configuration file.
    config: PathBuf,
    /// Output folder, instead of the configured one.
    #[arg(long)]
    out: Option<PathBuf>,
    /// Where steps are taken, instead of the configured device: "cpu", "cuda", "cuda:1" and so on.
    #[arg(long)]
    device: Option<Place>,
    /// Number of threads; by default one per core.
    #[arg(long)]
    threads: Option<usize>,
    /// Print results only.
    #[arg(long)]
    quiet: bool,
}

impl Common {
    fn config(&self) -> Result<Config> {
        if let Some(threads) = self.threads {
            if threads == 0 {
                return Err(Error::Option {
                    name: "--threads",
                    value: "0".into(),
                    allowed: "at least 1",
                });
            }
            // Fails only where a pool exists already, which then serves as well.
            let _ = rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build_global();
        }
        let mut config = Config::read(&self.config)?;
        if let Some(device) = &self.device {
            config.device = device.clone();
        }
        Ok(config)
    }
}

/// Set by Ctrl-C.
static INTERRUPTED: AtomicBool = AtomicBool::new(false);

fn interrupted() -> bool {
    INTERRUPTED.load(Ordering::Relaxed)
}

/// Runs the command with the process's arguments; `plugins` add to what adastra itself brings.
///
/// The exit code is 0, or 2 after an error, or 130 after Ctrl-C.
pub fn command(plugins: &[Plugin]) -> ExitCode {
    let cli = Cli::parse();
    // A second Ctrl-C ends the process at once.
    let _ = ctrlc::set_handler(|| {
        if INTERRUPTED.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
    });
    match execute(cli, plugins) {
        Ok(()) if interrupted() => ExitCode::from(130),
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("error: {e}");
            ExitCode::from(2)
        }
    }
}

fn execute(cli: Cli, plugins: &[Plugin]) -> Result<()> {
    let mut registry = crate::registry()?;
    for plugin in plugins {
        plugin(&mut registry)?;
    }
    match cli.action {
        Action::Run { common, restart } => {
            let config = common.config()?;
            match config.precision {
                Precision::F32 => run::run(&build::<f32>(&config, &registry)?, &common, restart),
                Precision::F64 => run::run(&build::<f64>(&config, &registry)?, &common, restart),
            }
        }
        Action::Grad { common, dry_run } => {
            let config = common.config()?;
            match config.precision {
                Precision::F32 => grad::grad(&build::<f32>(&config, &registry)?, &common, dry_run),
                Precision::F64 => grad::grad(&build::<f64>(&config, &registry)?, &common, dry_run),
            }
        }
        Action::Fit { common, iterations } => {
            let config = common.config()?;
            match config.precision {
                Precision::F32 => fit::fit(build::<f32>(&config, &registry)?, &common, iterations),
                Precision::F64 => fit::fit(build::<f64>(&config, &registry)?, &common, iterations),
            }
        }
        Action::Check { common } => check::check(common.config()?, &registry, common.quiet),
        Action::Plot { files } => plot::plot(&files),
        #[cfg(feature = "cuda")]
        Action::Selftest { device } => selftest(&device),
        Action::Plugins { filter } => {
            listing::list(&registry, filter.as_deref());
            Ok(())
        }
    }
}

#[cfg(feature = "cuda")]
fn selftest(device: &Place) -> Result<()> {
    if device.kind != "cuda" {
        return Err(Error::Option {
            name: "--device",
            value: device.to_string(),
            allowed: "a GPU, \"cuda\" or \"cuda:1\" and so on, which is compared with the CPU",
        });
    }
    let out = &mut std::io::stdout();
    Ok(adastra_cuda::SelfTest::default().run(device.number, out)?)
}

fn build<T: Real>(config: &Config, registry: &Registry) -> Result<Simulation<T>> {
    Ok(Simulation::build(config, registry)?)
}
