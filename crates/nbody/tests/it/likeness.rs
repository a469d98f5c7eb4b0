//! Losses between samples: derivatives, known values, bad input.

use adastra_check as check;
use adastra_core::{Adjoint, Operator};
use adastra_nbody::Likeness;
use ndarray::{Array2, array};
use proptest::prelude::*;

fn data() -> Array2<f64> {
    Array2::from_shape_fn((7, 3), |(i, k)| {
        (1.3 * i as f64 + 2.1 * (k * k) as f64).sin()
    })
}

const SCALES: [f64; 3] = [0.5, 2.0, f64::INFINITY];

fn losses() -> [Likeness; 3] {
    [
        Likeness::maximum_mean_discrepancy(&data(), &SCALES).unwrap(),
        Likeness::kernel_density(&data(), &SCALES).unwrap(),
        Likeness::sliced_wasserstein(&data(), &SCALES, 20, 1).unwrap(),
    ]
}

#[test]
fn derivatives() {
    for loss in losses() {
        for n in [1, 5, 7, 12] {
            let sample = check::normal((n, 3), 0.2, 1.0);
            check::adjoint_of(sample, |x| (&loss, (), x));
        }
    }
}

#[test]
fn columns_of_infinite_scale_do_not_count() {
    for loss in losses() {
        let (value, gradient): (f64, _) = loss.record(&(), data() + 0.3).unwrap();
        let mut other = data() + 0.3;
        other.column_mut(2).fill(1e30);
        assert_eq!(loss.apply(&(), other).unwrap(), value);
        assert!(gradient.column(2).iter().all(|&x| x == 0.0));
    }
}

#[test]
fn distances_are_least_where_the_samples_agree() {
    let [mmd, _, wasserstein] = losses();
    for loss in [mmd, wasserstein] {
        let (value, gradient): (f64, _) = loss.record(&(), data()).unwrap();
        assert!(value.abs() < 1e-15 && gradient.iter().all(|x| x.abs() < 1e-15));
        // Neither the order of the rows nor their number matters.
        let twice = ndarray::concatenate![ndarray::Axis(0), data(), data()];
        assert!(loss.apply(&(), twice).unwrap().abs() < 1e-15);
        assert!(loss.apply(&(), data() + 0.1).unwrap() > 1e-4);
    }
}

#[test]
fn values_are_those_of_the_definitions() {
    let mmd = Likeness::maximum_mean_discrepancy(&array![[0.0]], &[1.0]).unwrap();
    let found: f64 = mmd.apply(&(), array![[2.0]]).unwrap();
    assert!((found - (2.0 - 2.0 * (-2.0f64).exp())).abs() < 1e-15);

    // One normal distribution of standard deviation 2, two deviations off.
    let density = Likeness::kernel_density(&array![[4.0]], &[2.0]).unwrap();
    let found: f64 = density.apply(&(), array![[0.0]]).unwrap();
    let expected = 2.0 + (2.0 * std::f64::consts::TAU.sqrt()).ln();
    assert!((found - expected).abs() < 1e-14);
    // So far off that no kernel is a number above zero.
    let (found, gradient): (f64, _) = density.record(&(), array![[1e3], [4e3]]).unwrap();
    assert!(
        found > 1e5 && (gradient[[0, 0]] - 996.0 / 4.0).abs() < 1e-9,
        "{found} {gradient}"
    );

    // A shift by 3 of a sample of another size: in one dimension W_2 is 3.
    let wasserstein = Likeness::sliced_wasserstein(&array![[0.0], [0.0]], &[1.0], 4, 2).unwrap();
    let found: f64 = wasserstein.apply(&(), array![[3.0], [3.0], [3.0]]).unwrap();
    assert!((found - 9.0).abs() < 1e-14);
    // Quantiles of {0, 0, 3} and {0, 3}: they differ by 3 over a sixth.
    let data = array![[0.0], [3.0]];
    let wasserstein = Likeness::sliced_wasserstein(&data, &[1.0], 1, 2).unwrap();
    let found: f64 = wasserstein.apply(&(), array![[0.0], [0.0], [3.0]]).unwrap();
    assert!((found - 1.5).abs() < 1e-14, "{found}");
}

proptest! {
    #[test]
    fn discrepancies_are_never_negative(x in check::normal((6, 3), 0.0, 1.0)) {
        let [mmd, _, wasserstein] = losses();
        prop_assert!(mmd.apply(&(), x.clone()).unwrap() > -1e-15);
        prop_assert!(wasserstein.apply(&(), x).unwrap() >= 0.0);
    }
}

#[test]
fn bad_input_is_named() {
    let text = |found: adastra_core::Result<Likeness>| found.unwrap_err().to_string();
    let one = array![[1.0]];
    assert!(text(Likeness::kernel_density(&one, &[0.0])).contains("scale = 0: must be above 0"));
    assert!(text(Likeness::kernel_density(&array![[f64::NAN]], &[1.0])).contains("data = NaN"));
    assert!(text(Likeness::kernel_density(&Array2::zeros((0, 1)), &[1.0])).contains("rows"));
    assert!(Likeness::kernel_density(&one, &[1.0, 2.0]).is_err());
    assert!(text(Likeness::sliced_wasserstein(&one, &[1.0], 0, 1)).contains("slices = 0"));
    assert!(Likeness::sliced_wasserstein(&one, &[f64::INFINITY], 3, 1).is_err());
    let loss = Likeness::kernel_density(&one, &[1.0]).unwrap();
    assert!(Operator::<f64>::apply(&loss, &(), Array2::zeros((0, 1))).is_err());
    assert!(Operator::<f64>::apply(&loss, &(), Array2::zeros((3, 2))).is_err());
}
