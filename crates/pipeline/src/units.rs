//! Quantities with units, as configuration files write them.
//!
//! A bare number is in the base unit; a string carries its unit: `"20 kpc"`, `"1e5 Msun/kpc^3"`.
//! Base units: kpc, km/s, Msun and therefore kpc/(km/s) for time.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{self, Deserialize, Deserializer, Visitor};

/// A physical dimension with the units that a configuration may use for it.
pub trait Dimension: 'static {
    /// What it is, for error messages.
    const NAME: &'static str;
    /// Unit symbols and their size in the base unit, which comes first.
    const UNITS: &'static [(&'static str, f64)];
}

macro_rules! dimensions {
    ($($(#[$doc:meta])* $dimension:ident $alias:ident $name:literal [$($unit:literal = $factor:expr),+];)+) => {
        $(
            #[doc = concat!("Dimension of a ", $name, ".")]
            #[derive(Debug, Clone, Copy, PartialEq)]
            pub struct $dimension;
            impl Dimension for $dimension {
                const NAME: &'static str = $name;
                const UNITS: &'static [(&'static str, f64)] = &[$(($unit, $factor)),+];
            }
            $(#[$doc])*
            pub type $alias = Quantity<$dimension>;
        )+
    };
}

/// kpc/(km/s) in Gyr: 3.0856775814913673e16 km / (1e9 x 365.25 x 86400 s).
const TIME_IN_GYR: f64 = 0.977_792_221_680_356_5;
/// (g/cm^3) in Msun/kpc^3: (3.0856775814913673e21 cm)^3 / 1.988409870698051e33 g.
const CGS_DENSITY: f64 = 1.477_557_6e31;

dimensions! {
    /// A length, in kpc.
    LengthDimension Length "length" ["kpc" = 1.0, "pc" = 1e-3, "Mpc" = 1e3];
    /// A velocity, in km/s.
    VelocityDimension Velocity "velocity" ["km/s" = 1.0, "m/s" = 1e-3];
    /// A mass, in Msun.
    MassDimension Mass "mass" ["Msun" = 1.0];
    /// A time, in kpc/(km/s).
    TimeDimension Time "time"
        ["kpc/(km/s)" = 1.0, "Gyr" = 1.0 / TIME_IN_GYR, "Myr" = 1e-3 / TIME_IN_GYR];
    /// A mass density, in Msun/kpc^3.
    DensityDimension Density "density"
        ["Msun/kpc^3" = 1.0, "Msun/pc^3" = 1e9, "g/cm^3" = CGS_DENSITY];
    /// A boson mass, in 1e-22 eV.
    BosonMassDimension BosonMass "boson mass" ["1e-22 eV" = 1.0, "eV" = 1e22];
}

/// A number in the base unit of its dimension.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Quantity<D>(pub f64, PhantomData<D>);

impl<D: Dimension> Quantity<D> {
    /// A number that is already in the base unit.
    pub const fn of(value: f64) -> Self {
        Self(value, PhantomData)
    }

    /// Reads `"1.5 kpc"`.
    ///
    /// # Errors
    /// A message that names the dimension and the allowed units.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let wrong = || {
            let units: Vec<_> = D::UNITS.iter().map(|u| u.0).collect();
            format!(
                "`{text}` is not a {}; allowed: a number in {}, or a string with one of the units {}",
                D::NAME,
                D::UNITS[0].0,
                units.join(", ")
            )
        };
        // The longest number that starts the text: units such as `1e-22 eV` start with digits too.
        let end = text.find(char::is_whitespace).unwrap_or(text.len());
        let number: f64 = text[..end].parse().map_err(|_| wrong())?;
        let unit = text[end..].trim();
        let unit = if unit.is_empty() { D::UNITS[0].0 } else { unit };
        let (_, factor) = D::UNITS.iter().find(|u| u.0 == unit).ok_or_else(wrong)?;
        if !number.is_finite() {
            return Err(wrong());
        }
        Ok(Self::of(scaled(&text[..end], number, *factor)))
    }
}

/// `number * factor`, where `text` is the number. A power of ten moves the decimal exponent:
/// "0.8e-22 eV" is 0.8 of 1e-22 eV to the last bit.
fn scaled(text: &str, number: f64, factor: f64) -> f64 {
    let power = factor.log10();
    let (digits, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    match exponent.parse::<f64>() {
        Ok(exponent) if power == power.round() => format!("{digits}e{}", exponent + power)
            .parse()
            .unwrap_or(number * factor),
        _ => number * factor,
    }
}

impl<'de, D: Dimension> Deserialize<'de> for Quantity<D> {
    fn deserialize<De: Deserializer<'de>>(deserializer: De) -> Result<Self, De::Error> {
        struct Reader<D>(PhantomData<D>);
        impl<D: Dimension> Visitor<'_> for Reader<D> {
            type Value = Quantity<D>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(
                    f,
                    "a {} as a number in {} or a string with a unit",
                    D::NAME,
                    D::UNITS[0].0
                )
            }
            fn visit_f64<E: de::Error>(self, x: f64) -> Result<Self::Value, E> {
                if x.is_finite() {
                    Ok(Quantity::of(x))
                } else {
                    Err(E::custom(format!(
                        "{x} is not a {}; allowed: a finite number",
                        D::NAME
                    )))
                }
            }
            fn visit_i64<E: de::Error>(self, x: i64) -> Result<Self::Value, E> {
                self.visit_f64(x as f64)
            }
            fn visit_u64<E: de::Error>(self, x: u64) -> Result<Self::Value, E> {
                self.visit_f64(x as f64)
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
                Quantity::parse(text).map_err(E::custom)
            }
        }
        deserializer.deserialize_any(Reader(PhantomData))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_convert_to_the_base() {
        assert_eq!(Length::parse("20 kpc"), Ok(Length::of(20.0)));
        assert_eq!(Length::parse("1.5 Mpc"), Ok(Length::of(1500.0)));
        assert_eq!(Length::parse("3"), Ok(Length::of(3.0)));
        assert_eq!(BosonMass::parse("1e-22 eV").map(|m| m.0), Ok(1.0));
        assert_eq!(BosonMass::parse("0.8e-22 eV").map(|m| m.0), Ok(0.8));
        assert_eq!(Length::parse("0.7 Mpc").map(|l| l.0), Ok(700.0));
        let gyr = Time::parse("1 Gyr").map(|t| t.0);
        assert!(gyr.is_ok_and(|t| (t - 1.022_712_165).abs() < 1e-8));
    }

    #[test]
    fn wrong_units_name_the_right_ones() {
        let message = Length::parse("3 Msun").err().unwrap_or_default();
        assert!(
            message.contains("3 Msun") && message.contains("kpc, pc, Mpc"),
            "{message}"
        );
        assert!(Length::parse("kpc").is_err());
        assert!(Length::parse("NaN kpc").is_err());
        assert!(Length::parse("").is_err());
    }
}
