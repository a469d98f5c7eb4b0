//! Potentials by name.

use std::collections::BTreeMap;

use adastra_pipeline::{Error, Result};
use serde::Deserialize;
use toml::Value;

use crate::{
    ExponentialDisk, Galaxy, Hernquist, History, Isochrone, Logarithmic, MiyamotoNagai, Nfw,
    Plummer, PointMass, TriaxialNfw, TruncatedPowerLaw, TwoPowerTriaxial,
};

type Add = fn(Galaxy) -> Galaxy;

/// Every potential that a configuration can name.
const LAWS: [(&str, Add); 11] = [
    ("point-mass", |g| g.with(PointMass)),
    ("plummer", |g| g.with(Plummer)),
    ("hernquist", |g| g.with(Hernquist)),
    ("isochrone", |g| g.with(Isochrone)),
    ("nfw", |g| g.with(Nfw)),
    ("triaxial-nfw", |g| g.with(TriaxialNfw)),
    ("miyamoto-nagai", |g| g.with(MiyamotoNagai)),
    ("exponential-disk", |g| g.with(ExponentialDisk)),
    ("logarithmic", |g| g.with(Logarithmic)),
    ("truncated-power-law", |g| g.with_scalar(TruncatedPowerLaw)),
    ("two-power-triaxial", |g| g.with_scalar(TwoPowerTriaxial)),
];

/// A potential that turns or grows.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Law {
    potential: String,
    #[serde(default)]
    rotating: bool,
    growth: Option<Growth>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Growth {
    Exponential,
    Linear,
}

/// The galaxy of the table `with.galaxy`, and the names of its parameters.
pub(super) fn galaxy(table: BTreeMap<String, Value>) -> Result<(Galaxy, Vec<String>)> {
    let (mut galaxy, mut names) = (Galaxy::new(), Vec::new());
    for (name, value) in table {
        let before = galaxy.listed().len();
        galaxy = add(galaxy, &format!("with.galaxy.{name}"), value)?;
        let own = galaxy.listed().into_iter().skip(before);
        names.extend(own.map(|parameter| format!("{name}.{}", parameter.name)));
    }
    Ok((galaxy, names))
}

/// And one potential: its name, or a table with more.
fn add(galaxy: Galaxy, key: &str, value: Value) -> Result<Galaxy> {
    let (law, at) = match value {
        Value::String(potential) => {
            let (rotating, growth) = (false, None);
            let law = Law {
                potential,
                rotating,
                growth,
            };
            (law, key.to_owned())
        }
        value => {
            let law = value
                .try_into()
                .map_err(|e: toml::de::Error| Error::Syntax {
                    key: key.to_owned(),
                    message: e.message().to_owned(),
                })?;
            (law, format!("{key}.potential"))
        }
    };
    let (_, add) = LAWS
        .iter()
        .find(|(name, _)| *name == law.potential)
        .ok_or_else(|| Error::UnknownName {
            key: at,
            name: law.potential.clone(),
            kind: "potential",
            known: LAWS.iter().map(|(name, _)| (*name).to_owned()).collect(),
        })?;
    let galaxy = add(galaxy);
    let galaxy = if law.rotating {
        galaxy.rotating()
    } else {
        galaxy
    };
    Ok(match law.growth {
        None => galaxy,
        Some(Growth::Exponential) => galaxy.growing(History::Exponential),
        Some(Growth::Linear) => galaxy.growing(History::Linear),
    })
}
