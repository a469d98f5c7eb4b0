//! The external potential of a Plummer (1911) sphere, and of a point mass where its scale radius
//! is small: the author writes the value, dual numbers write the derivatives.

use adastra_core::dual::{Pointwise, Scalar};
use adastra_pipeline::{Doc, Error, Length, Mass, PotentialPlugin, Registry, Result, doc};
use serde::Deserialize;

/// `Phi = -G M / sqrt(|r - c|^2 + a^2)` with parameters M, a and the centre c.
#[derive(Debug, Default)]
pub struct Plummer;

impl Pointwise<3> for Plummer {
    fn eval<D: Scalar>(&self, p: &[D], r: [D; 3]) -> D {
        let d = [r[0] - p[2], r[1] - p[3], r[2] - p[4]];
        let squared = d[0] * d[0] + d[1] * d[1] + d[2] * d[2] + p[1] * p[1];
        -p[0] * adastra_pipeline::G / squared.sqrt()
    }
}

/// The table `parameters`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parameters {
    mass: Mass,
    scale_radius: Length,
    centre: [Length; 3],
}

impl PotentialPlugin for Plummer {
    const NAME: &'static str = "plummer";
    const ABOUT: &'static str = "Plummer sphere (1911, MNRAS 71, 460); not periodic";
    const PARAMETERS: &'static [Doc] = &[
        doc("mass", "Msun", "total mass"),
        doc("scale_radius", "kpc", "scale radius, above 0"),
        doc("x", "kpc", "centre along x; given as centre = [x, y, z]"),
        doc("y", "kpc", "centre along y"),
        doc("z", "kpc", "centre along z"),
    ];
    type Parameters = Parameters;

    fn values(
        Parameters {
            mass,
            scale_radius,
            centre,
        }: Parameters,
    ) -> Result<Vec<f64>> {
        if !(scale_radius.0 > 0.0) {
            return Err(Error::range(
                "parameters.scale_radius",
                scale_radius.0,
                "above 0 kpc",
            ));
        }
        Ok(vec![
            mass.0,
            scale_radius.0,
            centre[0].0,
            centre[1].0,
            centre[2].0,
        ])
    }
}

/// Registers the potential.
///
/// # Errors
/// [`Error::Duplicate`].
pub fn plugin(registry: &mut Registry) -> Result<()> {
    registry.potential::<Plummer>()
}
