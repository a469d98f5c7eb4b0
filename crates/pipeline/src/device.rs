//! Devices: where a configuration asks for one, and what a plugin brings that offers some.

use std::any::{Any, type_name};
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use adastra_core::Real;
use serde::Deserialize;

use crate::registry::{DEVICE, read};
use crate::{Config, Engine, Error, Info, MatterPlugin, Registry, Result, Site};

/// `device`: `"cpu"`, or a kind of devices and a number from zero, such as `"cuda:1"`.
///
/// ```
/// use adastra_pipeline::Place;
///
/// let place: Place = "cuda:1".parse().unwrap();
/// assert_eq!((place.kind.as_str(), place.number), ("cuda", 1));
/// assert_eq!("cuda".parse(), Ok(Place { kind: "cuda".to_owned(), number: 0 }));
/// assert!("cuda:one".parse::<Place>().is_err());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Place {
    /// The kind.
    pub kind: String,
    /// Which one of that kind.
    pub number: usize,
}

impl Place {
    pub(crate) const CPU: &'static str = "cpu";

    /// Whether this is the CPU.
    pub fn is_cpu(&self) -> bool {
        self.kind == Self::CPU
    }
}

impl Default for Place {
    fn default() -> Self {
        let kind = Self::CPU.to_owned();
        Self { kind, number: 0 }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.is_cpu() {
            true => f.write_str(Self::CPU),
            false => write!(f, "{}:{}", self.kind, self.number),
        }
    }
}

/// The text is no place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("device = {0:?}: allowed: \"cpu\", or a device and its number from 0, such as \"cuda:1\"")]
pub struct NoPlace(String);

impl FromStr for Place {
    type Err = NoPlace;

    fn from_str(text: &str) -> std::result::Result<Self, NoPlace> {
        let wrong = || NoPlace(text.to_owned());
        let (kind, number) = match text.split_once(':') {
            None => (text, 0),
            Some((Self::CPU, _)) => return Err(wrong()),
            Some((kind, number)) => (kind, number.parse().map_err(|_| wrong())?),
        };
        let kind = kind.to_owned();
        Ok(Self { kind, number })
    }
}

impl TryFrom<String> for Place {
    type Error = NoPlace;

    fn try_from(text: String) -> std::result::Result<Self, NoPlace> {
        text.parse()
    }
}

/// A kind of devices.
///
/// It runs matter that has a twin on it ([`Registry::twin`](crate::Registry::twin)); a configuration
/// with other matter is refused.
pub trait DevicePlugin: 'static {
    /// Name in a configuration, e.g. `"cuda"`.
    const NAME: &'static str;
    /// One line on what it is.
    const ABOUT: &'static str;
    /// What the engine takes for a component: the twin of its matter.
    type Twin<T: Real>: 'static;

    /// Opens the device `number`, from zero, for components that gravitate at `site` with Newton's
    /// constant `constant`, in kpc (km/s)^2 / Msun.
    ///
    /// # Errors
    /// What is missing, and what the device says.
    fn engine<T: Real>(
        number: usize,
        site: &Site,
        constant: f64,
        components: Vec<Self::Twin<T>>,
    ) -> Result<Arc<dyn Engine<T>>>;
}

type EngineBuilder<T> = fn(&Registry, &Config, &Site, f64) -> Result<Arc<dyn Engine<T>>>;
type TwinBuilder<D, T> =
    Box<dyn Fn(toml::Table, &Site) -> Result<<D as DevicePlugin>::Twin<T>> + Send + Sync>;

/// The twin of some matter on a kind of devices.
pub(crate) struct TwinEntry {
    /// The type that registered it.
    by: &'static str,
    /// [`TwinBuilder`]s for `f32` and `f64`.
    builders: [Box<dyn Any + Send + Sync>; 2],
}

impl Registry {
    /// Registers a kind of devices.
    ///
    /// # Errors
    /// [`Error::Duplicate`].
    pub fn device<D: DevicePlugin>(&mut self) -> Result<()> {
        let (kind, name, about) = (DEVICE, D::NAME, D::ABOUT);
        let info = Info {
            kind,
            name,
            about,
            options: &[],
            parameters: &[],
            state: &[],
        };
        let (single, double): (EngineBuilder<f32>, EngineBuilder<f64>) =
            (build_engine::<D, f32>, build_engine::<D, f64>);
        self.insert(info, type_name::<D>(), [Box::new(single), Box::new(double)])
    }

    /// Registers the twin of a plugin's matter on a kind of devices: functions that make it of the
    /// matter of the CPU, in both precisions.
    ///
    /// # Errors
    /// [`Error::Duplicate`].
    pub fn twin<D: DevicePlugin, P: MatterPlugin>(
        &mut self,
        single: fn(P::Matter<f32>) -> D::Twin<f32>,
        double: fn(P::Matter<f64>) -> D::Twin<f64>,
    ) -> Result<()> {
        let by = type_name::<P>();
        let single: TwinBuilder<D, f32> =
            Box::new(move |with, site| Ok(single(P::matter(read(with, "with")?, site)?)));
        let double: TwinBuilder<D, f64> =
            Box::new(move |with, site| Ok(double(P::matter(read(with, "with")?, site)?)));
        let builders: [Box<dyn Any + Send + Sync>; 2] = [Box::new(single), Box::new(double)];
        let names = (P::NAME, D::NAME);
        if let Some(first) = self.twins.get(&names) {
            return Err(Error::Duplicate {
                kind: "twin on a device of",
                name: P::NAME.to_owned(),
                first: first.by,
                second: by,
            });
        }
        self.twins.insert(names, TwinEntry { by, builders });
        Ok(())
    }

    /// The devices on which the matter of a name has a twin.
    pub fn devices_of(&self, matter: &str) -> impl Iterator<Item = &'static str> {
        let keys = self.twins.keys();
        keys.filter(move |(name, _)| *name == matter)
            .map(|(_, device)| *device)
    }

    /// What takes the steps of a configuration at a place that is not the CPU.
    pub(crate) fn engine<T: Real>(
        &self,
        config: &Config,
        site: &Site,
        constant: f64,
    ) -> Result<Arc<dyn Engine<T>>> {
        let found = self.find::<EngineBuilder<T>>(DEVICE, "device", &config.device.kind);
        let (build, _) = found.map_err(|e| match e {
            Error::UnknownName {
                key,
                name,
                kind,
                mut known,
            } => {
                known.insert(0, Place::CPU.to_owned());
                Error::UnknownName {
                    key,
                    name,
                    kind,
                    known,
                }
            }
            other => other,
        })?;
        build(self, config, site, constant)
    }

    /// The twin of a component's matter.
    fn find_twin<D: DevicePlugin, T: Real>(
        &self,
        key: &str,
        name: &str,
    ) -> Result<&TwinBuilder<D, T>> {
        let key_of = |(matter, device): &(&str, &str)| *matter == name && *device == D::NAME;
        let entry = self.twins.iter().find(|(names, _)| key_of(names));
        let builder = entry.and_then(|(_, entry)| {
            let mut builders = entry.builders.iter();
            builders.find_map(|b| b.downcast_ref())
        });
        builder.ok_or_else(|| {
            let names = self.twins.keys().filter(|(_, device)| *device == D::NAME);
            let names: Vec<_> = names.map(|(name, _)| *name).collect();
            let allowed = format!(
                "with device = \"{}\": {}; or run on the CPU: device = \"cpu\"",
                D::NAME,
                names.join(", ")
            );
            Error::range(key, format!("{name:?}"), allowed)
        })
    }
}

fn build_engine<D: DevicePlugin, T: Real>(
    registry: &Registry,
    config: &Config,
    site: &Site,
    constant: f64,
) -> Result<Arc<dyn Engine<T>>> {
    if let Some(process) = config.process.first() {
        let device = D::NAME;
        let allowed =
            format!("none with device = \"{device}\"; or run on the CPU: device = \"cpu\"");
        return Err(Error::range(
            "process",
            format!("{:?}", process.name),
            allowed,
        ));
    }
    let mut components = Vec::new();
    for matter in &config.matter {
        let key = format!("matter.{}", matter.name);
        let build = registry.find_twin::<D, T>(&format!("{key}.use"), &matter.kind)?;
        components.push(build(matter.with.clone(), site).map_err(|e| e.within(&key))?);
    }
    D::engine(config.device.number, site, constant, components)
}
