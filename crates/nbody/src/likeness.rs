//! How unlike two samples are, as differentiable losses.

use adastra_core::{Adjoint, Error, Operator, Real, Result};
use ndarray::Array2;
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::SeedableRng;
use rayon::prelude::*;

use crate::NBodyError;
use crate::arrays::{dense, shape};
use crate::random::normal;

/// Which loss of a [`Likeness`].
#[derive(Debug, Clone, PartialEq)]
enum Kind {
    Mmd,
    KernelDensity,
    SlicedWasserstein {
        /// Unit vectors.
        directions: Vec<Vec<f64>>,
    },
}

/// How unlike a sample is to given data: an operator from the sample, shape (n, d), to one number,
/// smooth almost everywhere in the sample. The data have shape (m, d); n and m need not agree.
///
/// All columns are divided by scales of one's choice first. A column of infinite scale does not
/// count, so that the six columns of [`Sky`](crate::Sky) can be given as they are, measured or not.
///
/// # Errors
/// [`Error::Shape`] for other columns than the data have; [`NBodyError::Range`] for an empty sample.
///
/// ```
/// use adastra_core::Operator;
/// use adastra_nbody::Likeness;
/// use ndarray::array;
///
/// let data = array![[0.0, 5.0], [1.0, 7.0]];
/// let unlike = Likeness::maximum_mean_discrepancy(&data, &[0.5, f64::INFINITY])?;
/// let same: f64 = unlike.apply(&(), array![[1.0, -3.0], [0.0, 9.0]])?;
/// assert!(same.abs() < 1e-15);
/// let other: f64 = unlike.apply(&(), array![[4.0, 5.0]])?;
/// assert!(other > 1.0);
/// # Ok::<(), adastra_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Likeness {
    /// Scaled.
    data: Vec<Vec<f64>>,
    scales: Vec<f64>,
    kind: Kind,
}

impl Likeness {
    /// The squared maximum mean discrepancy (Gretton et al. 2012, JMLR 13, 723) with the kernel
    /// `k(x, y) = exp(-|x - y|^2 / 2)` of scaled columns, in its biased form, which is never
    /// negative: the mean of k within the sample, plus that within the data, minus twice that
    /// between them.
    ///
    /// # Errors
    /// [`NBodyError::Range`] for empty data, a number that is not finite, or a scale that is not
    /// above zero; [`Error::Shape`] for other scales than columns.
    pub fn maximum_mean_discrepancy(data: &Array2<f64>, scales: &[f64]) -> Result<Self> {
        Self::new(data, scales, Kind::Mmd)
    }

    /// Minus the mean logarithm of the sample's Gaussian kernel density at the data, per unit of
    /// the columns of finite scale; the scales are the widths of the kernel.
    ///
    /// # Errors
    /// As [`Likeness::maximum_mean_discrepancy`].
    pub fn kernel_density(data: &Array2<f64>, scales: &[f64]) -> Result<Self> {
        Self::new(data, scales, Kind::KernelDensity)
    }

    /// The squared sliced Wasserstein distance (Bonneel et al. 2015, J. Math. Imaging Vis. 51, 22):
    /// the mean, over `slices` random directions, of the squared 2-Wasserstein distance between the
    /// projections of both samples. The seed fixes the directions. Where two projections of the
    /// sample change order, the derivative is continuous.
    ///
    /// # Errors
    /// As [`Likeness::maximum_mean_discrepancy`]; [`NBodyError::Range`] unless there is a slice and
    /// a column of finite scale.
    pub fn sliced_wasserstein(
        data: &Array2<f64>,
        scales: &[f64],
        slices: usize,
        seed: u64,
    ) -> Result<Self> {
        let counts: Vec<f64> = scales
            .iter()
            .map(|s| f64::from(u8::from(s.is_finite())))
            .collect();
        if slices == 0 || !counts.contains(&1.0) {
            let slices = slices as f64;
            return Err(range("slices", slices, "at least 1, with a finite scale"));
        }
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
        let mut direction = || {
            let v: Vec<f64> = counts.iter().map(|c| c * normal(&mut rng)).collect();
            let length = v.iter().map(|v| v * v).sum::<f64>().sqrt();
            v.iter().map(|v| v / length).collect()
        };
        let directions = (0..slices).map(|_| direction()).collect();
        Self::new(data, scales, Kind::SlicedWasserstein { directions })
    }

    fn new(data: &Array2<f64>, scales: &[f64], kind: Kind) -> Result<Self> {
        shape("scales", &[scales.len()], &[data.ncols()])?;
        if let Some(&scale) = scales.iter().find(|&&s| !(s > 0.0)) {
            return Err(range("scale", scale, "above 0"));
        }
        if let Some(&value) = data.iter().find(|x| !x.is_finite()) {
            return Err(range("data", value, "finite"));
        }
        if data.nrows() == 0 {
            return Err(range("rows of the data", 0.0, "at least 1"));
        }
        Ok(Self {
            data: scaled(data, scales),
            scales: scales.to_vec(),
            kind,
        })
    }

    /// The loss, and its gradient by the scaled sample.
    fn both(&self, sample: &[Vec<f64>]) -> (f64, Vec<Vec<f64>>) {
        match &self.kind {
            Kind::Mmd => self.mmd(sample),
            Kind::KernelDensity => self.kernel(sample),
            Kind::SlicedWasserstein { directions } => self.sliced(sample, directions),
        }
    }

    fn mmd(&self, sample: &[Vec<f64>]) -> (f64, Vec<Vec<f64>>) {
        let (n, m) = (sample.len() as f64, self.data.len() as f64);
        // Mean kernel between x and `others`, and minus its gradient, both times a weight.
        let add = |x: &[f64], others: &[Vec<f64>], weight: f64, sum: &mut f64, bar: &mut [f64]| {
            for y in others {
                let k = weight * (-0.5 * squared(x, y)).exp();
                *sum += k;
                for ((bar, x), y) in bar.iter_mut().zip(x).zip(y) {
                    *bar -= 2.0 * k * (x - y);
                }
            }
        };
        let row = |x: &Vec<f64>| {
            let (mut own, mut cross, mut bar) = (0.0, 0.0, vec![0.0; x.len()]);
            add(x, sample, 1.0 / (n * n), &mut own, &mut bar);
            add(x, &self.data, -1.0 / (n * m), &mut cross, &mut bar);
            (own + 2.0 * cross, bar)
        };
        let rows: Vec<_> = sample.par_iter().map(row).collect();
        let within = |x: &Vec<f64>| -> f64 {
            let kernels = self.data.iter().map(|y| (-0.5 * squared(x, y)).exp());
            kernels.sum::<f64>() / (m * m)
        };
        let within: Vec<f64> = self.data.par_iter().map(within).collect();
        let (values, bars): (Vec<f64>, Vec<_>) = rows.into_iter().unzip();
        (
            values.iter().sum::<f64>() + within.iter().sum::<f64>(),
            bars,
        )
    }

    fn kernel(&self, sample: &[Vec<f64>]) -> (f64, Vec<Vec<f64>>) {
        let (n, m) = (sample.len() as f64, self.data.len() as f64);
        // Minus the logarithm of sum_i k(x_i, y), safe where all kernels underflow.
        let row = |y: &Vec<f64>| {
            let least = sample
                .iter()
                .map(|x| squared(x, y))
                .fold(f64::INFINITY, f64::min);
            let kernels = sample.iter().map(|x| (0.5 * (least - squared(x, y))).exp());
            0.5 * least - kernels.sum::<f64>().ln()
        };
        let rows: Vec<f64> = self.data.par_iter().map(row).collect();
        let bar = |x: &Vec<f64>| {
            let mut bar = vec![0.0; x.len()];
            for (y, row) in self.data.iter().zip(&rows) {
                let share = (row - 0.5 * squared(x, y)).exp() / m;
                for ((bar, x), y) in bar.iter_mut().zip(x).zip(y) {
                    *bar += share * (x - y);
                }
            }
            bar
        };
        let bars = sample.par_iter().map(bar).collect();
        let width = |s: &&f64| s.is_finite();
        let norm = self.scales.iter().filter(width);
        let norm: f64 = norm.map(|s| (std::f64::consts::TAU.sqrt() * s).ln()).sum();
        (rows.iter().sum::<f64>() / m + n.ln() + norm, bars)
    }

    fn sliced(&self, sample: &[Vec<f64>], directions: &[Vec<f64>]) -> (f64, Vec<Vec<f64>>) {
        let slices = directions.len() as f64;
        let slice = |direction: &Vec<f64>| {
            let project = |rows: &[Vec<f64>]| {
                let dot = |x: &Vec<f64>| x.iter().zip(direction).map(|(x, d)| x * d).sum();
                let mut projected: Vec<(f64, usize)> = rows.iter().map(dot).zip(0..).collect();
                projected.sort_by(|a, b| a.0.total_cmp(&b.0));
                projected
            };
            let (x, y) = (project(sample), project(&self.data));
            let (mut i, mut j, mut value) = (0, 0, 0.0);
            let mut bar = vec![0.0; x.len()];
            // Quantiles in units of 1/(n m): both staircases, step by step.
            let (n, m) = (x.len(), y.len());
            let mut at = 0;
            while i < n && j < m {
                let next = ((i + 1) * m).min((j + 1) * n);
                let weight = (next - at) as f64 / (n * m) as f64 / slices;
                let gap = x[i].0 - y[j].0;
                value += weight * gap * gap;
                bar[x[i].1] += 2.0 * weight * gap;
                at = next;
                i += usize::from(at == (i + 1) * m);
                j += usize::from(at == (j + 1) * n);
            }
            (value, bar)
        };
        let found: Vec<_> = directions.par_iter().map(slice).collect();
        let mut bars = vec![vec![0.0; self.scales.len()]; sample.len()];
        for ((_, along), direction) in found.iter().zip(directions) {
            for (bar, along) in bars.iter_mut().zip(along) {
                bar.iter_mut()
                    .zip(direction)
                    .for_each(|(bar, d)| *bar += along * d);
            }
        }
        (found.iter().map(|(value, _)| value).sum(), bars)
    }

    fn sample<T: Real>(&self, x: &Array2<T>) -> Result<Vec<Vec<f64>>> {
        shape("sample", x.shape(), &[x.nrows(), self.scales.len()])?;
        if x.nrows() == 0 {
            return Err(range("rows of the sample", 0.0, "at least 1"));
        }
        Ok(scaled(x, &self.scales))
    }
}

fn range(name: &str, value: f64, allowed: &'static str) -> Error {
    let name = name.to_owned();
    let error = NBodyError::Range {
        name,
        value,
        allowed,
    };
    Error::operator("likeness", error)
}

/// Rows over the scales.
fn scaled<T: Real>(x: &Array2<T>, scales: &[f64]) -> Vec<Vec<f64>> {
    let row = |x: &[T]| x.iter().zip(scales).map(|(x, s)| x.f64() / s).collect();
    dense(x)
        .chunks_exact(scales.len().max(1))
        .map(row)
        .collect()
}

fn squared(x: &[f64], y: &[f64]) -> f64 {
    x.iter().zip(y).map(|(x, y)| (x - y) * (x - y)).sum()
}

impl<T: Real> Operator<T> for Likeness {
    type Params = ();
    type In = Array2<T>;
    type Out = T;

    fn apply(&self, (): &(), x: Array2<T>) -> Result<T> {
        Ok(T::of(self.both(&self.sample(&x)?).0))
    }
}

impl<T: Real> Adjoint<T> for Likeness {
    /// The gradient, found with the value.
    type Saved = Array2<T>;

    fn record(&self, (): &(), x: Array2<T>) -> Result<(T, Array2<T>)> {
        let (value, bars) = self.both(&self.sample(&x)?);
        let gradient = |(i, k): (usize, usize)| T::of(bars[i][k] / self.scales[k]);
        Ok((T::of(value), Array2::from_shape_fn(x.raw_dim(), gradient)))
    }

    fn vjp(&self, (): &(), gradient: Array2<T>, y_bar: T, (): &mut ()) -> Result<Array2<T>> {
        Ok(gradient * y_bar)
    }
}
