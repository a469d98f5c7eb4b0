//! What a configuration can get wrong.

use std::path::PathBuf;

/// Result of building a simulation.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A configuration cannot be turned into a simulation, or a simulation failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file cannot be read.
    #[error("{path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: std::io::Error,
    },
    /// The file is not the TOML that is expected.
    #[error("{key}: {message}")]
    Syntax {
        /// Where: a file or a table of it.
        key: String,
        /// What is wrong, where, and what is allowed.
        message: String,
    },
    /// A name that the registry does not know.
    #[error("{key} = {name:?}: no such {kind}{}; allowed: {}", nearest(name, known), known.join(", "))]
    UnknownName {
        /// The key.
        key: String,
        /// The name that was given.
        name: String,
        /// Kind of thing.
        kind: &'static str,
        /// All valid names.
        known: Vec<String>,
    },
    /// A value outside its range.
    #[error("{key} = {value}: allowed: {allowed}")]
    Range {
        /// The key.
        key: String,
        /// The value.
        value: String,
        /// What is allowed.
        allowed: String,
    },
    /// A key that is needed is missing.
    #[error("{key} is missing: {needed}")]
    Missing {
        /// The key.
        key: String,
        /// What belongs there.
        needed: String,
    },
    /// Two plugins use one name.
    #[error("the {kind} {name:?} is registered twice: by {first} and by {second}")]
    Duplicate {
        /// Kind of thing.
        kind: &'static str,
        /// The name.
        name: String,
        /// The type that came first.
        first: &'static str,
        /// The type that came second.
        second: &'static str,
    },
    /// An initial field holds NaN or infinity.
    #[error("{field} is not finite at the start; allowed: finite numbers")]
    NonFinite {
        /// The field.
        field: String,
    },
    /// A part of the configuration was refused by the plugin that it is for.
    #[error("{key}: {source}")]
    Plugin {
        /// The table of the configuration.
        key: String,
        /// The plugin's error.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// An operator failed.
    #[error(transparent)]
    Core(#[from] adastra_core::Error),
}

impl Error {
    /// A value outside its range.
    pub fn range(key: impl Into<String>, value: impl ToString, allowed: impl Into<String>) -> Self {
        Self::Range {
            key: key.into(),
            value: value.to_string(),
            allowed: allowed.into(),
        }
    }

    /// Puts the name of the enclosing table before the key.
    pub(crate) fn within(mut self, table: &str) -> Self {
        match &mut self {
            Self::Syntax { key, .. }
            | Self::UnknownName { key, .. }
            | Self::Range { key, .. }
            | Self::Missing { key, .. }
            | Self::Plugin { key, .. } => *key = format!("{table}.{key}"),
            _ => {}
        }
        self
    }

    /// Wraps a plugin's own error type.
    pub fn plugin(
        key: impl Into<String>,
        source: impl std::error::Error + Send + Sync + 'static,
    ) -> Self {
        Self::Plugin {
            key: key.into(),
            source: Box::new(source),
        }
    }
}

/// `, did you mean "..."` where a known name is close.
pub(crate) fn nearest(name: &str, known: &[String]) -> String {
    known
        .iter()
        .map(|k| (strsim::jaro_winkler(name, k), k))
        .filter(|(score, _)| *score > 0.75)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map_or_else(String::new, |(_, k)| format!(", did you mean {k:?}?"))
}

/// Adds the nearest valid name to serde's message on an unknown field.
pub(crate) fn explain(message: &str) -> String {
    let message = message.trim_end();
    if !message.contains("unknown field") && !message.contains("unknown variant") {
        return message.to_owned();
    }
    // serde writes: unknown field `a`, expected one of `b`, `c`
    let tail = message.rfind("unknown ").map_or(message, |i| &message[i..]);
    let mut names = tail.split('`').skip(1).step_by(2).map(str::to_owned);
    let wrong = names.next().unwrap_or_default();
    format!("{message}{}", nearest(&wrong, &names.collect::<Vec<_>>()))
}
