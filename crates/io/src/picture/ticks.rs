//! Where an axis has ticks and what they say.

use super::Scale;
use super::font::power_of_ten;

/// The ticks of an axis.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Ticks {
    /// Values with their labels.
    pub(crate) major: Vec<(f64, String)>,
    /// Values in between.
    pub(crate) minor: Vec<f64>,
    /// What the labels are to be multiplied by or added to; often empty.
    pub(crate) note: String,
}

/// About `count` ticks from `low` to `high`, which are finite and in order.
pub(crate) fn ticks(scale: Scale, low: f64, high: f64, count: usize) -> Ticks {
    let count = count.clamp(2, 12);
    match scale {
        Scale::Linear => linear(low, high, count),
        Scale::Logarithmic => logarithmic(low, high, count),
    }
}

fn linear(low: f64, high: f64, count: usize) -> Ticks {
    let values = steps(low, high, count);
    let step = values
        .get(1)
        .map_or(high - low, |second| second - values[0]);
    let largest = low.abs().max(high.abs());
    // Nearly equal numbers are told apart by what they have beyond the first of them.
    let offset = if largest > 1e4 * (high - low) {
        values.first().copied()
    } else {
        None
    };
    let shown = |value: f64| value - offset.unwrap_or(0.0);
    let largest = values.iter().map(|&v| shown(v).abs()).fold(0.0, f64::max);
    let exponent = if largest > 0.0 {
        (largest * (1.0 + 1e-12)).log10().floor() as i32
    } else {
        0
    };
    let exponent = if (-3..5).contains(&exponent) {
        0
    } else {
        exponent
    };
    let factor = 10f64.powi(exponent);
    let digits = (-(step / factor * (1.0 + 1e-9)).log10().floor()).clamp(0.0, 12.0) as usize;
    // A step such as 2.5 needs one more digit than its size tells.
    let round = |digits: usize| (step / factor * 10f64.powi(digits as i32)).fract().abs();
    let digits = if (0.01..0.99).contains(&round(digits)) {
        digits + 1
    } else {
        digits
    };
    let label = |value: f64| signed(&format!("{:.digits$}", shown(value) / factor));
    let major = values.iter().map(|&value| (value, label(value))).collect();
    let mut note = String::new();
    if exponent != 0 {
        note = format!("×{}", power_of_ten(exponent));
    }
    if let Some(offset) = offset.filter(|&offset| offset != 0.0) {
        let sign = if offset < 0.0 { "−" } else { "+" };
        note = format!("{note} {sign} {}", plain(offset.abs()))
            .trim()
            .to_owned();
    }
    Ticks {
        major,
        minor: Vec::new(),
        note,
    }
}

/// Multiples of 1, 2, 2.5 or 5 times a power of ten.
fn steps(low: f64, high: f64, count: usize) -> Vec<f64> {
    let ideal = (high - low) / count as f64;
    let power = 10f64.powf(ideal.log10().floor());
    let step = [1.0, 2.0, 2.5, 5.0, 10.0]
        .map(|factor| factor * power)
        .into_iter()
        .find(|step| *step >= ideal * (1.0 - 1e-9))
        .unwrap_or(10.0 * power);
    let slack = 1e-9 * (high - low);
    let first = ((low - slack) / step).ceil();
    let values = (0..=count + 1).map(|i| (first + i as f64) * step);
    // Adding zero turns a negative zero into a positive one.
    values
        .take_while(|value| *value <= high + slack)
        .map(|value| value + 0.0)
        .collect()
}

fn logarithmic(low: f64, high: f64, count: usize) -> Ticks {
    let slack = 1e-9;
    let first = (low.log10() - slack).ceil() as i32;
    let last = (high.log10() + slack).floor() as i32;
    let decades = last - first + 1;
    let within = |value: f64| value >= low * (1.0 - slack) && value <= high * (1.0 + slack);
    let multiples = |factors: &[f64]| -> Vec<f64> {
        let powers = (first - 1..=last).map(|exponent| 10f64.powi(exponent));
        let all = powers.flat_map(|power| factors.iter().map(move |factor| factor * power));
        all.filter(|value| within(*value)).collect()
    };
    if decades >= 2 {
        let every = (decades as usize).div_ceil(count).max(1) as i32;
        let exponents = (first..=last).filter(|exponent| exponent.rem_euclid(every) == 0);
        let major = exponents
            .map(|e| (10f64.powi(e), power_of_ten(e)))
            .collect();
        let minor = if every == 1 {
            multiples(&[2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0])
        } else {
            multiples(&[1.0])
        };
        return Ticks {
            major,
            minor,
            note: String::new(),
        };
    }
    // Less than two decades: multiples in between, or as on a linear axis for a small part.
    let values = multiples(&[1.0, 2.0, 5.0]);
    if values.len() < 3 {
        return linear(low, high, count);
    }
    let major = values
        .into_iter()
        .map(|value| (value, plain(value)))
        .collect();
    let minor = multiples(&[3.0, 4.0, 6.0, 7.0, 8.0, 9.0]);
    Ticks {
        major,
        minor,
        note: String::new(),
    }
}

/// A positive number in few characters: `0.02`, `500`, `2×10⁶`.
pub(crate) fn plain(value: f64) -> String {
    if value == 0.0 || (1e-3..1e5).contains(&value.abs()) {
        return signed(&format!("{value}"));
    }
    let exact = format!("{value:e}");
    let (mantissa, exponent) = exact.split_once('e').unwrap_or((&exact, "0"));
    let power = power_of_ten(exponent.parse().unwrap_or(0));
    if mantissa == "1" {
        power
    } else {
        format!("{}×{power}", signed(mantissa))
    }
}

/// With a true minus sign, and none before zero.
fn signed(number: &str) -> String {
    match number.strip_prefix('-') {
        Some(digits) if digits.chars().all(|c| matches!(c, '0' | '.')) => digits.to_owned(),
        Some(digits) => format!("−{digits}"),
        None => number.to_owned(),
    }
}

/// The largest of 1, 2 and 5 times a power of ten that is at most `limit`, above 0.
pub(crate) fn round_below(limit: f64) -> f64 {
    let power = 10f64.powf((limit * (1.0 + 1e-9)).log10().floor());
    let factors = [5.0, 2.0, 1.0];
    let factor = factors
        .into_iter()
        .find(|f| f * power <= limit * (1.0 + 1e-9))
        .unwrap_or(1.0);
    // Through text, so that 0.1 + 0.2 does not end up in a label.
    format!("{:.3e}", factor * power)
        .parse()
        .unwrap_or(factor * power)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(scale: Scale, low: f64, high: f64) -> (Vec<String>, String) {
        let ticks = ticks(scale, low, high, 5);
        (
            ticks.major.into_iter().map(|(_, label)| label).collect(),
            ticks.note,
        )
    }

    #[test]
    fn linear_ticks_are_round() {
        let (found, note) = labels(Scale::Linear, 0.0, 1.0);
        assert_eq!(
            (found, note.as_str()),
            (strings(&["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]), "")
        );
        let (found, _) = labels(Scale::Linear, -3.0, 7.0);
        assert_eq!(found, strings(&["−2", "0", "2", "4", "6"]));
        let (found, _) = labels(Scale::Linear, 0.0, 12.4);
        assert_eq!(found, strings(&["0.0", "2.5", "5.0", "7.5", "10.0"]));
    }

    #[test]
    fn large_and_small_numbers_share_a_factor() {
        let (found, note) = labels(Scale::Linear, 0.0, 5e8);
        assert_eq!(
            (found, note.as_str()),
            (strings(&["0", "1", "2", "3", "4", "5"]), "×10⁸")
        );
        let (found, note) = labels(Scale::Linear, 0.0, 2e-5);
        assert_eq!(note, "×10⁻⁵");
        assert_eq!(found, strings(&["0.0", "0.5", "1.0", "1.5", "2.0"]));
    }

    #[test]
    fn nearly_equal_numbers_show_their_difference() {
        let (found, note) = labels(Scale::Linear, 8e8, 8e8 + 5.0);
        assert_eq!(
            (found, note.as_str()),
            (strings(&["0", "1", "2", "3", "4", "5"]), "+ 8×10⁸")
        );
    }

    #[test]
    fn logarithmic_ticks_are_powers_of_ten() {
        let (found, _) = labels(Scale::Logarithmic, 1e-3, 1.0);
        assert_eq!(found, strings(&["10⁻³", "10⁻²", "10⁻¹", "10⁰"]));
        let (found, _) = labels(Scale::Logarithmic, 1e-20, 1.0);
        assert_eq!(found, strings(&["10⁻²⁰", "10⁻¹⁵", "10⁻¹⁰", "10⁻⁵", "10⁰"]));
        let (found, _) = labels(Scale::Logarithmic, 1.5, 60.0);
        assert_eq!(found, strings(&["2", "5", "10", "20", "50"]));
        let (found, _) = labels(Scale::Logarithmic, 1.0, 1.2);
        assert!(found.len() >= 3, "{found:?}");
    }

    #[test]
    fn lengths_of_scale_bars_are_round() {
        assert_eq!([5.1, 4.9, 1.0, 0.3].map(round_below), [5.0, 2.0, 1.0, 0.2]);
        assert_eq!(plain(round_below(0.31)), "0.2");
    }

    fn strings(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|&text| text.to_owned()).collect()
    }
}
