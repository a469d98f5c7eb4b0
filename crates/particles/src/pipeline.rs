//! Particles in configuration files.

use adastra_core::Real;
use adastra_pipeline::{
    AnyFields, AnyMatter, Arrays, Doc, Error, InitialPlugin, Length, Mass, MatterPlugin, Nothing,
    Registry, Result, Site, Velocity, doc, reversible,
};
use serde::Deserialize;

use crate::{Conserved, InitialParticles, ParticleState, Particles, Positions, Velocities};

/// Registers particles and their initial conditions.
///
/// # Errors
/// [`Error::Duplicate`].
pub fn plugin(registry: &mut Registry) -> Result<()> {
    registry.matter::<ParticleMatter>()?;
    registry.initial::<Single>()?;
    registry.initial::<Lattice>()?;
    registry.initial::<Uniform>()?;
    registry.initial::<Plummer>()
}

/// `particles`
#[derive(Debug)]
pub struct ParticleMatter;

impl MatterPlugin for ParticleMatter {
    const NAME: &'static str = "particles";
    const ABOUT: &'static str =
        "collisionless particles: particle mesh with cloud-in-cell deposit and readout";
    const STATE: &'static [Doc] = &[
        doc("position", "kpc", "positions, shape (n, 3)"),
        doc("velocity", "km/s", "velocities, shape (n, 3)"),
        doc("mass", "Msun", "masses, shape (n)"),
    ];
    type Options = Nothing;
    type Parameters = Nothing;
    type Matter<T: Real> = Particles;

    fn matter<T: Real>(_: Nothing, site: &Site) -> Result<Particles> {
        Ok(Particles::new(&site.mesh))
    }
    fn parameters<T: Real>(_: &Particles, _: Nothing) -> Result<()> {
        Ok(())
    }
    fn state<T: Real>(arrays: &mut Arrays<T>, _: &Site) -> Result<ParticleState<T>> {
        let position = arrays.take_real("position")?;
        let velocity = arrays.take_real("velocity")?;
        Ok(ParticleState::new(
            position,
            velocity,
            arrays.take_real("mass")?,
        )?)
    }
    fn erase<T: Real>(matter: Particles) -> Box<dyn AnyMatter<T>> {
        reversible(matter)
    }
    fn quantities<T: Real>(
        matter: &Particles,
        (): &(),
        x: &ParticleState<T>,
    ) -> Result<Vec<(&'static str, f64)>> {
        let sums = Conserved::of(matter.mesh(), x)?;
        Ok(vec![
            ("mass", sums.mass),
            ("momentum.x", sums.momentum[0]),
            ("momentum.y", sums.momentum[1]),
            ("momentum.z", sums.momentum[2]),
            ("energy.kinetic", sums.kinetic_energy),
        ])
    }
}

/// Seeds of positions and velocities may be equal: they draw from streams that do not overlap.
fn generate<T: Real>(
    site: &Site,
    positions: Positions,
    velocities: Velocities,
    bulk_velocity: [Velocity; 3],
    mass: Mass,
) -> Result<Arrays<T>> {
    let bulk_velocity = bulk_velocity.map(|v| v.0);
    let initial = InitialParticles {
        positions,
        velocities,
        bulk_velocity,
        mass: mass.0,
    };
    let particles = initial
        .generate(&site.mesh)
        .map_err(|e| Error::plugin("with", e))?;
    Ok(Arrays::new()
        .real("position", particles.position)
        .real("velocity", particles.velocity)
        .real("mass", particles.mass))
}

fn thermal(dispersion: Velocity, seed: u64) -> Velocities {
    if dispersion.0 == 0.0 {
        Velocities::Zero
    } else {
        Velocities::Gaussian {
            dispersion: dispersion.0,
            seed,
        }
    }
}

fn zero() -> Velocity {
    Velocity::of(0.0)
}

fn at_rest() -> [Velocity; 3] {
    [zero(); 3]
}

const MASS: Doc = doc("mass", "Msun", "mass of each particle");
const VELOCITY: Doc = doc("velocity", "km/s", "bulk velocity [x, y, z]; default 0");
const DISPERSION: Doc = doc(
    "velocity_dispersion",
    "km/s",
    "Gaussian dispersion along each axis; default 0",
);

/// `particles.single`
#[derive(Debug)]
pub struct Single;

/// Options of [`Single`].
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SingleTable {
    position: [Length; 3],
    #[serde(default = "at_rest")]
    velocity: [Velocity; 3],
    mass: Mass,
}

impl InitialPlugin for Single {
    const NAME: &'static str = "particles.single";
    const ABOUT: &'static str = "one particle";
    const OPTIONS: &'static [Doc] = &[doc("position", "kpc", "position [x, y, z]"), VELOCITY, MASS];
    type Options = SingleTable;

    fn arrays<T: Real>(o: SingleTable, site: &Site, _: &dyn AnyFields<T>) -> Result<Arrays<T>> {
        let positions = Positions::Single {
            position: o.position.map(|x| x.0),
        };
        generate(site, positions, Velocities::Zero, o.velocity, o.mass)
    }
}

/// `particles.lattice`
#[derive(Debug)]
pub struct Lattice;

/// Options of [`Lattice`].
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LatticeTable {
    count: [usize; 3],
    mass: Mass,
    #[serde(default = "zero")]
    velocity_dispersion: Velocity,
    #[serde(default = "at_rest")]
    velocity: [Velocity; 3],
}

impl InitialPlugin for Lattice {
    const NAME: &'static str = "particles.lattice";
    const ABOUT: &'static str = "particles on a lattice that fills the box";
    const OPTIONS: &'static [Doc] = &[
        doc(
            "count",
            "",
            "particles along x, y and z; one is the middle: [8, 8, 1]",
        ),
        MASS,
        DISPERSION,
        VELOCITY,
    ];
    type Options = LatticeTable;

    fn arrays<T: Real>(o: LatticeTable, site: &Site, _: &dyn AnyFields<T>) -> Result<Arrays<T>> {
        let velocities = thermal(o.velocity_dispersion, site.seed);
        generate(
            site,
            Positions::Lattice { count: o.count },
            velocities,
            o.velocity,
            o.mass,
        )
    }
}

/// `particles.uniform`
#[derive(Debug)]
pub struct Uniform;

/// Options of [`Uniform`].
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UniformTable {
    count: usize,
    mass: Mass,
    #[serde(default = "zero")]
    velocity_dispersion: Velocity,
    #[serde(default = "at_rest")]
    velocity: [Velocity; 3],
}

impl InitialPlugin for Uniform {
    const NAME: &'static str = "particles.uniform";
    const ABOUT: &'static str =
        "particles at random in the box; seeded by the configuration's seed";
    const OPTIONS: &'static [Doc] = &[
        doc("count", "", "number of particles"),
        MASS,
        DISPERSION,
        VELOCITY,
    ];
    type Options = UniformTable;

    fn arrays<T: Real>(o: UniformTable, site: &Site, _: &dyn AnyFields<T>) -> Result<Arrays<T>> {
        let positions = Positions::Uniform {
            count: o.count,
            seed: site.seed,
        };
        let velocities = thermal(o.velocity_dispersion, site.seed);
        generate(site, positions, velocities, o.velocity, o.mass)
    }
}

/// `particles.plummer`
#[derive(Debug)]
pub struct Plummer;

/// Options of [`Plummer`].
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlummerTable {
    count: usize,
    mass: Mass,
    centre: [Length; 3],
    scale_radius: Length,
    cutoff: Length,
    #[serde(default = "at_rest")]
    velocity: [Velocity; 3],
}

impl InitialPlugin for Plummer {
    const NAME: &'static str = "particles.plummer";
    const ABOUT: &'static str = "a Plummer (1911) sphere in equilibrium (Aarseth et al. 1974)";
    const OPTIONS: &'static [Doc] = &[
        doc("count", "", "number of particles"),
        MASS,
        doc("centre", "kpc", "centre [x, y, z]"),
        doc("scale_radius", "kpc", "Plummer's scale radius"),
        doc("cutoff", "kpc", "radius of the outermost particle"),
        VELOCITY,
    ];
    type Options = PlummerTable;

    fn arrays<T: Real>(o: PlummerTable, site: &Site, _: &dyn AnyFields<T>) -> Result<Arrays<T>> {
        let positions = Positions::Plummer {
            count: o.count,
            centre: o.centre.map(|x| x.0),
            scale_radius: o.scale_radius.0,
            cutoff: o.cutoff.0,
            seed: site.seed,
        };
        generate(
            site,
            positions,
            Velocities::Equilibrium { seed: site.seed },
            o.velocity,
            o.mass,
        )
    }
}
