//! Losses on the density of the final state.

use std::path::{Path, PathBuf};

use adastra_core::Real;
use adastra_pipeline::{
    Doc, Error, Objective, ObjectivePlugin, Result, Scene, SceneBar, Site, doc, expect_shape,
};
use ndarray::{Array, Array2, Array3, Axis, Dimension, Zip};
use serde::Deserialize;

/// The mean square of a density over its mean minus a target over its mean, with its derivative.
///
/// `L = 1/n sum_i (rho_i/<rho> - t_i/<t>)^2`. Dividing by the mean makes the loss blind to the
/// total mass, so that only the shape counts.
fn contrast_loss<D: Dimension>(
    rho: &Array<f64, D>,
    target: &Array<f64, D>,
) -> (f64, Array<f64, D>) {
    let n = rho.len() as f64;
    let mean = rho.sum() / n;
    let mut difference = rho / mean;
    difference -= target;
    let loss = difference.iter().map(|d| d * d).sum::<f64>() / n;
    // With r_i = rho_i/m and r_bar_i = 2 (r_i - t_i)/n:
    // rho_bar_i = r_bar_i/m - (sum_j r_bar_j rho_j) / (n m^2).
    let r_bar = difference * (2.0 / n);
    let shared = Zip::from(&r_bar)
        .and(rho)
        .fold(0.0, |sum, r, rho| sum + r * rho)
        / (n * mean * mean);
    (loss, r_bar.mapv(|r| r / mean - shared))
}

/// Divides a target by its mean.
fn normalized<D: Dimension>(target: Array<f64, D>, key: &str) -> Result<Array<f64, D>> {
    let mean = target.sum() / target.len() as f64;
    if !(mean.is_finite() && mean > 0.0) {
        return Err(Error::range(
            key,
            format!("a target of mean {mean}"),
            "a positive mean",
        ));
    }
    Ok(target / mean)
}

/// Reads a target: an image, or an array of a given name from an HDF5 or npz file.
pub(super) fn read_array(path: &Path, dataset: Option<&str>) -> Result<ndarray::ArrayD<f64>> {
    let key = "with.target";
    let arrays = adastra_io::read_arrays(path).map_err(|e| Error::plugin(key, e))?;
    let names: Vec<String> = arrays.keys().cloned().collect();
    let name = match (dataset, names.as_slice()) {
        (Some(name), _) => name,
        (None, [only]) => only,
        (None, _) => {
            let needed = format!("the name of one of the arrays {names:?}");
            return Err(Error::Missing {
                key: "with.dataset".into(),
                needed,
            });
        }
    };
    match arrays.get(name) {
        Some(array) => array
            .to_real()
            .ok_or_else(|| Error::range("with.dataset", "complex numbers", "real numbers")),
        None => Err(Error::UnknownName {
            key: "with.dataset".into(),
            name: name.to_owned(),
            kind: "array",
            known: names,
        }),
    }
}

/// An axis by name.
#[derive(Debug, Clone, Copy, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Along {
    /// The first axis.
    X,
    /// The second axis.
    Y,
    /// The third axis.
    #[default]
    Z,
}

impl Along {
    /// The axis of an array (x, y, z).
    pub fn axis(self) -> Axis {
        Axis(self as usize)
    }
}

/// `objective.projected-density`
#[derive(Debug)]
pub struct ProjectedDensity;

/// Options of [`ProjectedDensity`].
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProjectedOptions {
    of: Vec<String>,
    #[serde(default)]
    axis: Along,
    target: PathBuf,
    dataset: Option<String>,
}

const OF: Doc = doc("of", "", "names of the components whose density counts");
const DATASET: Doc = doc(
    "dataset",
    "",
    "name of the array in the file, where it holds several",
);

impl ObjectivePlugin for ProjectedDensity {
    const NAME: &'static str = "objective.projected-density";
    const ABOUT: &'static str =
        "mean square of the projected density over its mean minus a target over its mean";
    const OPTIONS: &'static [Doc] = &[
        OF,
        doc("axis", "", "x, y or z (default): the line of sight"),
        doc(
            "target",
            "",
            "PNG image (bright is dense), or HDF5 or npz file with a 2-D array",
        ),
        DATASET,
    ];
    type Options = ProjectedOptions;

    fn objective<T: Real>(options: Self::Options, site: &Site) -> Result<Box<dyn Objective<T>>> {
        let path = site.folder.join(&options.target);
        let png = path
            .extension()
            .is_some_and(|e| e.eq_ignore_ascii_case("png"));
        let target = if png {
            adastra_io::picture::read_png(&path)
                .map_err(|e| Error::plugin("with.target", e))?
                .into_dyn()
        } else {
            read_array(&path, options.dataset.as_deref())?
        };
        let mut expected = site.mesh.cells().to_vec();
        expected.remove(options.axis.axis().index());
        expect_shape("with.target", target.shape(), &expected)?;
        let flat =
            Array2::from_shape_vec((expected[0], expected[1]), target.iter().copied().collect());
        let flat = flat.map_err(|_| Error::range("with.target", "an array", "a 2-D array"))?;
        let target = normalized(flat, "with.target")?;
        Ok(Box::new(Projected {
            of: options.of,
            along: options.axis,
            target,
        }))
    }
}

struct Projected {
    of: Vec<String>,
    along: Along,
    target: Array2<f64>,
}

impl Projected {
    fn project<T: Real>(&self, scene: &Scene<'_, T>) -> Result<Array2<f64>> {
        let rho = scene.density(&self.of)?;
        let cells = rho.len_of(self.along.axis()) as f64;
        Ok(rho.mapv(T::f64).sum_axis(self.along.axis()) / cells)
    }
}

impl<T: Real> Objective<T> for Projected {
    fn evaluate(&self, scene: &Scene<'_, T>, bar: Option<&mut SceneBar<T>>) -> Result<f64> {
        let projected = self.project(scene)?;
        let (loss, projected_bar) = contrast_loss(&projected, &self.target);
        if let Some(bar) = bar {
            let axis = self.along.axis();
            let cells = scene.mesh.cells()[axis.index()] as f64;
            let plane = projected_bar.mapv(|x| T::of(x / cells)).insert_axis(axis);
            let rho_bar = plane.broadcast(scene.mesh.shape()).map(|a| a.to_owned());
            let rho_bar = rho_bar.unwrap_or_else(|| scene.mesh.zeros());
            scene.density_vjp(&self.of, &rho_bar, bar)?;
        }
        Ok(loss)
    }

    fn of(&self) -> &[String] {
        &self.of
    }

    fn pictures(&self, scene: &Scene<'_, T>) -> Result<Vec<(String, Array2<f64>)>> {
        let projected = self.project(scene)?;
        let mean = projected.sum() / projected.len() as f64;
        Ok(vec![
            ("target".into(), self.target.clone()),
            ("result".into(), projected / mean),
        ])
    }
}

/// `objective.density`
#[derive(Debug)]
pub struct Density;

/// Options of [`Density`].
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DensityOptions {
    of: Vec<String>,
    target: PathBuf,
    dataset: Option<String>,
}

impl ObjectivePlugin for Density {
    const NAME: &'static str = "objective.density";
    const ABOUT: &'static str =
        "mean square of the density over its mean minus a target over its mean";
    const OPTIONS: &'static [Doc] = &[
        OF,
        doc(
            "target",
            "",
            "HDF5 or npz file with an array of the mesh's shape",
        ),
        DATASET,
    ];
    type Options = DensityOptions;

    fn objective<T: Real>(options: Self::Options, site: &Site) -> Result<Box<dyn Objective<T>>> {
        let target = read_array(
            &site.folder.join(&options.target),
            options.dataset.as_deref(),
        )?;
        expect_shape("with.target", target.shape(), &site.mesh.cells())?;
        let target = Array3::from_shape_vec(site.mesh.shape(), target.iter().copied().collect());
        let target = target.map_err(|_| Error::range("with.target", "an array", "a 3-D array"))?;
        Ok(Box::new(Field {
            of: options.of,
            target: normalized(target, "with.target")?,
        }))
    }
}

struct Field {
    of: Vec<String>,
    target: Array3<f64>,
}

impl<T: Real> Objective<T> for Field {
    fn evaluate(&self, scene: &Scene<'_, T>, bar: Option<&mut SceneBar<T>>) -> Result<f64> {
        let rho = scene.density(&self.of)?.mapv(T::f64);
        let (loss, rho_bar) = contrast_loss(&rho, &self.target);
        if let Some(bar) = bar {
            scene.density_vjp(&self.of, &rho_bar.mapv(T::of), bar)?;
        }
        Ok(loss)
    }

    fn of(&self) -> &[String] {
        &self.of
    }

    fn pictures(&self, scene: &Scene<'_, T>) -> Result<Vec<(String, Array2<f64>)>> {
        let rho = scene.density(&self.of)?.mapv(T::f64).sum_axis(Axis(2));
        let target = self.target.sum_axis(Axis(2));
        let (a, b) = (
            target.sum() / target.len() as f64,
            rho.sum() / rho.len() as f64,
        );
        Ok(vec![
            ("target".into(), target / a),
            ("result".into(), rho / b),
        ])
    }
}
