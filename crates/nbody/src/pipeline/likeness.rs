//! How unlike stars are to data on the sky.

use std::path::PathBuf;

use adastra_core::{Adjoint, Operator, Real};
use adastra_particles::ParticleState;
use adastra_pipeline::{
    Doc, Error, Objective, ObjectivePlugin, Result, Scatter, Scene, SceneBar, Site, doc,
};
use ndarray::{Array2, Ix2};
use serde::Deserialize;

use crate::{Likeness, Observer, SKY_COLUMNS, Sky};

/// `nbody.sky-likeness`
#[derive(Debug)]
pub struct SkyLikeness;

/// Options of [`SkyLikeness`].
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Options {
    of: String,
    #[serde(default)]
    frame: Frame,
    data: PathBuf,
    dataset: String,
    #[serde(default)]
    measure: Measure,
    scales: [f64; SKY_COLUMNS],
    #[serde(default = "slices")]
    slices: usize,
}

fn slices() -> usize {
    64
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Frame {
    #[default]
    Gd1,
    Icrs,
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Measure {
    #[default]
    MaximumMeanDiscrepancy,
    KernelDensity,
    SlicedWasserstein,
}

impl ObjectivePlugin for SkyLikeness {
    const NAME: &'static str = "nbody.sky-likeness";
    const ABOUT: &'static str = "how unlike stars are to data on the sky: longitude [deg], latitude \
        [deg], distance [kpc], proper motions [mas/yr], radial velocity [km/s]";
    const OPTIONS: &'static [Doc] = &[
        doc("of", "", "name of the stars"),
        doc(
            "frame",
            "",
            "\"gd1\" (default): along and across that stream; \"icrs\"",
        ),
        doc("data", "", "HDF5 or npz file"),
        doc(
            "dataset",
            "",
            "array of shape (n, 6) in the file, or a group with position and velocity, such as the \
             name of the stars in a snapshot",
        ),
        doc(
            "measure",
            "",
            "\"maximum-mean-discrepancy\" (default), \"kernel-density\" or \"sliced-wasserstein\"",
        ),
        doc(
            "scales",
            "",
            "width of each of the six columns; inf leaves one out",
        ),
        doc(
            "slices",
            "",
            "directions of the sliced Wasserstein distance; default 64",
        ),
    ];
    type Options = Options;

    fn objective<T: Real>(o: Options, site: &Site) -> Result<Box<dyn Objective<T>>> {
        let observer = Observer::default();
        let (sky, labels) = match o.frame {
            Frame::Gd1 => (Sky::gd1(&observer), ["phi1 [deg]", "phi2 [deg]"]),
            Frame::Icrs => (
                Sky::icrs(&observer),
                ["right ascension [deg]", "declination [deg]"],
            ),
        };
        let data = read(&o, site, &sky)?;
        let likeness = match o.measure {
            Measure::MaximumMeanDiscrepancy => {
                Likeness::maximum_mean_discrepancy(&data, &o.scales)?
            }
            Measure::KernelDensity => Likeness::kernel_density(&data, &o.scales)?,
            Measure::SlicedWasserstein => {
                Likeness::sliced_wasserstein(&data, &o.scales, o.slices, site.seed)?
            }
        };
        Ok(Box::new(OnSky {
            of: [o.of],
            sky,
            labels,
            likeness,
            data,
        }))
    }
}

fn read(o: &Options, site: &Site, sky: &Sky) -> Result<Array2<f64>> {
    let path = site.folder.join(&o.data);
    let arrays = adastra_io::read_arrays(&path).map_err(|e| Error::plugin("with.data", e))?;
    let table = |name: &str| {
        let array = arrays.get(name)?.to_real::<f64>()?;
        array.into_dimensionality::<Ix2>().ok()
    };
    let wrong = |found: String| {
        let allowed =
            "an array of shape (n, 6), or a group with position and velocity, shape (n, 3)";
        Err(Error::range("with.dataset", found, allowed))
    };
    let name = &o.dataset;
    if let Some(seen) = table(name) {
        if seen.ncols() == SKY_COLUMNS {
            return Ok(seen);
        }
        return wrong(format!("{name:?} of shape {:?}", seen.shape()));
    }
    let [position, velocity] =
        ["position", "velocity"].map(|field| table(&format!("{name}/{field}")));
    match (position, velocity) {
        (Some(position), Some(velocity)) => {
            let mass = ndarray::Array1::zeros(position.nrows());
            let stars = ParticleState::new(position, velocity, mass)?;
            Ok(sky.apply(&(), stars)?)
        }
        _ => {
            let names: Vec<_> = arrays.keys().map(String::as_str).collect();
            wrong(format!("{name:?} (the file has {})", names.join(", ")))
        }
    }
}

struct OnSky {
    of: [String; 1],
    sky: Sky,
    labels: [&'static str; 2],
    likeness: Likeness,
    data: Array2<f64>,
}

impl OnSky {
    /// In f64, whatever the run is in: losses are differences of large numbers.
    fn stars<T: Real>(&self, scene: &Scene<'_, T>) -> Result<ParticleState<f64>> {
        let [name] = &self.of;
        let x: &ParticleState<T> = scene.state.named("objective.with.of", name)?;
        Ok(ParticleState {
            position: x.position.mapv(T::f64),
            velocity: x.velocity.mapv(T::f64),
            mass: x.mass.mapv(T::f64),
        })
    }
}

impl<T: Real> Objective<T> for OnSky {
    fn evaluate(&self, scene: &Scene<'_, T>, bar: Option<&mut SceneBar<T>>) -> Result<f64> {
        let stars = self.stars(scene)?;
        let (seen, saved) = self.sky.record(&(), stars)?;
        let (loss, kept) = self.likeness.record(&(), seen)?;
        if let Some(bar) = bar {
            let seen_bar = self.likeness.vjp(&(), kept, 1.0, &mut ())?;
            let x_bar = self.sky.vjp(&(), saved, seen_bar, &mut ())?;
            let into: Option<&mut ParticleState<T>> = bar.state.get_mut(&self.of[0]);
            if let Some(into) = into {
                into.position += &x_bar.position.mapv(T::of);
                into.velocity += &x_bar.velocity.mapv(T::of);
            }
        }
        Ok(loss)
    }

    fn of(&self) -> &[String] {
        &self.of
    }

    fn scatters(&self, scene: &Scene<'_, T>) -> Result<Vec<Scatter>> {
        let stars = self.stars(scene)?;
        let seen = self.sky.apply(&(), stars)?;
        let columns = [
            (1, self.labels[1]),
            (2, "distance [kpc]"),
            (5, "radial velocity [km/s]"),
        ];
        let points = |table: &Array2<f64>, column: usize| {
            let rows = table.rows().into_iter();
            rows.map(|row| [row[0], row[column]]).collect()
        };
        let panel = |(column, label): (usize, &str)| Scatter {
            title: String::new(),
            labels: [self.labels[0].to_owned(), label.to_owned()],
            sets: vec![
                ("data".to_owned(), points(&self.data, column)),
                ("model".to_owned(), points(&seen, column)),
            ],
        };
        Ok(columns.into_iter().map(panel).collect())
    }
}
