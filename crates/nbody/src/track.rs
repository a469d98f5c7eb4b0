//! The track of a stream, as numbers to compare one by one.

use adastra_core::{Adjoint, Error, Operator, Real, Result, Tangent};
use ndarray::{Array1, Array2};

use crate::NBodyError;
use crate::arrays::shape;

/// The track of a stream: an operator from its stars, shape (n, d), to their density and means along
/// it, shape (knots, d), smooth in all of them.
///
/// At each knot k of the first column (phi1 of [`Sky`](crate::Sky), say) stars have the weights
/// `w_i = exp(-(y_i0 - k)^2 / (2 h^2))`. The first column of the result is the share of the stars per
/// unit of the first column, `sum w_i / (n h sqrt(2 pi))`; the others are the weighted means
/// `sum w_i y_ij / sum w_i`.
///
/// Unlike a [`Likeness`](crate::Likeness), which is one number, these are residuals, from which
/// the uncertainties of parameters follow (`Fisher` of the crate `adastra-optimize`) with the
/// [standard errors](Track::standard_errors) of the data.
///
/// # Errors
/// [`Error::Shape`] without columns; [`NBodyError::Range`] for a knot that no star is within ten
/// widths of.
///
/// ```
/// use adastra_core::Operator;
/// use adastra_nbody::Track;
/// use ndarray::{array, Array2};
///
/// // Stars on a line of slope 2.
/// let stars = Array2::from_shape_fn((201, 2), |(i, j)| (i as f64 - 100.0) * [0.1, 0.2][j]);
/// let track: Array2<f64> = Track::new(&[-5.0, 0.0, 5.0], 0.5)?.apply(&(), stars)?;
/// assert!((track[[0, 1]] + 10.0).abs() < 1e-9 && (track[[2, 1]] - 10.0).abs() < 1e-9);
/// // One star in 201 every 0.1.
/// assert!((track[[1, 0]] - 10.0 / 201.0).abs() < 1e-9);
/// # Ok::<(), adastra_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Track {
    knots: Vec<f64>,
    width: f64,
}

/// A star farther than this many widths off has no say.
const REACH: f64 = 10.0;

/// Weighted sums at a knot.
struct Sums {
    weights: Vec<f64>,
    total: f64,
    means: Vec<f64>,
}

fn range(name: String, value: f64, allowed: &'static str) -> Error {
    Error::operator(
        "track",
        NBodyError::Range {
            name,
            value,
            allowed,
        },
    )
}

impl Track {
    /// Knots, and the width h of the kernel, in units of the first column. Knots two widths apart
    /// are nearly independent.
    ///
    /// # Errors
    /// [`NBodyError::Range`] without knots, for a knot that is not finite, and for a width that is
    /// not above zero.
    pub fn new(knots: &[f64], width: f64) -> Result<Self> {
        if knots.is_empty() {
            return Err(range("knots".to_owned(), 0.0, "at least 1"));
        }
        if let Some(&knot) = knots.iter().find(|k| !k.is_finite()) {
            return Err(range("knot".to_owned(), knot, "finite"));
        }
        if !(width > 0.0 && width.is_finite()) {
            return Err(range("width".to_owned(), width, "above 0, and finite"));
        }
        Ok(Self {
            knots: knots.to_vec(),
            width,
        })
    }

    /// The knots.
    pub fn knots(&self) -> &[f64] {
        &self.knots
    }

    fn checked<T: Real>(stars: &Array2<T>) -> Result<()> {
        let columns = stars.ncols().max(1);
        shape("stars of a track", stars.shape(), &[stars.nrows(), columns])
    }

    fn sums<T: Real>(&self, stars: &Array2<T>, knot: f64) -> Result<Sums> {
        let distance = |y: T| (y.f64() - knot) / self.width;
        let first = stars.column(0);
        let weights: Vec<f64> = first
            .iter()
            .map(|&y| (-0.5 * distance(y).powi(2)).exp())
            .collect();
        if !first.iter().any(|&y| distance(y).abs() < REACH) {
            let name = format!("stars within {REACH} widths of the knot at {knot}");
            return Err(range(name, 0.0, "at least 1"));
        }
        let total: f64 = weights.iter().sum();
        let mean = |j: usize| {
            let terms = weights.iter().zip(stars.column(j));
            terms.map(|(w, y)| w * y.f64()).sum::<f64>() / total
        };
        let means = (1..stars.ncols()).map(mean).collect();
        Ok(Sums {
            weights,
            total,
            means,
        })
    }

    /// What turns a sum of weights into a density.
    fn per_star(&self, n: usize) -> f64 {
        1.0 / (n as f64 * self.width * std::f64::consts::TAU.sqrt())
    }

    /// The standard error of each number of the track of independent stars, shape (knots, d): of a
    /// mean the weighted scatter over the root of the effective number of stars,
    /// `(sum w)^2 / sum w^2`, and of the density that of a Poisson process.
    ///
    /// # Errors
    /// As those of the operator; [`NBodyError::Range`] where fewer than two stars, by effective
    /// number, tell no scatter.
    pub fn standard_errors<T: Real>(&self, stars: &Array2<T>) -> Result<Array2<f64>> {
        Self::checked(stars)?;
        let mut errors = Array2::zeros((self.knots.len(), stars.ncols()));
        for (knot, mut row) in self.knots.iter().zip(errors.rows_mut()) {
            let sums = self.sums(stars, *knot)?;
            let squares: f64 = sums.weights.iter().map(|w| w * w).sum();
            let effective = sums.total * sums.total / squares;
            if !(effective >= 2.0) {
                let name = format!("effective number of stars at the knot {knot}");
                return Err(range(name, effective, "at least 2"));
            }
            row[0] = self.per_star(stars.nrows()) * squares.sqrt();
            for (j, mean) in sums.means.iter().enumerate() {
                let terms = sums.weights.iter().zip(stars.column(j + 1));
                let scatter: f64 = terms.map(|(w, y)| w * (y.f64() - mean).powi(2)).sum();
                // Of a sample, whose mean is its own.
                row[j + 1] = (scatter / sums.total / (effective - 1.0)).sqrt();
            }
        }
        Ok(errors)
    }
}

impl<T: Real> Operator<T> for Track {
    type Params = ();
    type In = Array2<T>;
    type Out = Array2<T>;

    fn apply(&self, (): &(), stars: Array2<T>) -> Result<Array2<T>> {
        Self::checked(&stars)?;
        let mut track = Array2::zeros((self.knots.len(), stars.ncols()));
        for (knot, mut row) in self.knots.iter().zip(track.rows_mut()) {
            let sums = self.sums(&stars, *knot)?;
            row[0] = T::of(self.per_star(stars.nrows()) * sums.total);
            for (y, mean) in row.iter_mut().skip(1).zip(&sums.means) {
                *y = T::of(*mean);
            }
        }
        Ok(track)
    }
}

impl<T: Real> Tangent<T> for Track {
    fn jvp(
        &self,
        (): &(),
        (): &(),
        stars: Array2<T>,
        dstars: Array2<T>,
    ) -> Result<(Array2<T>, Array2<T>)> {
        shape("tangent of the stars", dstars.shape(), stars.shape())?;
        let mut dtrack = Array2::zeros((self.knots.len(), stars.ncols()));
        for (knot, mut row) in self.knots.iter().zip(dtrack.rows_mut()) {
            let sums = self.sums(&stars, *knot)?;
            let (mut dtotal, mut dsums) = (0.0, Array1::<f64>::zeros(stars.ncols()));
            for (i, w) in sums.weights.iter().enumerate() {
                let pull = -(stars[[i, 0]].f64() - knot) / (self.width * self.width);
                let dw = w * pull * dstars[[i, 0]].f64();
                dtotal += dw;
                for (j, mean) in sums.means.iter().enumerate() {
                    let (y, dy) = (stars[[i, j + 1]].f64(), dstars[[i, j + 1]].f64());
                    dsums[j + 1] += dw * (y - mean) + w * dy;
                }
            }
            row[0] = T::of(self.per_star(stars.nrows()) * dtotal);
            for j in 1..stars.ncols() {
                row[j] = T::of(dsums[j] / sums.total);
            }
        }
        Ok((self.apply(&(), stars)?, dtrack))
    }
}

impl<T: Real> Adjoint<T> for Track {
    type Saved = Array2<T>;

    fn record(&self, (): &(), stars: Array2<T>) -> Result<(Array2<T>, Array2<T>)> {
        Ok((self.apply(&(), stars.clone())?, stars))
    }

    fn vjp(&self, (): &(), stars: Array2<T>, bar: Array2<T>, (): &mut ()) -> Result<Array2<T>> {
        let columns = stars.ncols();
        shape(
            "cotangent of the track",
            bar.shape(),
            &[self.knots.len(), columns],
        )?;
        let mut stars_bar = Array2::<f64>::zeros(stars.raw_dim());
        for (knot, row) in self.knots.iter().zip(bar.rows()) {
            let sums = self.sums(&stars, *knot)?;
            let density_bar = self.per_star(stars.nrows()) * row[0].f64();
            for (i, w) in sums.weights.iter().enumerate() {
                let mut w_bar = density_bar;
                for (j, mean) in sums.means.iter().enumerate() {
                    let mean_bar = row[j + 1].f64() / sums.total;
                    w_bar += mean_bar * (stars[[i, j + 1]].f64() - mean);
                    stars_bar[[i, j + 1]] += mean_bar * w;
                }
                let pull = -(stars[[i, 0]].f64() - knot) / (self.width * self.width);
                stars_bar[[i, 0]] += w_bar * w * pull;
            }
        }
        Ok(stars_bar.mapv(T::of))
    }
}
