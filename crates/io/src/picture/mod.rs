//! Pictures: maps of a quantity, line plots, and figures of several of them side by side, as PNG.
//!
//! Everything is drawn in software with an embedded font, so that a picture is the same on
//! every machine and needs no system library.
//!
//! ```
//! use adastra_io::picture::{Curve, Figure, Map, Plot, Scale};
//! use ndarray::Array2;
//!
//! let density = Array2::from_shape_fn((64, 64), |(i, j)| 1e5 + (i * j) as f64);
//! let map = Map::new(density)
//!     .title("dark matter")
//!     .label("surface density [Msun/kpc^2]")
//!     .scale(Scale::Logarithmic)
//!     .extent(20.0, 20.0, "kpc")
//!     .note("t = 0.30 Gyr");
//! let loss = Plot::new()
//!     .labels("iteration", "loss")
//!     .scales(Scale::Linear, Scale::Logarithmic)
//!     .curve(Curve::new((0..50).map(|i| (f64::from(i), 0.9_f64.powi(i)))));
//! let folder = tempfile::tempdir()?;
//! Figure::new().panel(map).panel(loss).save(folder.path().join("figure.png"))?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod canvas;
mod color;
mod figure;
mod font;
mod image;
mod map;
mod plot;
mod ticks;

pub use color::ColorMap;
pub use figure::{Figure, Panel};
pub use image::read_png;
pub use map::Map;
pub use plot::{Curve, Plot};

/// How numbers are laid out along an axis or over colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Scale {
    /// Equal differences are equally far apart.
    #[default]
    Linear,
    /// Equal ratios are equally far apart.
    Logarithmic,
}

impl Scale {
    /// Where `value` lies between `low` (0) and `high` (1); not finite for what a logarithmic
    /// scale cannot show.
    pub(crate) fn position(self, value: f64, low: f64, high: f64) -> f64 {
        match self {
            Self::Linear => (value - low) / (high - low),
            Self::Logarithmic => (value / low).ln() / (high / low).ln(),
        }
    }
}
