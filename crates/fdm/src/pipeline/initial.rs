//! Initial waves in configuration files.

use adastra_core::{FieldRef, Real};
use adastra_cosmology::LinearPower;
use adastra_pipeline::{
    AnyFields, Arrays, Density, Doc, Error, InitialPlugin, Length, Registry, Result, Site,
    Velocity, doc,
};
use serde::Deserialize;

use crate::{
    FdmError, GaussianPacket, Perturbations, RandomPhases, Soliton, WaveState, cosmological,
    ground_states, random_phases, solitons, uniform, wave_packet,
};

pub(super) fn register(registry: &mut Registry) -> Result<()> {
    registry.initial::<Uniform>()?;
    registry.initial::<Solitons>()?;
    registry.initial::<Random>()?;
    registry.initial::<Packet>()?;
    registry.initial::<Linear>()
}

/// The boson mass of the component, in 1e-22 eV: whatever wave it is, its parameter `mass`.
fn boson_mass<T: Real>(parameters: &dyn AnyFields<T>) -> Result<f64> {
    let mut mass = None;
    parameters.any_visit(&mut |name, field| {
        if let ("mass" | "wave.mass", FieldRef::Real(value)) = (name, field) {
            mass = value.first().map(|m| m.f64());
        }
    });
    mass.ok_or_else(|| Error::range("use", "a wave", "a generator for this kind of matter"))
}

/// The arrays of a generated wave.
fn arrays<T: Real>(wave: Result<WaveState<T>, FdmError>) -> Result<Arrays<T>> {
    Ok(Arrays::new().complex("psi", wave.map_err(|e| Error::plugin("with", e))?.psi))
}

/// `fdm.uniform`
#[derive(Debug)]
pub struct Uniform;

/// Options of [`Uniform`].
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UniformTable {
    density: Density,
}

impl InitialPlugin for Uniform {
    const NAME: &'static str = "fdm.uniform";
    const ABOUT: &'static str = "uniform wave at rest";
    const OPTIONS: &'static [Doc] = &[doc("density", "Msun/kpc^3", "mass density")];
    type Options = UniformTable;

    fn arrays<T: Real>(o: UniformTable, site: &Site, _: &dyn AnyFields<T>) -> Result<Arrays<T>> {
        arrays(uniform(&site.mesh, o.density.0))
    }
}

/// `fdm.solitons`
#[derive(Debug)]
pub struct Solitons;

/// Options of [`Solitons`].
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SolitonsTable {
    solitons: Vec<SolitonTable>,
    #[serde(default)]
    profile: Profile,
}

/// The shape of a soliton.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Profile {
    /// The published fit.
    #[default]
    Fit,
    /// The ground state itself.
    GroundState,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SolitonTable {
    core_radius: Length,
    centre: [Length; 3],
    #[serde(default = "at_rest")]
    velocity: [Velocity; 3],
    #[serde(default)]
    phase: f64,
}

fn at_rest() -> [Velocity; 3] {
    [Velocity::of(0.0); 3]
}

impl InitialPlugin for Solitons {
    const NAME: &'static str = "fdm.solitons";
    const ABOUT: &'static str = "sum of solitons: the fit of Schive et al. (2014, Nature Physics 10, 496) or the ground state";
    const OPTIONS: &'static [Doc] = &[
        doc("solitons", "", "list of tables with the keys below"),
        doc(
            "profile",
            "",
            "fit (default) or ground-state: the published fit, or the equations' own solution",
        ),
        doc(
            "solitons.core_radius",
            "kpc",
            "radius of half the central density",
        ),
        doc("solitons.centre", "kpc", "centre [x, y, z]"),
        doc("solitons.velocity", "km/s", "velocity [x, y, z]; default 0"),
        doc("solitons.phase", "rad", "phase at the centre; default 0"),
    ];
    type Options = SolitonsTable;

    fn arrays<T: Real>(
        o: SolitonsTable,
        site: &Site,
        parameters: &dyn AnyFields<T>,
    ) -> Result<Arrays<T>> {
        let list: Vec<_> = o
            .solitons
            .iter()
            .map(|s| Soliton {
                core_radius: s.core_radius.0,
                centre: s.centre.map(|x| x.0),
                velocity: s.velocity.map(|v| v.0),
                phase: s.phase,
            })
            .collect();
        if list.is_empty() {
            return Err(Error::range("with.solitons", "[]", "at least one soliton"));
        }
        let mass = boson_mass(parameters)?;
        arrays(match o.profile {
            Profile::Fit => solitons(&site.mesh, mass, &list),
            Profile::GroundState => ground_states(&site.mesh, mass, &list),
        })
    }
}

/// `fdm.random-phases`
#[derive(Debug)]
pub struct Random;

/// Options of [`Random`].
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RandomTable {
    mean_density: Density,
    velocity_dispersion: Velocity,
}

impl InitialPlugin for Random {
    const NAME: &'static str = "fdm.random-phases";
    const ABOUT: &'static str = "plane waves of random phases with a Maxwellian velocity \
        distribution (Levkov et al. 2018, PRL 121, 151301); seeded by the configuration's seed";
    const OPTIONS: &'static [Doc] = &[
        doc("mean_density", "Msun/kpc^3", "mean mass density"),
        doc(
            "velocity_dispersion",
            "km/s",
            "standard deviation of each velocity component",
        ),
    ];
    type Options = RandomTable;

    fn arrays<T: Real>(
        o: RandomTable,
        site: &Site,
        parameters: &dyn AnyFields<T>,
    ) -> Result<Arrays<T>> {
        let options = RandomPhases {
            mean_density: o.mean_density.0,
            velocity_dispersion: o.velocity_dispersion.0,
            seed: site.seed,
        };
        arrays(random_phases(&site.mesh, boson_mass(parameters)?, &options))
    }
}

/// `fdm.cosmological`
#[derive(Debug)]
pub struct Linear;

/// Options of [`Linear`].
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LinearTable {
    omega_baryon: f64,
    spectral_index: f64,
    sigma_8: f64,
    transfer: Transfer,
}

/// The small scales of the power spectrum.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Transfer {
    /// Those of cold dark matter.
    Cold,
    /// Cut off by the boson's mass.
    Fuzzy,
}

impl Default for LinearTable {
    fn default() -> Self {
        Self {
            omega_baryon: 0.049,
            spectral_index: 0.965,
            sigma_8: 0.81,
            transfer: Transfer::Fuzzy,
        }
    }
}

impl InitialPlugin for Linear {
    const NAME: &'static str = "fdm.cosmological";
    const ABOUT: &'static str = "linear perturbations in the growing mode, with the power of \
        Eisenstein & Hu (1998, ApJ 496, 605); seeded by the configuration's seed";
    const OPTIONS: &'static [Doc] = &[
        doc(
            "omega_baryon",
            "",
            "density parameter of baryons; default 0.049",
        ),
        doc(
            "spectral_index",
            "",
            "primordial spectral index; default 0.965",
        ),
        doc(
            "sigma_8",
            "",
            "amplitude in spheres of 8 Mpc/h; default 0.81",
        ),
        doc(
            "transfer",
            "",
            "fuzzy (default): cut off as in Hu, Barkana & Gruzinov (2000, PRL 85, 1158), or cold",
        ),
    ];
    type Options = LinearTable;

    fn arrays<T: Real>(
        o: LinearTable,
        site: &Site,
        parameters: &dyn AnyFields<T>,
    ) -> Result<Arrays<T>> {
        let Some(expansion) = &site.expansion else {
            let needed = "a table [cosmology] for perturbations of an expanding universe".into();
            let key = "cosmology".into();
            return Err(Error::Missing { key, needed });
        };
        let cosmology = *expansion.cosmology();
        let power = LinearPower::new(&cosmology, o.omega_baryon, o.spectral_index, o.sigma_8)
            .map_err(|e| Error::plugin("with", e))?;
        let perturbations = Perturbations {
            cosmology,
            power,
            fuzzy: o.transfer == Transfer::Fuzzy,
            scale_factor: expansion.scale_factor(0.0),
            seed: site.seed,
        };
        arrays(cosmological(
            &site.mesh,
            boson_mass(parameters)?,
            &perturbations,
        ))
    }
}

/// `fdm.wave-packet`
#[derive(Debug)]
pub struct Packet;

/// Options of [`Packet`].
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PacketTable {
    peak_density: Density,
    width: Length,
    centre: [Length; 3],
    #[serde(default = "at_rest")]
    velocity: [Velocity; 3],
}

impl InitialPlugin for Packet {
    const NAME: &'static str = "fdm.wave-packet";
    const ABOUT: &'static str = "Gaussian wave packet";
    const OPTIONS: &'static [Doc] = &[
        doc("peak_density", "Msun/kpc^3", "density at the centre"),
        doc(
            "width",
            "kpc",
            "standard deviation of the density along each axis",
        ),
        doc("centre", "kpc", "centre [x, y, z]"),
        doc("velocity", "km/s", "velocity [x, y, z]; default 0"),
    ];
    type Options = PacketTable;

    fn arrays<T: Real>(
        o: PacketTable,
        site: &Site,
        parameters: &dyn AnyFields<T>,
    ) -> Result<Arrays<T>> {
        let packet = GaussianPacket {
            peak_density: o.peak_density.0,
            width: o.width.0,
            centre: o.centre.map(|x| x.0),
            velocity: o.velocity.map(|v| v.0),
        };
        arrays(wave_packet(&site.mesh, boson_mass(parameters)?, &packet))
    }
}
