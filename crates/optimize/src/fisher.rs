//! Uncertainties from the derivatives of residuals.

use adastra_core::{FieldRef, Fields, Real, Tangent};
use faer::linalg::solvers::Svd;
use faer::{Mat, Side};
use ndarray::{Array1, Array2};

use crate::{BoxError, Error, Result};

/// Changes of the parameters whose effect is below this, relative to the largest effect, count as
/// unconstrained: derivatives of long runs carry hardly more digits.
const TOLERANCE: f64 = 1e-12;
/// Parts of an unconstrained direction that are not worth naming.
const NEGLIGIBLE: f64 = 1e-3;

/// The noise of residuals.
#[derive(Debug, Clone, PartialEq)]
pub enum Noise {
    /// Independent, with these standard deviations.
    Independent(Array1<f64>),
    /// With this covariance, shape (residuals, residuals). It is factorized: some 1e4 residuals
    /// at most.
    Covariance(Array2<f64>),
}

impl Noise {
    /// Independent, with one standard deviation for all.
    pub fn uniform(residuals: usize, sigma: f64) -> Self {
        Self::Independent(Array1::from_elem(residuals, sigma))
    }

    fn len(&self) -> usize {
        match self {
            Self::Independent(sigma) => sigma.len(),
            Self::Covariance(c) => c.nrows(),
        }
    }

    /// A with A^T A = J^T C^-1 J, from J.
    fn whiten(&self, mut j: Mat<f64>) -> Result<Mat<f64>> {
        match self {
            Self::Independent(sigma) => {
                for (index, &value) in sigma.iter().enumerate() {
                    if !(value > 0.0 && value.is_finite()) {
                        let allowed = "above 0 and finite";
                        return Err(element("standard deviation", index, value, allowed));
                    }
                }
                for k in 0..j.ncols() {
                    (0..j.nrows()).for_each(|i| j[(i, k)] /= sigma[i]);
                }
            }
            Self::Covariance(c) => {
                let n = c.nrows();
                if let Some(index) = c.iter().position(|x| !x.is_finite()) {
                    let value = c.iter().copied().nth(index).unwrap_or(f64::NAN);
                    return Err(element("covariance of residuals", index, value, "finite"));
                }
                let asymmetric =
                    |i: usize, k: usize| (c[[i, k]] - c[[k, i]]).abs() > 1e-9 * c[[i, i]].abs();
                if c.ncols() != n || (0..n).any(|i| (0..i).any(|k| asymmetric(i, k))) {
                    return Err(Error::Covariance);
                }
                let c = Mat::from_fn(n, n, |i, k| c[[i, k]]);
                let factor = c.llt(Side::Lower).map_err(|_| Error::Covariance)?;
                faer::linalg::triangular_solve::solve_lower_triangular_in_place(
                    factor.L(),
                    j.as_mut(),
                    faer::Par::Seq,
                );
            }
        }
        Ok(j)
    }
}

fn element(what: impl Into<String>, index: usize, value: f64, allowed: &'static str) -> Error {
    Error::Element {
        what: what.into(),
        index,
        value,
        allowed,
    }
}

/// The derivatives of an operator's output, flattened field by field, along each of some
/// directions of its parameters and input: one forward derivative
/// ([`Tangent::jvp`]) a direction. A complex number counts as two residuals.
///
/// # Errors
/// Those of the operator.
pub fn jacobian<T, O>(
    op: &O,
    p: &O::Params,
    x: &O::In,
    directions: impl IntoIterator<Item = (O::Params, O::In)>,
) -> adastra_core::Result<Vec<Vec<f64>>>
where
    T: Real,
    O: Tangent<T>,
    O::Out: Fields<T>,
{
    let column = |(dp, dx)| Ok(flat(&op.jvp(p, &dp, x.clone(), dx)?.1));
    directions.into_iter().map(column).collect()
}

fn flat<T: Real>(y: &impl Fields<T>) -> Vec<f64> {
    let mut all = Vec::new();
    y.visit(&mut |_, field| match field {
        FieldRef::Real(a) => all.extend(a.iter().map(|x| x.f64())),
        FieldRef::Complex(a) => all.extend(a.iter().flat_map(|z| [z.re.f64(), z.im.f64()])),
    });
    all
}

/// The Fisher information of parameters in data,
///
/// ```text
/// F = J^T C^-1 J,   J_ik = d r_i / d theta_k
/// ```
///
/// with residuals r (model minus data) of covariance C. It is the expected Hessian of the loss
/// `r^T C^-1 r / 2`, and the Gauss-Newton approximation of the Hessian at a fit: what it leaves
/// out is the curvature of the model times the residuals (Nocedal & Wright 2006, section 10.3).
/// Where the model is linear over the uncertainties, its inverse is the covariance of
/// the fitted parameters; in general that is the Cramer-Rao bound on it.
///
/// F itself is not formed to invert it, which would square the condition number: the singular
/// values of the whitened J are found instead (`faer`), with its columns scaled to length one, so
/// that units do not matter.
///
/// ```
/// use adastra_optimize::{Fisher, Noise};
/// use ndarray::array;
///
/// // A straight line a + b t through three points of standard deviation 0.1.
/// let columns = [vec![1.0, 1.0, 1.0], vec![-1.0, 0.0, 1.0]];
/// let fisher = Fisher::new(&["a", "b"], &columns, &Noise::uniform(3, 0.1))?;
/// let found = fisher.uncertainties()?;
/// assert!((found.sigma[0] - 0.1 / 3f64.sqrt()).abs() < 1e-15);
/// assert!((found.sigma[1] - 0.1 / 2f64.sqrt()).abs() < 1e-15);
/// # Ok::<(), adastra_optimize::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Fisher {
    names: Vec<String>,
    /// A with F = A^T A.
    whitened: Mat<f64>,
}

/// What data tell about parameters.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Uncertainties {
    /// Standard deviation of each parameter, all others being unknown too.
    pub sigma: Array1<f64>,
    /// The covariance of the parameters, the inverse of the Fisher matrix.
    pub covariance: Array2<f64>,
    /// Correlation coefficients.
    pub correlation: Array2<f64>,
    /// Condition number of the Fisher matrix in units of the parameters in which its diagonal is
    /// one: one where they are independent, large where they are degenerate.
    pub condition: f64,
}

impl Uncertainties {
    /// The standard deviation of a quantity that has this gradient by the parameters.
    ///
    /// # Errors
    /// [`Error::Length`].
    pub fn propagate(&self, gradient: &[f64]) -> Result<f64> {
        if gradient.len() != self.sigma.len() {
            return Err(Error::Length {
                what: "the gradient",
                found: gradient.len(),
                expected: self.sigma.len(),
            });
        }
        let product = |((i, k), c): ((usize, usize), &f64)| gradient[i] * c * gradient[k];
        let variance: f64 = self.covariance.indexed_iter().map(product).sum();
        Ok(variance.max(0.0).sqrt())
    }
}

impl Fisher {
    /// From the names of the parameters and the derivatives of all residuals by each of them, such
    /// as [`jacobian`] gives.
    ///
    /// # Errors
    /// [`Error::Empty`] without parameters; [`Error::Length`] where columns, names and noise differ
    /// in length; [`Error::Element`] for a derivative that is not finite and a standard deviation
    /// that is not above zero; [`Error::Covariance`].
    pub fn new(names: &[&str], columns: &[Vec<f64>], noise: &Noise) -> Result<Self> {
        if columns.is_empty() {
            return Err(Error::Empty);
        }
        let length = |what, found, expected| Error::Length {
            what,
            found,
            expected,
        };
        if names.len() != columns.len() {
            return Err(length("the list of names", names.len(), columns.len()));
        }
        for (column, name) in columns.iter().zip(names) {
            if column.len() != noise.len() {
                let what = "a column of derivatives of the residuals";
                return Err(length(what, column.len(), noise.len()));
            }
            if let Some(index) = column.iter().position(|d| !d.is_finite()) {
                let what = format!("derivative by {name} of residual");
                return Err(element(what, index, column[index], "finite"));
            }
        }
        let j = Mat::from_fn(noise.len(), columns.len(), |i, k| columns[k][i]);
        Ok(Self {
            names: names.iter().map(|&name| name.to_owned()).collect(),
            whitened: noise.whiten(j)?,
        })
    }

    /// From a closure that gives the derivatives of all residuals by the parameter of an index,
    /// for instance by forward derivatives of a chain of operators.
    ///
    /// # Errors
    /// [`Error::Column`] where the closure fails; those of [`Fisher::new`].
    pub fn of<E: Into<BoxError>>(
        names: &[&str],
        noise: &Noise,
        mut column: impl FnMut(usize) -> Result<Vec<f64>, E>,
    ) -> Result<Self> {
        let column = |(k, name): (usize, &&str)| {
            column(k).map_err(|source| Error::Column {
                parameter: (*name).to_owned(),
                source: source.into(),
            })
        };
        let columns: Vec<_> = names
            .iter()
            .enumerate()
            .map(column)
            .collect::<Result<_>>()?;
        Self::new(names, &columns, noise)
    }

    /// And what is known of the parameters beforehand: one standard deviation each, infinite for
    /// those of which nothing is.
    ///
    /// # Errors
    /// [`Error::Length`]; [`Error::Element`] for one that is not above zero.
    pub fn with_prior(self, sigma: &[f64]) -> Result<Self> {
        let n = self.names.len();
        if sigma.len() != n {
            return Err(Error::Length {
                what: "the prior",
                found: sigma.len(),
                expected: n,
            });
        }
        if let Some(index) = sigma.iter().position(|s| !(*s > 0.0)) {
            let allowed = "above 0";
            return Err(element(
                "prior standard deviation",
                index,
                sigma[index],
                allowed,
            ));
        }
        // One more residual each.
        let m = self.whitened.nrows();
        let whitened = Mat::from_fn(m + n, n, |i, k| match i.checked_sub(m) {
            None => self.whitened[(i, k)],
            Some(i) if i == k => sigma[k].recip(),
            Some(_) => 0.0,
        });
        Ok(Self { whitened, ..self })
    }

    /// The Fisher matrix F, shape (parameters, parameters), in the inverse squares of their units.
    pub fn matrix(&self) -> Array2<f64> {
        let a = &self.whitened;
        let product = |i: usize, k: usize| (0..a.nrows()).map(|r| a[(r, i)] * a[(r, k)]).sum();
        let n = self.names.len();
        Array2::from_shape_fn((n, n), |(i, k)| product(i, k))
    }

    /// The covariance of the parameters.
    ///
    /// # Errors
    /// [`Error::Unconstrained`], which names the parameters, where some change of them changes the
    /// residuals by less than rounding: fewer residuals than parameters, a parameter without
    /// effect, or two with the same.
    pub fn uncertainties(&self) -> Result<Uncertainties> {
        let n = self.names.len();
        let a = &self.whitened;
        let length = |k: usize| {
            let column = (0..a.nrows()).map(|i| a[(i, k)]);
            // Of the largest element, so that no square overflows.
            let most = column.clone().fold(0.0, |m: f64, x| m.max(x.abs()));
            let squares: f64 = column.map(|x| (x / most).powi(2)).sum();
            if most > 0.0 {
                most * squares.sqrt()
            } else {
                0.0
            }
        };
        let scale: Vec<f64> = (0..n).map(length).collect();
        if let Some(k) = scale.iter().position(|s| *s == 0.0) {
            return Err(Error::Unconstrained {
                direction: vec![(self.names[k].clone(), 1.0)],
                ratio: 0.0,
            });
        }
        // At least as many rows as columns; rows of zeros add nothing.
        let rows = a.nrows().max(n);
        let scaled = Mat::from_fn(rows, n, |i, k| {
            if i < a.nrows() {
                a[(i, k)] / scale[k]
            } else {
                0.0
            }
        });
        let Ok(svd) = Svd::new_thin(scaled.as_ref()) else {
            return Err(element("derivative of residual", 0, f64::NAN, "finite"));
        };
        let (s, v) = (svd.S(), svd.V());
        let s = |k: usize| s[k];
        let ratio = s(n - 1) / s(0);
        if !(ratio > TOLERANCE) {
            let parts = (0..n).map(|k| (self.names[k].clone(), v[(k, n - 1)]));
            let direction = parts.filter(|(_, c)| c.abs() > NEGLIGIBLE).collect();
            return Err(Error::Unconstrained { direction, ratio });
        }
        let covariance = Array2::from_shape_fn((n, n), |(i, k)| {
            let sum: f64 = (0..n).map(|l| v[(i, l)] * v[(k, l)] / s(l).powi(2)).sum();
            sum / (scale[i] * scale[k])
        });
        let sigma = covariance.diag().mapv(f64::sqrt);
        let correlation =
            Array2::from_shape_fn((n, n), |(i, k)| covariance[[i, k]] / (sigma[i] * sigma[k]));
        Ok(Uncertainties {
            sigma,
            covariance,
            correlation,
            condition: ratio.powi(-2),
        })
    }
}
