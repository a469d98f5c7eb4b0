//! The property tests and strategies as a third party uses them.
#![cfg(feature = "proptest")]

use adastra_check as check;
use adastra_core::{Adjoint, Operator, Result, Reversible, Tangent};
use ndarray::Array2;
use num_complex::Complex;
use proptest::prelude::*;

/// `y = p i x`, a rotation and a scaling; with an error of the gradient.
struct Scale(f64);

impl Operator<f64> for Scale {
    type Params = f64;
    type In = Array2<Complex<f64>>;
    type Out = Array2<Complex<f64>>;
    fn apply(&self, p: &f64, x: Self::In) -> Result<Self::Out> {
        Ok(x.mapv_into(|z| Complex::new(-z.im, z.re) * p))
    }
}

impl Tangent<f64> for Scale {
    fn jvp(&self, p: &f64, dp: &f64, x: Self::In, dx: Self::In) -> Result<(Self::Out, Self::Out)> {
        let dy = self.apply(p, dx)? + self.apply(dp, x.clone())?;
        Ok((self.apply(p, x)?, dy))
    }
}

impl Adjoint<f64> for Scale {
    type Saved = Self::In;
    fn record(&self, p: &f64, x: Self::In) -> Result<(Self::Out, Self::In)> {
        Ok((self.apply(p, x.clone())?, x))
    }
    fn vjp(&self, p: &f64, x: Self::In, y_bar: Self::Out, p_bar: &mut f64) -> Result<Self::In> {
        let products = x.iter().zip(&y_bar).map(|(x, b)| b.im * x.re - b.re * x.im);
        *p_bar += products.sum::<f64>() * (1.0 + self.0);
        Ok(y_bar.mapv_into(|b| Complex::new(b.im, -b.re) * p))
    }
}

impl Reversible<f64> for Scale {
    fn invert(&self, p: &f64, y: Self::Out) -> Result<Self::In> {
        Ok(y.mapv_into(|z| Complex::new(z.im, -z.re) / p))
    }
}

#[test]
fn right_operators_pass() {
    check::adjoint(
        &Scale(0.0),
        (check::log_uniform(0.01..100.0), check::complex((3, 4), 2.0)),
    );
    check::tangent(&Scale(0.0), (-2.0..-1.0, check::complex((3, 4), 2.0)));
    check::reversible(&Scale(0.0), (0.5..2.0, check::complex((3, 4), 2.0)));
}

#[test]
fn random_operators_pass() {
    let inputs = (1..5usize, 1..5usize).prop_flat_map(|n| (0.5..2.0, check::complex(n, 1.0)));
    check::adjoint_of(inputs.clone(), |(p, x)| (Scale(0.0), p, x));
    check::tangent_of(inputs.clone(), |(p, x)| (Scale(0.0), p, x));
    check::reversible_of(inputs, |(p, x)| (Scale(0.0), p, x));
}

#[test]
#[should_panic(expected = "derivative of output (array) by parameter (array)")]
fn a_tenth_of_a_percent_fails_the_property() {
    check::adjoint(&Scale(1e-3), (0.5..2.0, check::complex((3, 4), 1.0)));
}

#[test]
#[should_panic(expected = "adjoint against tangent")]
fn a_part_in_a_billion_fails_the_tangent_property() {
    check::tangent(&Scale(1e-9), (0.5..2.0, check::complex((3, 4), 1.0)));
}

#[test]
fn tolerances_and_the_number_of_points_can_be_set() {
    let drawn = std::cell::Cell::new(0);
    let tolerances = check::Tolerances {
        difference: 1e-2,
        ..check::Tolerances::default()
    };
    let property = check::Property {
        cases: 3,
        tolerances,
    };
    let inputs = (0.5..2.0, check::complex((3, 4), 1.0));
    property.adjoint_of(inputs, |(p, x)| {
        drawn.set(drawn.get() + 1);
        (Scale(1e-3), p, x)
    });
    let expected = std::env::var("PROPTEST_CASES").map_or(3, |cases| cases.parse().unwrap());
    assert_eq!(drawn.get(), expected);
}

#[test]
#[should_panic(expected = "no inputs")]
fn strategies_without_inputs_are_no_success() {
    let none = (0.5..2.0, check::complex((1, 1), 1.0)).prop_filter("never", |_| false);
    check::adjoint(&Scale(0.0), none);
}

proptest! {
    #[test]
    fn strategies_keep_their_ranges(
        a in check::real((4, 5, 6), 2.0..3.0),
        n in check::normal(4000, 5.0, 2.0),
        z in check::complex([40, 50], 3.0),
        s in check::log_uniform(1e-9..1e-6),
    ) {
        prop_assert_eq!(a.dim(), (4, 5, 6));
        prop_assert!(a.iter().all(|x| (2.0..3.0).contains(x)));
        let mean = n.sum() / 4000.0;
        let variance = n.mapv(|x| (x - mean).powi(2)).sum() / 4000.0;
        prop_assert!((mean - 5.0).abs() < 0.2 && (variance - 4.0).abs() < 0.6);
        let square = z.mapv(|z| z.norm_sqr()).sum() / 2000.0;
        prop_assert!((square - 9.0).abs() < 1.5);
        prop_assert!((1e-9..1e-6).contains(&s));
    }
}
