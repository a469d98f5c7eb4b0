//! Accretion in configuration files.

use adastra_core::Real;
use adastra_gravity::{Limit, Process};
use adastra_particles::ParticleState;
use adastra_pipeline::{AnyProcess, Doc, Error, ProcessPlugin, Result, Site, World, doc};
use serde::Deserialize;

use crate::{AccretionParams, Bondi, IsothermalParams, IsothermalState};

/// `accretion.bondi`
#[derive(Debug)]
pub struct BondiProcess;

/// Options of [`BondiProcess`].
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BondiTable {
    gas: String,
    sinks: String,
    #[serde(default = "yes")]
    momentum: bool,
}

fn yes() -> bool {
    true
}

/// Parameters of [`BondiProcess`].
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BondiParameters {
    efficiency: f64,
}

impl Default for BondiParameters {
    fn default() -> Self {
        Self { efficiency: 1.0 }
    }
}

impl ProcessPlugin for BondiProcess {
    const NAME: &'static str = "accretion.bondi";
    const ABOUT: &'static str =
        "accretion of isothermal gas by particles (Bondi 1952, MNRAS 112, 195)";
    const OPTIONS: &'static [Doc] = &[
        doc("gas", "", "name of the isothermal gas"),
        doc("sinks", "", "name of the particles"),
        doc(
            "momentum",
            "",
            "whether particles gain the momentum of what they accrete; default true",
        ),
    ];
    const PARAMETERS: &'static [Doc] = &[doc(
        "efficiency",
        "",
        "accreted part of Bondi's rate; default 1",
    )];
    type Options = BondiTable;
    type Parameters = BondiParameters;
    type Values<T: Real> = AccretionParams<T>;

    fn parameters<T: Real>(values: BondiParameters) -> Result<AccretionParams<T>> {
        Ok(AccretionParams {
            efficiency: T::of(values.efficiency),
        })
    }

    fn process<T: Real>(
        options: BondiTable,
        name: &str,
        site: &Site,
        state: &World<T>,
    ) -> Result<AnyProcess<T>> {
        state.named::<IsothermalState<T>>("with.gas", &options.gas)?;
        let sinks = state.named::<ParticleState<T>>("with.sinks", &options.sinks)?;
        if sinks.mass.len() > site.mesh.len() {
            let allowed = format!("at most one particle a cell: {}", site.mesh.len());
            return Err(Error::range("with.sinks", sinks.mass.len(), allowed));
        }
        Ok(Box::new(Coupled {
            bondi: Bondi::new(&site.mesh, options.momentum),
            gas: options.gas,
            sinks: options.sinks,
            own: name.to_owned(),
        }))
    }
}

/// Accretion between two components.
struct Coupled {
    bondi: Bondi,
    gas: String,
    sinks: String,
    /// The name under which the parameters of the process are.
    own: String,
}

/// Why a lookup in a world cannot fail: the build has seen both components.
const BUILT: &str = "a world of the simulation that the process was built for";

impl Coupled {
    fn parameters<'a, T: Real>(
        &self,
        p: &'a World<T>,
    ) -> (&'a IsothermalParams<T>, &'a AccretionParams<T>) {
        p.get(&self.gas).zip(p.get(&self.own)).expect(BUILT)
    }

    fn states<'a, T: Real>(
        &self,
        x: &'a World<T>,
    ) -> (&'a IsothermalState<T>, &'a ParticleState<T>) {
        x.get(&self.gas).zip(x.get(&self.sinks)).expect(BUILT)
    }
}

impl<T: Real> Process<T, World<T>, World<T>> for Coupled {
    fn apply(&self, p: &World<T>, x: &mut World<T>, dt: f64) -> adastra_core::Result<()> {
        let (gas_p, own) = self.parameters(p);
        let (gas, sinks) = x.pair_mut(&self.gas, &self.sinks).expect(BUILT);
        self.bondi.accrete(gas_p, own, gas, sinks, dt)
    }

    fn vjp(
        &self,
        p: &World<T>,
        x: &World<T>,
        dt: f64,
        x_bar: &mut World<T>,
        p_bar: &mut World<T>,
    ) -> adastra_core::Result<()> {
        let bars = x_bar.pair_mut(&self.gas, &self.sinks).expect(BUILT);
        let p_bars = p_bar.pair_mut(&self.gas, &self.own).expect(BUILT);
        self.bondi
            .accrete_vjp(self.parameters(p), self.states(x), dt, bars, p_bars)
    }

    fn limits(&self, p: &World<T>, x: &World<T>) -> adastra_core::Result<Vec<Limit>> {
        let (gas, own) = self.parameters(p);
        let (_, sinks) = self.states(x);
        Ok(vec![self.bondi.limit(gas, own, sinks)?])
    }
}
