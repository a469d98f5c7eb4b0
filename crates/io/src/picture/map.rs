//! Pictures of two-dimensional arrays.

use ndarray::{Array2, s};

use super::canvas::{Align, Area, Canvas, Pen, Text};
use super::color::{BLACK, INK, Palette, WHITE};
use super::figure::{Draw, Measures, Request};
use super::font::{self, typeset};
use super::ticks::{Ticks, plain, round_below, ticks};
use super::{ColorMap, Scale};
use crate::{Error, Result};

/// A logarithmic map shows at most this ratio of largest to smallest number unless it has a
/// range.
const LOGARITHMIC_RANGE: f64 = 1e6;

/// A picture of a two-dimensional array with a colour bar.
///
/// The axes of the array are (x, y): the first index grows to the right, the second upwards.
#[derive(Debug, Clone)]
#[must_use]
pub struct Map {
    values: Array2<f64>,
    title: String,
    label: String,
    note: String,
    color_map: ColorMap,
    scale: Scale,
    range: Option<(f64, f64)>,
    extent: Option<(f64, f64, String)>,
    smooth: bool,
    points: Vec<[f64; 2]>,
}

impl Map {
    /// A map of square cells, in the default colours on a linear scale.
    pub fn new(values: Array2<f64>) -> Self {
        Self {
            values,
            title: String::new(),
            label: String::new(),
            note: String::new(),
            color_map: ColorMap::default(),
            scale: Scale::default(),
            range: None,
            extent: None,
            smooth: false,
            points: Vec::new(),
        }
    }

    /// Sets the title above.
    pub fn title(mut self, title: impl AsRef<str>) -> Self {
        self.title = typeset(title.as_ref());
        self
    }

    /// Sets the text beside the colour bar: the quantity and its units.
    pub fn label(mut self, label: impl AsRef<str>) -> Self {
        self.label = typeset(label.as_ref());
        self
    }

    /// Sets the text in the upper left corner: the time, for example.
    pub fn note(mut self, note: impl AsRef<str>) -> Self {
        self.note = typeset(note.as_ref());
        self
    }

    /// Sets the colours.
    pub fn color_map(mut self, color_map: ColorMap) -> Self {
        self.color_map = color_map;
        self
    }

    /// Sets the scale of the colours.
    pub fn scale(mut self, scale: Scale) -> Self {
        self.scale = scale;
        self
    }

    /// Sets the numbers at the ends of the colour bar; those of the array unless set. The frames
    /// of a movie need one range.
    pub fn range(mut self, low: f64, high: f64) -> Self {
        self.range = Some((low, high));
        self
    }

    /// Sets the lengths of the sides, which gives the map its proportions and a scale bar.
    pub fn extent(mut self, width: f64, height: f64, units: &str) -> Self {
        self.extent = Some((width, height, typeset(units)));
        self
    }

    /// Interpolates between the centres of the cells instead of showing the cells.
    pub fn smooth(mut self, smooth: bool) -> Self {
        self.smooth = smooth;
        self
    }

    /// Marks points, such as stars: (x, y) from the lower left corner, in units of the extent,
    /// or in cells without one.
    pub fn points(mut self, points: impl IntoIterator<Item = [f64; 2]>) -> Self {
        self.points = points.into_iter().collect();
        self
    }

    /// Cells along the longer side.
    pub(crate) fn cells(&self) -> usize {
        self.values.nrows().max(self.values.ncols())
    }

    pub(crate) fn prepare(&self, measures: Measures) -> Result<Prepared<'_>> {
        let name = if self.title.is_empty() {
            "map"
        } else {
            &self.title
        };
        let wrong = |reason| Error::Draw {
            what: name.to_owned(),
            reason,
        };
        if self.values.is_empty() {
            return Err(wrong("the array is empty"));
        }
        let (low, high) = self.limits().map_err(wrong)?;
        let cells = (self.values.nrows() as f64, self.values.ncols() as f64);
        let (width, height) = self.extent.as_ref().map_or(cells, |(w, h, _)| (*w, *h));
        if !(width.is_finite() && height.is_finite() && width > 0.0 && height > 0.0) {
            return Err(wrong("the extent must be finite and above 0"));
        }
        if width.max(height) > 20.0 * width.min(height) {
            return Err(wrong("one side is more than 20 times the other"));
        }
        let longer = width.max(height);
        let pixels = |length: f64| (f64::from(measures.side) * length / longer).round() as f32;
        let area = (pixels(width), pixels(height));
        let values = averaged(&self.values, area);
        let positions = values.mapv(|value| {
            let position = self.scale.position(value, low, high);
            // What a logarithmic scale cannot show is below its range.
            if value.is_nan() {
                f64::NAN
            } else if position.is_nan() {
                0.0
            } else {
                position.clamp(0.0, 1.0)
            }
        });
        let count = (area.1 / (70.0 * measures.unit)) as usize;
        let ticks = ticks(self.scale, low, high, count);
        Ok(Prepared {
            map: self,
            measures,
            positions,
            palette: self.color_map.palette(),
            low,
            high,
            extent: (width, height),
            area,
            ticks,
        })
    }

    fn limits(&self) -> Result<(f64, f64), &'static str> {
        let logarithmic = self.scale == Scale::Logarithmic;
        if let Some((low, high)) = self.range {
            let finite = low.is_finite() && high.is_finite();
            return match () {
                () if !finite || low >= high => Err("the range must be finite and ascending"),
                () if logarithmic && low <= 0.0 => Err("a logarithmic range must be above 0"),
                () => Ok((low, high)),
            };
        }
        let shown = self.values.iter().copied();
        let shown = shown.filter(|x| x.is_finite() && (!logarithmic || *x > 0.0));
        let (low, high) = shown.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), x| {
            (low.min(x), high.max(x))
        });
        if low > high {
            return Err(if logarithmic {
                "no number is finite and above 0"
            } else {
                "no number is finite"
            });
        }
        Ok(widened(self.scale, low, high))
    }
}

/// Gives a range of equal or far apart numbers a sensible size.
fn widened(scale: Scale, low: f64, high: f64) -> (f64, f64) {
    match scale {
        Scale::Logarithmic if high <= low * (1.0 + 1e-9) => (low / 2.0, high * 2.0),
        Scale::Logarithmic => (low.max(high / LOGARITHMIC_RANGE), high),
        Scale::Linear => {
            // Rounding differences are no structure.
            let least = 1e-12 * low.abs().max(high.abs());
            if high - low > least {
                (low, high)
            } else if high == 0.0 && low == 0.0 {
                (-1.0, 1.0)
            } else {
                let half = 0.05 * low.abs().max(high.abs());
                (low - half, high + half)
            }
        }
    }
}

/// Means over blocks where there are more cells than pixels.
fn averaged(values: &Array2<f64>, (width, height): (f32, f32)) -> Array2<f64> {
    let block = |cells: usize, pixels: f32| cells.div_ceil((pixels as usize).max(1));
    let (bx, by) = (block(values.nrows(), width), block(values.ncols(), height));
    if bx <= 1 && by <= 1 {
        return values.clone();
    }
    let shape = (values.nrows().div_ceil(bx), values.ncols().div_ceil(by));
    Array2::from_shape_fn(shape, |(i, j)| {
        let (x, y) = (i * bx, j * by);
        let end = ((x + bx).min(values.nrows()), (y + by).min(values.ncols()));
        values
            .slice(s![x..end.0, y..end.1])
            .mean()
            .unwrap_or(f64::NAN)
    })
}

/// A map with its range, ready to be drawn.
pub(crate) struct Prepared<'a> {
    map: &'a Map,
    measures: Measures,
    /// Of each cell on the colour bar, 0 to 1; NaN where there is no number.
    positions: Array2<f64>,
    palette: Palette,
    low: f64,
    high: f64,
    extent: (f64, f64),
    area: (f32, f32),
    ticks: Ticks,
}

const TICK_TEXT: f32 = 17.0;
const LABEL_TEXT: f32 = 19.0;
const BAR_GAP: f32 = 14.0;
const BAR_WIDTH: f32 = 24.0;
const TICK_LENGTH: f32 = 6.0;
const TICK_GAP: f32 = 5.0;

impl Prepared<'_> {
    fn tick_width(&self) -> f32 {
        let size = TICK_TEXT * self.measures.unit;
        let widths = self
            .ticks
            .major
            .iter()
            .map(|(_, label)| font::width(label, size));
        widths.fold(0.0, f32::max).ceil()
    }

    /// Position on the colour bar at a pixel of the map.
    fn position(&self, px: u32, py: u32) -> f64 {
        let (nx, ny) = self.positions.dim();
        let x = (f64::from(px) + 0.5) / f64::from(self.area.0) * nx as f64;
        let y = (1.0 - (f64::from(py) + 0.5) / f64::from(self.area.1)) * ny as f64;
        let cell = |i: f64, n: usize| (i.max(0.0) as usize).min(n - 1);
        if !self.map.smooth {
            return self.positions[[cell(x, nx), cell(y, ny)]];
        }
        // Bilinear between the centres of the cells, constant beyond the outermost.
        let (x, y) = (x - 0.5, y - 0.5);
        let (x0, y0) = (cell(x, nx), cell(y, ny));
        let (x1, y1) = ((x0 + 1).min(nx - 1), (y0 + 1).min(ny - 1));
        let (fx, fy) = (
            (x - x0 as f64).clamp(0.0, 1.0),
            (y - y0 as f64).clamp(0.0, 1.0),
        );
        let row = |y| self.positions[[x0, y]] * (1.0 - fx) + self.positions[[x1, y]] * fx;
        row(y0) * (1.0 - fy) + row(y1) * fy
    }

    fn color_bar(&self, canvas: &mut Canvas, area: Area) {
        let unit = self.measures.unit;
        let bar = Area {
            x: (area.right() + BAR_GAP * unit).round(),
            width: (BAR_WIDTH * unit).round(),
            ..area
        };
        let rows = f64::from(bar.height);
        canvas.pixels(bar, |_, y| {
            self.palette.color(1.0 - (f64::from(y) + 0.5) / rows)
        });
        canvas.frame(bar, Pen::new(INK, unit));
        let place = |value: f64| {
            bar.bottom() - self.map.scale.position(value, self.low, self.high) as f32 * bar.height
        };
        let right = bar.right();
        for &value in &self.ticks.minor {
            let end = right + 0.6 * TICK_LENGTH * unit;
            canvas.line(
                &[(right, place(value)), (end, place(value))],
                Pen::new(INK, unit),
            );
        }
        let size = TICK_TEXT * unit;
        for (value, label) in &self.ticks.major {
            let (y, end) = (place(*value), right + TICK_LENGTH * unit);
            canvas.line(&[(right, y), (end, y)], Pen::new(INK, 1.3 * unit));
            let text = Text::new(label, size, INK, Align::Left);
            canvas.text(end + TICK_GAP * unit, y, text);
        }
        let note = Text::new(&self.ticks.note, size, INK, Align::Left);
        canvas.text(bar.x, bar.y - 1.05 * size, note);
        let label = Text {
            upright: true,
            ..Text::new(&self.map.label, LABEL_TEXT * unit, INK, Align::Center)
        };
        let beside = (TICK_LENGTH + 2.6 * TICK_GAP + 0.4 * LABEL_TEXT) * unit;
        canvas.text(
            right + beside + self.tick_width(),
            bar.y + 0.5 * bar.height,
            label,
        );
    }

    fn scale_bar(&self, canvas: &mut Canvas, area: Area) {
        let Some((width, _, units)) = &self.map.extent else {
            return;
        };
        let unit = self.measures.unit;
        let (color, rim) = self.map.color_map.captions();
        let length = round_below(0.3 * width);
        let pixels = area.width * (length / width) as f32;
        let bar = Area {
            x: area.x + 18.0 * unit,
            y: area.bottom() - 24.0 * unit,
            width: pixels,
            height: 5.0 * unit,
        };
        let edge = 1.5 * unit;
        let around = Area {
            x: bar.x - edge,
            y: bar.y - edge,
            width: bar.width + 2.0 * edge,
            height: bar.height + 2.0 * edge,
        };
        canvas.rectangle(around, rim, 0.6);
        canvas.rectangle(bar, color, 1.0);
        let text = format!("{} {units}", plain(length));
        // Over the bar's middle, but not beyond the map's edge.
        let half = 0.5 * font::width(&text, TICK_TEXT * unit);
        let middle = (bar.x + 0.5 * bar.width).max(area.x + 8.0 * unit + half);
        let caption = Text::new(&text, TICK_TEXT * unit, color, Align::Center);
        canvas.text(
            middle,
            bar.y - 15.0 * unit,
            Text {
                rim: Some(rim),
                ..caption
            },
        );
    }
}

impl Draw for Prepared<'_> {
    fn request(&self) -> Request {
        let unit = self.measures.unit;
        let label = if self.map.label.is_empty() {
            0.0
        } else {
            LABEL_TEXT + 2.0 * TICK_GAP
        };
        let beside = BAR_GAP + BAR_WIDTH + TICK_LENGTH + 2.0 * TICK_GAP + label;
        let note = if self.ticks.note.is_empty() {
            0.0
        } else {
            14.0
        };
        let title = if self.map.title.is_empty() {
            16.0 + note
        } else {
            48.0
        };
        // Beside a flat map the label of the colour bar stands out on both ends.
        let length = font::width(&self.map.label, LABEL_TEXT * unit);
        let out = 0.5 * (length - self.area.1) + 6.0 * unit;
        Request {
            width: self.area.0,
            height: self.area.1,
            left: 16.0 * unit,
            right: beside * unit + self.tick_width(),
            top: out.max(title * unit),
            bottom: out.max(16.0 * unit),
        }
    }

    fn draw(&self, canvas: &mut Canvas, area: Area) {
        let unit = self.measures.unit;
        canvas.pixels(area, |x, y| self.palette.color(self.position(x, y)));
        canvas.clip(Some(area));
        for [x, y] in &self.map.points {
            let x = area.x + (x / self.extent.0) as f32 * area.width;
            let y = area.bottom() - (y / self.extent.1) as f32 * area.height;
            canvas.disc(x, y, 4.5 * unit, BLACK);
            canvas.disc(x, y, 3.2 * unit, WHITE);
        }
        canvas.clip(None);
        canvas.frame(area, Pen::new(INK, unit));
        canvas.heading(area, 22.0 * unit, 22.0 * unit, &self.map.title);
        let (color, rim) = self.map.color_map.captions();
        let note = Text::new(&self.map.note, LABEL_TEXT * unit, color, Align::Left);
        let (x, y) = (area.x + 14.0 * unit, area.y + 22.0 * unit);
        canvas.text(
            x,
            y,
            Text {
                rim: Some(rim),
                ..note
            },
        );
        self.scale_bar(canvas, area);
        self.color_bar(canvas, area);
    }
}
