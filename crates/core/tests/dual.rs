//! Derivatives of pointwise physics against formulas and the gradient checks.

use adastra_check as check;
use adastra_core::dual::{Pointwise, Scalar};
use adastra_core::{Adjoint, Operator, Result};
use ndarray::{Array1, Array2};

/// `p0 x^p1 exp(y)`.
struct Power;

impl Pointwise<2> for Power {
    fn eval<D: Scalar>(&self, p: &[D], [x, y]: [D; 2]) -> D {
        p[0] * x.powd(p[1]) * y.exp()
    }
}

#[test]
fn derivatives_match_formulas() {
    let (a, n, x, y) = (1.7_f64, 2.5_f64, 1.3_f64, 0.4_f64);
    let f = a * x.powf(n) * y.exp();
    let close = |found: f64, expected: f64| {
        assert!((found / expected - 1.0).abs() < 1e-13, "{found} {expected}");
    };
    close(Power.value(&[a, n], [x, y]), f);
    let (value, gradient, hessian) = Power.gradient_and_hessian(&[a, n], [x, y]);
    close(value, f);
    close(gradient[0], n * f / x);
    close(gradient[1], f);
    close(hessian[0][0], n * (n - 1.0) * f / (x * x));
    close(hessian[0][1], n * f / x);
    close(hessian[1][1], f);
    assert_eq!(hessian[0][1], hessian[1][0]);

    // Both add, and to what is there.
    let mut p_bar = [10.0, 20.0];
    let x_bar = Power.value_vjp(&[a, n], [x, y], 2.0, &mut p_bar);
    close(x_bar[0], 2.0 * n * f / x);
    close(p_bar[0], 10.0 + 2.0 * f / a);
    close(p_bar[1], 20.0 + 2.0 * f * x.ln());

    let mut p_bar = [10.0, 20.0];
    let x_bar = Power.gradient_vjp(&[a, n], [x, y], [3.0, -2.0], &mut p_bar);
    close(x_bar[0], 3.0 * hessian[0][0] - 2.0 * hessian[0][1]);
    close(x_bar[1], 3.0 * hessian[0][1] - 2.0 * hessian[1][1]);
    close(p_bar[0], 10.0 + 3.0 * n * f / (x * a) - 2.0 * f / a);
    let by_n = 3.0 * (1.0 + n * x.ln()) * f / x - 2.0 * f * x.ln();
    close(p_bar[1], 20.0 + by_n);
}

/// A polynomial with more parameters than fit on the stack.
struct Polynomial;

impl Pointwise<1> for Polynomial {
    fn eval<D: Scalar>(&self, p: &[D], [x]: [D; 1]) -> D {
        p.iter().rev().fold(D::from(0.0), |sum, &c| sum * x + c)
    }
}

#[test]
fn any_number_of_parameters_is_differentiated() {
    let p: Vec<_> = (0..12).map(f64::from).collect();
    let x = 0.9_f64;
    let mut p_bar = vec![0.0; 12];
    let x_bar = Polynomial.gradient_vjp(&p, [x], [2.0], &mut p_bar);
    for (k, &bar) in p_bar.iter().enumerate().skip(1) {
        let expected = 2.0 * k as f64 * x.powi(k as i32 - 1);
        assert!((bar - expected).abs() < 1e-13);
    }
    assert_eq!(p_bar[0], 0.0);
    let curvature: f64 = (2..12)
        .map(|k| f64::from(k * k * (k - 1)) * x.powi(k - 2))
        .sum();
    assert!((x_bar[0] / (2.0 * curvature) - 1.0).abs() < 1e-13);
}

/// Logarithmic potential, `v^2 / 2 ln(r^2 + a^2)`, and the acceleration in it at many places: an
/// operator whose adjoint is written without a derivative.
struct Halo;

impl Pointwise<3> for Halo {
    fn eval<D: Scalar>(&self, p: &[D], [x, y, z]: [D; 3]) -> D {
        p[0] * p[0] * 0.5 * (x * x + y * y + z * z + p[1] * p[1]).ln()
    }
}

impl Operator<f64> for Halo {
    type Params = Array1<f64>;
    type In = Array2<f64>;
    type Out = Array2<f64>;
    fn apply(&self, p: &Array1<f64>, mut x: Array2<f64>) -> Result<Array2<f64>> {
        let p = p.to_vec();
        for mut r in x.rows_mut() {
            let (_, gradient) = self.value_gradient(&p, [r[0], r[1], r[2]]);
            r.iter_mut().zip(gradient).for_each(|(a, g)| *a = -g);
        }
        Ok(x)
    }
}

impl Adjoint<f64> for Halo {
    type Saved = Array2<f64>;
    fn record(&self, p: &Array1<f64>, x: Array2<f64>) -> Result<(Array2<f64>, Array2<f64>)> {
        Ok((self.apply(p, x.clone())?, x))
    }
    fn vjp(
        &self,
        p: &Array1<f64>,
        x: Array2<f64>,
        mut bar: Array2<f64>,
        p_bar: &mut Array1<f64>,
    ) -> Result<Array2<f64>> {
        let p = p.to_vec();
        let mut sum = vec![0.0; p.len()];
        for (r, mut b) in x.rows().into_iter().zip(bar.rows_mut()) {
            let (r, g_bar) = ([r[0], r[1], r[2]], [-b[0], -b[1], -b[2]]);
            let r_bar = self.gradient_vjp(&p, r, g_bar, &mut sum);
            b.iter_mut().zip(r_bar).for_each(|(b, r)| *b = r);
        }
        p_bar.iter_mut().zip(sum).for_each(|(p, s)| *p += s);
        Ok(bar)
    }
}

#[test]
fn an_acceleration_passes_the_checks() {
    check::adjoint(
        &Halo,
        (check::real(2, 0.5..2.0), check::real((5, 3), -3.0..3.0)),
    );
}
