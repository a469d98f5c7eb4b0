//! Gas in configuration files.

pub mod accretion;
pub mod driving;
pub mod initial;

use adastra_core::Real;
use adastra_pipeline::{
    Arrays, Doc, Error, MatterPlugin, Registry, Result, Site, Velocity, doc, expect_shape,
};
use ndarray::Array3;
use serde::Deserialize;

use crate::{
    EquationOfState, Flux, Gas, IdealGas, IdealParams, IdealState, IsothermalGas, IsothermalParams,
    IsothermalState, Limiter, Scheme,
};

/// Registers gas and its initial conditions.
///
/// # Errors
/// [`Error::Duplicate`].
pub fn plugin(registry: &mut Registry) -> Result<()> {
    registry.matter::<IsothermalMatter>()?;
    registry.matter::<IdealMatter>()?;
    registry.process::<accretion::BondiProcess>()?;
    registry.matter::<driving::ClockMatter>()?;
    registry.initial::<driving::ClockStart>()?;
    registry.process::<driving::DrivingProcess>()?;
    initial::register(registry)
}

const OPTIONS: &[Doc] = &[
    doc(
        "flux",
        "",
        "\"lax-friedrichs\", \"hll\" or \"hllc\"; default \"hllc\"",
    ),
    doc(
        "limiter",
        "",
        "\"jaxion\", \"minmod\", \"monotonized-central\" or \"van-leer\"; default \
         \"monotonized-central\"",
    ),
    doc(
        "cfl",
        "",
        "Courant number, above 0 and at most 1; default 0.8",
    ),
    doc(
        "density_floor",
        "Msun/kpc^3",
        "least density; default 0, for none",
    ),
    doc(
        "pressure_floor",
        "Msun/kpc^3 (km/s)^2",
        "least pressure, of ideal gas; default 0, for none",
    ),
];
const DENSITY: Doc = doc("density", "Msun/kpc^3", "mass density");
const MOMENTUM: [Doc; 3] = [
    doc("momentum_x", "Msun/kpc^3 km/s", "momentum density along x"),
    doc("momentum_y", "Msun/kpc^3 km/s", "momentum density along y"),
    doc("momentum_z", "Msun/kpc^3 km/s", "momentum density along z"),
];
const ENERGY: Doc = doc(
    "energy",
    "Msun/kpc^3 (km/s)^2",
    "energy density, kinetic and thermal",
);

/// Options of gas.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GasTable {
    flux: String,
    limiter: String,
    cfl: f64,
    density_floor: adastra_pipeline::Density,
    pressure_floor: f64,
}

impl Default for GasTable {
    fn default() -> Self {
        let scheme = Scheme::default();
        Self {
            flux: scheme.flux.name().to_owned(),
            limiter: scheme.limiter.name().to_owned(),
            cfl: scheme.cfl,
            density_floor: adastra_pipeline::Density::of(scheme.density_floor),
            pressure_floor: scheme.pressure_floor,
        }
    }
}

impl GasTable {
    fn gas<T: Real, E: EquationOfState<T>>(self, site: &Site) -> Result<Gas<T, E>> {
        let flux = named("with.flux", &self.flux, &Flux::ALL, Flux::name)?;
        let limiter = named("with.limiter", &self.limiter, &Limiter::ALL, Limiter::name)?;
        let scheme = Scheme {
            flux,
            limiter,
            cfl: self.cfl,
            density_floor: self.density_floor.0,
            pressure_floor: self.pressure_floor,
        };
        Gas::new(&site.mesh, scheme).map_err(|e| Error::plugin("with", e))
    }
}

/// The choice of that name.
fn named<A: Copy>(key: &str, name: &str, all: &[A], of: fn(A) -> &'static str) -> Result<A> {
    let found = all.iter().find(|&&a| of(a) == name).copied();
    found.ok_or_else(|| Error::UnknownName {
        key: key.to_owned(),
        name: name.to_owned(),
        kind: "choice",
        known: all.iter().map(|&a| of(a).to_owned()).collect(),
    })
}

/// The fields of gas from arrays of these names, checked.
fn fields<T: Real, E: EquationOfState<T>>(
    arrays: &mut Arrays<T>,
    site: &Site,
) -> Result<Vec<Array3<T>>> {
    let names = &crate::state::NAMES[..if E::ENERGY { 5 } else { 4 }];
    let mut fields = Vec::new();
    for name in names {
        let field: Array3<T> = arrays.take_real(name)?;
        expect_shape(name, field.shape(), &site.mesh.cells())?;
        fields.push(field);
    }
    Ok(fields)
}

fn state<T: Real, E: EquationOfState<T>>(
    arrays: &mut Arrays<T>,
    site: &Site,
    p: &E::Params,
) -> Result<E::State> {
    let fields = fields::<T, E>(arrays, site)?;
    let x = E::state(fields).expect("as many fields as the state has");
    let gas = Gas::<T, E>::new(&site.mesh, Scheme::default());
    gas.map_err(|e| Error::plugin("initial", e))?.check(p, &x)?;
    Ok(x)
}

/// Mass, momentum and energies for the log.
fn quantities<T: Real, E: EquationOfState<T>>(
    gas: &Gas<T, E>,
    x: &E::State,
) -> Result<Vec<(&'static str, f64)>> {
    let sums = gas.conserved(x)?;
    let mut all = vec![
        ("mass", sums.mass),
        ("momentum.x", sums.momentum[0]),
        ("momentum.y", sums.momentum[1]),
        ("momentum.z", sums.momentum[2]),
        ("energy.kinetic", sums.kinetic_energy),
    ];
    if E::ENERGY {
        all.push(("energy.thermal", sums.thermal_energy));
    }
    let repairs = gas.repairs();
    all.push(("cells at the density floor", repairs.density as f64));
    if E::ENERGY {
        all.push(("cells at the pressure floor", repairs.pressure as f64));
    }
    all.push(("cells taken as uniform", repairs.uniform as f64));
    Ok(all)
}

/// `gas.isothermal`
#[derive(Debug)]
pub struct IsothermalMatter;

/// Parameters of [`IsothermalMatter`].
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IsothermalTable {
    sound_speed: Velocity,
}

impl MatterPlugin for IsothermalMatter {
    const NAME: &'static str = "gas.isothermal";
    const ABOUT: &'static str =
        "isothermal gas: unsplit second-order Godunov finite volumes (van Leer 1984)";
    const OPTIONS: &'static [Doc] = OPTIONS;
    const PARAMETERS: &'static [Doc] = &[doc("sound_speed", "km/s", "speed of sound")];
    const STATE: &'static [Doc] = &[DENSITY, MOMENTUM[0], MOMENTUM[1], MOMENTUM[2]];
    type Options = GasTable;
    type Parameters = IsothermalTable;
    type Matter<T: Real> = IsothermalGas<T>;

    fn matter<T: Real>(options: GasTable, site: &Site) -> Result<IsothermalGas<T>> {
        options.gas(site)
    }
    fn parameters<T: Real>(
        _: &IsothermalGas<T>,
        values: IsothermalTable,
    ) -> Result<IsothermalParams<T>> {
        let p = IsothermalParams {
            sound_speed: T::of(values.sound_speed.0),
        };
        parameter::<T, crate::Isothermal>(&p)?;
        Ok(p)
    }
    fn state<T: Real>(arrays: &mut Arrays<T>, site: &Site) -> Result<IsothermalState<T>> {
        let p = IsothermalParams {
            sound_speed: T::one(),
        };
        state::<T, crate::Isothermal>(arrays, site, &p)
    }
    fn quantities<T: Real>(
        gas: &IsothermalGas<T>,
        _: &IsothermalParams<T>,
        x: &IsothermalState<T>,
    ) -> Result<Vec<(&'static str, f64)>> {
        quantities(gas, x)
    }
}

fn parameter<T: Real, E: EquationOfState<T>>(p: &E::Params) -> Result<T> {
    E::parameter(p).map_err(|e| Error::plugin("parameters", e))
}

/// `gas.ideal`
#[derive(Debug)]
pub struct IdealMatter;

/// Parameters of [`IdealMatter`].
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct IdealTable {
    adiabatic_index: f64,
}

impl Default for IdealTable {
    fn default() -> Self {
        Self {
            adiabatic_index: 5.0 / 3.0,
        }
    }
}

impl MatterPlugin for IdealMatter {
    const NAME: &'static str = "gas.ideal";
    const ABOUT: &'static str =
        "ideal gas with an energy: unsplit second-order Godunov finite volumes (van Leer 1984)";
    const OPTIONS: &'static [Doc] = OPTIONS;
    const PARAMETERS: &'static [Doc] = &[doc(
        "adiabatic_index",
        "",
        "adiabatic index gamma, above 1; default 5/3",
    )];
    const STATE: &'static [Doc] = &[DENSITY, MOMENTUM[0], MOMENTUM[1], MOMENTUM[2], ENERGY];
    type Options = GasTable;
    type Parameters = IdealTable;
    type Matter<T: Real> = IdealGas<T>;

    fn matter<T: Real>(options: GasTable, site: &Site) -> Result<IdealGas<T>> {
        options.gas(site)
    }
    fn parameters<T: Real>(_: &IdealGas<T>, values: IdealTable) -> Result<IdealParams<T>> {
        let p = IdealParams {
            adiabatic_index: T::of(values.adiabatic_index),
        };
        parameter::<T, crate::Ideal>(&p)?;
        Ok(p)
    }
    fn state<T: Real>(arrays: &mut Arrays<T>, site: &Site) -> Result<IdealState<T>> {
        // The check of a state does not depend on the index.
        let p = IdealParams {
            adiabatic_index: T::of(2.0),
        };
        state::<T, crate::Ideal>(arrays, site, &p)
    }
    fn quantities<T: Real>(
        gas: &IdealGas<T>,
        _: &IdealParams<T>,
        x: &IdealState<T>,
    ) -> Result<Vec<(&'static str, f64)>> {
        quantities(gas, x)
    }
}
