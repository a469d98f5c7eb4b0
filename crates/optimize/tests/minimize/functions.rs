//! Test functions with their gradients.

/// Rosenbrock's function in even dimension; minimum 0 at (1, ..., 1).
pub(crate) fn rosenbrock(x: &[f64]) -> (f64, Vec<f64>) {
    let mut value = 0.0;
    let mut gradient = vec![0.0; x.len()];
    for i in 0..x.len() - 1 {
        let (a, b) = (1.0 - x[i], x[i + 1] - x[i] * x[i]);
        value += a * a + 100.0 * b * b;
        gradient[i] += -2.0 * a - 400.0 * x[i] * b;
        gradient[i + 1] += 200.0 * b;
    }
    (value, gradient)
}

/// `sum_i c_i (x_i - i)^2 / 2` with `c` from 1 to `condition`, spaced logarithmically.
pub(crate) fn quadratic(condition: f64) -> impl Fn(&[f64]) -> (f64, Vec<f64>) {
    move |x| {
        let last = (x.len() - 1).max(1) as f64;
        let curvature = |i: usize| condition.powf(i as f64 / last);
        let gradient: Vec<f64> = x
            .iter()
            .enumerate()
            .map(|(i, x)| curvature(i) * (x - i as f64))
            .collect();
        let value = x
            .iter()
            .zip(&gradient)
            .enumerate()
            .map(|(i, (x, g))| 0.5 * g * (x - i as f64))
            .sum();
        (value, gradient)
    }
}
