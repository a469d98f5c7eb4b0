//! Power spectra of densities at every output.
//!
//! Each output's is kept as numbers of its own; when a run ends, all are drawn in one picture, also
//! those that an earlier part of the run made.

use std::path::PathBuf;

use adastra_core::Real;
use adastra_grid::{Bins, SpectrumOf};
use adastra_io::picture::{Curve, Figure, Plot, Scale};
use adastra_io::{Dataset, Header, Snapshot, SnapshotWriter};
use adastra_pipeline::{Progress, Simulation, World};
use ndarray::Array1;

use super::error::{Error, Result};
use super::frames::clock;
use super::output::Output;

impl Output {
    /// Writes the power spectra of the density contrasts of one output: the wavenumbers `k`, and
    /// `power/NAME` of each component.
    pub(super) fn spectrum<T: Real>(
        &self,
        simulation: &Simulation<T>,
        parameters: &World<T>,
        progress: &Progress<T>,
    ) -> Result<()> {
        let wanted = &self.options.spectra;
        if wanted.is_empty() {
            return Ok(());
        }
        let mesh = &simulation.site().mesh;
        let estimator = SpectrumOf::<f64>::new(mesh, Bins::fundamental(mesh))
            .map_err(adastra_pipeline::Error::Core)?;
        let names: Vec<_> = simulation.components().iter().map(|c| &c.name).collect();
        let mut powers = Vec::new();
        for name in wanted {
            let Some(i) = names.iter().position(|n| *n == name) else {
                let known: Vec<_> = names.iter().map(|n| n.as_str()).collect();
                let message = format!("spectra: no matter {name:?}; allowed: {}", known.join(", "));
                let key = "output";
                return Err(Error::Table { key, message });
            };
            let rho = simulation.density(parameters, &progress.state, i)?;
            let rho = rho.mapv(T::f64);
            let mean = rho.sum() / rho.len() as f64;
            // The bins leave out the mean: rho/mean has the spectrum of the contrast.
            let measured = estimator
                .measure(&(rho / mean))
                .map_err(adastra_pipeline::Error::Core)?;
            powers.push(measured.power);
        }
        let mut writer = SnapshotWriter::new(Header {
            time: progress.march.time,
            step: progress.march.step as u64,
            code_version: env!("CARGO_PKG_VERSION").into(),
            config: simulation.config().text.clone(),
        });
        let k = Dataset::from(estimator.k().clone().into_dyn());
        writer.dataset("k", "rad/kpc", &k)?;
        for (name, power) in wanted.iter().zip(powers) {
            writer.dataset(&dataset(name), "kpc^3", &Dataset::from(power.into_dyn()))?;
        }
        Ok(writer.write(self.spectrum_file(progress.output))?)
    }

    /// Draws the spectra of all outputs up to `last`, a panel for each component.
    pub(super) fn spectra<T: Real>(&self, simulation: &Simulation<T>, last: usize) -> Result<()> {
        let wanted = &self.options.spectra;
        let mut plots: Vec<_> = wanted
            .iter()
            .map(|name| {
                Plot::new()
                    .title(name)
                    .labels("k [rad/kpc]", "P(k) [kpc^3]")
                    .scales(Scale::Logarithmic, Scale::Logarithmic)
            })
            .collect();
        let files = (0..=last).map(|i| self.spectrum_file(i));
        for file in files.filter(|file| file.exists()) {
            let snapshot = Snapshot::open(&file)?;
            let read = |name: &str| -> Result<Array1<f64>> {
                let numbers = snapshot.dataset(name)?.to_real::<f64>();
                let line = numbers.and_then(|a| a.into_dimensionality().ok());
                line.ok_or_else(|| Error::Kind(file.clone()))
            };
            let k = read("k")?;
            let label = clock(simulation, snapshot.header().time);
            for (name, plot) in wanted.iter().zip(&mut plots) {
                let power = read(&dataset(name))?;
                // A density without structure has nothing to show on a logarithmic axis.
                if power.iter().all(|&power| power > 0.0) {
                    let points = k.iter().copied().zip(power.iter().copied());
                    *plot = std::mem::take(plot).curve(Curve::new(points).label(&label));
                }
            }
        }
        if plots.is_empty() {
            return Ok(());
        }
        let figure = Figure::new().title(&simulation.config().title);
        let figure = plots.into_iter().fold(figure, Figure::panel);
        Ok(figure.save(self.path("spectra.png"))?)
    }

    fn spectrum_file(&self, output: usize) -> PathBuf {
        self.path(&format!("spectrum_{output:04}.h5"))
    }
}

/// The name of a component's power in a file.
fn dataset(name: &str) -> String {
    format!("power/{name}")
}
