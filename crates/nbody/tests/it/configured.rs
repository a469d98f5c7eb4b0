//! Stars of configuration files, built for tests.

use std::path::Path;

use adastra_check::Tolerances;
use adastra_core::{Adjoint, Operator, Result};
use adastra_nbody::ParticleState;
use adastra_nbody::pipeline::{StarsParams, plugin};
use adastra_pipeline::{Config, Generator, Registry, Simulation, Timed};

pub(crate) const STARS: &str = r#"
self_gravity = false
seed = 3

[mesh]
cells = 8
size = "40 kpc"

[time]
end = 0.2
steps = 10

[[matter]]
name = "stream"
use = "nbody.stars"
with = { galaxy = { halo = "triaxial-nfw", disk = "miyamoto-nagai" } }

[matter.parameters]
span = 0.21
softening = "300 pc"
halo = { mass = "4.37e11 Msun", scale_radius = "16 kpc", axis_ratio_y = 0.95, axis_ratio_z = 0.9 }
disk = { mass = "6.8e10 Msun", scale_length = "3 kpc", scale_height = "280 pc" }

[matter.initial]
use = "nbody.sphere"
with = { model = "plummer", count = 12, truncation = 5, trace_back = 20 }
parameters = { mass = "1e8 Msun", scale_radius = "300 pc", position = [-11.8, 0.79, 6.4], velocity = [-109.5, -254.5, -90.3] }
"#;

pub(crate) fn build(text: &str, folder: &Path) -> adastra_pipeline::Result<Simulation<f64>> {
    let mut registry = Registry::new();
    plugin(&mut registry)?;
    Simulation::build(&Config::parse(text, folder)?, &registry)
}

/// Differences at distances of kpc, derivatives over 4e11 Msun.
pub(crate) fn tolerances() -> Tolerances {
    Tolerances {
        step: 1e-5,
        difference: 1e-6,
        ..Tolerances::default()
    }
}

pub(crate) fn final_state(simulation: &Simulation<f64>) -> (f64, ParticleState<f64>) {
    let p = (
        simulation.start.parameters.clone(),
        simulation.background(&simulation.start).unwrap(),
    );
    let mut progress = simulation.begin();
    while progress.output < 1 {
        simulation.step(&p, &mut progress, 1).unwrap();
    }
    let stars = progress.state.get::<ParticleState<f64>>("stream").unwrap();
    (progress.march.time, stars.clone())
}

/// A generator as an operator.
pub(crate) struct Beginning<G>(pub(crate) G);

type State = Timed<ParticleState<f64>, f64>;

impl<G> Operator<f64> for Beginning<G>
where
    G: Generator<f64, Matter = StarsParams<f64>, State = State>,
{
    type Params = (G::Params, StarsParams<f64>);
    type In = ();
    type Out = State;

    fn apply(&self, p: &Self::Params, (): ()) -> Result<State> {
        self.0.generate(&p.0, &p.1)
    }
}

impl<G> Adjoint<f64> for Beginning<G>
where
    G: Generator<f64, Matter = StarsParams<f64>, State = State>,
{
    type Saved = ();

    fn record(&self, p: &Self::Params, (): ()) -> Result<(State, ())> {
        Ok((self.apply(p, ())?, ()))
    }

    fn vjp(&self, p: &Self::Params, (): (), bar: State, p_bar: &mut Self::Params) -> Result<()> {
        self.0.vjp(&p.0, &p.1, &bar, &mut p_bar.0, &mut p_bar.1)
    }
}

/// A cluster of little mass and size, traced back and run again, ends where the configuration puts
/// it.
pub(crate) fn ends_where_it_is_put(text: &str) {
    let light = text
        .replace("1e8 Msun", "1e-8 Msun")
        .replace("scale_radius = \"300 pc\"", "scale_radius = \"1e-3 pc\"")
        .replace("steps = 10", "steps = 2000")
        .replace("trace_back = 20", "trace_back = 2000");
    let (_, stars) = final_state(&build(&light, Path::new("")).unwrap());
    let centre = stars.position.mean_axis(ndarray::Axis(0)).unwrap();
    let off = &centre - &ndarray::arr1(&[-11.8, 0.79, 6.4]);
    assert!(off.dot(&off).sqrt() < 1e-5, "{off} of {light}");
}
