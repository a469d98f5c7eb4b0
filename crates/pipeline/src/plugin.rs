//! What a plugin brings: matter, initial conditions, external potentials, objectives.
//!
//! Each trait is a description with static functions, generic over the scalar of the run, so
//! that one type serves `f32` and `f64`. A plugin is any `fn(&mut Registry) -> Result<()>`.

use adastra_core::dual::Pointwise;
use adastra_core::{Fields, Real};
use adastra_cosmology::Supercomoving;
use adastra_gravity::{Matter, MatterAdjoint, Process};
use adastra_grid::Mesh;
use ndarray::{Array2, Array3};
use serde::de::DeserializeOwned;
use std::path::PathBuf;
use std::sync::Arc;

use crate::{AnyFields, AnyMatter, Arrays, Components, Error, Result, World, irreversible};

/// One key of a configuration table, or one field of a state, for `adastra plugins` and for the
/// units in snapshots.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Doc {
    /// The key.
    pub name: &'static str,
    /// Its unit; empty for none.
    pub unit: &'static str,
    /// What it is, and its default.
    pub about: &'static str,
}

/// Shorthand for a [`Doc`].
pub const fn doc(name: &'static str, unit: &'static str, about: &'static str) -> Doc {
    Doc { name, unit, about }
}

/// Where a simulation takes place.
#[derive(Debug, Clone)]
pub struct Site {
    /// The mesh.
    pub mesh: Mesh,
    /// The expanding background of the run, if space is not static.
    pub expansion: Option<Arc<Supercomoving>>,
    /// The span of the run, in kpc/(km/s); of supercomoving time where space expands.
    pub span: f64,
    /// Number of equal steps; `None` where steps adapt.
    pub steps: Option<usize>,
    /// Seed of everything random.
    pub seed: u64,
    /// Folder that relative paths of the configuration start from.
    pub folder: PathBuf,
}

/// A table without keys.
#[derive(Debug, Clone, Copy, Default, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Nothing {}

/// A kind of matter for `[[matter]]`.
pub trait MatterPlugin: 'static {
    /// Name in a configuration, e.g. `"fdm.wave"`.
    const NAME: &'static str;
    /// One line on what it is, with its source.
    const ABOUT: &'static str;
    /// Keys of `with`.
    const OPTIONS: &'static [Doc] = &[];
    /// Keys of `parameters`.
    const PARAMETERS: &'static [Doc] = &[];
    /// Fields of the state.
    const STATE: &'static [Doc];
    /// The table `with`: configuration that is not differentiated.
    type Options: DeserializeOwned;
    /// The table `parameters`: numbers that are differentiated.
    type Parameters: DeserializeOwned;
    /// The matter itself.
    type Matter<T: Real>: MatterAdjoint<T> + 'static;

    /// Builds the matter.
    ///
    /// # Errors
    /// What the options get wrong.
    fn matter<T: Real>(options: Self::Options, site: &Site) -> Result<Self::Matter<T>>;

    /// Turns the table `parameters` into the matter's parameters.
    ///
    /// # Errors
    /// What the values get wrong.
    fn parameters<T: Real>(
        matter: &Self::Matter<T>,
        values: Self::Parameters,
    ) -> Result<<Self::Matter<T> as Matter<T>>::Params>;

    /// Builds the initial state from named arrays.
    ///
    /// # Errors
    /// Missing arrays and wrong shapes.
    fn state<T: Real>(
        arrays: &mut Arrays<T>,
        site: &Site,
    ) -> Result<<Self::Matter<T> as Matter<T>>::State>;

    /// Puts the matter behind the object-safe face. Override with [`reversible`](crate::reversible)
    /// where the motions can be undone, so that gradients need no stored states.
    fn erase<T: Real>(matter: Self::Matter<T>) -> Box<dyn AnyMatter<T>> {
        irreversible(matter)
    }

    /// Conserved and other quantities for the log, in the same order every time. Energies are
    /// named `"energy.*"` and add up to the total, masses `"mass"`, momenta `"momentum.x"` etc.
    /// The potential energy needs no mention: it follows from the density.
    ///
    /// # Errors
    /// Those of the matter.
    fn quantities<T: Real>(
        matter: &Self::Matter<T>,
        p: &<Self::Matter<T> as Matter<T>>::Params,
        x: &<Self::Matter<T> as Matter<T>>::State,
    ) -> Result<Vec<(&'static str, f64)>> {
        let _ = (matter, p, x);
        Ok(Vec::new())
    }
}

/// A generator for `initial` of a component.
pub trait InitialPlugin: 'static {
    /// Name in a configuration, e.g. `"particles.lattice"`.
    const NAME: &'static str;
    /// One line on what it is, with its source.
    const ABOUT: &'static str;
    /// Keys of `with`.
    const OPTIONS: &'static [Doc] = &[];
    /// The table `with`.
    type Options: DeserializeOwned;

    /// The named arrays of a component's state. `parameters` are those of the component.
    ///
    /// # Errors
    /// What the options get wrong.
    fn arrays<T: Real>(
        options: Self::Options,
        site: &Site,
        parameters: &dyn AnyFields<T>,
    ) -> Result<Arrays<T>>;
}

/// An external potential for `[[potential]]`: a [`Pointwise`] function of its parameters and of
/// the position in kpc, in (km/s)^2, whose derivatives come from dual numbers.
pub trait PotentialPlugin: Pointwise<3> + Default + 'static {
    /// Name in a configuration, e.g. `"potential.plummer"`.
    const NAME: &'static str;
    /// One line on what it is, with its source.
    const ABOUT: &'static str;
    /// Keys of `parameters`, in the order of [`PotentialPlugin::values`].
    const PARAMETERS: &'static [Doc];
    /// The table `parameters`.
    type Parameters: DeserializeOwned;

    /// The values of the parameters, in base units.
    ///
    /// # Errors
    /// What the values get wrong.
    fn values(parameters: Self::Parameters) -> Result<Vec<f64>>;
}

/// A process on the components of a simulation, which it finds by name.
pub type AnyProcess<T> = Box<dyn Process<T, World<T>, World<T>>>;

/// A process for `[[process]]`, at the end of every drift: accretion, cooling, forcing.
pub trait ProcessPlugin: 'static {
    /// Name in a configuration, e.g. `"accretion.bondi"`.
    const NAME: &'static str;
    /// One line on what it is, with its source.
    const ABOUT: &'static str;
    /// Keys of `with`.
    const OPTIONS: &'static [Doc] = &[];
    /// Keys of `parameters`.
    const PARAMETERS: &'static [Doc] = &[];
    /// The table `with`: names of components, and configuration that is not differentiated.
    type Options: DeserializeOwned;
    /// The table `parameters`: numbers that are differentiated.
    type Parameters: DeserializeOwned;
    /// The parameters in the world of parameters, under the name of the process.
    type Values<T: Real>: Fields<T>;

    /// Turns the table `parameters` into the process's parameters.
    ///
    /// # Errors
    /// What the values get wrong.
    fn parameters<T: Real>(values: Self::Parameters) -> Result<Self::Values<T>>;

    /// Builds the process called `name`, for components whose states are `state`.
    ///
    /// # Errors
    /// What the options get wrong, such as a component that is not there.
    fn process<T: Real>(
        options: Self::Options,
        name: &str,
        site: &Site,
        state: &World<T>,
    ) -> Result<AnyProcess<T>>;
}

/// The final state of a run, as an objective sees it.
pub struct Scene<'a, T: Real> {
    /// The components.
    pub components: &'a Components<T>,
    /// The mesh.
    pub mesh: &'a Mesh,
    /// Parameters of the components.
    pub parameters: &'a World<T>,
    /// States of the components.
    pub state: &'a World<T>,
}

/// Cotangents that an objective adds to.
pub struct SceneBar<T: Real> {
    /// Of the components' parameters.
    pub parameters: World<T>,
    /// Of the components' states.
    pub state: World<T>,
}

impl<T: Real> Scene<'_, T> {
    /// Mass density of the named components, in Msun/kpc^3, shape (nx, ny, nz).
    ///
    /// # Errors
    /// [`Error::UnknownName`], and those of the components.
    pub fn density(&self, names: &[String]) -> Result<Array3<T>> {
        let mut rho = self.mesh.zeros();
        for name in names {
            let (i, matter) = self.component(name)?;
            matter.deposit(self.parameters.at(i), self.state.at(i), &mut rho)?;
        }
        Ok(rho)
    }

    /// Adjoint of [`Scene::density`].
    ///
    /// # Errors
    /// As [`Scene::density`].
    pub fn density_vjp(
        &self,
        names: &[String],
        rho_bar: &Array3<T>,
        bar: &mut SceneBar<T>,
    ) -> Result<()> {
        for name in names {
            let (i, matter) = self.component(name)?;
            let (x_bar, p_bar) = (bar.state.at_mut(i), bar.parameters.at_mut(i));
            matter.deposit_vjp(
                self.parameters.at(i),
                self.state.at(i),
                rho_bar,
                x_bar,
                p_bar,
            )?;
        }
        Ok(())
    }

    /// Where the component of a name stands in the worlds.
    ///
    /// # Errors
    /// [`Error::UnknownName`].
    pub fn position(&self, name: &str) -> Result<usize> {
        Ok(self.component(name)?.0)
    }

    fn component(&self, name: &str) -> Result<(usize, &dyn AnyMatter<T>)> {
        self.components
            .find(name)
            .ok_or_else(|| Error::UnknownName {
                key: "objective.with.of".into(),
                name: name.into(),
                kind: "matter",
                known: self.components.names().map(str::to_owned).collect(),
            })
    }
}

/// Points in a plane: data beside model.
#[derive(Debug, Clone, PartialEq)]
pub struct Scatter {
    /// Title above.
    pub title: String,
    /// Quantity and unit of both axes.
    pub labels: [String; 2],
    /// Sets of points, each with its name.
    pub sets: Vec<(String, Vec<[f64; 2]>)>,
}

/// A loss on the final state.
pub trait Objective<T: Real>: Send + Sync {
    /// The loss; where `bar` is given, its gradient is added to it.
    ///
    /// # Errors
    /// What the objective documents.
    fn evaluate(&self, scene: &Scene<'_, T>, bar: Option<&mut SceneBar<T>>) -> Result<f64>;

    /// The components whose density it looks at, for early checks.
    fn of(&self) -> &[String] {
        &[]
    }

    /// Pictures that show how close the state is, each with its title: target beside result.
    ///
    /// # Errors
    /// As [`Objective::evaluate`].
    fn pictures(&self, scene: &Scene<'_, T>) -> Result<Vec<(String, Array2<f64>)>> {
        let _ = scene;
        Ok(Vec::new())
    }

    /// Plots of points that show how close the state is.
    ///
    /// # Errors
    /// As [`Objective::evaluate`].
    fn scatters(&self, scene: &Scene<'_, T>) -> Result<Vec<Scatter>> {
        let _ = scene;
        Ok(Vec::new())
    }
}

/// An objective for `[objective]`.
pub trait ObjectivePlugin: 'static {
    /// Name in a configuration, e.g. `"objective.projected-density"`.
    const NAME: &'static str;
    /// One line on what it is.
    const ABOUT: &'static str;
    /// Keys of `with`.
    const OPTIONS: &'static [Doc] = &[];
    /// The table `with`.
    type Options: DeserializeOwned;

    /// Builds the objective.
    ///
    /// # Errors
    /// What the options get wrong.
    fn objective<T: Real>(options: Self::Options, site: &Site) -> Result<Box<dyn Objective<T>>>;
}
