//! Disks as initial conditions.

use adastra_core::{Adjoint, Operator, Real, Result, State, state};
use adastra_pipeline::{Doc, Generator, GeneratorPlugin, Length, Mass, Site, Timed, Velocity, doc};
use serde::Deserialize;

use super::StarsParams;
use super::stars::Moving;
use crate::{Disk, DiskParams, Galaxy};

state! {
    /// Parameters of a [`DiskGenerator`].
    #[derive(Debug, Copy, PartialEq)]
    pub struct OwnDiskParams<T> {
        /// Mass that the stars share, in Msun.
        pub mass: T,
        /// Scale length, in kpc.
        pub scale_length: T,
        /// Scale height, in kpc.
        pub scale_height: T,
        /// Radial velocity dispersion at the scale length, in km/s.
        pub dispersion: T,
    }
}

/// A [`Disk`] in the galaxy of the stars, as that is at the start of the run.
#[derive(Debug, Clone)]
pub struct DiskGenerator {
    /// In any galaxy.
    disk: Disk,
}

impl DiskGenerator {
    fn disk<T: Real>(&self, stars: &StarsParams<T>) -> Disk {
        self.disk.clone().in_galaxy(stars.potentials.clone())
    }

    fn params<T: Real>(p: &OwnDiskParams<T>, stars: &StarsParams<T>) -> DiskParams<T> {
        DiskParams {
            galaxy: stars.at_start(),
            mass: p.mass,
            scale_length: p.scale_length,
            scale_height: p.scale_height,
            dispersion: p.dispersion,
        }
    }
}

impl<T: Real> Generator<T> for DiskGenerator {
    type Params = OwnDiskParams<T>;
    type Matter = StarsParams<T>;
    type State = Moving<T>;

    fn generate(&self, p: &OwnDiskParams<T>, stars: &StarsParams<T>) -> Result<Moving<T>> {
        let disk = self.disk(stars).apply(&Self::params(p, stars), ())?;
        Ok(Timed::at_start(disk))
    }

    fn vjp(
        &self,
        p: &OwnDiskParams<T>,
        stars: &StarsParams<T>,
        state_bar: &Moving<T>,
        p_bar: &mut OwnDiskParams<T>,
        stars_bar: &mut StarsParams<T>,
    ) -> Result<()> {
        let q = Self::params(p, stars);
        let mut q_bar = State::<T>::zeros_like(&q);
        let bar = state_bar.state.clone();
        self.disk(stars).vjp(&q, (), bar, &mut q_bar)?;
        p_bar.mass += q_bar.mass;
        p_bar.scale_length += q_bar.scale_length;
        p_bar.scale_height += q_bar.scale_height;
        p_bar.dispersion += q_bar.dispersion;
        stars_bar.add_at_start(&q_bar.galaxy);
        Ok(())
    }
}

/// `nbody.disk`
#[derive(Debug)]
pub struct DiskPlugin;

/// Options of [`DiskPlugin`].
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Options {
    count: usize,
    #[serde(default = "truncation")]
    truncation: f64,
}

fn truncation() -> f64 {
    6.0
}

/// Parameters of [`DiskPlugin`].
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parameters {
    mass: Mass,
    scale_length: Length,
    scale_height: Length,
    dispersion: Option<Velocity>,
}

impl GeneratorPlugin for DiskPlugin {
    const NAME: &'static str = "nbody.disk";
    const ABOUT: &'static str = "an exponential disk about the origin, nearly in equilibrium in the \
        galaxy of its stars at the start (Hernquist 1993); that galaxy holds the disk's own \
        potential too, so it is for nbody.stars without self_gravity";
    const OPTIONS: &'static [Doc] = &[
        doc("count", "", "number of stars"),
        doc(
            "truncation",
            "",
            "scale lengths to the outermost star; default 6",
        ),
    ];
    const PARAMETERS: &'static [Doc] = &[
        doc("mass", "Msun", "mass that the stars share"),
        doc("scale_length", "kpc", "scale length"),
        doc("scale_height", "kpc", "scale height of sech^2"),
        doc(
            "dispersion",
            "km/s",
            "radial velocity dispersion at the scale length; default 0",
        ),
    ];
    type Options = Options;
    type Parameters = Parameters;
    type Generator<T: Real> = DiskGenerator;

    fn generator<T: Real>(o: Options, site: &Site) -> adastra_pipeline::Result<DiskGenerator> {
        let disk = Disk::exponential(o.count, Galaxy::new(), o.truncation, site.seed)?;
        Ok(DiskGenerator { disk })
    }

    fn parameters<T: Real>(p: Parameters) -> adastra_pipeline::Result<OwnDiskParams<T>> {
        Ok(OwnDiskParams {
            mass: T::of(p.mass.0),
            scale_length: T::of(p.scale_length.0),
            scale_height: T::of(p.scale_height.0),
            dispersion: T::of(p.dispersion.map_or(0.0, |v| v.0)),
        })
    }
}
