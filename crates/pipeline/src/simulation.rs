//! A simulation built from a configuration.

use std::sync::Arc;

use adastra_core::{FieldMut, Operator, Real, State};
use adastra_gravity::{Background, G, March, SelfGravity, TimeStep, With};
use ndarray::Array3;

use crate::engine::Cpu;
use crate::expansion::Expansion;
use crate::generator::{AnyGenerator, another_kind};
use crate::potential::Potentials;
use crate::registry::{Info, Quantities, Registry, StateBuilder};
use crate::{
    AnyArray, AnyProcess, Arrays, Components, Config, Engine, Error, Given, Objective, Result,
    Site, Start, World,
};

/// The matter of a simulation: its components, and the processes in their drift.
pub type Physics<T> = With<Components<T>, Vec<AnyProcess<T>>>;

/// A component's name, kind and ways to look at it.
pub struct Component<T: Real> {
    /// Its name in the configuration.
    pub name: String,
    /// What is registered under its kind.
    pub info: Info,
    quantities: Quantities<T>,
    state: StateBuilder<T>,
}

/// A simulation built from a configuration: everything that the configuration can get wrong has
/// been reported by the time it exists.
pub struct Simulation<T: Real> {
    pub(crate) config: Config,
    pub(crate) site: Site,
    pub(crate) system: Arc<SelfGravity<T, Physics<T>>>,
    pub(crate) engine: Arc<dyn Engine<T>>,
    pub(crate) components: Vec<Component<T>>,
    pub(crate) potentials: Potentials<T>,
    pub(crate) objective: Option<Box<dyn Objective<T>>>,
    /// Differentiable initial conditions, each with the position of its component.
    pub(crate) generators: Vec<(usize, Box<dyn AnyGenerator<T>>)>,
    /// The unknowns, where nothing else is said.
    pub start: Start<T>,
}

/// A run in progress: enough to go on later with the same bits.
#[derive(Clone)]
pub struct Progress<T: Real> {
    /// The states, with velocities lagging by half of [`March::pending`].
    pub state: World<T>,
    /// Steps, time and the pending kick.
    pub march: March,
    /// Outputs written.
    pub output: usize,
}

impl<T: Real> Simulation<T> {
    /// Builds a simulation; `outputs` is the number of equal intervals between outputs.
    ///
    /// # Errors
    /// Everything that the configuration gets wrong, one at a time, with key, value and range.
    pub fn build(config: &Config, registry: &Registry) -> Result<Self> {
        let mesh = config.mesh()?;
        config.check()?;
        let expansion = match &config.cosmology {
            Some(cosmology) => Some(Arc::new(cosmology.time()?)),
            None => None,
        };
        let span = match &expansion {
            Some(expansion) => expansion.span(),
            None => config.time.end.map_or(0.0, |end| end.0),
        };
        let site = Site {
            mesh: mesh.clone(),
            expansion: expansion.clone(),
            span,
            steps: config.time.steps,
            seed: config.seed,
            folder: config.folder.clone(),
        };

        let mut list = Vec::new();
        let mut components = Vec::new();
        let (mut parameters, mut state) = (World::new(), World::new());
        let (mut generators, mut generated) = (Vec::new(), World::new());
        for matter in &config.matter {
            let key = format!("matter.{}", matter.name);
            let (build, info) = registry.find_matter::<T>(&format!("{key}.use"), &matter.kind)?;
            let within = |e: Error| e.within(&key);
            let built =
                build(matter.with.clone(), matter.parameters.clone(), &site).map_err(within)?;
            let initial = format!("{key}.initial");
            let generate =
                registry.find_initial::<T>(&format!("{initial}.use"), &matter.initial.name)?;
            let within = |e: Error| e.within(&initial);
            let made = generate(&matter.initial, &site, &*built.parameters).map_err(within)?;
            let first = (built.state)(made.arrays, &site).map_err(within)?;
            if let Some((generator, p)) = made.generator {
                if !generator.makes(&*first) {
                    return Err(within(another_kind()));
                }
                generated.push(format!("{}.initial", matter.name), p);
                generators.push((list.len(), generator));
            }
            if !built.matter.gravitates() {
                check_open(config, &key)?;
            }
            parameters.push(&matter.name, built.parameters);
            state.push(&matter.name, first);
            list.push((matter.name.clone(), built.matter));
            let (quantities, state) = (built.quantities, built.state);
            components.push(Component {
                name: matter.name.clone(),
                info,
                quantities,
                state,
            });
        }
        let mut processes = Vec::new();
        for process in &config.process {
            let key = format!("process.{}", process.name);
            let build = registry.find_process::<T>(&format!("{key}.use"), &process.kind)?;
            let (with, values) = (process.with.clone(), process.parameters.clone());
            let (built, values) =
                build(with, values, &process.name, &site, &state).map_err(|e| e.within(&key))?;
            parameters.push(&process.name, values);
            processes.push(built);
        }
        let mut laws = Vec::new();
        for potential in &config.potential {
            let key = format!("potential.{}", potential.name);
            let (build, _) = registry.find_law(&format!("{key}.use"), &potential.kind)?;
            let law = build(potential.parameters.clone()).map_err(|e| e.within(&key))?;
            laws.push((potential.name.clone(), law));
        }
        let objective = match &config.objective {
            None => None,
            Some(objective) => {
                let build = registry.find_objective::<T>("objective.use", &objective.name)?;
                Some(build(objective.with.clone(), &site).map_err(|e| e.within("objective"))?)
            }
        };
        let processes = (!processes.is_empty()).then_some(processes);
        let matter: Physics<T> = With::new(Components::new(list), processes);
        let acceleration = adastra_gravity::Matter::<T>::needs_acceleration(&matter);
        let potentials = Potentials::new(laws, &mesh, acceleration);
        let constant = if config.self_gravity { G } else { 0.0 };
        let start = Start {
            state,
            parameters,
            potentials: potentials.parameters(),
            initial: generated,
        };
        start.check()?;
        let system = SelfGravity::with_constant(&mesh, matter, constant);
        let system = Arc::new(match expansion {
            Some(expansion) => system.with_source(Expansion(expansion)),
            None => system,
        });
        let engine: Arc<dyn Engine<T>> = if config.device.is_cpu() {
            Arc::new(Cpu(system.clone()))
        } else {
            registry.engine(config, &site, constant)?
        };
        let config = config.clone();
        let simulation = Self {
            config,
            site,
            system,
            engine,
            components,
            potentials,
            objective,
            generators,
            start,
        };
        simulation.check_objective()?;
        Ok(simulation)
    }

    /// Checks that addresses exist and can be set: the state of a component whose initial
    /// conditions are generated from parameters follows from these.
    ///
    /// # Errors
    /// [`Error::UnknownName`] and [`Error::Range`].
    pub fn find_unknowns(&self, key: &str, addresses: &[String]) -> Result<()> {
        self.start.find(key, addresses)?;
        let state = self.start.state.addresses();
        for (i, _) in &self.generators {
            let name = &self.components[*i].name;
            let own = |a: &&String| a.split('.').next() == Some(name) && state.contains(a);
            if let Some(address) = addresses.iter().find(own) {
                let allowed =
                    format!("the parameters that generate the state, \"{name}.initial.*\"");
                return Err(Error::range(key, address, allowed));
            }
        }
        Ok(())
    }

    /// Sets the numbers at some addresses, and generates anew what follows from them.
    ///
    /// # Errors
    /// Those of the generators.
    ///
    /// # Panics
    /// When there are too few values.
    pub fn set(&self, start: &mut Start<T>, addresses: &[String], values: &[f64]) -> Result<()> {
        start.write(addresses, values);
        for (k, (i, generator)) in self.generators.iter().enumerate() {
            let state = generator.generate(start.initial.at(k), start.parameters.at(*i))?;
            start.state.replace(*i, state);
        }
        Ok(())
    }

    /// The configuration.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Mesh, seed and folder.
    pub fn site(&self) -> &Site {
        &self.site
    }

    /// The components, in order.
    pub fn components(&self) -> &[Component<T>] {
        &self.components
    }

    /// The matter and its gravity, on the CPU.
    pub fn system(&self) -> &Arc<SelfGravity<T, Physics<T>>> {
        &self.system
    }

    /// The components as matter.
    pub(crate) fn components_matter(&self) -> &Components<T> {
        self.system.matter().matter()
    }

    /// The external potentials on the mesh.
    ///
    /// # Errors
    /// Those of the potentials.
    pub fn background(&self, start: &Start<T>) -> Result<Background<T>> {
        Ok(self.potentials.apply(&start.potentials, ())?)
    }

    /// The span of the run, in kpc/(km/s); of supercomoving time where space expands.
    pub fn span(&self) -> f64 {
        self.site.span
    }

    /// The redshift at a time; `None` where space is static.
    pub fn redshift(&self, time: f64) -> Option<f64> {
        let expansion = self.site.expansion.as_ref()?;
        Some(1.0 / expansion.scale_factor(time) - 1.0)
    }

    /// The number of intervals between outputs: `equal`, unless the configuration gives redshifts.
    pub fn outputs(&self, equal: usize) -> usize {
        let cosmology = self.config.cosmology.as_ref();
        cosmology.map_or(equal, |cosmology| cosmology.redshifts.len() - 1)
    }

    /// How steps are chosen.
    pub fn rule(&self) -> TimeStep {
        match self.config.time.steps {
            Some(steps) => TimeStep::Fixed(self.span() / steps as f64),
            None => TimeStep::Adaptive(self.config.time.safety.unwrap_or(SAFETY)),
        }
    }

    /// The beginning of a run.
    pub fn begin(&self) -> Progress<T> {
        Progress {
            state: self.start.state.clone(),
            march: March::default(),
            output: 0,
        }
    }

    /// Parameters and external potentials of a start.
    ///
    /// # Errors
    /// Those of the potentials.
    pub fn given(&self, start: &Start<T>) -> Result<Given<T>> {
        Ok((start.parameters.clone(), self.background(start)?))
    }

    /// Time of an output, in kpc/(km/s).
    pub fn output_time(&self, output: usize, outputs: usize) -> f64 {
        match (&self.site.expansion, &self.config.cosmology) {
            (Some(expansion), Some(cosmology)) if output < outputs => {
                expansion.time(1.0 / (1.0 + cosmology.redshifts[output]))
            }
            _ => self.span() * output as f64 / outputs as f64,
        }
    }

    /// Conserved and other quantities of every component, `"dm.mass"` and so on; names with a
    /// component `"total"` are sums.
    ///
    /// # Errors
    /// Those of the components.
    pub fn quantities(
        &self,
        p: &(World<T>, Background<T>),
        state: &World<T>,
    ) -> Result<Vec<(String, f64)>> {
        let gravity = self.system.gravity(&p.0, &Background::none(), state, 1.0)?;
        let own = gravity.potential;
        let given = p.1.0.as_ref().map(|g| &g.potential);
        let volume = self.site.mesh.cell_volume();
        let mut all = Vec::new();
        let mut total: Vec<(&'static str, f64)> = Vec::new();
        let mut energy = 0.0;
        for (i, component) in self.components.iter().enumerate() {
            let mut list = (component.quantities)(p.0.at(i), state.at(i))?;
            let (_, matter) = self.components_matter().at(i);
            if matter.gravitates() {
                let rho = self.density(&p.0, state, i)?;
                // Each pair of cells counts twice in rho V, but not with what is given.
                let given = given.map_or(0.0, |v| State::<T>::dot(&rho, v));
                let potential = 0.5 * State::<T>::dot(&rho, &own) + given;
                list.push(("energy.potential", potential * volume));
            }
            for (name, value) in list {
                all.push((format!("{}.{name}", component.name), value));
                if name.starts_with("energy.") {
                    energy += value;
                } else {
                    match total.iter_mut().find(|(n, _)| *n == name) {
                        Some((_, sum)) => *sum += value,
                        None => total.push((name, value)),
                    }
                }
            }
        }
        all.extend(
            total
                .into_iter()
                .map(|(name, value)| (format!("total.{name}"), value)),
        );
        all.push(("total.energy".into(), energy));
        Ok(all)
    }

    /// Mass density of one component, in Msun/kpc^3.
    ///
    /// # Errors
    /// Those of the component.
    pub fn density(&self, p: &World<T>, state: &World<T>, component: usize) -> Result<Array3<T>> {
        let mut rho = self.site.mesh.zeros();
        let name = &self.components[component].name;
        if let Some((i, matter)) = self.components_matter().find(name) {
            matter.deposit(p.at(i), state.at(i), &mut rho)?;
        }
        Ok(rho)
    }

    /// The state of a component from named arrays, e.g. of a snapshot.
    ///
    /// # Errors
    /// Missing arrays and wrong shapes.
    pub fn restore(&self, state: &mut World<T>, component: usize, arrays: Arrays<T>) -> Result<()> {
        let Component {
            name, state: build, ..
        } = &self.components[component];
        let entry = build(arrays, &self.site).map_err(|e| e.within(name))?;
        let mut fields = Vec::new();
        entry.any_visit(&mut |name, field| fields.push((name.to_owned(), AnyArray::of(field))));
        let mut wrong = Ok(());
        state
            .at_mut(component)
            .any_visit_mut(&mut |field_name, field| {
                let new = fields.iter().find(|(n, _)| n == field_name).map(|(_, a)| a);
                let same = match (field, new) {
                    (FieldMut::Real(mut a), Some(AnyArray::Real(b))) if a.shape() == b.shape() => {
                        a.assign(b);
                        true
                    }
                    (FieldMut::Complex(mut a), Some(AnyArray::Complex(b)))
                        if a.shape() == b.shape() =>
                    {
                        a.assign(b);
                        true
                    }
                    _ => false,
                };
                if !same && wrong.is_ok() {
                    let key = format!("{name}.{field_name}");
                    wrong = Err(Error::range(
                        key,
                        "another shape",
                        "the shape of the configuration",
                    ));
                }
            });
        wrong
    }

    fn check_objective(&self) -> Result<()> {
        let known: Vec<_> = self.components.iter().map(|c| c.name.clone()).collect();
        for name in self.objective.iter().flat_map(|o| o.of()) {
            if !known.contains(name) {
                let (key, name) = ("objective.with.of".into(), name.clone());
                return Err(Error::UnknownName {
                    key,
                    name,
                    kind: "matter",
                    known,
                });
            }
        }
        Ok(())
    }
}

/// Refuses what matter with a force of its own would not feel.
fn check_open(config: &Config, key: &str) -> Result<()> {
    let kind = "with matter that gravitates on its own in open space";
    if config.self_gravity {
        let allowed = format!("false {kind} ({key})");
        return Err(Error::range("self_gravity", "true", allowed));
    }
    match config.potential.first() {
        Some(potential) => {
            let allowed = format!("only without it: {key}.with has potentials of its own");
            Err(Error::range(
                "potential",
                format!("{:?}", potential.name),
                allowed,
            ))
        }
        None => Ok(()),
    }
}

/// The part of a limit that an adaptive step takes where nothing is said. With the kinetic limit
/// 4/(3 pi) (m/hbar) dx^2 it makes the step about (m/hbar) dx^2 / 6.
pub const SAFETY: f64 = 0.4;
