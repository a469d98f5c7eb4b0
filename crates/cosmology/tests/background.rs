//! The background against closed forms and published numbers.

use adastra_cosmology::{Cosmology, CosmologyError, LinearPower, Supercomoving};
use proptest::prelude::*;

#[test]
fn einstein_de_sitter_has_closed_forms() {
    let universe = Cosmology::flat(0.7, 1.0).unwrap();
    let h0 = universe.hubble_constant();
    for a in [1e-3, 0.02, 0.5, 1.0] {
        assert!((universe.growth(a) / a - 1.0).abs() < 1e-12, "{a}");
        assert!((universe.growth_rate(a) - 1.0).abs() < 1e-12, "{a}");
        let age = 2.0 / (3.0 * h0) * a.powf(1.5);
        assert!((universe.age(a) / age - 1.0).abs() < 1e-12, "{a}");
    }
    let time = Supercomoving::new(universe, 0.01, 1.0).unwrap();
    for a in [0.01f64, 0.1, 0.77, 1.0] {
        let expected = 2.0 / h0 * (10.0 - a.powf(-0.5));
        assert!(
            (time.time(a) - expected).abs() < 1e-11 * expected.max(1.0),
            "{a}"
        );
    }
}

#[test]
fn ages_and_growth_of_the_concordance_model() {
    // Age 13.47 Gyr and D(z = 1)/D(0) = 0.6118 for h = 0.7, Omega_m = 0.3 (Carroll, Press &
    // Turner 1992 give 0.6119 by their fit).
    let universe = Cosmology::flat(0.7, 0.3).unwrap();
    let gyr = 0.977_792_221_680_356_5;
    assert!((universe.age(1.0) * gyr - 13.467).abs() < 2e-3);
    assert!((universe.growth(0.5) - 0.6118).abs() < 5e-4);
    // f = Omega_m(a)^0.55 (Linder 2005) to half a percent.
    assert!((universe.growth_rate(1.0) - 0.3f64.powf(0.55)).abs() < 3e-3);
}

#[test]
fn power_has_its_norm_and_limits() {
    let universe = Cosmology::flat(0.7, 0.3).unwrap();
    let power = LinearPower::new(&universe, 0.045, 0.96, 0.8).unwrap();
    assert!((power.variance(8e3 / 0.7).sqrt() - 0.8).abs() < 1e-12);
    assert!((power.transfer(1e-9) - 1.0).abs() < 1e-4);
    // Large k: the slope tends to n - 4 up to the logarithm.
    let slope = (power.at(1e-1) / power.at(5e-2)).ln() / 2f64.ln();
    assert!((-3.1..-2.7).contains(&slope), "{slope}");
}

#[test]
fn bad_numbers_are_named() {
    let message = |r: Result<Cosmology, CosmologyError>| r.unwrap_err().to_string();
    assert_eq!(
        message(Cosmology::flat(-0.7, 0.3)),
        "h = -0.7: must be positive"
    );
    assert!(Cosmology::new(0.7, 0.3, f64::NAN).is_err());
    let universe = Cosmology::flat(0.7, 0.3).unwrap();
    assert!(Supercomoving::new(universe, 0.5, 0.5).is_err());
    assert!(LinearPower::new(&universe, 0.4, 1.0, 0.8).is_err());
}

proptest! {
    #[test]
    fn scale_factor_and_time_are_inverse(
        h in 0.5..0.9,
        matter in 0.1..1.0,
        lambda in 0.0..1.0,
        share in 0.0..1.0,
    ) {
        let universe = Cosmology::new(h, matter, lambda).unwrap();
        let time = Supercomoving::new(universe, 1.0 / 128.0, 1.0).unwrap();
        let t = share * time.span();
        let a = time.scale_factor(t);
        prop_assert!((time.time(a) - t).abs() < 1e-12 * time.span());
        // da/dt = a^3 H.
        let h = 1e-5 * a / (a.powi(3) * universe.hubble_rate(a));
        let slope = (time.scale_factor(t + h) - time.scale_factor(t - h)) / (2.0 * h);
        let expected = a.powi(3) * universe.hubble_rate(a);
        prop_assert!(
            t < h || t + h > time.span() || (slope / expected - 1.0).abs() < 1e-6,
            "{slope} {expected}"
        );
    }
}

/// The numbers that the tests of Jaxion 0.0.13 state, from a trapezoidal rule of 10000 points in a.
#[test]
fn intervals_agree_with_an_independent_code() {
    let start = 1.0 / 128.0;
    let cosmology = Cosmology::new(0.7, 0.3, 0.7).unwrap();
    let physical = cosmology.age(1.0) - cosmology.age(start);
    assert!((physical / 13.76084 - 1.0).abs() < 1e-4, "{physical}");
    let time = Supercomoving::new(cosmology, start, 1.0).unwrap();
    let span = time.span();
    assert!((span / 530.44415 - 1.0).abs() < 1e-4, "{span}");
    let a = time.scale_factor(10.0);
    assert!((a / 0.008_084_139_3 - 1.0).abs() < 1e-4, "{a}");
}
