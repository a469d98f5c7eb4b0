//! Stars in a configuration.

use std::collections::BTreeMap;
use std::sync::Arc;

use adastra_core::Real;
use adastra_particles::ParticleState;
use adastra_pipeline::{
    AnyMatter, Arrays, Doc, Error, Length, Mass, MatterPlugin, Result, Site, Time, Timed, Velocity,
    doc, reversible,
};
use ndarray::{Array1, ArrayD};
use serde::Deserialize;
use toml::Value;

use super::stars::{Moving, Pairs};
use super::{Stars, StarsParams, laws};
use crate::{Multipoles, NBody, PairPrecision, Parameter, Scheme, SelfGravity};

/// `nbody.stars`
#[derive(Debug)]
pub struct StarsPlugin;

/// Options of [`StarsPlugin`].
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Options {
    self_gravity: bool,
    pairs: Precision,
    multipoles: Option<Tree>,
    galaxy: BTreeMap<String, Value>,
    time_zero: TimeZero,
    scheme: SchemeName,
    accuracy: Option<f64>,
    pair_derivative: Option<Value>,
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

/// Where rotating and growing potentials count time from.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum TimeZero {
    Start,
    End,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum SchemeName {
    Leapfrog,
    Yoshida4,
    Yoshida6,
    ForestRuth,
}

/// A derivative that is exact over a time at the end.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Horizon {
    horizon: Time,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            self_gravity: true,
            pairs: Precision::Run,
            multipoles: None,
            galaxy: BTreeMap::new(),
            time_zero: TimeZero::Start,
            scheme: SchemeName::Leapfrog,
            accuracy: None,
            pair_derivative: None,
        }
    }
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Precision {
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
             truncated-power-law, two-power-triaxial. One that turns, or grows, is a table: bar = \
             { potential = \"triaxial-nfw\", rotating = true, growth = \"exponential\" or \"linear\" }",
        ),
        doc(
            "time_zero",
            "",
            "when rotating and growing potentials have the angles and masses given: at the \
             \"start\" (default) or at the \"end\" of the run",
        ),
        doc(
            "scheme",
            "",
            "\"leapfrog\" (default); \"yoshida4\" and \"forest-ruth\", of fourth order; \
             \"yoshida6\"",
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
             given numbers, for chaotic runs, not a gradient; { horizon = \"50 Myr\" }: exact over \
             that time at the end of the run, frozen before",
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
            "those of each potential: halo = { mass = \"1e12 Msun\", scale_radius = \"16 kpc\" }; of \
             rotating ones pattern_speed [km/s/kpc], counterclockwise, and angle [rad]; of growing \
             ones growth_rate [km/s/kpc]",
        ),
    ];
    const STATE: &'static [Doc] = &[
        doc("position", "kpc", "positions, shape (n, 3)"),
        doc("velocity", "km/s", "velocities, shape (n, 3)"),
        doc("mass", "Msun", "masses, shape (n)"),
        doc(
            "time",
            "kpc/(km/s)",
            "time since the start; where a file has none, 0",
        ),
    ];
    type Options = Options;
    type Parameters = Parameters;
    type Matter<T: Real> = Stars;

    fn matter<T: Real>(o: Options, site: &Site) -> Result<Stars> {
        let (galaxy, names) = laws::galaxy(o.galaxy)?;
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
            Precision::Run => PairPrecision::OfRun,
            Precision::Single => PairPrecision::Single,
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
            scheme: match o.scheme {
                SchemeName::Leapfrog => None,
                SchemeName::Yoshida4 => Some(Scheme::Yoshida4),
                SchemeName::Yoshida6 => Some(Scheme::Yoshida6),
                SchemeName::ForestRuth => Some(Scheme::ForestRuth),
            },
            names: names.into(),
            zero_at: f64::from(o.time_zero == TimeZero::End),
            pairs: pair_derivative(o.pair_derivative)?,
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
            zero_at: stars.zero_at,
            softening: T::of(values.softening.map_or(0.0, |l| l.0)),
            span: T::of(values.span.map_or(stars.span, |t| t.0)),
            galaxy: Array1::from(list),
        })
    }

    fn state<T: Real>(arrays: &mut Arrays<T>, _: &Site) -> Result<Moving<T>> {
        let position = arrays.take_real("position")?;
        let velocity = arrays.take_real("velocity")?;
        let mass = arrays.take_real("mass")?;
        let state = ParticleState::new(position, velocity, mass)?;
        let time: ArrayD<T> = match arrays.take_real("time") {
            Err(Error::Missing { .. }) => return Ok(Timed::at_start(state)),
            time => time?,
        };
        // Files keep a number as a list of one.
        match time.as_slice() {
            Some(&[time]) => Ok(Timed { state, time }),
            _ => {
                let found = format!("{:?}", time.shape());
                Err(Error::range("shape of time", found, "one number"))
            }
        }
    }

    fn erase<T: Real>(stars: Stars) -> Box<dyn AnyMatter<T>> {
        reversible(stars)
    }

    fn quantities<T: Real>(
        stars: &Stars,
        p: &StarsParams<T>,
        x: &Moving<T>,
    ) -> Result<Vec<(&'static str, f64)>> {
        let time = p.time(x.time.f64() / stars.span);
        let sums = stars.system.conserved(&p.run(), time, &x.state)?;
        let mass = x.state.mass.iter().map(|m| m.f64()).sum();
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

fn pair_derivative(value: Option<Value>) -> Result<Pairs> {
    const KEY: &str = "with.pair_derivative";
    let named = |name: &str| match name {
        "exact" => Ok(Pairs::Exact),
        "frozen" => Ok(Pairs::Frozen),
        _ => {
            let allowed = "\"exact\", \"frozen\" or { horizon = a time }";
            Err(Error::range(KEY, format!("{name:?}"), allowed))
        }
    };
    match value {
        None => Ok(Pairs::Exact),
        Some(Value::String(name)) => named(&name),
        Some(value) => {
            let horizon = value
                .try_into()
                .map_err(|e: toml::de::Error| Error::Syntax {
                    key: KEY.to_owned(),
                    message: e.message().to_owned(),
                });
            let Horizon { horizon } = horizon?;
            if !(horizon.0 >= 0.0 && horizon.0.is_finite()) {
                return Err(Error::range(
                    format!("{KEY}.horizon"),
                    horizon.0,
                    "0 or above",
                ));
            }
            Ok(Pairs::Horizon(horizon.0))
        }
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
