//! The frames of a movie: projected densities at every output.
//!
//! Each is kept as numbers beside its picture. When a run ends, all are drawn again with the
//! colours of one range, also those that an earlier part of the run made.

use std::path::PathBuf;

use adastra_core::Real;
use adastra_io::picture::{self, Figure, Map};
use adastra_io::{Attribute, Dataset, Header, Snapshot, SnapshotWriter};
use adastra_pipeline::{Progress, Simulation, World};
use ndarray::{Array2, Ix2};

use super::error::{Error, Result};
use super::output::{Output, Scale, time_label};

const UNITS: &str = "Msun/kpc^2";

/// A logarithmic map starts at most four decades below its peak: particles leave most of the sky
/// empty.
const DECADES: f64 = 1e-4;

/// Surface densities of some components at one time.
struct Frame {
    time: f64,
    maps: Vec<(String, Array2<f64>)>,
}

impl Output {
    /// Writes the frame of one output and its picture.
    pub(super) fn frame<T: Real>(
        &self,
        simulation: &Simulation<T>,
        parameters: &World<T>,
        progress: &Progress<T>,
    ) -> Result<()> {
        let components = simulation.components().iter();
        let names: Vec<_> = components.map(|c| c.name.clone()).collect();
        let mut maps = Vec::new();
        for name in self.options.pictures.of.as_ref().unwrap_or(&names) {
            let Some(i) = names.iter().position(|n| n == name) else {
                let message = format!(
                    "pictures.of: no matter {name:?}; allowed: {}",
                    names.join(", ")
                );
                let key = "output";
                return Err(Error::Table { key, message });
            };
            let rho = simulation.density(parameters, &progress.state, i)?;
            let axis = self.options.pictures.axis.axis();
            let dx = simulation.site().mesh.spacing()[axis.index()];
            maps.push((name.clone(), rho.mapv(T::f64).sum_axis(axis) * dx));
        }
        if maps.is_empty() {
            return Ok(());
        }
        let mut writer = SnapshotWriter::new(Header {
            time: progress.march.time,
            step: progress.march.step as u64,
            code_version: env!("CARGO_PKG_VERSION").into(),
            config: simulation.config().text.clone(),
        });
        let [width, height] = self.sides(simulation);
        writer.attribute("width", Attribute::Real(width))?;
        writer.attribute("height", Attribute::Real(height))?;
        for (name, map) in &maps {
            writer.dataset(name, UNITS, &Dataset::from(map.clone().into_dyn()))?;
        }
        writer.write(self.frame_file(progress.output, "h5"))?;
        let time = progress.march.time;
        let frame = Frame { time, maps };
        let ranges = frame.maps.iter().map(|(_, map)| self.range(&[map]));
        let ranges: Vec<_> = ranges.collect();
        self.draw(simulation, progress.output, frame, &ranges)
    }

    /// Draws the frames of all outputs up to `last` again, with colours of one range.
    pub(super) fn movie<T: Real>(&self, simulation: &Simulation<T>, last: usize) -> Result<()> {
        let files = (0..=last).map(|i| (i, self.frame_file(i, "h5")));
        let mut frames = Vec::new();
        for (i, file) in files.filter(|(_, file)| file.exists()) {
            let snapshot = Snapshot::open(&file)?;
            let mut maps = Vec::new();
            for name in snapshot.names() {
                let map = snapshot.dataset(name)?.to_real::<f64>();
                let map = map.and_then(|map| map.into_dimensionality::<Ix2>().ok());
                maps.push((name.clone(), map.ok_or_else(|| Error::Kind(file.clone()))?));
            }
            let time = snapshot.header().time;
            frames.push((i, Frame { time, maps }));
        }
        let of = |name: &str| -> Vec<&Array2<f64>> {
            let maps = frames.iter().flat_map(|(_, frame)| &frame.maps);
            maps.filter(|(n, _)| n == name)
                .map(|(_, map)| map)
                .collect()
        };
        let ranges: Vec<Vec<_>> = frames
            .iter()
            .map(|(_, frame)| {
                let names = frame.maps.iter().map(|(name, _)| name);
                names.map(|name| self.range(&of(name))).collect()
            })
            .collect();
        for ((i, frame), ranges) in frames.into_iter().zip(&ranges) {
            self.draw(simulation, i, frame, ranges)?;
        }
        Ok(())
    }

    /// Lengths of the sides of a picture, in kpc.
    fn sides<T: Real>(&self, simulation: &Simulation<T>) -> [f64; 2] {
        let across = self.options.pictures.axis.axis().index();
        let size = simulation.site().mesh.size();
        let [first, second] = [[1, 2], [0, 2], [0, 1]][across];
        [size[first], size[second]]
    }

    fn frame_file(&self, output: usize, extension: &str) -> PathBuf {
        self.path(&format!("frame_{output:04}.{extension}"))
    }

    fn draw<T: Real>(
        &self,
        simulation: &Simulation<T>,
        output: usize,
        frame: Frame,
        ranges: &[Range],
    ) -> Result<()> {
        let [width, height] = self.sides(simulation);
        let mut figure = Figure::new().title(&simulation.config().title);
        for ((name, map), range) in frame.maps.into_iter().zip(ranges) {
            let mut map = Map::new(map)
                .extent(width, height, "kpc")
                .scale(range.scale)
                .title(&name)
                .label(format!("surface density [{UNITS}]"))
                .note(clock(simulation, frame.time));
            if range.low < range.high {
                map = map.range(range.low, range.high);
            }
            figure = figure.panel(map);
        }
        Ok(figure.save(self.frame_file(output, "png"))?)
    }

    /// The range of colours that shows all of some maps.
    fn range(&self, maps: &[&Array2<f64>]) -> Range {
        let all = || maps.iter().flat_map(|map| map.iter().copied());
        let high = all().fold(f64::NEG_INFINITY, f64::max);
        let low = all().fold(f64::INFINITY, f64::min);
        if self.options.pictures.scale == Scale::Log && high > 0.0 {
            Range {
                scale: picture::Scale::Logarithmic,
                low: low.max(DECADES * high),
                high,
            }
        } else {
            Range {
                scale: picture::Scale::Linear,
                low,
                high,
            }
        }
    }
}

/// The time that a frame shows, or the redshift.
pub(super) fn clock<T: Real>(simulation: &Simulation<T>, time: f64) -> String {
    match simulation.redshift(time) {
        Some(z) => format!("z = {z:.2}"),
        None => time_label(time),
    }
}

/// The ends of a colour bar.
struct Range {
    scale: picture::Scale,
    low: f64,
    high: f64,
}
