//! The configuration file.

use std::collections::BTreeSet;
use std::fmt;
use std::marker::PhantomData;
use std::path::{Path, PathBuf};

use adastra_cosmology::{Cosmology, Supercomoving};
use adastra_grid::Mesh;
use serde::Deserialize;
use serde::de::{self, IntoDeserializer, Visitor};

use crate::error::explain;
use crate::{Error, Length, Place, Result, Time};

/// A whole configuration file.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Shown on pictures.
    #[serde(default)]
    pub title: String,
    /// Scalar of the run.
    #[serde(default)]
    pub precision: Precision,
    /// Where its steps are taken.
    #[serde(default)]
    pub device: Place,
    /// Seed of everything random.
    #[serde(default)]
    pub seed: u64,
    /// The mesh.
    pub mesh: MeshConfig,
    /// The span and the steps.
    #[serde(default)]
    pub time: TimeConfig,
    /// The expanding background; without it space is static.
    pub cosmology: Option<CosmologyConfig>,
    /// Whether matter gravitates.
    #[serde(default = "yes")]
    pub self_gravity: bool,
    /// The components.
    pub matter: Vec<MatterConfig>,
    /// External potentials.
    #[serde(default)]
    pub potential: Vec<PotentialConfig>,
    /// What happens besides gravity and free motion.
    #[serde(default)]
    pub process: Vec<ProcessConfig>,
    /// The loss.
    pub objective: Option<Use>,
    /// What `grad` differentiates with respect to, and how.
    #[serde(default)]
    pub gradient: GradientConfig,
    /// Options of `fit`, read by the command.
    pub fit: Option<toml::Table>,
    /// Options of output, read by the command.
    #[serde(default)]
    pub output: toml::Table,
    /// The file's text, for the snapshots.
    #[serde(skip)]
    pub text: String,
    /// The folder that relative paths start from.
    #[serde(skip)]
    pub folder: PathBuf,
}

fn yes() -> bool {
    true
}

/// Scalar of a run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// Single precision.
    F32,
    /// Double precision.
    #[default]
    F64,
}

/// `[mesh]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MeshConfig {
    /// Cells along x, y and z; one number for a cube.
    pub cells: Per<usize>,
    /// Edge lengths of the box; one for a cube.
    pub size: Per<Length>,
}

/// One value for all axes, or one each.
#[derive(Debug, Clone, Copy)]
pub enum Per<A> {
    /// For all axes.
    All(A),
    /// One each.
    Each([A; 3]),
}

/// By hand, because serde's untagged enums forget why no variant fits.
impl<'de, A: Deserialize<'de>> Deserialize<'de> for Per<A> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader<A>(PhantomData<A>);
        impl<'de, A: Deserialize<'de>> Visitor<'de> for Reader<A> {
            type Value = Per<A>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("one value, or a list of three")
            }
            fn visit_i64<E: de::Error>(self, x: i64) -> Result<Per<A>, E> {
                A::deserialize(x.into_deserializer()).map(Per::All)
            }
            fn visit_f64<E: de::Error>(self, x: f64) -> Result<Per<A>, E> {
                A::deserialize(x.into_deserializer()).map(Per::All)
            }
            fn visit_str<E: de::Error>(self, x: &str) -> Result<Per<A>, E> {
                A::deserialize(x.into_deserializer()).map(Per::All)
            }
            fn visit_seq<S: de::SeqAccess<'de>>(self, list: S) -> Result<Per<A>, S::Error> {
                <[A; 3]>::deserialize(de::value::SeqAccessDeserializer::new(list)).map(Per::Each)
            }
        }
        deserializer.deserialize_any(Reader(PhantomData))
    }
}

impl<A: Copy> Per<A> {
    /// One each.
    pub fn each(self) -> [A; 3] {
        match self {
            Self::All(a) => [a; 3],
            Self::Each(a) => a,
        }
    }
}

/// `[time]`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TimeConfig {
    /// The span of the run; not with `[cosmology]`, whose redshifts say it.
    pub end: Option<Time>,
    /// Number of equal steps; without it, steps adapt.
    pub steps: Option<usize>,
    /// Fraction of the tightest limit that an adaptive step takes.
    pub safety: Option<f64>,
}

/// `[cosmology]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CosmologyConfig {
    /// Hubble's constant over 100 km/s/Mpc.
    pub h: f64,
    /// Density parameter of matter today.
    pub omega_matter: f64,
    /// Density parameter of the cosmological constant; by default space is flat.
    pub omega_lambda: Option<f64>,
    /// Redshifts of all outputs, from that of the start to that of the end.
    pub redshifts: Vec<f64>,
}

impl CosmologyConfig {
    /// The supercomoving time of the run.
    ///
    /// # Errors
    /// [`Error::Range`] for what the background or the redshifts get wrong.
    pub fn time(&self) -> Result<Supercomoving> {
        let wrong = |e| Error::plugin("cosmology", e);
        let falling = self.redshifts.windows(2).all(|z| z[1] < z[0]);
        let (Some(first), Some(last)) = (self.redshifts.first(), self.redshifts.last()) else {
            return Err(self.redshifts_error());
        };
        if !(falling && self.redshifts.len() > 1 && first.is_finite() && *last > -1.0) {
            return Err(self.redshifts_error());
        }
        let lambda = self.omega_lambda.unwrap_or(1.0 - self.omega_matter);
        let cosmology = Cosmology::new(self.h, self.omega_matter, lambda).map_err(wrong)?;
        Supercomoving::new(cosmology, 1.0 / (1.0 + first), 1.0 / (1.0 + last)).map_err(wrong)
    }

    fn redshifts_error(&self) -> Error {
        Error::range(
            "cosmology.redshifts",
            format!("{:?}", self.redshifts),
            "at least two falling numbers above -1, e.g. [127, 10, 3, 0]",
        )
    }
}

/// A name with options: `{ use = "...", with = { ... } }`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Use {
    /// The registered name.
    #[serde(rename = "use")]
    pub name: String,
    /// Its options.
    #[serde(default)]
    pub with: toml::Table,
}

/// `[[matter]]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MatterConfig {
    /// The component's name in addresses such as `"stars.velocity"`.
    pub name: String,
    /// The registered kind of matter.
    #[serde(rename = "use")]
    pub kind: String,
    /// Its options.
    #[serde(default)]
    pub with: toml::Table,
    /// Its differentiable parameters.
    #[serde(default)]
    pub parameters: toml::Table,
    /// Its initial state.
    pub initial: InitialConfig,
}

/// `initial` of a component.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InitialConfig {
    /// The registered generator.
    #[serde(rename = "use")]
    pub name: String,
    /// Its options.
    #[serde(default)]
    pub with: toml::Table,
    /// Its differentiable parameters, if it has any.
    #[serde(default)]
    pub parameters: toml::Table,
}

/// `[[potential]]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PotentialConfig {
    /// The potential's name in addresses such as `"halo.mass"`.
    pub name: String,
    /// The registered potential.
    #[serde(rename = "use")]
    pub kind: String,
    /// Its differentiable parameters.
    #[serde(default)]
    pub parameters: toml::Table,
}

/// `[[process]]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProcessConfig {
    /// The process's name in addresses such as `"accretion.efficiency"`.
    pub name: String,
    /// The registered process.
    #[serde(rename = "use")]
    pub kind: String,
    /// Its options.
    #[serde(default)]
    pub with: toml::Table,
    /// Its differentiable parameters.
    #[serde(default)]
    pub parameters: toml::Table,
}

/// `[gradient]`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GradientConfig {
    /// Addresses; empty for everything.
    #[serde(default)]
    pub of: Vec<String>,
    /// How the reverse sweep gets its states.
    #[serde(default)]
    pub schedule: ScheduleName,
    /// Bytes of checkpoints, e.g. `"2 GiB"`.
    pub budget: Option<Bytes>,
    /// Folder for checkpoints that are spilled to disk.
    pub disk: Option<PathBuf>,
    /// Whether checkpoints are kept in the memory of the host instead of that of a device.
    #[serde(default)]
    pub host: bool,
}

/// How a reverse sweep gets its states.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ScheduleName {
    /// The cheapest that fits the budget.
    #[default]
    Auto,
    /// Keep every step.
    Store,
    /// Binomial checkpoints.
    Checkpoint,
    /// Undo the steps.
    Reversible,
}

/// A number of bytes: `1000000`, `"500 MiB"`, `"2 GiB"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bytes(pub usize);

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Raw {
            Number(usize),
            Text(String),
        }
        let allowed = "a number of bytes: an integer, or a string such as \"500 MiB\" or \"2 GiB\"";
        let wrong = || serde::de::Error::custom(format!("allowed: {allowed}"));
        match Raw::deserialize(deserializer).map_err(|_| wrong())? {
            Raw::Number(bytes) => Ok(Self(bytes)),
            Raw::Text(text) => {
                let (number, unit) = text.trim().split_once(' ').ok_or_else(wrong)?;
                let number: f64 = number.parse().map_err(|_| wrong())?;
                let shift = match unit.trim() {
                    "KiB" => 10,
                    "MiB" => 20,
                    "GiB" => 30,
                    _ => return Err(wrong()),
                };
                if !(number.is_finite() && number > 0.0) {
                    return Err(wrong());
                }
                Ok(Self((number * f64::from(1u32 << shift)) as usize))
            }
        }
    }
}

impl Config {
    /// Reads a configuration file.
    ///
    /// # Errors
    /// [`Error::Read`] and [`Error::Syntax`], with the line.
    pub fn read(path: &Path) -> Result<Self> {
        let read = |source| Error::Read {
            path: path.to_owned(),
            source,
        };
        let text = std::fs::read_to_string(path).map_err(read)?;
        let folder = path.parent().map(Path::to_owned).unwrap_or_default();
        Self::parse(&text, &folder).map_err(|e| match e {
            Error::Syntax { message, .. } => Error::Syntax {
                key: path.display().to_string(),
                message,
            },
            other => other,
        })
    }

    /// Reads a configuration from text; relative paths start from `folder`.
    ///
    /// # Errors
    /// [`Error::Syntax`], with the line.
    pub fn parse(text: &str, folder: &Path) -> Result<Self> {
        let mut config: Self = toml::from_str(text).map_err(|e| Error::Syntax {
            key: "configuration".into(),
            message: explain(&e.to_string()),
        })?;
        config.text = text.to_owned();
        config.folder = folder.to_owned();
        Ok(config)
    }

    /// The mesh.
    ///
    /// # Errors
    /// What the mesh refuses.
    pub fn mesh(&self) -> Result<Mesh> {
        let size = self.mesh.size.each().map(|l| l.0);
        Mesh::new(self.mesh.cells.each(), size).map_err(|e| Error::plugin("mesh", e))
    }

    /// Checks what no other part of the build does.
    pub(crate) fn check(&self) -> Result<()> {
        self.check_time()?;
        self.check_names()
    }

    fn check_time(&self) -> Result<()> {
        let time = &self.time;
        match (&self.cosmology, time.end) {
            (None, None) => {
                let needed = "the span of the run, e.g. \"1 Gyr\"".into();
                let key = "time.end".into();
                return Err(Error::Missing { key, needed });
            }
            (Some(_), Some(end)) => {
                let allowed = "only without [cosmology], whose redshifts say when a run ends";
                return Err(Error::range("time.end", end.0, allowed));
            }
            (None, Some(end)) if !(end.0 > 0.0) => {
                return Err(Error::range("time.end", end.0, "a positive time"));
            }
            _ => {}
        }
        if time.steps == Some(0) {
            return Err(Error::range(
                "time.steps",
                0,
                "at least 1 (without it, steps adapt)",
            ));
        }
        match (time.steps, time.safety) {
            (Some(_), Some(safety)) => Err(Error::range(
                "time.safety",
                safety,
                "only with adaptive steps, that is, without time.steps",
            )),
            (None, Some(safety)) if !(safety > 0.0 && safety <= 1.0) => {
                Err(Error::range("time.safety", safety, "above 0 and at most 1"))
            }
            _ => Ok(()),
        }
    }

    fn check_names(&self) -> Result<()> {
        if self.matter.is_empty() {
            let needed = "at least one [[matter]] table".into();
            return Err(Error::Missing {
                key: "matter".into(),
                needed,
            });
        }
        let mut seen = BTreeSet::new();
        let names = self.matter.iter().map(|m| &m.name);
        let processes = self.process.iter().map(|p| &p.name);
        let potentials = self.potential.iter().map(|p| &p.name);
        for name in names.chain(potentials).chain(processes) {
            let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
            if name.is_empty() || name == "total" || !name.chars().all(plain) {
                let allowed = "letters, digits, - and _, and not \"total\"";
                return Err(Error::range("name", format!("{name:?}"), allowed));
            }
            if !seen.insert(name) {
                return Err(Error::range(
                    "name",
                    format!("{name:?}"),
                    "a name that is used once",
                ));
            }
        }
        Ok(())
    }
}
