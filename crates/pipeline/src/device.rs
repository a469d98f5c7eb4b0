//! Devices: where a configuration asks for one, and what a plugin brings that offers some.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use adastra_core::Real;
use serde::Deserialize;

use crate::{Engine, Result, Site};

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
