//! Potentials by name.

use crate::{
    ExponentialDisk, Galaxy, Hernquist, Isochrone, Logarithmic, MiyamotoNagai, Nfw, Plummer,
    PointMass, TriaxialNfw, TruncatedPowerLaw, TwoPowerTriaxial,
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

/// The galaxy and the potential of that name.
pub(super) fn add(galaxy: Galaxy, name: &str) -> Option<Galaxy> {
    let (_, add) = LAWS.iter().find(|(n, _)| *n == name)?;
    Some(add(galaxy))
}

/// All names.
pub(super) fn names() -> Vec<String> {
    LAWS.iter().map(|(name, _)| (*name).to_owned()).collect()
}
