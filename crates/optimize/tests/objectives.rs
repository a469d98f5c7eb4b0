//! The gradient of every objective, through a simulation, against differences.
#![cfg(feature = "objectives")]

use std::path::Path;

use adastra_check as check;
use adastra_core::{Adjoint, Error, FieldMut, Fields, Operator, Real};
use adastra_grid::{Bins, Mesh, SpectrumOf};
use adastra_io::{Dataset, Header, SnapshotWriter};
use adastra_optimize::objective;
use adastra_pipeline::{
    Config, Objective, ObjectivePlugin, Registry, Result, Scene, SceneBar, Simulation, Site, Start,
    World,
};
use ndarray::{Array, Array3, Dimension};
use num_complex::Complex;

const CONFIG: &str = r#"
[mesh]
cells = [8, 6, 4]
size = [8.0, 6.0, 4.0]
[time]
end = 0.02
steps = 2
[[matter]]
name = "dm"
use = "fdm.wave"
parameters = { mass = 1.1 }
initial = { use = "fdm.uniform", with = { density = 1e6 } }
"#;

/// A user's objective: the density-weighted mean of x, in kpc.
struct CentreOfMass;

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct CentreOptions {
    of: Vec<String>,
}

impl ObjectivePlugin for CentreOfMass {
    const NAME: &'static str = "user.centre";
    const ABOUT: &'static str = "centre of mass along x";
    type Options = CentreOptions;
    fn objective<T: Real>(options: CentreOptions, _: &Site) -> Result<Box<dyn Objective<T>>> {
        Ok(Box::new(Centre(options.of)))
    }
}

struct Centre(Vec<String>);

impl<T: Real> Objective<T> for Centre {
    fn evaluate(&self, scene: &Scene<'_, T>, bar: Option<&mut SceneBar<T>>) -> Result<f64> {
        let rho = scene.density(&self.0)?.mapv(T::f64);
        let x = Array3::from_shape_fn(rho.dim(), |(i, j, k)| scene.mesh.centre([i, j, k])[0]);
        let (sum, mean) = (rho.sum(), (&rho * &x).sum() / rho.sum());
        if let Some(bar) = bar {
            scene.density_vjp(&self.0, &x.mapv(|x| T::of((x - mean) / sum)), bar)?;
        }
        Ok(mean)
    }
}

fn registry() -> Registry {
    let mut registry = Registry::new();
    adastra_fdm::pipeline::plugin(&mut registry).expect("waves");
    objective::plugin(&mut registry).expect("objectives");
    registry
        .objective::<CentreOfMass>()
        .expect("a user's objective");
    registry
}

fn write<D: Dimension>(path: &Path, target: Array<f64, D>) {
    let mut writer = SnapshotWriter::new(Header {
        time: 0.0,
        step: 0,
        code_version: "test".into(),
        config: String::new(),
    });
    let target = Dataset::from(target.into_dyn());
    writer.dataset("target", "", &target).expect("a dataset");
    writer.write(path).expect("a file");
}

/// A run and its objective as one operator on the initial state.
struct Loss {
    simulation: Simulation<f64>,
    _folder: tempfile::TempDir,
}

impl Loss {
    fn new<D: Dimension>(objective: &str, target: Array<f64, D>) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        write(&folder.path().join("target.h5"), target);
        let text = format!("{CONFIG}\n[objective]\n{objective}\n");
        let config = Config::parse(&text, folder.path()).expect("a configuration");
        Self {
            simulation: Simulation::build(&config, &registry()).expect("a simulation"),
            _folder: folder,
        }
    }

    fn start(&self, psi: &Array3<Complex<f64>>) -> Start<f64> {
        let mut start = self.simulation.start.clone();
        start.state.visit_mut(&mut |_, field| {
            if let FieldMut::Complex(mut a) = field {
                a.assign(&psi.view().into_dyn());
            }
        });
        start
    }
}

fn failed(e: adastra_pipeline::Error) -> Error {
    Error::operator("loss", e)
}

impl Operator<f64> for Loss {
    type Params = ();
    type In = Array3<Complex<f64>>;
    type Out = f64;
    fn apply(&self, (): &(), psi: Self::In) -> adastra_core::Result<f64> {
        Ok(self.simulation.loss(&self.start(&psi)).map_err(failed)?.0)
    }
}

impl Adjoint<f64> for Loss {
    type Saved = World<f64>;
    fn record(&self, (): &(), psi: Self::In) -> adastra_core::Result<(f64, World<f64>)> {
        let found = self.simulation.gradient(&self.start(&psi), None);
        let found = found.map_err(failed)?;
        Ok((found.value, found.bar.state))
    }
    fn vjp(
        &self,
        (): &(),
        bar: World<f64>,
        y_bar: f64,
        (): &mut (),
    ) -> adastra_core::Result<Self::In> {
        let mut psi_bar = Array3::zeros((8, 6, 4));
        let mut bar = bar;
        bar.visit_mut(&mut |_, field| {
            if let FieldMut::Complex(a) = field {
                psi_bar.iter_mut().zip(&a).for_each(|(x, y)| *x = y * y_bar);
            }
        });
        Ok(psi_bar)
    }
}

/// Checks an objective at random waves and a random target of shape `shape`.
fn check_objective<D: Dimension + 'static>(objective: &'static str, shape: D) {
    let inputs = (check::real(shape, 0.5..2.0), check::complex([8, 6, 4], 1e3));
    check::adjoint_of(inputs, |(target, psi): (Array<f64, D>, _)| {
        (Loss::new(objective, target), (), psi)
    });
}

#[test]
fn gradient_of_projected_density() {
    for (axis, shape) in [("x", [6, 4]), ("y", [8, 4]), ("z", [8, 6])] {
        let text = format!(
            "use = \"objective.projected-density\"\n\
             with = {{ of = [\"dm\"], axis = \"{axis}\", target = \"target.h5\" }}"
        );
        check_objective(text.leak(), ndarray::Dim(shape));
    }
}

#[test]
fn gradient_of_density() {
    let text = "use = \"objective.density\"\nwith = { of = [\"dm\"], target = \"target.h5\" }";
    check_objective(text, ndarray::Dim([8, 6, 4]));
}

#[test]
fn gradient_of_power_spectrum() {
    let mesh = Mesh::new([8, 6, 4], [8.0, 6.0, 4.0]).expect("a mesh");
    let spectrum = SpectrumOf::<f64>::new(&mesh, Bins::fundamental(&mesh)).expect("a spectrum");
    let text =
        "use = \"objective.power-spectrum\"\nwith = { of = [\"dm\"], target = \"target.h5\" }";
    check_objective(text, ndarray::Dim([spectrum.modes().len()]));
}

#[test]
fn gradient_of_an_objective_from_outside() {
    let text = "use = \"user.centre\"\nwith = { of = [\"dm\"] }";
    check_objective(text, ndarray::Dim([1]));
}
