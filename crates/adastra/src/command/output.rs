//! The output folder, and the pictures in it.

use std::path::{Path, PathBuf};

use adastra_core::Real;
use adastra_io::picture::{self, Figure, Map};
use adastra_optimize::objective::Along;
use adastra_pipeline::{Config, Progress, Simulation, Time, World};
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
        Self {
            folder: "output".into(),
            outputs: 10,
            snapshots: true,
            pictures,
        }
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

/// A quantity that every picture of a run shows on one colour scale.
struct Frame {
    name: String,
    map: Array2<f64>,
}

impl Output {
    /// Projected densities at one output, side by side: a frame of the movie.
    pub(super) fn pictures<T: Real>(
        &self,
        simulation: &Simulation<T>,
        parameters: &World<T>,
        progress: &Progress<T>,
    ) -> Result<()> {
        let names: Vec<_> = simulation
            .components()
            .iter()
            .map(|c| c.name.clone())
            .collect();
        let wanted = self.options.pictures.of.as_ref().unwrap_or(&names);
        let mut frames = Vec::new();
        for name in wanted {
            let Some(i) = names.iter().position(|n| n == name) else {
                let message = format!(
                    "pictures.of: no matter {name:?}; allowed: {}",
                    names.join(", ")
                );
                return Err(Error::Table {
                    key: "output",
                    message,
                });
            };
            let rho = simulation
                .density(parameters, &progress.state, i)?
                .mapv(T::f64);
            let axis = self.options.pictures.axis.axis();
            let dx = simulation.site().mesh.spacing()[axis.index()];
            frames.push(Frame {
                name: name.clone(),
                map: rho.sum_axis(axis) * dx,
            });
        }
        if frames.is_empty() {
            return Ok(());
        }
        let config = simulation.config();
        let mut figure = Figure::new().title(&config.title);
        for frame in frames {
            figure = figure.panel(
                self.projected(simulation, frame.map)
                    .title(&frame.name)
                    .label("surface density [Msun/kpc^2]")
                    .note(time_label(progress.march.time)),
            );
        }
        Ok(figure.save(self.path(&format!("frame_{:04}.png", progress.output)))?)
    }

    /// A map of a projected quantity, with its lengths.
    fn projected<T: Real>(&self, simulation: &Simulation<T>, map: Array2<f64>) -> Map {
        let mut size = simulation.site().mesh.size().to_vec();
        size.remove(self.options.pictures.axis.axis().index());
        let positive = map.iter().any(|x| *x > 0.0);
        let scale = match self.options.pictures.scale {
            Scale::Log if positive => picture::Scale::Logarithmic,
            _ => picture::Scale::Linear,
        };
        // Particles leave most of the sky empty: a logarithmic map of them starts four decades
        // below its peak.
        let peak = map.iter().copied().fold(0.0, f64::max);
        let lowest = map.iter().copied().fold(f64::INFINITY, f64::min);
        let map = Map::new(map).extent(size[0], size[1], "kpc").scale(scale);
        if scale == picture::Scale::Logarithmic && lowest < 1e-4 * peak {
            map.range(1e-4 * peak, peak)
        } else {
            map
        }
    }

    /// Target beside result, on one colour scale.
    pub(super) fn comparison<T: Real>(
        &self,
        simulation: &Simulation<T>,
        pictures: &[(String, Array2<f64>)],
        file: &str,
    ) -> Result<()> {
        if pictures.is_empty() {
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
        Ok(figure.save(self.path(file))?)
    }
}

/// Time in the units of the code and in those of the field.
pub(super) fn time_label(time: f64) -> String {
    format!(
        "t = {:.3} Gyr",
        time / Time::parse("1 Gyr").map_or(1.0, |gyr| gyr.0)
    )
}
