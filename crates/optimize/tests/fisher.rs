//! Uncertainties: linear models, whose covariance is known exactly, and what cannot be known.
#![cfg(feature = "uncertainties")]

use adastra_check as check;
use adastra_core::{Operator, Result, Tangent};
use adastra_optimize::{Error, Fisher, Noise, jacobian};
use ndarray::{Array1, Array2, array};
use proptest::prelude::*;

fn columns(j: &Array2<f64>) -> Vec<Vec<f64>> {
    j.columns().into_iter().map(|c| c.to_vec()).collect()
}

const NAMES: [&str; 3] = ["mass", "radius", "time"];

/// The largest difference over the largest element.
fn off(a: &Array2<f64>, b: &Array2<f64>) -> f64 {
    let most = |a: &Array2<f64>| a.iter().fold(0.0, |m: f64, x| m.max(x.abs()));
    most(&(a - b)) / most(b)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// F times the covariance is the unit matrix, in any units of the parameters.
    #[test]
    fn the_covariance_inverts_the_information(
        j in check::normal((9, 3), 0.0, 1.0),
        sigma in check::real(9, 0.1..2.0),
        units in check::real(3, -8.0..8.0),
    ) {
        let j = j * &units.mapv(|u| 10f64.powf(u));
        let fisher = Fisher::new(&NAMES, &columns(&j), &Noise::Independent(sigma.clone())).unwrap();
        let by_hand = j.t().dot(&(&j / &sigma.mapv(|s| s * s).insert_axis(ndarray::Axis(1))));
        prop_assert!(off(&fisher.matrix(), &by_hand) < 1e-13);
        let found = fisher.uncertainties().unwrap();
        let unit = found.covariance.dot(&by_hand);
        for i in 0..3 {
            for k in 0..3 {
                let expected = f64::from(u8::from(i == k));
                let size = (by_hand[[k, k]] / by_hand[[i, i]]).sqrt();
                prop_assert!(((unit[[i, k]] - expected) / size).abs() < 1e-11 * found.condition);
            }
            prop_assert!((found.correlation[[i, i]] - 1.0).abs() < 1e-12);
        }
        // A combination of parameters has the variance of its gradient.
        let gradient = [0.3, -2.0, 1.0];
        let g = Array1::from(gradient.to_vec());
        let variance = g.dot(&found.covariance.dot(&g));
        prop_assert!((found.propagate(&gradient).unwrap().powi(2) / variance - 1.0).abs() < 1e-9);
    }

    /// Residuals mixed by a matrix M have the covariance M M^T and carry the same information.
    #[test]
    fn correlated_residuals_carry_what_they_were_mixed_from(
        j in check::normal((6, 3), 0.0, 1.0),
        mix in check::normal((6, 6), 0.0, 0.1),
    ) {
        let mix = mix + Array2::<f64>::eye(6);
        let plain = Fisher::new(&NAMES, &columns(&j), &Noise::uniform(6, 1.0)).unwrap();
        let covariance = Noise::Covariance(mix.dot(&mix.t()));
        let mixed = Fisher::new(&NAMES, &columns(&mix.dot(&j)), &covariance).unwrap();
        prop_assert!(off(&mixed.matrix(), &plain.matrix()) < 1e-10);
    }
}

#[test]
fn a_straight_line_has_the_textbook_covariance() {
    let t = [0.0, 1.0, 2.0, 5.0, 7.0];
    let sigma = [0.1, 0.2, 0.1, 0.3, 0.2];
    let noise = Noise::Independent(Array1::from(sigma.to_vec()));
    let names = ["intercept", "slope"];
    let fisher = Fisher::of(&names, &noise, |k| {
        Ok::<_, std::convert::Infallible>(t.iter().map(|t: &f64| t.powi(k as i32)).collect())
    });
    let found = fisher.unwrap().uncertainties().unwrap();
    let sum = |power: i32| -> f64 {
        let parts = t.iter().zip(sigma);
        parts.map(|(t, s)| t.powi(power) / (s * s)).sum()
    };
    let determinant = sum(0) * sum(2) - sum(1).powi(2);
    let expected = array![[sum(2), -sum(1)], [-sum(1), sum(0)]] / determinant;
    assert!(off(&found.covariance, &expected) < 1e-13);
    assert!((found.sigma[1] - (sum(0) / determinant).sqrt()).abs() < 1e-13);
    // Of a unit-diagonal matrix of two with correlation c: (1 + c) / (1 - c).
    let c = sum(1) / (sum(0) * sum(2)).sqrt();
    assert!((found.condition / ((1.0 + c) / (1.0 - c)) - 1.0).abs() < 1e-12);
    assert!((found.correlation[[0, 1]] + c).abs() < 1e-13);
}

#[test]
fn what_the_data_cannot_tell_is_named() {
    let noise = Noise::uniform(4, 1.0);
    let one = vec![1.0, 2.0, 3.0, 4.0];
    let other = vec![1.0, -1.0, 0.5, 0.0];
    // The second parameter acts as minus a thousand of the first.
    let opposite: Vec<f64> = one.iter().map(|x| -1e3 * x).collect();
    let columns = [one.clone(), opposite, other.clone()];
    let fisher = Fisher::new(&NAMES, &columns, &noise).unwrap();
    let error = fisher.uncertainties().unwrap_err();
    let Error::Unconstrained { direction, .. } = &error else {
        panic!("{error}");
    };
    assert_eq!(direction.len(), 2);
    assert_eq!((&*direction[0].0, &*direction[1].0), ("mass", "radius"));
    assert!((direction[0].1 / direction[1].1 - 1.0).abs() < 1e-9);
    assert!(error.to_string().contains("0.71 radius"), "{error}");
    // With a prior on either, all are known.
    let known = fisher
        .with_prior(&[f64::INFINITY, 1e-3, f64::INFINITY])
        .unwrap();
    let found = known.uncertainties().unwrap();
    assert!((found.sigma[1] - 1e-3).abs() < 1e-9);

    let idle = Fisher::new(&NAMES, &[one.clone(), vec![0.0; 4], other], &noise).unwrap();
    let text = idle.uncertainties().unwrap_err().to_string();
    assert!(text.contains("do not constrain radius"), "{text}");
    // Fewer residuals than parameters.
    let few = Fisher::new(
        &["a", "b"],
        &[vec![1.0], vec![2.0]],
        &Noise::uniform(1, 1.0),
    );
    assert!(matches!(
        few.unwrap().uncertainties(),
        Err(Error::Unconstrained { .. })
    ));
}

#[test]
fn bad_input_is_named() {
    let columns = [vec![1.0, 2.0], vec![1.0, f64::NAN]];
    let text = |found: adastra_optimize::Result<Fisher>| found.unwrap_err().to_string();
    let noise = Noise::uniform(2, 1.0);
    let nan = text(Fisher::new(&["a", "b"], &columns, &noise));
    assert!(
        nan.contains("derivative by b of residual 1 is NaN"),
        "{nan}"
    );
    let columns = [vec![1.0, 2.0]];
    let sigma = text(Fisher::new(&["a"], &columns, &Noise::uniform(2, 0.0)));
    assert!(
        sigma.contains("standard deviation 0 is 0: must be above 0"),
        "{sigma}"
    );
    let length = text(Fisher::new(&["a"], &columns, &Noise::uniform(3, 1.0)));
    assert!(length.contains("2 entries"), "{length}");
    for c in [
        array![[1.0, 2.0], [2.0, 1.0]],
        array![[1.0, 0.5], [0.0, 1.0]],
    ] {
        let found = Fisher::new(&["a"], &columns, &Noise::Covariance(c));
        assert!(matches!(found, Err(Error::Covariance)));
    }
    assert!(matches!(Fisher::new(&[], &[], &noise), Err(Error::Empty)));
    let failed = Fisher::of(&["a"], &noise, |_| Err("no run".to_owned()));
    assert!(text(failed).contains("by a: no run"));
    let fisher = Fisher::new(&["a"], &columns, &noise).unwrap();
    assert!(fisher.clone().with_prior(&[-1.0]).is_err());
    assert!(fisher.uncertainties().unwrap().propagate(&[]).is_err());
}

/// `y = p x^2`, elementwise.
struct Square;

impl Operator<f64> for Square {
    type Params = f64;
    type In = Array1<f64>;
    type Out = Array1<f64>;
    fn apply(&self, p: &f64, x: Array1<f64>) -> Result<Array1<f64>> {
        Ok(*p * &x * &x)
    }
}

impl Tangent<f64> for Square {
    fn jvp(
        &self,
        p: &f64,
        dp: &f64,
        x: Array1<f64>,
        dx: Array1<f64>,
    ) -> Result<(Array1<f64>, Array1<f64>)> {
        let dy = *dp * &x * &x + 2.0 * *p * &x * dx;
        Ok((self.apply(p, x)?, dy))
    }
}

#[test]
fn derivatives_of_an_operator_are_columns() {
    let x = array![1.0, 2.0, 3.0];
    let directions = [(1.0, Array1::zeros(3)), (0.0, array![0.0, 1.0, 0.0])];
    let found = jacobian(&Square, &0.5, &x, directions).unwrap();
    assert_eq!(found, [vec![1.0, 4.0, 9.0], vec![0.0, 2.0, 0.0]]);
}
