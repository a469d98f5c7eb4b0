//! Text as outlines of the embedded font, DejaVu Sans.

use std::sync::LazyLock;

use tiny_skia::{Path, PathBuilder};
use ttf_parser::{Face, OutlineBuilder};

static FACE: LazyLock<Face<'static>> = LazyLock::new(|| {
    // The bytes are a constant of the program, and every test that draws text parses them.
    Face::parse(dejavu::sans::regular(), 0).expect("the embedded font is valid")
});

/// Height of capital letters, as a fraction of the font size.
pub(crate) const CAP_HEIGHT: f32 = 0.73;

/// Width of a text in pixels.
pub(crate) fn width(text: &str, size: f32) -> f32 {
    text.chars()
        .map(|c| f32::from(advance(c)) * scale(size) * style(c).0)
        .sum()
}

/// Outlines of a text whose baseline starts at the origin, with y pointing down; none for text
/// without ink.
pub(crate) fn outline(text: &str, size: f32) -> Option<Path> {
    let mut pen = Pen {
        path: PathBuilder::new(),
        x: 0.0,
        y: 0.0,
        scale: 0.0,
    };
    for c in text.chars() {
        let (shrink, down) = style(c);
        pen.scale = scale(size) * shrink;
        pen.y = size * down;
        if let Some(glyph) = FACE.glyph_index(c) {
            FACE.outline_glyph(glyph, &mut pen);
        }
        pen.x += f32::from(advance(c)) * pen.scale;
    }
    pen.path.finish()
}

fn scale(size: f32) -> f32 {
    size / f32::from(FACE.units_per_em())
}

/// Size relative to other characters, and how far below the line, in units of the text's size:
/// the symbol of the Sun is an index.
fn style(c: char) -> (f32, f32) {
    if c == '☉' { (0.7, 0.13) } else { (1.0, 0.0) }
}

fn advance(c: char) -> u16 {
    // Characters that the font lacks take no room.
    FACE.glyph_index(c)
        .and_then(|glyph| FACE.glyph_hor_advance(glyph))
        .unwrap_or(0)
}

struct Pen {
    path: PathBuilder,
    x: f32,
    y: f32,
    scale: f32,
}

impl Pen {
    fn at(&self, x: f32, y: f32) -> (f32, f32) {
        (self.x + x * self.scale, self.y - y * self.scale)
    }
}

impl OutlineBuilder for Pen {
    fn move_to(&mut self, x: f32, y: f32) {
        let (x, y) = self.at(x, y);
        self.path.move_to(x, y);
    }
    fn line_to(&mut self, x: f32, y: f32) {
        let (x, y) = self.at(x, y);
        self.path.line_to(x, y);
    }
    fn quad_to(&mut self, x1: f32, y1: f32, x: f32, y: f32) {
        let ((x1, y1), (x, y)) = (self.at(x1, y1), self.at(x, y));
        self.path.quad_to(x1, y1, x, y);
    }
    fn curve_to(&mut self, x1: f32, y1: f32, x2: f32, y2: f32, x: f32, y: f32) {
        let ((x1, y1), (x2, y2), (x, y)) = (self.at(x1, y1), self.at(x2, y2), self.at(x, y));
        self.path.cubic_to(x1, y1, x2, y2, x, y);
    }
    fn close(&mut self) {
        self.path.close();
    }
}

/// Writes units as a paper does: `Msun/kpc^2` becomes `M☉/kpc²`, `s^-1` becomes `s⁻¹`.
pub(crate) fn typeset(text: &str) -> String {
    let text = text.replace("Msun", "M☉").replace("sqrt(", "√(");
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if c != '^' {
            out.push(c);
            continue;
        }
        let mut raised = String::new();
        while let Some(&next) = chars.peek() {
            let first = raised.is_empty();
            let Some(up) = superscript(next).filter(|_| first || next != '-') else {
                break;
            };
            raised.push(up);
            chars.next();
        }
        if raised.is_empty() {
            out.push('^');
        }
        out.push_str(&raised);
    }
    out
}

/// A power of ten in digits: `10⁻²²`.
pub(crate) fn power_of_ten(exponent: i32) -> String {
    let digits = exponent.to_string();
    format!(
        "10{}",
        digits.chars().filter_map(superscript).collect::<String>()
    )
}

fn superscript(c: char) -> Option<char> {
    const DIGITS: [char; 10] = ['⁰', '¹', '²', '³', '⁴', '⁵', '⁶', '⁷', '⁸', '⁹'];
    match c {
        '-' => Some('⁻'),
        c => DIGITS.get(c.to_digit(10)? as usize).copied(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_typeset() {
        assert_eq!(typeset("density [Msun/kpc^3]"), "density [M☉/kpc³]");
        assert_eq!(typeset("kpc^-2 10^-22 eV"), "kpc⁻² 10⁻²² eV");
        assert_eq!(typeset("x^y^"), "x^y^");
        assert_eq!(power_of_ten(-22), "10⁻²²");
    }

    #[test]
    fn the_font_has_every_character_that_is_used() {
        for c in "M☉⁻⁰¹²³⁴⁵⁶⁷⁸⁹×−√αβλρψΔσμ".chars() {
            assert!(FACE.glyph_index(c).is_some(), "{c}");
        }
        assert!(outline("kpc", 20.0).is_some());
        assert!(outline("  ", 20.0).is_none());
        assert!((width("mm", 20.0) - 2.0 * width("m", 20.0)).abs() < 1e-3);
    }

    #[test]
    fn capitals_have_the_stated_height() {
        let bounds = outline("H", 100.0).unwrap().bounds();
        assert!(
            (bounds.height() / 100.0 - CAP_HEIGHT).abs() < 0.01,
            "{}",
            bounds.height()
        );
    }
}
