//! Clusters as differentiable initial conditions.

use adastra_core::{Adjoint, Evolve, Operator, Real, Result, ReversibleSchedule, State, state};
use adastra_particles::ParticleState;
use adastra_pipeline::{Doc, Error, Generator, GeneratorPlugin, Length, Mass, Site, Velocity, doc};
use ndarray::{Array1, Axis};
use serde::Deserialize;

use super::StarsParams;
use crate::{Integration, NBody, NBodyParams, Scheme, Sphere, SphereParams};

state! {
    /// Parameters of a [`SphereGenerator`].
    #[derive(Debug, PartialEq)]
    pub struct ClusterParams<T> {
        /// Mass of the model, in Msun.
        pub mass: T,
        /// Scale radius, in kpc.
        pub scale_radius: T,
        /// Where the centre of mass is, in kpc, shape (3,).
        pub position: Array1<T>,
        /// How it moves, in km/s, shape (3,).
        pub velocity: Array1<T>,
    }
}

impl<T: Real> ClusterParams<T> {
    fn sphere(&self, centre: &ParticleState<T>) -> SphereParams<T> {
        let mut p = SphereParams::new(0.0, 0.0);
        (p.mass, p.scale_radius) = (self.mass, self.scale_radius);
        p.position.assign(&centre.position.row(0));
        p.velocity.assign(&centre.velocity.row(0));
        p
    }

    /// One particle without mass where the cluster is.
    fn centre(&self) -> ParticleState<T> {
        ParticleState {
            position: self.position.clone().insert_axis(Axis(0)),
            velocity: self.velocity.clone().insert_axis(Axis(0)),
            mass: Array1::zeros(1),
        }
    }
}

/// A [`Sphere`] on its orbit: at the given place, or traced back from there, as a particle without
/// mass in the galaxy of the stars, over the span of the run, so that the run ends where the
/// parameters say.
#[derive(Debug, Clone)]
pub struct SphereGenerator {
    sphere: Sphere,
    /// Steps on the way back; `None` to start at the given place.
    trace_back: Option<usize>,
}

type Orbit<T> = Evolve<T, Integration>;

impl SphereGenerator {
    /// The orbit back and its parameters.
    fn orbit<T: Real>(&self, stars: &StarsParams<T>) -> Option<(Orbit<T>, NBodyParams<T>)> {
        /// Steps between states that bound the rounding error of the way.
        const ANCHOR_EVERY: usize = 32;
        let steps = self.trace_back?;
        let galaxy = NBody::test_particles(stars.potentials.clone());
        let run = Integration::new(galaxy, Scheme::DriftKickDrift, steps);
        let anchors = steps / ANCHOR_EVERY;
        let orbit = Evolve::reversible(run, ReversibleSchedule::Reconstruct { anchors });
        Some((orbit, stars.over(T::zero() - stars.span)))
    }
}

impl<T: Real> Generator<T> for SphereGenerator {
    type Params = ClusterParams<T>;
    type Matter = StarsParams<T>;
    type State = ParticleState<T>;

    fn generate(&self, p: &ClusterParams<T>, stars: &StarsParams<T>) -> Result<ParticleState<T>> {
        let mut centre = p.centre();
        if let Some((orbit, back)) = self.orbit(stars) {
            centre = orbit.apply(&back, centre)?;
        }
        self.sphere.apply(&p.sphere(&centre), ())
    }

    fn vjp(
        &self,
        p: &ClusterParams<T>,
        stars: &StarsParams<T>,
        state_bar: &ParticleState<T>,
        p_bar: &mut ClusterParams<T>,
        stars_bar: &mut StarsParams<T>,
    ) -> Result<()> {
        let mut centre = p.centre();
        let mut way = None;
        if let Some((orbit, back)) = self.orbit(stars) {
            let (then, saved) = orbit.record(&back, centre)?;
            centre = then;
            way = Some((orbit, back, saved));
        }
        let sphere = p.sphere(&centre);
        let mut sphere_bar = State::<T>::zeros_like(&sphere);
        self.sphere
            .vjp(&sphere, (), state_bar.clone(), &mut sphere_bar)?;
        p_bar.mass += sphere_bar.mass;
        p_bar.scale_radius += sphere_bar.scale_radius;
        let mut centre_bar = ParticleState {
            position: sphere_bar.position.insert_axis(Axis(0)),
            velocity: sphere_bar.velocity.insert_axis(Axis(0)),
            mass: Array1::zeros(1),
        };
        if let Some((orbit, back, saved)) = way {
            let mut bar = State::<T>::zeros_like(&back);
            centre_bar = orbit.vjp(&back, saved, centre_bar, &mut bar)?;
            stars_bar.span += T::zero() - bar.span;
            stars_bar.galaxy += &bar.galaxy;
        }
        p_bar.position += &centre_bar.position.row(0);
        p_bar.velocity += &centre_bar.velocity.row(0);
        Ok(())
    }
}

/// `nbody.sphere`
#[derive(Debug)]
pub struct SpherePlugin;

/// Options of [`SpherePlugin`].
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Options {
    model: Model,
    count: usize,
    truncation: Option<f64>,
    central_potential: Option<f64>,
    trace_back: Option<usize>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Model {
    Plummer,
    Hernquist,
    King,
}

/// Parameters of [`SpherePlugin`].
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parameters {
    mass: Mass,
    scale_radius: Length,
    position: Option<[Length; 3]>,
    velocity: Option<[Velocity; 3]>,
}

impl GeneratorPlugin for SpherePlugin {
    const NAME: &'static str = "nbody.sphere";
    const ABOUT: &'static str = "a cluster in equilibrium, drawn from its distribution function, \
        differentiable by its parameters; for nbody.stars";
    const OPTIONS: &'static [Doc] = &[
        doc(
            "model",
            "",
            "\"plummer\" (1911), \"hernquist\" (1990) or \"king\" (1966)",
        ),
        doc("count", "", "number of stars"),
        doc(
            "truncation",
            "",
            "scale radii to the outermost star; default 10; not of king",
        ),
        doc(
            "central_potential",
            "",
            "W_0 of a King model, 0.1 to 12; default 5",
        ),
        doc(
            "trace_back",
            "",
            "steps by which the centre is traced back over the run, from where the parameters put \
             its end; without it they say where it starts",
        ),
    ];
    const PARAMETERS: &'static [Doc] = &[
        doc("mass", "Msun", "mass of the cluster"),
        doc("scale_radius", "kpc", "scale radius of the model"),
        doc(
            "position",
            "kpc",
            "centre of mass [x, y, z]; default: the origin",
        ),
        doc("velocity", "km/s", "its velocity [x, y, z]; default 0"),
    ];
    type Options = Options;
    type Parameters = Parameters;
    type Generator<T: Real> = SphereGenerator;

    fn generator<T: Real>(o: Options, site: &Site) -> adastra_pipeline::Result<SphereGenerator> {
        let refused = |key: &str, model: &str| {
            Err(Error::range(
                format!("with.{key}"),
                "a number",
                format!("only with model = {model}"),
            ))
        };
        let (n, seed) = (o.count, site.seed);
        let truncation = o.truncation.unwrap_or(10.0);
        let sphere = match (o.model, o.truncation, o.central_potential) {
            (Model::King, Some(_), _) => {
                return refused("truncation", "\"plummer\" or \"hernquist\"");
            }
            (Model::King, None, w0) => Sphere::king(n, w0.unwrap_or(5.0), seed)?,
            (_, _, Some(_)) => return refused("central_potential", "\"king\""),
            (Model::Plummer, _, None) => Sphere::plummer(n, truncation, seed)?,
            (Model::Hernquist, _, None) => Sphere::hernquist(n, truncation, seed)?,
        };
        if o.trace_back == Some(0) {
            return Err(Error::range("with.trace_back", 0, "at least 1"));
        }
        let trace_back = o.trace_back;
        Ok(SphereGenerator { sphere, trace_back })
    }

    fn parameters<T: Real>(values: Parameters) -> adastra_pipeline::Result<ClusterParams<T>> {
        let three = |x: Option<[f64; 3]>| x.unwrap_or_default().into_iter().map(T::of).collect();
        Ok(ClusterParams {
            mass: T::of(values.mass.0),
            scale_radius: T::of(values.scale_radius.0),
            position: three(values.position.map(|x| x.map(|x| x.0))),
            velocity: three(values.velocity.map(|v| v.map(|v| v.0))),
        })
    }
}
