//! Line plots.

use super::Scale;
use super::canvas::{Align, Area, Canvas, Pen, Text};
use super::color::{CURVES, GRID, INK, Rgb, WHITE};
use super::figure::{Draw, Measures, Request};
use super::font::{self, typeset};
use super::ticks::{Ticks, ticks};
use crate::{Error, Result};

/// A sequence of points, connected unless told otherwise.
#[derive(Debug, Clone, Default)]
#[must_use]
pub struct Curve {
    points: Vec<(f64, f64)>,
    label: String,
    dashed: bool,
    markers: bool,
    line: bool,
}

impl Curve {
    /// A curve through points (x, y). Where a coordinate is not finite, or cannot be shown on a
    /// logarithmic axis, the curve has a gap.
    pub fn new(points: impl IntoIterator<Item = (f64, f64)>) -> Self {
        Self {
            points: points.into_iter().collect(),
            line: true,
            ..Self::default()
        }
    }

    /// Sets the name in the legend.
    pub fn label(mut self, label: impl AsRef<str>) -> Self {
        self.label = typeset(label.as_ref());
        self
    }

    /// Draws the line dashed.
    pub fn dashed(mut self) -> Self {
        self.dashed = true;
        self
    }

    /// Marks each point with a disc.
    pub fn markers(mut self) -> Self {
        self.markers = true;
        self
    }

    /// Marks each point with a disc and draws no line.
    pub fn scatter(mut self) -> Self {
        self.markers = true;
        self.line = false;
        self
    }
}

/// Curves in a frame with axes.
#[derive(Debug, Clone, Default)]
#[must_use]
pub struct Plot {
    title: String,
    x: Axis,
    y: Axis,
    curves: Vec<Curve>,
}

#[derive(Debug, Clone, Default)]
struct Axis {
    label: String,
    scale: Scale,
    range: Option<(f64, f64)>,
}

impl Plot {
    /// A plot with linear axes and without curves.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the title above.
    pub fn title(mut self, title: impl AsRef<str>) -> Self {
        self.title = typeset(title.as_ref());
        self
    }

    /// Sets the texts at the axes: the quantities and their units.
    pub fn labels(mut self, x: impl AsRef<str>, y: impl AsRef<str>) -> Self {
        self.x.label = typeset(x.as_ref());
        self.y.label = typeset(y.as_ref());
        self
    }

    /// Sets the scales of the axes.
    pub fn scales(mut self, x: Scale, y: Scale) -> Self {
        self.x.scale = x;
        self.y.scale = y;
        self
    }

    /// Sets the ends of the x axis; those of the curves unless set.
    pub fn x_range(mut self, low: f64, high: f64) -> Self {
        self.x.range = Some((low, high));
        self
    }

    /// Sets the ends of the y axis; those of the curves, with some room, unless set.
    pub fn y_range(mut self, low: f64, high: f64) -> Self {
        self.y.range = Some((low, high));
        self
    }

    /// Adds a curve.
    pub fn curve(mut self, curve: Curve) -> Self {
        self.curves.push(curve);
        self
    }

    pub(crate) fn prepare(&self, measures: Measures) -> Result<Prepared<'_>> {
        let name = if self.title.is_empty() {
            "plot"
        } else {
            &self.title
        };
        let wrong = |reason| Error::Draw {
            what: name.to_owned(),
            reason,
        };
        let shown = |x: f64, y: f64| self.x.shows(x) && self.y.shows(y);
        let points = self.curves.iter().flat_map(|curve| &curve.points);
        let points: Vec<(f64, f64)> = points.copied().filter(|&(x, y)| shown(x, y)).collect();
        let x_range = self
            .x
            .limits(points.iter().map(|p| p.0), 0.02)
            .map_err(wrong)?;
        let y_range = self
            .y
            .limits(points.iter().map(|p| p.1), 0.06)
            .map_err(wrong)?;
        let unit = measures.unit;
        let (width, height) = ((760.0 * unit).round(), measures.side);
        let count = |pixels: f32, spacing: f32| (pixels / (spacing * unit)) as usize;
        let x_ticks = ticks(self.x.scale, x_range.0, x_range.1, count(width, 120.0));
        let y_ticks = ticks(self.y.scale, y_range.0, y_range.1, count(height, 75.0));
        Ok(Prepared {
            plot: self,
            unit,
            x_range,
            y_range,
            x_ticks,
            y_ticks,
            width,
            height,
        })
    }
}

impl Axis {
    fn shows(&self, value: f64) -> bool {
        value.is_finite() && (self.scale == Scale::Linear || value > 0.0)
    }

    /// The ends of the axis, with a fraction of room around the values.
    fn limits(
        &self,
        values: impl Iterator<Item = f64>,
        room: f64,
    ) -> Result<(f64, f64), &'static str> {
        if let Some((low, high)) = self.range {
            let valid = self.shows(low) && self.shows(high) && low < high;
            let message = "an axis range must be finite, ascending, and above 0 if logarithmic";
            return if valid { Ok((low, high)) } else { Err(message) };
        }
        let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), x| {
            (low.min(x), high.max(x))
        });
        if low > high {
            return Err("no curve has a point that can be shown");
        }
        Ok(match self.scale {
            Scale::Logarithmic if low == high => (low / 2.0, high * 2.0),
            Scale::Logarithmic => {
                let ratio = (high / low).powf(room);
                (low / ratio, high * ratio)
            }
            Scale::Linear if high - low <= 1e-14 * low.abs().max(high.abs()) => {
                let half = if high == 0.0 { 1.0 } else { 0.05 * high.abs() };
                (low - half, high + half)
            }
            Scale::Linear => (low - room * (high - low), high + room * (high - low)),
        })
    }
}

/// A plot with its ranges, ready to be drawn.
pub(crate) struct Prepared<'a> {
    plot: &'a Plot,
    unit: f32,
    x_range: (f64, f64),
    y_range: (f64, f64),
    x_ticks: Ticks,
    y_ticks: Ticks,
    width: f32,
    height: f32,
}

const TICK_TEXT: f32 = 17.0;
const LABEL_TEXT: f32 = 19.0;
const TICK_LENGTH: f32 = 6.0;
const LEGEND_LINE: f32 = 34.0;

impl Prepared<'_> {
    /// Pixel of a point; none where it cannot be shown.
    fn place(&self, area: Area, (x, y): (f64, f64)) -> Option<(f32, f32)> {
        if !(self.plot.x.shows(x) && self.plot.y.shows(y)) {
            return None;
        }
        let u = self
            .plot
            .x
            .scale
            .position(x, self.x_range.0, self.x_range.1) as f32;
        let v = self
            .plot
            .y
            .scale
            .position(y, self.y_range.0, self.y_range.1) as f32;
        Some((area.x + u * area.width, area.bottom() - v * area.height))
    }

    fn axes(&self, canvas: &mut Canvas, area: Area) {
        let unit = self.unit;
        let (x_axis, y_axis) = (&self.plot.x, &self.plot.y);
        let at_x = |value: f64| {
            area.x
                + x_axis.scale.position(value, self.x_range.0, self.x_range.1) as f32 * area.width
        };
        let at_y = |value: f64| {
            area.bottom()
                - y_axis.scale.position(value, self.y_range.0, self.y_range.1) as f32 * area.height
        };
        let (ink, faint) = (Pen::new(INK, 1.3 * unit), Pen::new(GRID, unit));
        for (value, _) in &self.x_ticks.major {
            canvas.line(
                &[(at_x(*value), area.y), (at_x(*value), area.bottom())],
                faint,
            );
        }
        for (value, _) in &self.y_ticks.major {
            canvas.line(
                &[(area.x, at_y(*value)), (area.right(), at_y(*value))],
                faint,
            );
        }
        let size = TICK_TEXT * unit;
        let long = TICK_LENGTH * unit;
        for &value in &self.x_ticks.minor {
            let x = at_x(value);
            canvas.line(&[(x, area.bottom()), (x, area.bottom() + 0.6 * long)], ink);
        }
        for &value in &self.y_ticks.minor {
            canvas.line(
                &[(area.x - 0.6 * long, at_y(value)), (area.x, at_y(value))],
                ink,
            );
        }
        for (value, label) in &self.x_ticks.major {
            let x = at_x(*value);
            canvas.line(&[(x, area.bottom()), (x, area.bottom() + long)], ink);
            let y = area.bottom() + long + 0.9 * size;
            canvas.text(x, y, Text::new(label, size, INK, Align::Center));
        }
        for (value, label) in &self.y_ticks.major {
            let y = at_y(*value);
            canvas.line(&[(area.x - long, y), (area.x, y)], ink);
            let x = area.x - long - 0.3 * size;
            canvas.text(x, y, Text::new(label, size, INK, Align::Right));
        }
        let x_note = Text::new(&self.x_ticks.note, size, INK, Align::Right);
        canvas.text(area.right(), area.bottom() + long + 2.4 * size, x_note);
        let y_note = Text::new(&self.y_ticks.note, size, INK, Align::Left);
        canvas.text(area.x, area.y - 0.9 * size, y_note);
        canvas.frame(area, ink);
        let label = |text, upright| Text {
            upright,
            ..Text::new(text, LABEL_TEXT * unit, INK, Align::Center)
        };
        let below = area.bottom() + long + 2.5 * size;
        canvas.text(
            area.x + 0.5 * area.width,
            below,
            label(&x_axis.label, false),
        );
        let left = area.x - long - 1.3 * size - self.tick_width();
        canvas.text(left, area.y + 0.5 * area.height, label(&y_axis.label, true));
        let above = if self.y_ticks.note.is_empty() {
            22.0
        } else {
            40.0
        };
        canvas.heading(area, above * unit, 22.0 * unit, &self.plot.title);
    }

    fn tick_width(&self) -> f32 {
        let size = TICK_TEXT * self.unit;
        let widths = self
            .y_ticks
            .major
            .iter()
            .map(|(_, label)| font::width(label, size));
        widths.fold(0.0, f32::max)
    }

    fn curve(&self, canvas: &mut Canvas, area: Area, curve: &Curve, color: Rgb) {
        let pen = Pen {
            dashed: curve.dashed,
            ..Pen::new(color, 2.4 * self.unit)
        };
        let places = curve.points.iter().map(|&point| self.place(area, point));
        let places: Vec<Option<(f32, f32)>> = places.collect();
        if curve.line {
            for run in places.split(Option::is_none) {
                let run: Vec<(f32, f32)> = run.iter().copied().flatten().collect();
                canvas.line(&run, pen);
            }
        }
        if curve.markers {
            for (x, y) in places.into_iter().flatten() {
                canvas.disc(x, y, 4.0 * self.unit, color);
            }
        }
    }

    /// The legend, in the corner that covers the fewest points.
    fn legend(&self, canvas: &mut Canvas, area: Area) {
        let unit = self.unit;
        let named: Vec<(&Curve, Rgb)> = self
            .colored()
            .filter(|(curve, _)| !curve.label.is_empty())
            .collect();
        if named.is_empty() {
            return;
        }
        let size = TICK_TEXT * unit;
        let widths = named
            .iter()
            .map(|(curve, _)| font::width(&curve.label, size));
        let width = widths.fold(0.0, f32::max) + (LEGEND_LINE + 34.0) * unit;
        let line = 1.55 * size;
        let height = line * named.len() as f32 + 0.5 * size;
        let inset = 12.0 * unit;
        let (left, right) = (area.x + inset, area.right() - inset - width);
        let (top, bottom) = (area.y + inset, area.bottom() - inset - height);
        let corners = [(right, top), (left, top), (left, bottom), (right, bottom)];
        let boxes = corners.map(|(x, y)| Area {
            x,
            y,
            width,
            height,
        });
        let covered = |area_of_box: &Area| {
            let curves = self.plot.curves.iter();
            curves
                .map(|curve| self.covered(area, curve, *area_of_box))
                .sum::<usize>()
        };
        let Some(place) = boxes.into_iter().min_by_key(covered) else {
            return;
        };
        canvas.rectangle(place, WHITE, 0.85);
        canvas.frame(place, Pen::new([190, 190, 190], unit));
        for (i, (curve, color)) in named.into_iter().enumerate() {
            let y = place.y + 0.25 * size + line * (i as f32 + 0.5);
            let (from, to) = (place.x + 12.0 * unit, place.x + (12.0 + LEGEND_LINE) * unit);
            if curve.line {
                let pen = Pen {
                    dashed: curve.dashed,
                    ..Pen::new(color, 2.4 * unit)
                };
                canvas.line(&[(from, y), (to, y)], pen);
            }
            if curve.markers {
                canvas.disc(0.5 * (from + to), y, 4.0 * unit, color);
            }
            let text = Text::new(&curve.label, size, INK, Align::Left);
            canvas.text(to + 10.0 * unit, y, text);
        }
    }

    /// Samples of a curve that fall into a box.
    fn covered(&self, area: Area, curve: &Curve, place: Area) -> usize {
        let places = curve.points.iter().map(|&point| self.place(area, point));
        let places: Vec<(f32, f32)> = places.flatten().collect();
        let inside = |x: f32, y: f32| {
            (place.x..place.right()).contains(&x) && (place.y..place.bottom()).contains(&y)
        };
        // Also between points, for curves of few.
        let samples = places.windows(2).flat_map(|pair| {
            let ((x0, y0), (x1, y1)) = (pair[0], pair[1]);
            (0..8)
                .map(move |i| i as f32 / 8.0)
                .map(move |f| (x0 + f * (x1 - x0), y0 + f * (y1 - y0)))
        });
        samples
            .chain(places.last().copied())
            .filter(|&(x, y)| inside(x, y))
            .count()
    }

    fn colored(&self) -> impl Iterator<Item = (&Curve, Rgb)> {
        self.plot.curves.iter().zip(CURVES.into_iter().cycle())
    }
}

impl Draw for Prepared<'_> {
    fn request(&self) -> Request {
        let unit = self.unit;
        let title = if self.plot.title.is_empty() {
            16.0
        } else {
            48.0
        };
        let note = if self.y_ticks.note.is_empty() {
            0.0
        } else {
            18.0
        };
        let label = |text: &str| {
            if text.is_empty() {
                0.0
            } else {
                LABEL_TEXT + 8.0
            }
        };
        let below = if self.x_ticks.note.is_empty() {
            label(&self.plot.x.label)
        } else {
            27.0
        };
        let last = self.x_ticks.major.last().map_or("", |(_, text)| text);
        Request {
            width: self.width,
            height: self.height,
            left: (30.0 + label(&self.plot.y.label)) * unit + self.tick_width(),
            right: 16.0 * unit + 0.5 * font::width(last, TICK_TEXT * unit),
            top: (title + note) * unit,
            bottom: (TICK_LENGTH + 1.6 * TICK_TEXT + 8.0 + below) * unit,
        }
    }

    fn draw(&self, canvas: &mut Canvas, area: Area) {
        self.axes(canvas, area);
        canvas.clip(Some(area));
        for (curve, color) in self.colored() {
            self.curve(canvas, area, curve, color);
        }
        canvas.clip(None);
        self.legend(canvas, area);
    }
}
