//! Clusters as initial conditions.

use adastra_core::{Adjoint, Operator, Real, Result, State, state};
use adastra_particles::ParticleState;
use adastra_pipeline::{
    Doc, Error, Generator, GeneratorPlugin, Length, Mass, Site, Timed, Velocity, doc,
};
use ndarray::Array1;
use serde::Deserialize;

use super::StarsParams;
use super::stars::Moving;
use crate::{G, Progenitor, ProgenitorParams, Scheme, Sphere, SphereParams};

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

/// A [`Sphere`] at the given place, or a [`Progenitor`], traced back from there over the span of the
/// run in the galaxy of the stars, so that the run ends where the parameters say.
#[derive(Debug, Clone)]
pub struct SphereGenerator {
    sphere: Sphere,
    /// Steps on the way back; `None` to start at the given place.
    trace_back: Option<usize>,
}

impl SphereGenerator {
    fn progenitor<T: Real>(&self, stars: &StarsParams<T>) -> Option<Progenitor> {
        let galaxy = stars.potentials.clone();
        let steps = self.trace_back?;
        let sphere = self.sphere.clone();
        let progenitor = Progenitor::new(sphere, galaxy, Scheme::DriftKickDrift, steps);
        Some(match stars.zero_at {
            0.0 => progenitor.from_accretion(),
            _ => progenitor,
        })
    }

    fn here<T: Real>(p: &ClusterParams<T>) -> SphereParams<T> {
        SphereParams {
            gravitational_constant: T::of(G),
            mass: p.mass,
            scale_radius: p.scale_radius,
            position: p.position.clone(),
            velocity: p.velocity.clone(),
        }
    }

    fn today<T: Real>(p: &ClusterParams<T>, stars: &StarsParams<T>) -> ProgenitorParams<T> {
        ProgenitorParams {
            run: stars.run(),
            mass: p.mass,
            scale_radius: p.scale_radius,
            position: p.position.clone(),
            velocity: p.velocity.clone(),
        }
    }
}

impl<T: Real> Generator<T> for SphereGenerator {
    type Params = ClusterParams<T>;
    type Matter = StarsParams<T>;
    type State = Moving<T>;

    fn generate(&self, p: &ClusterParams<T>, stars: &StarsParams<T>) -> Result<Moving<T>> {
        let state: ParticleState<T> = match self.progenitor(stars) {
            Some(progenitor) => progenitor.apply(&Self::today(p, stars), ())?,
            None => self.sphere.apply(&Self::here(p), ())?,
        };
        Ok(Timed::at_start(state))
    }

    fn vjp(
        &self,
        p: &ClusterParams<T>,
        stars: &StarsParams<T>,
        state_bar: &Moving<T>,
        p_bar: &mut ClusterParams<T>,
        stars_bar: &mut StarsParams<T>,
    ) -> Result<()> {
        let bar = state_bar.state.clone();
        let (mass, scale_radius, position, velocity) = match self.progenitor(stars) {
            Some(progenitor) => {
                let q = Self::today(p, stars);
                let (_, saved) = progenitor.record(&q, ())?;
                let mut q_bar = q.zeros_like();
                progenitor.vjp(&q, saved, bar, &mut q_bar)?;
                stars_bar.add(&q_bar.run);
                (
                    q_bar.mass,
                    q_bar.scale_radius,
                    q_bar.position,
                    q_bar.velocity,
                )
            }
            None => {
                let q = Self::here(p);
                let mut q_bar = q.zeros_like();
                self.sphere.vjp(&q, (), bar, &mut q_bar)?;
                (
                    q_bar.mass,
                    q_bar.scale_radius,
                    q_bar.position,
                    q_bar.velocity,
                )
            }
        };
        p_bar.mass += mass;
        p_bar.scale_radius += scale_radius;
        p_bar.position += &position;
        p_bar.velocity += &velocity;
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
    Nfw,
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
            "\"plummer\" (1911), \"hernquist\" (1990), \"nfw\" (1997) or \"king\" (1966)",
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
                return refused("truncation", "\"plummer\", \"hernquist\" or \"nfw\"");
            }
            (Model::King, None, w0) => Sphere::king(n, w0.unwrap_or(5.0), seed)?,
            (_, _, Some(_)) => return refused("central_potential", "\"king\""),
            (Model::Plummer, _, None) => Sphere::plummer(n, truncation, seed)?,
            (Model::Hernquist, _, None) => Sphere::hernquist(n, truncation, seed)?,
            (Model::Nfw, _, None) => Sphere::nfw(n, truncation, seed)?,
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
