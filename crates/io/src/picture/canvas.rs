//! A surface to draw on.

use tiny_skia::{
    Color, FillRule, LineCap, LineJoin, Mask, Paint, PathBuilder, Pixmap, Rect, Stroke, StrokeDash,
    Transform,
};

use super::color::{INK, Rgb};
use super::font;

/// Where the given point lies on a text, horizontally.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Align {
    Left,
    Center,
    Right,
}

/// A text and how to draw it. The point given to [`Canvas::text`] is at half the height of its
/// capital letters.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Text<'a> {
    pub(crate) text: &'a str,
    pub(crate) size: f32,
    pub(crate) color: Rgb,
    pub(crate) align: Align,
    /// Reads from bottom to top.
    pub(crate) upright: bool,
    /// The colour of a rim, for text on a picture.
    pub(crate) rim: Option<Rgb>,
}

impl<'a> Text<'a> {
    pub(crate) fn new(text: &'a str, size: f32, color: Rgb, align: Align) -> Self {
        Self {
            text,
            size,
            color,
            align,
            upright: false,
            rim: None,
        }
    }
}

/// A rectangle in pixels; y points down.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Area {
    pub(crate) x: f32,
    pub(crate) y: f32,
    pub(crate) width: f32,
    pub(crate) height: f32,
}

impl Area {
    pub(crate) fn right(&self) -> f32 {
        self.x + self.width
    }

    pub(crate) fn bottom(&self) -> f32 {
        self.y + self.height
    }

    fn rect(&self) -> Option<Rect> {
        Rect::from_xywh(self.x, self.y, self.width, self.height)
    }
}

/// How to draw a line.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pen {
    pub(crate) color: Rgb,
    pub(crate) width: f32,
    pub(crate) dashed: bool,
}

impl Pen {
    pub(crate) fn new(color: Rgb, width: f32) -> Self {
        Self {
            color,
            width,
            dashed: false,
        }
    }
}

/// Coordinates beyond this many pixels are drawn at it: far outside of any picture, and small
/// enough for exact arithmetic.
const FAR: f32 = 1e5;

/// A picture in the making.
pub(crate) struct Canvas {
    pixmap: Pixmap,
    clip: Option<Mask>,
}

impl Canvas {
    /// A white surface; none if it is empty or beyond what memory can address.
    pub(crate) fn new(width: u32, height: u32) -> Option<Self> {
        let mut pixmap = Pixmap::new(width, height)?;
        pixmap.fill(Color::WHITE);
        Some(Self { pixmap, clip: None })
    }

    /// Width and height in pixels, and the pixels row by row from the top.
    pub(crate) fn into_rgb(self) -> (u32, u32, Vec<u8>) {
        let pixels = self.pixmap.pixels().iter();
        let rgb = pixels
            .flat_map(|p| [p.red(), p.green(), p.blue()])
            .collect();
        (self.pixmap.width(), self.pixmap.height(), rgb)
    }

    /// Confines the drawing of lines and discs to an area, or lifts that.
    pub(crate) fn clip(&mut self, area: Option<Area>) {
        self.clip = area.and_then(|area| {
            let mut mask = Mask::new(self.pixmap.width(), self.pixmap.height())?;
            let path = PathBuilder::from_rect(area.rect()?);
            mask.fill_path(&path, FillRule::Winding, true, Transform::identity());
            Some(mask)
        });
    }

    pub(crate) fn rectangle(&mut self, area: Area, color: Rgb, opacity: f32) {
        if let Some(rect) = area.rect() {
            let mut paint = paint(color);
            paint.set_color(with_opacity(color, opacity));
            self.pixmap
                .fill_rect(rect, &paint, Transform::identity(), None);
        }
    }

    pub(crate) fn frame(&mut self, area: Area, pen: Pen) {
        let (left, top, right, bottom) = (area.x, area.y, area.right(), area.bottom());
        self.line(
            &[
                (left, top),
                (right, top),
                (right, bottom),
                (left, bottom),
                (left, top),
            ],
            pen,
        );
    }

    pub(crate) fn line(&mut self, points: &[(f32, f32)], pen: Pen) {
        let mut builder = PathBuilder::new();
        for (i, &(x, y)) in points.iter().enumerate() {
            let (x, y) = (x.clamp(-FAR, FAR), y.clamp(-FAR, FAR));
            if i == 0 {
                builder.move_to(x, y)
            } else {
                builder.line_to(x, y)
            }
        }
        let Some(path) = builder.finish() else { return };
        let dash = if pen.dashed {
            StrokeDash::new(vec![4.0 * pen.width, 2.5 * pen.width], 0.0)
        } else {
            None
        };
        let stroke = Stroke {
            width: pen.width,
            line_cap: if pen.dashed {
                LineCap::Butt
            } else {
                LineCap::Round
            },
            line_join: LineJoin::Round,
            dash,
            ..Stroke::default()
        };
        let identity = Transform::identity();
        self.pixmap.stroke_path(
            &path,
            &paint(pen.color),
            &stroke,
            identity,
            self.clip.as_ref(),
        );
    }

    pub(crate) fn disc(&mut self, x: f32, y: f32, radius: f32, color: Rgb) {
        if x.abs() > FAR || y.abs() > FAR {
            return;
        }
        if let Some(path) = PathBuilder::from_circle(x, y, radius) {
            let (winding, identity) = (FillRule::Winding, Transform::identity());
            self.pixmap
                .fill_path(&path, &paint(color), winding, identity, self.clip.as_ref());
        }
    }

    /// Sets the pixels of an area, from their column and row in it.
    pub(crate) fn pixels(&mut self, area: Area, color: impl Fn(u32, u32) -> Rgb) {
        let (left, top) = (area.x.round() as u32, area.y.round() as u32);
        let stride = self.pixmap.width();
        let right = (left + area.width.round() as u32).min(stride);
        let bottom = (top + area.height.round() as u32).min(self.pixmap.height());
        let pixels = self.pixmap.pixels_mut();
        for y in top..bottom {
            for x in left..right {
                let [r, g, b] = color(x - left, y - top);
                if let Some(pixel) = tiny_skia::PremultipliedColorU8::from_rgba(r, g, b, 255) {
                    pixels[(y * stride + x) as usize] = pixel;
                }
            }
        }
    }

    pub(crate) fn text(&mut self, x: f32, y: f32, text: Text<'_>) {
        let Some(path) = font::outline(text.text, text.size) else {
            return;
        };
        let along = match text.align {
            Align::Left => 0.0,
            Align::Center => -0.5,
            Align::Right => -1.0,
        };
        let along = along * font::width(text.text, text.size);
        let across = 0.5 * font::CAP_HEIGHT * text.size;
        let place = if text.upright {
            Transform::from_translate(along, across)
                .post_rotate(-90.0)
                .post_translate(x, y)
        } else {
            Transform::from_translate(x + along, y + across)
        };
        if let Some(color) = text.rim {
            let mut rim = paint(color);
            rim.set_color(with_opacity(color, 0.7));
            let stroke = Stroke {
                width: 0.2 * text.size,
                line_join: LineJoin::Round,
                ..Stroke::default()
            };
            self.pixmap.stroke_path(&path, &rim, &stroke, place, None);
        }
        self.pixmap
            .fill_path(&path, &paint(text.color), FillRule::Winding, place, None);
    }

    /// A title centred above an area, made smaller where it would be wider.
    pub(crate) fn heading(&mut self, area: Area, above: f32, size: f32, text: &str) {
        let width = font::width(text, size);
        let size = if width > area.width {
            size * area.width / width
        } else {
            size
        };
        let text = Text::new(text, size, INK, Align::Center);
        self.text(area.x + 0.5 * area.width, area.y - above, text);
    }
}

fn paint(color: Rgb) -> Paint<'static> {
    let mut paint = Paint {
        anti_alias: true,
        ..Paint::default()
    };
    paint.set_color(with_opacity(color, 1.0));
    paint
}

fn with_opacity([r, g, b]: Rgb, opacity: f32) -> Color {
    Color::from_rgba8(r, g, b, (255.0 * opacity.clamp(0.0, 1.0)).round() as u8)
}
