//! The field in configuration files.

use adastra_core::Real;
use adastra_pipeline::{
    AnyMatter, Arrays, BosonMass, Doc, Error, MatterPlugin, Nothing, Registry, Result, Site, doc,
    expect_shape, reversible,
};
use serde::Deserialize;

use crate::{Axion, AxionMass, SecondAxion};

/// The table `parameters`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parameters {
    mass: BosonMass,
}

impl<T: Real> MatterPlugin for SecondAxion<T> {
    const NAME: &'static str = "second-axion";
    const ABOUT: &'static str = "an axion field of another mass, coupled through gravity";
    const PARAMETERS: &'static [Doc] = &[doc("mass", "1e-22 eV", "boson mass, above 0")];
    const STATE: &'static [Doc] = &[doc("psi", "sqrt(Msun/kpc^3)", "wave function")];
    type Options = Nothing;
    type Parameters = Parameters;
    type Matter<U: Real> = SecondAxion<U>;

    fn matter<U: Real>(_: Nothing, site: &Site) -> Result<SecondAxion<U>> {
        Ok(SecondAxion::new(&site.mesh))
    }
    fn parameters<U: Real>(_: &Self::Matter<U>, values: Parameters) -> Result<AxionMass<U>> {
        if !(values.mass.0 > 0.0) {
            return Err(Error::range("parameters.mass", values.mass.0, "above 0"));
        }
        Ok(AxionMass {
            mass: U::of(values.mass.0),
        })
    }
    fn state<U: Real>(arrays: &mut Arrays<U>, site: &Site) -> Result<Axion<U>> {
        let psi = arrays.take_complex("psi")?;
        expect_shape("psi", psi.shape(), &site.mesh.cells())?;
        Ok(Axion { psi })
    }
    fn erase<U: Real>(matter: SecondAxion<U>) -> Box<dyn AnyMatter<U>> {
        reversible(matter)
    }
}

/// Registers the field.
///
/// # Errors
/// [`Error::Duplicate`].
pub fn plugin(registry: &mut Registry) -> Result<()> {
    registry.matter::<SecondAxion<f64>>()
}
