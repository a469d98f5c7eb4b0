//! The output folder, and the pictures in it.

use std::path::{Path, PathBuf};

use adastra_core::Real;
use adastra_io::picture::{Curve, Figure, Map, Plot};
use adastra_optimize::objective::Along;
use adastra_pipeline::{Config, Scatter, Simulation, Time};
use ndarray::Array2;
use serde::Deserialize;

use super::error::{Error, Result};
use super::sky;

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
    /// Pictures of stars on the sky at each output.
    pub(super) sky: Option<sky::Options>,
    /// Components whose density's power spectrum is written at each output.
    pub(super) spectra: Vec<String>,
}

impl Default for Options {
    fn default() -> Self {
        let pictures = Pictures::default();
        Self {
            folder: "output".into(),
            outputs: 10,
            snapshots: true,
            pictures,
            sky: None,
            spectra: Vec::new(),
        }
    }
}

/// `[output.pictures]`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Pictures {
    /// Components; by default all.
    pub(super) of: Option<Vec<String>>,
    /// Line of sight.
    pub(super) axis: Along,
    /// Scale of the colours.
    pub(super) scale: Scale,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Scale {
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
        let options: Options = config
            .output
            .clone()
            .try_into()
            .map_err(|e: toml::de::Error| Error::Table {
                key: "output",
                message: e.message().to_owned(),
            })?;
        if options.outputs == 0 {
            let message = "outputs = 0: allowed: at least 1".into();
            return Err(Error::Table {
                key: "output",
                message,
            });
        }
        let steps = config.time.steps.unwrap_or(options.outputs);
        if !steps.is_multiple_of(options.outputs) {
            let message = format!(
                "outputs = {}: allowed: a divisor of time.steps = {steps}",
                options.outputs
            );
            return Err(Error::Table {
                key: "output",
                message,
            });
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
    /// Target beside result, on one colour scale.
    pub(super) fn comparison<T: Real>(
        &self,
        simulation: &Simulation<T>,
        pictures: &[(String, Array2<f64>)],
        scatters: &[Scatter],
        file: &str,
    ) -> Result<()> {
        if pictures.is_empty() && scatters.is_empty() {
            return Ok(());
        }
        let all = || pictures.iter().flat_map(|(_, map)| map.iter().copied());
        let (low, high) = (
            all().fold(f64::INFINITY, f64::min),
            all().fold(0.0, f64::max),
        );
        let mut figure = Figure::new().title(&simulation.config().title);
        for (title, map) in pictures {
            let mut size = simulation.site().mesh.size().to_vec();
            size.remove(self.options.pictures.axis.axis().index());
            let mut panel = Map::new(map.clone())
                .title(title)
                .label("density / mean")
                .extent(size[0], size[1], "kpc");
            if high > low {
                panel = panel.range(low, high);
            }
            figure = figure.panel(panel);
        }
        for scatter in scatters {
            figure = figure.panel(points(scatter));
        }
        Ok(figure.save(self.path(file))?)
    }
}

/// A plot of points.
fn points(scatter: &Scatter) -> Plot {
    let [x, y] = &scatter.labels;
    let mut plot = Plot::new().title(&scatter.title).labels(x, y);
    for (name, set) in &scatter.sets {
        let points = set.iter().map(|&[x, y]| (x, y));
        plot = plot.curve(Curve::new(points).scatter().label(name));
    }
    plot
}

/// Time in the units of the code and in those of the field.
pub(super) fn time_label(time: f64) -> String {
    format!(
        "t = {:.3} Gyr",
        time / Time::parse("1 Gyr").map_or(1.0, |gyr| gyr.0)
    )
}
