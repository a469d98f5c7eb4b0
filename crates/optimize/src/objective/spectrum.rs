//! Losses on the power spectrum of the final density.

use std::path::PathBuf;

use adastra_core::{Adjoint, Real};
use adastra_grid::{Bins, SpectrumOf};
use adastra_pipeline::{
    Doc, Error, Objective, ObjectivePlugin, Result, Scene, SceneBar, Site, doc, expect_shape,
};
use ndarray::Array1;
use serde::Deserialize;

use super::density::read_array;

/// `objective.power-spectrum`
#[derive(Debug)]
pub struct Spectrum;

/// Options of [`Spectrum`].
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SpectrumOptions {
    of: Vec<String>,
    target: PathBuf,
    dataset: Option<String>,
}

impl ObjectivePlugin for Spectrum {
    const NAME: &'static str = "objective.power-spectrum";
    const ABOUT: &'static str = "mean square of the logarithm of the power spectrum of the density \
        contrast minus that of a target";
    const OPTIONS: &'static [Doc] = &[
        doc("of", "", "names of the components whose density counts"),
        doc(
            "target",
            "kpc^3",
            "HDF5 or npz file with the power in each bin of the mesh's spectrum",
        ),
        doc(
            "dataset",
            "",
            "name of the array in the file, where it holds several",
        ),
    ];
    type Options = SpectrumOptions;

    fn objective<T: Real>(options: Self::Options, site: &Site) -> Result<Box<dyn Objective<T>>> {
        let path = site.folder.join(&options.target);
        let target = read_array(&path, options.dataset.as_deref())?;
        let spectrum = SpectrumOf::new(&site.mesh, Bins::fundamental(&site.mesh))?;
        expect_shape("with.target", target.shape(), &[spectrum.modes().len()])?;
        if let Some(power) = target.iter().find(|p| !(p.is_finite() && **p > 0.0)) {
            return Err(Error::range(
                "with.target",
                power,
                "positive power in every bin",
            ));
        }
        let log_target = target.iter().map(|p| p.ln()).collect();
        Ok(Box::new(LogSpectrum {
            of: options.of,
            spectrum,
            log_target,
        }))
    }
}

struct LogSpectrum {
    of: Vec<String>,
    spectrum: SpectrumOf<f64>,
    log_target: Array1<f64>,
}

impl<T: Real> Objective<T> for LogSpectrum {
    fn evaluate(&self, scene: &Scene<'_, T>, bar: Option<&mut SceneBar<T>>) -> Result<f64> {
        let rho = scene.density(&self.of)?.mapv(T::f64);
        let n = rho.len() as f64;
        let mean = rho.sum() / n;
        // The bins leave out the mean: rho/mean has the spectrum of the contrast.
        let (power, saved) = self.spectrum.record(&(), &rho / mean)?;
        let difference = power.mapv(f64::ln) - &self.log_target;
        let bins = difference.len() as f64;
        let loss = difference.iter().map(|d| d * d).sum::<f64>() / bins;
        if let Some(bar) = bar {
            let power_bar = difference * (2.0 / bins) / &power;
            let contrast_bar = self.spectrum.vjp(&(), saved, power_bar, &mut ())?;
            let shared = (&contrast_bar * &rho).sum() / (n * mean * mean);
            let rho_bar = contrast_bar.mapv(|c| T::of(c / mean - shared));
            scene.density_vjp(&self.of, &rho_bar, bar)?;
        }
        Ok(loss)
    }

    fn of(&self) -> &[String] {
        &self.of
    }
}
