//! The output folder, and the pictures in it.

use std::path::{Path, PathBuf};

use adastra_core::Real;
use adastra_optimize::objective::Along;
use adastra_pipeline::{Config, Progress, Simulation, World};
use ndarray::Array2;
use serde::Deserialize;

use super::error::{Error, Result};

/// `[output]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Options {
    /// Folder, relative to that of the configuration.
    pub(super) folder: PathBuf,
    /// Number of equal intervals between outputs.
    pub(super) outputs: usize,
    /// Whether each output writes a snapshot.
    pub(super) snapshots: bool,
    /// Pictures of projected densities at each output: a movie.
    pub(super) pictures: Pictures,
}

impl Default for Options {
    fn default() -> Self {
        let pictures = Pictures::default();
        Self { folder: "output".into(), outputs: 10, snapshots: true, pictures }
    }
}

/// `[output.pictures]`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Pictures {
    /// Components; by default all.
    of: Option<Vec<String>>,
    /// Line of sight.
    axis: Along,
    /// Scale of the colours.
    scale: Scale,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Scale {
    Linear,
    #[default]
    Log,
}

/// A folder that can be written to.
pub(super) struct Output {
    pub(super) folder: PathBuf,
    pub(super) options: Options,
}

impl Output {
    /// Opens the output folder of a configuration, or `folder`.
    pub(super) fn open(config: &Config, folder: Option<&Path>) -> Result<Self> {
        let options: Options = config.output.clone().try_into().map_err(|e: toml::de::Error| {
            Error::Table { key: "output", message: e.message().to_owned() }
        })?;
        if options.outputs == 0 {
            let message = "outputs = 0: allowed: at least 1".into();
            return Err(Error::Table { key: "output", message });
        }
        let steps = config.time.steps.unwrap_or(options.outputs);
        if steps % options.outputs != 0 {
            let message = format!(
                "outputs = {}: allowed: a divisor of time.steps = {steps}",
                options.outputs
            );
            return Err(Error::Table { key: "output", message });
        }
        let folder = folder.map_or_else(|| config.folder.join(&options.folder), Path::to_owned);
        std::fs::create_dir_all(&folder).map_err(Error::folder(&folder))?;
        Ok(Self { folder, options })
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}

impl Output {
    pub(super) fn pictures<T: Real>(&self, _s: &Simulation<T>, _p: &World<T>, _g: &Progress<T>) -> Result<()> { Ok(()) }
    pub(super) fn comparison(&self, _c: &Config, _p: &[(String, Array2<f64>)], _n: &str) -> Result<()> { Ok(()) }
}
