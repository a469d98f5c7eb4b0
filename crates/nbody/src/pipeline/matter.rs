//! Stars in a configuration.

use std::collections::BTreeMap;
use std::sync::Arc;

use adastra_core::Real;
use adastra_particles::ParticleState;
use adastra_pipeline::{
    AnyMatter, Arrays, Doc, Error, Length, Mass, MatterPlugin, Result, Site, Time, Velocity, doc,
    reversible,
};
use ndarray::Array1;
use serde::Deserialize;
use toml::Value;

use super::{Stars, StarsParams, laws};
use crate::{Galaxy, Multipoles, NBody, PairPrecision, Parameter, SelfGravity};

/// `nbody.stars`
#[derive(Debug)]
pub struct StarsPlugin;

/// Options of [`StarsPlugin`].
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Options {
    self_gravity: bool,
    pairs: Pairs,
    multipoles: Option<Tree>,
    galaxy: BTreeMap<String, String>,
    accuracy: Option<f64>,
    pair_derivative: Derivative,
}

/// A fast multipole method in place of the direct sum.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Tree {
    order: usize,
    opening_angle: f64,
    leaf_size: usize,
}

impl Default for Tree {
    fn default() -> Self {
        let Multipoles {
            order,
            opening_angle,
            leaf_size,
        } = Multipoles::default();
        Self {
            order,
            opening_angle,
            leaf_size,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Derivative {
    Exact,
    Frozen,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            self_gravity: true,
            pairs: Pairs::Run,
            multipoles: None,
            galaxy: BTreeMap::new(),
            accuracy: None,
            pair_derivative: Derivative::Exact,
        }
    }
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Pairs {
    Run,
    Single,
}

/// Parameters of [`StarsPlugin`].
#[derive(Debug, Deserialize)]
pub struct Parameters {
    softening: Option<Length>,
    span: Option<Time>,
    #[serde(flatten)]
    galaxy: BTreeMap<String, toml::Table>,
}

impl MatterPlugin for StarsPlugin {
    const NAME: &'static str = "nbody.stars";
    const ABOUT: &'static str = "stars in open space about the origin: a direct sum over all pairs \
        with Plummer softening, in a galaxy of given potentials. They need self_gravity = false: \
        the mesh is only the frame of their pictures";
    const OPTIONS: &'static [Doc] = &[
        doc(
            "self_gravity",
            "",
            "whether they attract each other; default true",
        ),
        doc(
            "pairs",
            "",
            "precision of pairs: \"run\" (default) or \"single\"",
        ),
        doc(
            "multipoles",
            "",
            "distant stars by a fast multipole method, for more than about 30000: {} or { order = 6, \
             opening_angle = 0.55, leaf_size = 64 }; default: all pairs",
        ),
        doc(
            "galaxy",
            "",
            "potentials by name: { halo = \"nfw\", disk = \"miyamoto-nagai\" }; point-mass, plummer, \
             hernquist, isochrone, nfw, triaxial-nfw, miyamoto-nagai, exponential-disk, logarithmic, \
             truncated-power-law, two-power-triaxial",
        ),
        doc(
            "accuracy",
            "",
            "eta of adaptive steps sqrt(2 eta softening / |a|) (Power et al. 2003); without it, \
             time.steps is needed",
        ),
        doc(
            "pair_derivative",
            "",
            "\"exact\" (default): the gradient of the run; \"frozen\": with the separations of pairs as \
             given numbers, for chaotic runs; not a gradient",
        ),
    ];
    const PARAMETERS: &'static [Doc] = &[
        doc("softening", "kpc", "Plummer softening length; default 0"),
        doc(
            "span",
            "kpc/(km/s)",
            "time that the run covers; default: time.end",
        ),
        doc(
            "<name>.<parameter>",
            "",
            "those of each potential: halo = { mass = \"1e12 Msun\", scale_radius = \"16 kpc\" }",
        ),
    ];
    const STATE: &'static [Doc] = &[
        doc("position", "kpc", "positions, shape (n, 3)"),
        doc("velocity", "km/s", "velocities, shape (n, 3)"),
        doc("mass", "Msun", "masses, shape (n)"),
    ];
    type Options = Options;
    type Parameters = Parameters;
    type Matter<T: Real> = Stars;

    fn matter<T: Real>(o: Options, site: &Site) -> Result<Stars> {
        let (mut galaxy, mut names) = (Galaxy::new(), Vec::new());
        for (name, law) in &o.galaxy {
            let before = galaxy.listed().len();
            galaxy = laws::add(galaxy, law).ok_or_else(|| Error::UnknownName {
                key: format!("with.galaxy.{name}"),
                name: law.clone(),
                kind: "potential",
                known: laws::names(),
            })?;
            let own = galaxy.listed().into_iter().skip(before);
            names.extend(own.map(|parameter| format!("{name}.{}", parameter.name)));
        }
        match (o.accuracy, site.steps) {
            (None, None) => {
                let key = "with.accuracy".into();
                let needed = "a positive number, or time.steps for equal steps".into();
                return Err(Error::Missing { key, needed });
            }
            (Some(accuracy), _) if !(accuracy > 0.0 && accuracy.is_finite()) => {
                return Err(Error::range("with.accuracy", accuracy, "above 0"));
            }
            _ => {}
        }
        if site.expansion.is_some() {
            let allowed = "without [cosmology]: these stars live in static space";
            return Err(Error::range("cosmology", "a table", allowed));
        }
        let precision = match o.pairs {
            Pairs::Run => PairPrecision::OfRun,
            Pairs::Single => PairPrecision::Single,
        };
        let gravity = SelfGravity::with_pairs(precision);
        let gravity = match o.multipoles {
            None => gravity,
            Some(tree) => gravity
                .with_multipoles(Multipoles {
                    order: tree.order,
                    opening_angle: tree.opening_angle,
                    leaf_size: tree.leaf_size,
                })
                .map_err(|e| Error::plugin("with.multipoles", e))?,
        };
        let system = if o.self_gravity {
            NBody::new(gravity, galaxy)
        } else {
            NBody::test_particles(galaxy)
        };
        Ok(Stars {
            system,
            mesh: site.mesh.clone(),
            span: site.span,
            accuracy: o.accuracy,
            names: names.into(),
            frozen: o.pair_derivative == Derivative::Frozen,
        })
    }

    fn parameters<T: Real>(stars: &Stars, mut values: Parameters) -> Result<StarsParams<T>> {
        let galaxy = stars.system.galaxy();
        let mut list = Vec::new();
        for (name, parameter) in stars.names.iter().zip(galaxy.listed()) {
            let (law, key) = name.split_once('.').unwrap_or((name, ""));
            let missing = || Error::Missing {
                key: format!("parameters.{name}"),
                needed: match parameter.unit {
                    "" => "a number".to_owned(),
                    unit => format!("in {unit}"),
                },
            };
            let table = values.galaxy.get_mut(law).ok_or_else(missing)?;
            let value = table.remove(key).ok_or_else(missing)?;
            list.push(T::of(read(name, &parameter, value)?));
        }
        let known = || {
            let names = stars.names.iter().cloned();
            names.chain(["softening".into(), "span".into()]).collect()
        };
        for (law, rest) in values.galaxy {
            let own = stars
                .names
                .iter()
                .any(|n| n.split('.').next() == Some(&law));
            let name = match rest.keys().next() {
                Some(key) => format!("{law}.{key}"),
                None if own => continue,
                None => law,
            };
            return Err(Error::UnknownName {
                key: "parameters".into(),
                name,
                kind: "parameter",
                known: known(),
            });
        }
        Ok(StarsParams {
            potentials: galaxy.clone(),
            names: Arc::clone(&stars.names),
            softening: T::of(values.softening.map_or(0.0, |l| l.0)),
            span: T::of(values.span.map_or(stars.span, |t| t.0)),
            galaxy: Array1::from(list),
        })
    }

    fn state<T: Real>(arrays: &mut Arrays<T>, _: &Site) -> Result<ParticleState<T>> {
        let position = arrays.take_real("position")?;
        let velocity = arrays.take_real("velocity")?;
        let mass = arrays.take_real("mass")?;
        Ok(ParticleState::new(position, velocity, mass)?)
    }

    fn erase<T: Real>(stars: Stars) -> Box<dyn AnyMatter<T>> {
        reversible(stars)
    }

    fn quantities<T: Real>(
        stars: &Stars,
        p: &StarsParams<T>,
        x: &ParticleState<T>,
    ) -> Result<Vec<(&'static str, f64)>> {
        let sums = stars.system.conserved(&p.run(), 0.0, x)?;
        let mass = x.mass.iter().map(|m| m.f64()).sum();
        Ok(vec![
            ("mass", mass),
            ("momentum.x", sums.momentum[0]),
            ("momentum.y", sums.momentum[1]),
            ("momentum.z", sums.momentum[2]),
            ("angular_momentum.x", sums.angular_momentum[0]),
            ("angular_momentum.y", sums.angular_momentum[1]),
            ("angular_momentum.z", sums.angular_momentum[2]),
            ("energy.kinetic", sums.kinetic_energy),
            ("energy.potential", sums.potential_energy),
        ])
    }
}

/// The value of a parameter in its base unit.
fn read(name: &str, parameter: &Parameter, value: Value) -> Result<f64> {
    let wrong = |e: toml::de::Error| Error::Syntax {
        key: format!("parameters.{name}"),
        message: e.message().to_owned(),
    };
    match parameter.unit {
        "kpc" => value.try_into().map(|l: Length| l.0),
        "Msun" => value.try_into().map(|m: Mass| m.0),
        "km/s" => value.try_into().map(|v: Velocity| v.0),
        _ => value.try_into(),
    }
    .map_err(wrong)
}
