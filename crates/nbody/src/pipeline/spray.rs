//! Streams by particle spray as initial conditions.

use adastra_core::{Adjoint, Error, Operator, Real, Result, State, state};
use adastra_particles::ParticleState;
use adastra_pipeline::{
    Doc, Generator, GeneratorPlugin, Length, Mass, Site, Time, Timed, Velocity, doc,
};
use ndarray::Array1;
use serde::Deserialize;

use super::StarsParams;
use super::stars::Moving;
use crate::{Galaxy, NBodyError, NBodyParams, ParticleSpray, ProgenitorParams};

state! {
    /// Parameters of a [`SprayGenerator`].
    #[derive(Debug, PartialEq)]
    pub struct SprayParams<T> {
        /// Time since the accretion, in kpc/(km/s).
        pub age: T,
        /// Mass of the progenitor, in Msun.
        pub mass: T,
        /// Its scale radius, in kpc.
        pub scale_radius: T,
        /// Where it is today, in kpc, shape (3,).
        pub position: Array1<T>,
        /// How it moves today, in km/s, shape (3,).
        pub velocity: Array1<T>,
    }
}

/// A [`ParticleSpray`] in the galaxy of the stars: the stream of today, which is the start of the
/// run. Each star weighs an equal share of the progenitor's mass.
#[derive(Debug, Clone)]
pub struct SprayGenerator {
    /// In any galaxy.
    spray: ParticleSpray,
}

impl SprayGenerator {
    fn spray<T: Real>(&self, age: T, stars: &StarsParams<T>) -> Result<ParticleSpray> {
        let wrong = |name: &str, value: f64, allowed| {
            let name = name.to_owned();
            let error = NBodyError::Range {
                name,
                value,
                allowed,
            };
            Err(Error::operator("particle spray", error))
        };
        let (age, span) = (age.f64(), stars.span.f64());
        if !(age > 0.0) {
            return wrong("age", age, "above 0");
        }
        if stars.zero_at * span != 0.0 {
            let allowed = "0 with time_zero = \"end\": the spray's time ends where the run starts";
            return wrong("span", span, allowed);
        }
        Ok(self.spray.clone().in_galaxy(stars.potentials.clone()))
    }

    fn params<T: Real>(p: &SprayParams<T>, stars: &StarsParams<T>) -> ProgenitorParams<T> {
        ProgenitorParams {
            run: NBodyParams {
                span: p.age,
                ..stars.run()
            },
            mass: p.mass,
            scale_radius: p.scale_radius,
            position: p.position.clone(),
            velocity: p.velocity.clone(),
        }
    }
}

impl<T: Real> Generator<T> for SprayGenerator {
    type Params = SprayParams<T>;
    type Matter = StarsParams<T>;
    type State = Moving<T>;

    fn generate(&self, p: &SprayParams<T>, stars: &StarsParams<T>) -> Result<Moving<T>> {
        let spray = self.spray(p.age, stars)?;
        let mut stream: ParticleState<T> = spray.apply(&Self::params(p, stars), ())?;
        stream.mass.fill(p.mass / T::of(spray.len() as f64));
        Ok(Timed::at_start(stream))
    }

    fn vjp(
        &self,
        p: &SprayParams<T>,
        stars: &StarsParams<T>,
        state_bar: &Moving<T>,
        p_bar: &mut SprayParams<T>,
        stars_bar: &mut StarsParams<T>,
    ) -> Result<()> {
        let (spray, q) = (self.spray(p.age, stars)?, Self::params(p, stars));
        let (_, saved) = spray.record(&q, ())?;
        let mut q_bar = State::<T>::zeros_like(&q);
        spray.vjp(&q, saved, state_bar.state.clone(), &mut q_bar)?;
        p_bar.age += q_bar.run.span;
        let weights_bar: f64 = state_bar.state.mass.iter().map(|m| m.f64()).sum();
        p_bar.mass += q_bar.mass + T::of(weights_bar / spray.len() as f64);
        p_bar.scale_radius += q_bar.scale_radius;
        p_bar.position += &q_bar.position;
        p_bar.velocity += &q_bar.velocity;
        stars_bar.galaxy += &q_bar.run.galaxy;
        Ok(())
    }
}

/// `nbody.spray`
#[derive(Debug)]
pub struct SprayPlugin;

/// Options of [`SprayPlugin`].
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Options {
    count: usize,
    steps: usize,
}

/// Parameters of [`SprayPlugin`].
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parameters {
    age: Time,
    mass: Mass,
    scale_radius: Length,
    position: [Length; 3],
    velocity: [Velocity; 3],
}

impl GeneratorPlugin for SprayPlugin {
    const NAME: &'static str = "nbody.spray";
    const ABOUT: &'static str = "a stream by particle spray along the orbit of a progenitor, traced \
        back (Chen et al. 2025), complete at the start of the run, which follows it as test \
        particles; with span = 0 it ends there. For nbody.stars without self_gravity; the stars share \
        the progenitor's mass";
    const OPTIONS: &'static [Doc] = &[
        doc("count", "", "number of stars"),
        doc(
            "steps",
            "",
            "steps of the orbit and of the stars since the accretion",
        ),
    ];
    const PARAMETERS: &'static [Doc] = &[
        doc("age", "kpc/(km/s)", "time since the accretion"),
        doc("mass", "Msun", "mass of the progenitor"),
        doc("scale_radius", "kpc", "its scale radius"),
        doc("position", "kpc", "where it is at the start [x, y, z]"),
        doc("velocity", "km/s", "its velocity there [x, y, z]"),
    ];
    type Options = Options;
    type Parameters = Parameters;
    type Generator<T: Real> = SprayGenerator;

    fn generator<T: Real>(o: Options, site: &Site) -> adastra_pipeline::Result<SprayGenerator> {
        let spray = ParticleSpray::new(o.count, Galaxy::new(), o.steps, site.seed)?;
        Ok(SprayGenerator { spray })
    }

    fn parameters<T: Real>(p: Parameters) -> adastra_pipeline::Result<SprayParams<T>> {
        Ok(SprayParams {
            age: T::of(p.age.0),
            mass: T::of(p.mass.0),
            scale_radius: T::of(p.scale_radius.0),
            position: p.position.iter().map(|x| T::of(x.0)).collect(),
            velocity: p.velocity.iter().map(|v| T::of(v.0)).collect(),
        })
    }
}
