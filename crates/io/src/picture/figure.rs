//! Panels side by side.

use std::path::Path;

use super::canvas::{Area, Canvas};
use super::font::typeset;
use super::{Map, Plot, image};
use crate::{Error, Result};

/// Smallest side of a map, in pixels; everything else is sized in relation to it.
const SIDE: usize = 576;
/// Largest side of a map, in pixels: finer arrays are averaged.
const LARGEST_SIDE: usize = 2048;
/// Largest number of pixels of a figure.
const MAX_PIXELS: f32 = 2e8;
/// Space between panels, in units of the figure.
const GAP: f32 = 18.0;

/// A part of a figure.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Panel {
    /// A picture of a two-dimensional array.
    Map(Map),
    /// Curves.
    Plot(Plot),
}

impl From<Map> for Panel {
    fn from(map: Map) -> Self {
        Self::Map(map)
    }
}

impl From<Plot> for Panel {
    fn from(plot: Plot) -> Self {
        Self::Plot(plot)
    }
}

/// A picture of one or more panels, row by row.
#[derive(Debug, Clone)]
#[must_use]
pub struct Figure {
    panels: Vec<Panel>,
    columns: usize,
    title: String,
}

impl Default for Figure {
    fn default() -> Self {
        Self::new()
    }
}

/// Sizes that a panel asks for, in pixels.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Request {
    /// Of the data's area.
    pub(crate) width: f32,
    /// Of the data's area.
    pub(crate) height: f32,
    /// Room around it.
    pub(crate) left: f32,
    /// Room around it.
    pub(crate) right: f32,
    /// Room around it.
    pub(crate) top: f32,
    /// Room around it.
    pub(crate) bottom: f32,
}

/// A panel whose numbers are checked and whose size is known.
pub(crate) trait Draw {
    fn request(&self) -> Request;
    fn draw(&self, canvas: &mut Canvas, area: Area);
}

/// The measures of a figure.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Measures {
    /// Longer side of a map, in pixels.
    pub(crate) side: f32,
    /// Pixels per unit of length; a small text is 17 units high.
    pub(crate) unit: f32,
}

impl Figure {
    /// A figure without panels.
    pub fn new() -> Self {
        Self {
            panels: Vec::new(),
            columns: 3,
            title: String::new(),
        }
    }

    /// Adds a panel.
    pub fn panel(mut self, panel: impl Into<Panel>) -> Self {
        self.panels.push(panel.into());
        self
    }

    /// Sets the largest number of panels in a row (3 unless set; at least 1 is used).
    pub fn columns(mut self, columns: usize) -> Self {
        self.columns = columns.max(1);
        self
    }

    /// Sets a title above all panels.
    pub fn title(mut self, title: impl AsRef<str>) -> Self {
        self.title = typeset(title.as_ref());
        self
    }

    /// Draws the figure and writes it as PNG, whole or not at all.
    ///
    /// Width and height are even, as video encoders want; frames of a movie have equal sizes
    /// when their maps have equal shapes, texts and ranges.
    ///
    /// # Errors
    /// [`Error::Draw`] without panels, for arrays without finite numbers, curves of unequal
    /// lengths and impossible ranges; [`Error::Io`] when the file cannot be written.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        let (width, height, rgb) = self.draw()?.into_rgb();
        image::write_png(path.as_ref(), width, height, &rgb)
    }

    fn draw(&self) -> Result<Canvas> {
        let wrong = |reason| Error::Draw {
            what: "figure".to_owned(),
            reason,
        };
        if self.panels.is_empty() {
            return Err(wrong("it has no panels"));
        }
        let measures = self.measures();
        let unit = measures.unit;
        let panels = self
            .panels
            .iter()
            .map(|panel| -> Result<Box<dyn Draw + '_>> {
                Ok(match panel {
                    Panel::Map(map) => Box::new(map.prepare(measures)?),
                    Panel::Plot(plot) => Box::new(plot.prepare(measures)?),
                })
            })
            .collect::<Result<Vec<_>>>()?;
        let gap = GAP * unit;
        let requests: Vec<Request> = panels.iter().map(|panel| panel.request()).collect();
        let columns = self.columns.min(panels.len());
        let rows: Vec<Band> = requests.chunks(columns).map(Band::row).collect();
        let columns: Vec<Band> = (0..columns)
            .map(|c| Band::column(requests.iter().skip(c).step_by(columns)))
            .collect();
        let head = if self.title.is_empty() {
            0.0
        } else {
            46.0 * unit
        };
        let (width, height) = (Band::total(&columns, gap), head + Band::total(&rows, gap));
        if width * height > MAX_PIXELS {
            return Err(wrong("it has too many pixels"));
        }
        let even = |length: f32| (0.5 * length).ceil() as u32 * 2;
        let mut canvas =
            Canvas::new(even(width), even(height)).ok_or_else(|| wrong("it has no area"))?;
        let all = Area {
            x: 0.0,
            y: 0.0,
            width,
            height,
        };
        canvas.heading(all, -0.55 * head, 26.0 * unit, &self.title);
        let mut panels = panels.iter().zip(&requests);
        let mut top = head;
        for row in &rows {
            let mut left = 0.0;
            for (column, (panel, request)) in columns.iter().zip(&mut panels) {
                let area = Area {
                    x: column.place(left, request.width),
                    y: row.place(top, request.height),
                    width: request.width,
                    height: request.height,
                };
                panel.draw(&mut canvas, area);
                left += column.length() + gap;
            }
            top += row.length() + gap;
        }
        Ok(canvas)
    }

    /// A side that holds a whole number of pixels for each cell of the finest map.
    fn measures(&self) -> Measures {
        let cells = self.panels.iter().filter_map(|panel| match panel {
            Panel::Map(map) => Some(map.cells()),
            Panel::Plot(_) => None,
        });
        let side = match cells.max() {
            None | Some(0) => SIDE,
            Some(cells) if cells < SIDE => cells * SIDE.div_ceil(cells),
            Some(cells) => cells / cells.div_ceil(LARGEST_SIDE),
        };
        let side = side as f32;
        Measures {
            side,
            unit: side / 640.0,
        }
    }
}

/// A row or a column of panels: the data's areas are aligned in it.
struct Band {
    before: f32,
    inner: f32,
    after: f32,
}

impl Band {
    fn row(requests: &[Request]) -> Self {
        Self::of(requests.iter().map(|r| [r.top, r.height, r.bottom]))
    }

    fn column<'a>(requests: impl Iterator<Item = &'a Request>) -> Self {
        Self::of(requests.map(|r| [r.left, r.width, r.right]))
    }

    fn of(parts: impl Iterator<Item = [f32; 3]>) -> Self {
        let most = |a: [f32; 3], b: [f32; 3]| std::array::from_fn(|i| f32::max(a[i], b[i]));
        let [before, inner, after] = parts.fold([0.0; 3], most);
        Self {
            before,
            inner,
            after,
        }
    }

    fn length(&self) -> f32 {
        self.before + self.inner + self.after
    }

    fn total(bands: &[Self], gap: f32) -> f32 {
        bands.iter().map(Self::length).sum::<f32>() + gap * (bands.len() - 1) as f32
    }

    /// Where an area of this length starts, in whole pixels, in a band that starts at `start`.
    fn place(&self, start: f32, length: f32) -> f32 {
        (start + self.before + 0.5 * (self.inner - length)).round()
    }
}
