//! Wave dark matter in configuration files.

pub mod initial;

use adastra_core::Real;
use adastra_gravity::Matter;
use adastra_pipeline::{
    AnyMatter, Arrays, BosonMass, Doc, Error, Length, MatterPlugin, Nothing, Registry, Result,
    Site, doc, expect_shape, reversible,
};
use serde::Deserialize;

use crate::{AbsorberParams, AbsorbingWave, FdmError, Wave, WaveParams, WaveState, sponge};

/// Registers the waves and their initial conditions.
///
/// # Errors
/// [`Error::Duplicate`].
pub fn plugin(registry: &mut Registry) -> Result<()> {
    registry.matter::<WaveMatter>()?;
    registry.matter::<AbsorbingMatter>()?;
    initial::register(registry)
}

const STATE: &[Doc] = &[doc(
    "psi",
    "sqrt(Msun/kpc^3)",
    "wave function; its absolute square is the mass density",
)];
const MASS: Doc = doc("mass", "1e-22 eV", "boson mass; default 1");
const COUPLING: Doc = doc(
    "coupling",
    "(1e15 GeV)^-2",
    "self-interaction sign(f)/f^2; positive repels; default 0",
);

/// `fdm.wave`
#[derive(Debug)]
pub struct WaveMatter;

/// Parameters of [`WaveMatter`].
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WaveTable {
    mass: BosonMass,
    coupling: f64,
}

impl Default for WaveTable {
    fn default() -> Self {
        Self {
            mass: BosonMass::of(1.0),
            coupling: 0.0,
        }
    }
}

impl WaveTable {
    fn params<T: Real>(self) -> Result<WaveParams<T>> {
        let params = WaveParams {
            mass: T::of(self.mass.0),
            coupling: T::of(self.coupling),
        };
        params.check().map_err(|e| Error::plugin("parameters", e))?;
        Ok(params)
    }
}

/// The wave function from the array `psi`.
fn wave_state<T: Real>(arrays: &mut Arrays<T>, site: &Site) -> Result<WaveState<T>> {
    let psi = arrays.take_complex("psi")?;
    expect_shape("psi", psi.shape(), &site.mesh.cells())?;
    Ok(WaveState { psi })
}

/// Mass, momentum and energies for the log.
fn wave_quantities<T: Real>(
    wave: &Wave<T>,
    p: &WaveParams<T>,
    x: &WaveState<T>,
) -> Result<Vec<(&'static str, f64)>> {
    let energies = wave.energies(p, x, &wave.mesh().zeros(), None)?;
    Ok(vec![
        ("mass", energies.mass),
        ("momentum.x", energies.momentum[0]),
        ("momentum.y", energies.momentum[1]),
        ("momentum.z", energies.momentum[2]),
        ("energy.kinetic", energies.kinetic),
        ("energy.self-interaction", energies.self_interaction),
    ])
}

impl MatterPlugin for WaveMatter {
    const NAME: &'static str = "fdm.wave";
    const ABOUT: &'static str = "wave dark matter: spectral Schroedinger-Poisson";
    const PARAMETERS: &'static [Doc] = &[MASS, COUPLING];
    const STATE: &'static [Doc] = STATE;
    type Options = Nothing;
    type Parameters = WaveTable;
    type Matter<T: Real> = Wave<T>;

    fn matter<T: Real>(_: Nothing, site: &Site) -> Result<Wave<T>> {
        Ok(Wave::new(&site.mesh))
    }
    fn parameters<T: Real>(_: &Wave<T>, values: WaveTable) -> Result<WaveParams<T>> {
        values.params()
    }
    fn state<T: Real>(arrays: &mut Arrays<T>, site: &Site) -> Result<WaveState<T>> {
        wave_state(arrays, site)
    }
    fn erase<T: Real>(matter: Wave<T>) -> Box<dyn AnyMatter<T>> {
        reversible(matter)
    }
    fn quantities<T: Real>(
        matter: &Wave<T>,
        p: &WaveParams<T>,
        x: &WaveState<T>,
    ) -> Result<Vec<(&'static str, f64)>> {
        wave_quantities(matter, p, x)
    }
}

/// `fdm.absorbing-wave`
#[derive(Debug)]
pub struct AbsorbingMatter;

/// Options of [`AbsorbingMatter`].
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SpongeTable {
    radius: Length,
    width: Length,
}

/// Parameters of [`AbsorbingMatter`].
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AbsorberTable {
    #[serde(default = "one")]
    mass: BosonMass,
    #[serde(default)]
    coupling: f64,
    strength: f64,
}

fn one() -> BosonMass {
    BosonMass::of(1.0)
}

impl MatterPlugin for AbsorbingMatter {
    const NAME: &'static str = "fdm.absorbing-wave";
    const ABOUT: &'static str =
        "wave dark matter in an absorbing sponge (Guzman & Urena-Lopez 2004, PRD 69, 124033)";
    const OPTIONS: &'static [Doc] = &[
        doc(
            "radius",
            "kpc",
            "where the sponge around the middle of the box begins",
        ),
        doc("width", "kpc", "over which it sets in"),
    ];
    const PARAMETERS: &'static [Doc] = &[
        MASS,
        COUPLING,
        doc("strength", "(km/s)^2", "of the absorbing potential"),
    ];
    const STATE: &'static [Doc] = STATE;
    type Options = SpongeTable;
    type Parameters = AbsorberTable;
    type Matter<T: Real> = AbsorbingWave<T>;

    fn matter<T: Real>(options: SpongeTable, site: &Site) -> Result<AbsorbingWave<T>> {
        let wrong = |e: FdmError| Error::plugin("with", e);
        let profile = sponge(&site.mesh, options.radius.0, options.width.0).map_err(wrong)?;
        AbsorbingWave::new(&site.mesh, profile).map_err(wrong)
    }
    fn parameters<T: Real>(
        _: &AbsorbingWave<T>,
        values: AbsorberTable,
    ) -> Result<AbsorberParams<T>> {
        let AbsorberTable {
            mass,
            coupling,
            strength,
        } = values;
        if !(strength >= 0.0 && strength.is_finite()) {
            return Err(Error::range(
                "parameters.strength",
                strength,
                "a finite number from 0 up",
            ));
        }
        let wave = WaveTable { mass, coupling }.params()?;
        Ok(AbsorberParams {
            wave,
            strength: T::of(strength),
        })
    }
    fn state<T: Real>(arrays: &mut Arrays<T>, site: &Site) -> Result<WaveState<T>> {
        wave_state(arrays, site)
    }
    fn quantities<T: Real>(
        matter: &AbsorbingWave<T>,
        p: &AbsorberParams<T>,
        x: &<AbsorbingWave<T> as Matter<T>>::State,
    ) -> Result<Vec<(&'static str, f64)>> {
        wave_quantities(matter.wave(), &p.wave, x)
    }
}
