//! Colours: perceptual maps for quantities, a distinct palette for curves.

/// An opaque colour, red, green and blue.
pub(crate) type Rgb = [u8; 3];

pub(crate) const WHITE: Rgb = [255, 255, 255];
pub(crate) const BLACK: Rgb = [0, 0, 0];
/// Text and frames.
pub(crate) const INK: Rgb = [38, 38, 38];
/// Grid lines.
pub(crate) const GRID: Rgb = [226, 226, 226];
/// What is not a number.
const BLANK: Rgb = [128, 128, 128];

/// Colours of curves that remain distinct for colour-blind readers (Okabe & Ito 2008), ordered
/// for contrast on white.
pub(crate) const CURVES: [Rgb; 7] = [
    [0, 114, 178],
    [213, 94, 0],
    [0, 158, 115],
    [204, 121, 167],
    [230, 159, 0],
    [86, 180, 233],
    [38, 38, 38],
];

/// A map from numbers to colours whose lightness grows evenly with the number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum ColorMap {
    /// Black through red and yellow to pale yellow: densities.
    #[default]
    Inferno,
    /// Black through purple to cream.
    Magma,
    /// Dark blue through green to yellow.
    Viridis,
    /// Dark blue through grey to yellow, the same for colour-blind readers.
    Cividis,
    /// Black to white.
    Grey,
    /// Blue through white to red, for quantities with a sign; give it a symmetric range.
    BlueRed,
}

/// Entries of a [`Palette`]: more than colours of 8 bits can tell apart along a map.
const PALETTE: usize = 1024;

impl ColorMap {
    /// The colours from one end to the other, ready for many look-ups.
    pub(crate) fn palette(self) -> Palette {
        let last = (PALETTE - 1) as f64;
        Palette((0..PALETTE).map(|i| self.color(i as f64 / last)).collect())
    }

    /// The colour of captions that are drawn over the map, and that of their rim.
    pub(crate) fn captions(self) -> (Rgb, Rgb) {
        if self == Self::BlueRed {
            (INK, WHITE)
        } else {
            (WHITE, BLACK)
        }
    }

    fn color(self, t: f64) -> Rgb {
        let gradient = match self {
            Self::Inferno => colorous::INFERNO,
            Self::Magma => colorous::MAGMA,
            Self::Viridis => colorous::VIRIDIS,
            Self::Cividis => colorous::CIVIDIS,
            Self::Grey => return [(255.0 * t).round() as u8; 3],
            Self::BlueRed => return colorous::RED_BLUE.eval_continuous(1.0 - t).as_array(),
        };
        gradient.eval_continuous(t).as_array()
    }
}

/// The colours of a [`ColorMap`].
pub(crate) struct Palette(Vec<Rgb>);

impl Palette {
    /// The colour at a position from 0 to 1; outside, that of the end; for NaN, grey.
    pub(crate) fn color(&self, position: f64) -> Rgb {
        if position.is_nan() {
            return BLANK;
        }
        let last = self.0.len() - 1;
        self.0[((position.clamp(0.0, 1.0) * last as f64).round() as usize).min(last)]
    }
}
