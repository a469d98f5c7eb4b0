//! Initial conditions by name.

use adastra_core::{FieldRef, Operator, Real};
use adastra_pipeline::{
    AnyFields, Arrays, Density, Doc, Error, InitialPlugin, Length, Mass, Registry, Result, Site,
    Velocity, doc,
};
use serde::Deserialize;

use crate::initial::{self, Point, Primitives, Turbulence};
use crate::state::NAMES;
use crate::{
    EquationOfState, FromPrimitive, GasError, Ideal, IdealParams, Isothermal, IsothermalParams,
};

pub(super) fn register(registry: &mut Registry) -> Result<()> {
    registry.initial::<Uniform>()?;
    registry.initial::<SoundWave>()?;
    registry.initial::<Turbulent>()?;
    registry.initial::<ShockTube>()?;
    registry.initial::<KelvinHelmholtz>()?;
    registry.initial::<Blast>()?;
    registry.initial::<EvrardSphere>()
}

/// The equation of state of a component, by its parameter.
#[derive(Clone, Copy)]
enum Closure {
    Isothermal { sound_speed: f64 },
    Ideal { adiabatic_index: f64 },
}

impl Closure {
    fn of<T: Real>(parameters: &dyn AnyFields<T>) -> Result<Self> {
        let mut found = None;
        parameters.any_visit(&mut |name, field| {
            if let FieldRef::Real(value) = field {
                let value = value.first().map(|v| v.f64());
                found = match (name, value) {
                    ("sound_speed", Some(sound_speed)) => Some(Self::Isothermal { sound_speed }),
                    ("adiabatic_index", Some(adiabatic_index)) => {
                        Some(Self::Ideal { adiabatic_index })
                    }
                    _ => found,
                };
            }
        });
        found.ok_or_else(|| Error::range("use", "gas", "a generator for this kind of matter"))
    }

    /// The adiabatic index, of a generator that makes no sense without an energy.
    fn index(self) -> Result<f64> {
        match self {
            Self::Ideal { adiabatic_index } => Ok(adiabatic_index),
            Self::Isothermal { .. } => Err(Error::range(
                "use",
                "an initial condition with an energy",
                "gas.ideal",
            )),
        }
    }

    /// A pressure where the gas needs one; another number where it does not.
    fn pressure(self, key: &str, given: Option<f64>) -> Result<f64> {
        match (self, given) {
            (_, Some(pressure)) => Ok(pressure),
            (Self::Isothermal { .. }, None) => Ok(1.0),
            (Self::Ideal { .. }, None) => Err(Error::Missing {
                key: format!("with.{key}"),
                needed: "the pressure of ideal gas, in Msun/kpc^3 (km/s)^2".into(),
            }),
        }
    }

    fn sound_speed(self, density: f64, pressure: f64) -> f64 {
        match self {
            Self::Isothermal { sound_speed } => sound_speed,
            Self::Ideal { adiabatic_index } => (adiabatic_index * pressure / density).sqrt(),
        }
    }

    /// The arrays of conserved variables.
    fn arrays<T: Real>(
        self,
        site: &Site,
        primitives: Result<Primitives<T>, GasError>,
    ) -> Result<Arrays<T>> {
        let w = primitives.map_err(|e| Error::plugin("with", e))?.into();
        match self {
            Self::Isothermal { sound_speed } => {
                let p = IsothermalParams {
                    sound_speed: T::of(sound_speed),
                };
                conserved::<T, Isothermal>(site, &p, w)
            }
            Self::Ideal { adiabatic_index } => {
                let p = IdealParams {
                    adiabatic_index: T::of(adiabatic_index),
                };
                conserved::<T, Ideal>(site, &p, w)
            }
        }
    }
}

fn conserved<T: Real, E: EquationOfState<T>>(
    site: &Site,
    p: &E::Params,
    mut w: Vec<ndarray::Array3<T>>,
) -> Result<Arrays<T>> {
    w.truncate(if E::ENERGY { 5 } else { 4 });
    let x = FromPrimitive::<E>::new(&site.mesh).apply(p, w)?;
    let mut arrays = Arrays::new();
    for (name, field) in NAMES.iter().zip(E::fields(&x)) {
        arrays = arrays.real(name, field.clone());
    }
    Ok(arrays)
}

fn at_rest() -> [Velocity; 3] {
    [Velocity::of(0.0); 3]
}

const DENSITY: Doc = doc("density", "Msun/kpc^3", "mass density");
const VELOCITY: Doc = doc("velocity", "km/s", "velocity [x, y, z]; default 0");
const PRESSURE: Doc = doc("pressure", "Msun/kpc^3 (km/s)^2", "pressure, of ideal gas");

/// A state in a table.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PointTable {
    density: Density,
    #[serde(default = "at_rest")]
    velocity: [Velocity; 3],
    pressure: Option<f64>,
}

impl PointTable {
    fn point(&self, closure: Closure, key: &str) -> Result<Point> {
        Ok(Point {
            density: self.density.0,
            velocity: self.velocity.map(|v| v.0),
            pressure: closure.pressure(key, self.pressure)?,
        })
    }
}

/// `gas.uniform`
#[derive(Debug)]
pub struct Uniform;

impl InitialPlugin for Uniform {
    const NAME: &'static str = "gas.uniform";
    const ABOUT: &'static str = "uniform gas";
    const OPTIONS: &'static [Doc] = &[DENSITY, VELOCITY, PRESSURE];
    type Options = PointTable;

    fn arrays<T: Real>(o: PointTable, site: &Site, p: &dyn AnyFields<T>) -> Result<Arrays<T>> {
        let closure = Closure::of(p)?;
        let state = o.point(closure, "pressure")?;
        closure.arrays(site, initial::uniform(&site.mesh, state))
    }
}

/// `gas.sound-wave`
#[derive(Debug)]
pub struct SoundWave;

/// Options of [`SoundWave`].
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SoundWaveTable {
    state: PointTable,
    amplitude: f64,
    waves: [i32; 3],
}

impl InitialPlugin for SoundWave {
    const NAME: &'static str = "gas.sound-wave";
    const ABOUT: &'static str = "plane sound wave";
    const OPTIONS: &'static [Doc] = &[
        doc(
            "state",
            "",
            "table of density, velocity and pressure of the gas",
        ),
        doc("amplitude", "", "amplitude of the density, relative"),
        doc(
            "waves",
            "",
            "wavelengths along each side of the box [x, y, z]",
        ),
    ];
    type Options = SoundWaveTable;

    fn arrays<T: Real>(o: SoundWaveTable, site: &Site, p: &dyn AnyFields<T>) -> Result<Arrays<T>> {
        let closure = Closure::of(p)?;
        let state = o.state.point(closure, "state.pressure")?;
        let c = closure.sound_speed(state.density, state.pressure);
        let wave = initial::sound_wave(&site.mesh, state, c, o.amplitude, o.waves);
        closure.arrays(site, wave)
    }
}

/// `gas.turbulent`
#[derive(Debug)]
pub struct Turbulent;

/// Options of [`Turbulent`].
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TurbulentTable {
    density: Density,
    pressure: Option<f64>,
    velocity_dispersion: Velocity,
    #[serde(default = "two")]
    slope: f64,
    #[serde(default = "large_scales")]
    waves: [f64; 2],
}

fn two() -> f64 {
    2.0
}

fn large_scales() -> [f64; 2] {
    [1.0, 4.0]
}

impl InitialPlugin for Turbulent {
    const NAME: &'static str = "gas.turbulent";
    const ABOUT: &'static str =
        "uniform gas with a random solenoidal velocity; seeded by the configuration's seed";
    const OPTIONS: &'static [Doc] = &[
        DENSITY,
        PRESSURE,
        doc(
            "velocity_dispersion",
            "km/s",
            "standard deviation of each velocity component",
        ),
        doc(
            "slope",
            "",
            "exponent n of the energy spectrum k^-n; default 2",
        ),
        doc(
            "waves",
            "",
            "waves per longest side of the box, [least, most]; default [1, 4]",
        ),
    ];
    type Options = TurbulentTable;

    fn arrays<T: Real>(o: TurbulentTable, site: &Site, p: &dyn AnyFields<T>) -> Result<Arrays<T>> {
        let closure = Closure::of(p)?;
        let state = Point::at_rest(o.density.0, closure.pressure("pressure", o.pressure)?);
        let options = Turbulence {
            velocity_dispersion: o.velocity_dispersion.0,
            slope: o.slope,
            waves: o.waves,
            seed: site.seed,
        };
        let gas = initial::uniform(&site.mesh, state).and_then(|[rho, _, _, _, pressure]| {
            let [x, y, z] = initial::turbulent_velocity(&site.mesh, &options)?;
            Ok([rho, x, y, z, pressure])
        });
        closure.arrays(site, gas)
    }
}

/// `gas.shock-tube`
#[derive(Debug)]
pub struct ShockTube;

/// Options of [`ShockTube`].
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TwoStatesTable {
    inner: PointTable,
    outer: PointTable,
}

const INNER: Doc = doc(
    "inner",
    "",
    "table of density, velocity and pressure in the middle half",
);
const OUTER: Doc = doc("outer", "", "the same for the outer quarters");

impl InitialPlugin for ShockTube {
    const NAME: &'static str = "gas.shock-tube";
    const ABOUT: &'static str = "shock tube along x (Sod 1978), twice for the periodic box";
    const OPTIONS: &'static [Doc] = &[INNER, OUTER];
    type Options = TwoStatesTable;

    fn arrays<T: Real>(o: TwoStatesTable, site: &Site, p: &dyn AnyFields<T>) -> Result<Arrays<T>> {
        let closure = Closure::of(p)?;
        let inner = o.inner.point(closure, "inner.pressure")?;
        let outer = o.outer.point(closure, "outer.pressure")?;
        closure.arrays(site, initial::shock_tube(&site.mesh, inner, outer))
    }
}

/// `gas.kelvin-helmholtz`
#[derive(Debug)]
pub struct KelvinHelmholtz;

/// Options of [`KelvinHelmholtz`].
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShearTable {
    inner: PointTable,
    outer: PointTable,
    width: Length,
    amplitude: Velocity,
    waves: u32,
}

impl InitialPlugin for KelvinHelmholtz {
    const NAME: &'static str = "gas.kelvin-helmholtz";
    const ABOUT: &'static str = "two smooth shear layers across y (McNally et al. 2012)";
    const OPTIONS: &'static [Doc] = &[
        INNER,
        OUTER,
        doc("width", "kpc", "width of the layers"),
        doc(
            "amplitude",
            "km/s",
            "transverse velocity that perturbs them",
        ),
        doc("waves", "", "waves of the perturbation along x"),
    ];
    type Options = ShearTable;

    fn arrays<T: Real>(o: ShearTable, site: &Site, p: &dyn AnyFields<T>) -> Result<Arrays<T>> {
        let closure = Closure::of(p)?;
        let inner = o.inner.point(closure, "inner.pressure")?;
        let outer = o.outer.point(closure, "outer.pressure")?;
        let (width, amplitude) = (o.width.0, o.amplitude.0);
        let shear = initial::kelvin_helmholtz(&site.mesh, inner, outer, width, amplitude, o.waves);
        closure.arrays(site, shear)
    }
}

/// `gas.blast`
#[derive(Debug)]
pub struct Blast;

/// Options of [`Blast`].
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BlastTable {
    density: Density,
    pressure: f64,
    energy: f64,
    radius: Length,
}

impl InitialPlugin for Blast {
    const NAME: &'static str = "gas.blast";
    const ABOUT: &'static str = "point explosion in the middle of the box (Sedov 1959)";
    const OPTIONS: &'static [Doc] = &[
        DENSITY,
        PRESSURE,
        doc("energy", "Msun (km/s)^2", "energy of the explosion"),
        doc("radius", "kpc", "standard deviation of the heated region"),
    ];
    type Options = BlastTable;

    fn arrays<T: Real>(o: BlastTable, site: &Site, p: &dyn AnyFields<T>) -> Result<Arrays<T>> {
        let closure = Closure::of(p)?;
        let state = Point::at_rest(o.density.0, o.pressure);
        let blast = initial::blast(&site.mesh, state, closure.index()?, o.energy, o.radius.0);
        closure.arrays(site, blast)
    }
}

/// `gas.evrard-sphere`
#[derive(Debug)]
pub struct EvrardSphere;

/// Options of [`EvrardSphere`].
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EvrardTable {
    mass: Mass,
    radius: Length,
    specific_energy: f64,
    background: Density,
}

impl InitialPlugin for EvrardSphere {
    const NAME: &'static str = "gas.evrard-sphere";
    const ABOUT: &'static str = "cold sphere of density 1/r that collapses (Evrard 1988)";
    const OPTIONS: &'static [Doc] = &[
        doc("mass", "Msun", "mass of the sphere"),
        doc("radius", "kpc", "its radius"),
        doc("specific_energy", "(km/s)^2", "thermal energy per mass"),
        doc("background", "Msun/kpc^3", "density around it"),
    ];
    type Options = EvrardTable;

    fn arrays<T: Real>(o: EvrardTable, site: &Site, p: &dyn AnyFields<T>) -> Result<Arrays<T>> {
        let closure = Closure::of(p)?;
        let sphere = initial::evrard_sphere(
            &site.mesh,
            closure.index()?,
            o.mass.0,
            o.radius.0,
            o.specific_energy,
            o.background.0,
        );
        closure.arrays(site, sphere)
    }
}
