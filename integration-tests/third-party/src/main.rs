//! A command with a potential of its own: a uniform field along x.

use adastra::core::dual::{Pointwise, Scalar};
use adastra::pipeline::{Doc, PotentialPlugin, Registry, Result, doc};

/// `Phi = -g x`.
#[derive(Default)]
struct Wind;

impl Pointwise<3> for Wind {
    fn eval<D: Scalar>(&self, p: &[D], r: [D; 3]) -> D {
        -p[0] * r[0]
    }
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Parameters {
    strength: f64,
}

impl PotentialPlugin for Wind {
    const NAME: &'static str = "third-party.wind";
    const ABOUT: &'static str = "uniform acceleration along x";
    const PARAMETERS: &'static [Doc] = &[doc("strength", "(km/s)^2/kpc", "the acceleration")];
    type Parameters = Parameters;
    fn values(p: Parameters) -> Result<Vec<f64>> {
        Ok(vec![p.strength])
    }
}

fn plugin(registry: &mut Registry) -> Result<()> {
    registry.potential::<Wind>()
}

fn main() -> std::process::ExitCode {
    adastra::command(&[plugin])
}
