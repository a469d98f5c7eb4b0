//! Names to plugins.

use std::any::{Any, type_name};
use std::collections::BTreeMap;

use adastra_core::Real;
use adastra_gravity::Matter;
use serde::de::DeserializeOwned;

use crate::device::TwinEntry;
use crate::error::explain;
use crate::generator::{self, AnyGenerator};
use crate::potential::Law;
use crate::{
    AnyFields, AnyMatter, AnyProcess, Arrays, Doc, Error, GeneratorPlugin, InitialConfig,
    InitialPlugin, MatterPlugin, Nothing, Objective, ObjectivePlugin, PotentialPlugin,
    ProcessPlugin, Result, Site, World,
};

/// What a registered name is, for `adastra plugins`.
#[derive(Debug, Clone, Copy)]
pub struct Info {
    /// `"matter"`, `"initial condition"`, `"potential"`, `"process"`, `"objective"` or `"device"`.
    pub kind: &'static str,
    /// The name in a configuration.
    pub name: &'static str,
    /// One line on what it is.
    pub about: &'static str,
    /// Keys of `with`.
    pub options: &'static [Doc],
    /// Keys of `parameters`.
    pub parameters: &'static [Doc],
    /// Fields of the state.
    pub state: &'static [Doc],
}

struct Entry {
    info: Info,
    /// The type that registered the name.
    by: &'static str,
    /// Function pointers for `f32` and `f64`.
    builders: [Box<dyn Any + Send + Sync>; 2],
}

/// A part that a plugin made.
pub(crate) struct Built<T: Real> {
    pub(crate) matter: Box<dyn AnyMatter<T>>,
    pub(crate) parameters: Box<dyn AnyFields<T>>,
    pub(crate) quantities: Quantities<T>,
    pub(crate) state: StateBuilder<T>,
}

/// What a generator of initial conditions made: a state, and what made it where that is
/// differentiated.
pub(crate) struct Initial<T: Real> {
    pub(crate) arrays: Arrays<T>,
    pub(crate) generator: Option<(Box<dyn AnyGenerator<T>>, Box<dyn AnyFields<T>>)>,
}

/// A process that a plugin made, and its parameters.
pub(crate) type BuiltProcess<T> = (AnyProcess<T>, Box<dyn AnyFields<T>>);

pub(crate) type Quantities<T> = Box<
    dyn Fn(&dyn AnyFields<T>, &dyn AnyFields<T>) -> Result<Vec<(&'static str, f64)>> + Send + Sync,
>;
pub(crate) type StateBuilder<T> = fn(Arrays<T>, &Site) -> Result<Box<dyn AnyFields<T>>>;
pub(crate) type MatterBuilder<T> = fn(toml::Table, toml::Table, &Site) -> Result<Built<T>>;
pub(crate) type InitialBuilder<T> =
    fn(&InitialConfig, &Site, &dyn AnyFields<T>) -> Result<Initial<T>>;
pub(crate) type ObjectiveBuilder<T> = fn(toml::Table, &Site) -> Result<Box<dyn Objective<T>>>;
pub(crate) type ProcessBuilder<T> =
    fn(toml::Table, toml::Table, &str, &Site, &World<T>) -> Result<BuiltProcess<T>>;
pub(crate) type LawBuilder = fn(toml::Table) -> Result<Law>;
/// Names to plugins. Registration is explicit: a reader can find where a name comes from, and a
/// name that is registered twice is an error that names both types.
#[derive(Default)]
pub struct Registry {
    entries: BTreeMap<(&'static str, &'static str), Entry>,
    /// By the names of the matter and of the device.
    pub(crate) twins: BTreeMap<(&'static str, &'static str), TwinEntry>,
}

const MATTER: &str = "matter";
const INITIAL: &str = "initial condition";
const POTENTIAL: &str = "potential";
const OBJECTIVE: &str = "objective";
const PROCESS: &str = "process";
pub(crate) const DEVICE: &str = "device";

impl Registry {
    /// An empty registry.
    pub fn new() -> Self {
        Self::default()
    }

    /// Registers a kind of matter.
    ///
    /// # Errors
    /// [`Error::Duplicate`].
    pub fn matter<P: MatterPlugin>(&mut self) -> Result<()> {
        let info = Info {
            kind: MATTER,
            name: P::NAME,
            about: P::ABOUT,
            options: P::OPTIONS,
            parameters: P::PARAMETERS,
            state: P::STATE,
        };
        let (single, double): (MatterBuilder<f32>, MatterBuilder<f64>) =
            (build_matter::<P, f32>, build_matter::<P, f64>);
        self.insert(info, type_name::<P>(), [Box::new(single), Box::new(double)])
    }

    /// Registers a generator of initial conditions.
    ///
    /// # Errors
    /// [`Error::Duplicate`].
    pub fn initial<P: InitialPlugin>(&mut self) -> Result<()> {
        let (kind, name, about, options) = (INITIAL, P::NAME, P::ABOUT, P::OPTIONS);
        let info = Info {
            kind,
            name,
            about,
            options,
            parameters: &[],
            state: &[],
        };
        let (single, double): (InitialBuilder<f32>, InitialBuilder<f64>) =
            (build_initial::<P, f32>, build_initial::<P, f64>);
        self.insert(info, type_name::<P>(), [Box::new(single), Box::new(double)])
    }

    /// Registers a differentiable generator of initial conditions.
    ///
    /// # Errors
    /// [`Error::Duplicate`].
    pub fn generator<P: GeneratorPlugin>(&mut self) -> Result<()> {
        let (kind, name, about) = (INITIAL, P::NAME, P::ABOUT);
        let info = Info {
            kind,
            name,
            about,
            options: P::OPTIONS,
            parameters: P::PARAMETERS,
            state: &[],
        };
        let (single, double): (InitialBuilder<f32>, InitialBuilder<f64>) =
            (build_generator::<P, f32>, build_generator::<P, f64>);
        self.insert(info, type_name::<P>(), [Box::new(single), Box::new(double)])
    }

    /// Registers an external potential.
    ///
    /// # Errors
    /// [`Error::Duplicate`].
    pub fn potential<P: PotentialPlugin>(&mut self) -> Result<()> {
        let (kind, name, about, parameters) = (POTENTIAL, P::NAME, P::ABOUT, P::PARAMETERS);
        let info = Info {
            kind,
            name,
            about,
            options: &[],
            parameters,
            state: &[],
        };
        let build: LawBuilder = |table| {
            let values = P::values(read(table, "parameters")?)?;
            Ok(Law::new::<P>(values))
        };
        self.insert(info, type_name::<P>(), [Box::new(build), Box::new(())])
    }

    /// Registers a process.
    ///
    /// # Errors
    /// [`Error::Duplicate`].
    pub fn process<P: ProcessPlugin>(&mut self) -> Result<()> {
        let (kind, name, about) = (PROCESS, P::NAME, P::ABOUT);
        let info = Info {
            kind,
            name,
            about,
            options: P::OPTIONS,
            parameters: P::PARAMETERS,
            state: &[],
        };
        let (single, double): (ProcessBuilder<f32>, ProcessBuilder<f64>) =
            (build_process::<P, f32>, build_process::<P, f64>);
        self.insert(info, type_name::<P>(), [Box::new(single), Box::new(double)])
    }

    /// Registers an objective.
    ///
    /// # Errors
    /// [`Error::Duplicate`].
    pub fn objective<P: ObjectivePlugin>(&mut self) -> Result<()> {
        let (kind, name, about, options) = (OBJECTIVE, P::NAME, P::ABOUT, P::OPTIONS);
        let info = Info {
            kind,
            name,
            about,
            options,
            parameters: &[],
            state: &[],
        };
        let (single, double): (ObjectiveBuilder<f32>, ObjectiveBuilder<f64>) =
            (build_objective::<P, f32>, build_objective::<P, f64>);
        self.insert(info, type_name::<P>(), [Box::new(single), Box::new(double)])
    }

    /// Everything registered, by kind and name.
    pub fn infos(&self) -> impl Iterator<Item = &Info> {
        self.entries.values().map(|entry| &entry.info)
    }

    pub(crate) fn insert(
        &mut self,
        info: Info,
        by: &'static str,
        builders: [Box<dyn Any + Send + Sync>; 2],
    ) -> Result<()> {
        let key = (info.kind, info.name);
        if let Some(first) = self.entries.get(&key) {
            let (kind, name, first, second) = (info.kind, info.name.to_owned(), first.by, by);
            return Err(Error::Duplicate {
                kind,
                name,
                first,
                second,
            });
        }
        self.entries.insert(key, Entry { info, by, builders });
        Ok(())
    }

    pub(crate) fn find<B: Copy + 'static>(
        &self,
        kind: &'static str,
        key: &str,
        name: &str,
    ) -> Result<(B, Info)> {
        let entry = self
            .entries
            .iter()
            .find(|((k, n), _)| *k == kind && *n == name);
        let builder = entry.and_then(|(_, entry)| {
            let builder = entry
                .builders
                .iter()
                .find_map(|b| b.downcast_ref::<B>().copied());
            builder.map(|builder| (builder, entry.info))
        });
        builder.ok_or_else(|| Error::UnknownName {
            key: key.to_owned(),
            name: name.to_owned(),
            kind,
            known: self
                .infos()
                .filter(|i| i.kind == kind)
                .map(|i| i.name.to_owned())
                .collect(),
        })
    }

    pub(crate) fn find_matter<T: Real>(
        &self,
        key: &str,
        name: &str,
    ) -> Result<(MatterBuilder<T>, Info)> {
        self.find(MATTER, key, name)
    }
    pub(crate) fn find_initial<T: Real>(&self, key: &str, name: &str) -> Result<InitialBuilder<T>> {
        Ok(self.find(INITIAL, key, name)?.0)
    }
    pub(crate) fn find_law(&self, key: &str, name: &str) -> Result<(LawBuilder, Info)> {
        self.find(POTENTIAL, key, name)
    }
    pub(crate) fn find_process<T: Real>(&self, key: &str, name: &str) -> Result<ProcessBuilder<T>> {
        Ok(self.find(PROCESS, key, name)?.0)
    }
    pub(crate) fn find_objective<T: Real>(
        &self,
        key: &str,
        name: &str,
    ) -> Result<ObjectiveBuilder<T>> {
        Ok(self.find(OBJECTIVE, key, name)?.0)
    }
}

/// Deserializes a table into a plugin's own type.
pub(crate) fn read<O: DeserializeOwned>(table: toml::Table, key: &str) -> Result<O> {
    O::deserialize(table).map_err(|e| Error::Syntax {
        key: key.to_owned(),
        message: explain(&e.to_string()),
    })
}

fn build_matter<P: MatterPlugin, T: Real>(
    options: toml::Table,
    parameters: toml::Table,
    site: &Site,
) -> Result<Built<T>> {
    // The log of quantities needs the matter as its own type, the leapfrog behind the
    // object-safe face: two instances, of which only one holds scratch memory in use.
    let typed = P::matter::<T>(read(options.clone(), "with")?, site)?;
    let erased = P::matter::<T>(read(options, "with")?, site)?;
    let parameters = P::parameters(&typed, read(parameters, "parameters")?)?;
    Ok(Built {
        matter: P::erase(erased),
        parameters: Box::new(parameters),
        quantities: Box::new(move |p, x| {
            type Of<P, T> = <P as MatterPlugin>::Matter<T>;
            let p = p.as_any().downcast_ref::<<Of<P, T> as Matter<T>>::Params>();
            let x = x.as_any().downcast_ref::<<Of<P, T> as Matter<T>>::State>();
            match (p, x) {
                (Some(p), Some(x)) => P::quantities(&typed, p, x),
                _ => Ok(Vec::new()),
            }
        }),
        state: |mut arrays, site| {
            let state = P::state(&mut arrays, site)?;
            arrays.finish()?;
            Ok(Box::new(state))
        },
    })
}

fn build_initial<P: InitialPlugin, T: Real>(
    config: &InitialConfig,
    site: &Site,
    matter: &dyn AnyFields<T>,
) -> Result<Initial<T>> {
    let Nothing {} = read(config.parameters.clone(), "parameters")?;
    let arrays = P::arrays(read(config.with.clone(), "with")?, site, matter)?;
    let generator = None;
    Ok(Initial { arrays, generator })
}

fn build_generator<P: GeneratorPlugin, T: Real>(
    config: &InitialConfig,
    site: &Site,
    matter: &dyn AnyFields<T>,
) -> Result<Initial<T>> {
    let generator = P::generator::<T>(read(config.with.clone(), "with")?, site)?;
    let p = P::parameters::<T>(read(config.parameters.clone(), "parameters")?)?;
    let arrays = generator::arrays(&*AnyGenerator::generate(&generator, &p, matter)?);
    let generator: Box<dyn AnyGenerator<T>> = Box::new(generator);
    Ok(Initial {
        arrays,
        generator: Some((generator, Box::new(p))),
    })
}

fn build_process<P: ProcessPlugin, T: Real>(
    options: toml::Table,
    parameters: toml::Table,
    name: &str,
    site: &Site,
    state: &World<T>,
) -> Result<BuiltProcess<T>> {
    let process = P::process(read(options, "with")?, name, site, state)?;
    let parameters = P::parameters::<T>(read(parameters, "parameters")?)?;
    Ok((process, Box::new(parameters)))
}

fn build_objective<P: ObjectivePlugin, T: Real>(
    options: toml::Table,
    site: &Site,
) -> Result<Box<dyn Objective<T>>> {
    P::objective(read(options, "with")?, site)
}
