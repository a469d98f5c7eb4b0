//! The power spectrum as an operator.

use adastra_core::{Adjoint, Error, Operator, Real, Result, Tangent};
use ndarray::{Array1, Array3};

use super::{Bins, PowerSpectrum};
use crate::operators::{Erased, on_mesh, shares_plan};
use crate::{Accumulate, Mesh, Modes, Multiplier, RealFft, Run};

/// From a real field to the power in each bin, `P_b = V/N^2 <|delta_k|^2>_b`: see
/// [`PowerSpectrum`] for the units.
///
/// The bins are configuration; [`SpectrumOf::k`] and [`SpectrumOf::modes`] describe them. One
/// transform forward, two for the adjoint,
///
/// `delta_bar = 2 V/N IFFT(P_bar_b/modes_b delta_k)`.
///
/// Sums run in f64 and in a fixed order: the same bits for any number of threads.
#[derive(Clone, Debug)]
pub struct SpectrumOf<T> {
    pub(super) fft: RealFft<T>,
    /// Squares of the wavenumbers along each axis, in rad^2/kpc^2.
    k_squared: [Vec<f64>; 3],
    /// Squares of the edges, in rad^2/kpc^2.
    edges: Vec<f64>,
    /// What undoes the window of the deposit, per axis and mode.
    deconvolution: [Vec<f64>; 3],
    /// The box's volume over the square of the number of cells, in kpc^3.
    scale: f64,
    /// Indices of the bins that hold modes.
    kept: Vec<usize>,
    k: Array1<f64>,
    modes: Array1<u64>,
}

shares_plan!(SpectrumOf, RealFft);

impl<T: Real> SpectrumOf<T> {
    /// Spectra on a mesh in the given bins. Bins without modes are left out.
    ///
    /// # Errors
    /// [`Error::Range`] when no bin holds a mode of the mesh.
    pub fn new(mesh: &Mesh, bins: Bins) -> Result<Self> {
        let cells = mesh.len() as f64;
        let squares = |k: Vec<f64>| k.into_iter().map(|k| k * k).collect();
        let mut spectrum = Self {
            fft: RealFft::new(mesh),
            k_squared: [0, 1, 2].map(|axis| squares(mesh.wavenumbers(axis))),
            edges: bins.squared_edges(),
            deconvolution: mesh.cells().map(|n| vec![1.0; n]),
            scale: mesh.volume() / cells / cells,
            kept: Vec::new(),
            k: Array1::default(0),
            modes: Array1::default(0),
        };
        spectrum.count();
        if spectrum.kept.is_empty() {
            return Err(Error::Range {
                name: "first edge of the bins".to_owned(),
                value: bins.start(),
                allowed: "such that a bin holds a mode of the mesh",
            });
        }
        Ok(spectrum)
    }

    /// Divides the power by a power of the cloud-in-cell window
    /// `W(k) = prod_a [sin(k_a dx_a/2)/(k_a dx_a/2)]^2` (Hockney & Eastwood 1988, section 5-3;
    /// Jing 2005, ApJ 620, 559, section 2): 2 for the spectrum of a field that particles were
    /// deposited on, or for two such fields; 1 for the cross spectrum of one such field with a
    /// sampled one.
    ///
    /// Aliased power stays: trust wavenumbers up to half the Nyquist wavenumber.
    #[must_use]
    pub fn without_cloud_in_cell_window(mut self, power: u8) -> Self {
        for (factors, n) in self.deconvolution.iter_mut().zip(self.fft.cells()) {
            for (i, factor) in factors.iter_mut().enumerate() {
                // k dx/2 = pi i/n, of either sign.
                let half_phase = std::f64::consts::PI * i.min(n - i) as f64 / n as f64;
                let sinc = if i == 0 {
                    1.0
                } else {
                    half_phase.sin() / half_phase
                };
                *factor = sinc.powi(-2 * i32::from(power));
            }
        }
        self
    }

    /// Mean absolute wavenumber of the modes of each bin, in rad/kpc.
    pub fn k(&self) -> &Array1<f64> {
        &self.k
    }

    /// Number of modes of each bin.
    pub fn modes(&self) -> &Array1<u64> {
        &self.modes
    }

    /// The power spectrum of a field, with its bins.
    ///
    /// # Errors
    /// [`Error::Shape`] when the field is not on the mesh.
    pub fn measure(&self, field: &Array3<T>) -> Result<PowerSpectrum> {
        let field = on_mesh("field of SpectrumOf", self.fft.cells(), field.clone())?;
        Ok(self.spectrum(self.auto(&field)))
    }

    /// The cross spectrum `V/N^2 <Re(a_k b_k^*)>` of two fields, with its bins.
    ///
    /// # Errors
    /// [`Error::Shape`] when a field is not on the mesh.
    pub fn measure_cross(&self, a: &Array3<T>, b: &Array3<T>) -> Result<PowerSpectrum> {
        let a = on_mesh("first field of SpectrumOf", self.fft.cells(), a.clone())?;
        let b = on_mesh("second field of SpectrumOf", self.fft.cells(), b.clone())?;
        Ok(self.spectrum(self.cross(&a, &b)))
    }

    fn spectrum(&self, power: Array1<f64>) -> PowerSpectrum {
        PowerSpectrum {
            k: self.k.clone(),
            power,
            modes: self.modes.clone(),
        }
    }

    fn auto(&self, field: &Array3<T>) -> Array1<f64> {
        self.averages(
            self.fft
                .map::<1, _>(&[field], &mut [], &Erased(&Measure(self))),
        )
    }

    pub(super) fn cross(&self, a: &Array3<T>, b: &Array3<T>) -> Array1<f64> {
        self.averages(
            self.fft
                .map::<2, _>(&[a, b], &mut [], &Erased(&Measure(self))),
        )
    }

    /// Power per mode from sums of products of amplitudes.
    fn averages(&self, sums: Sums) -> Array1<f64> {
        let average = |(&bin, &modes): (&usize, &u64)| {
            let sum = sums.0.get(bin).copied().unwrap_or_default();
            self.scale * sum / modes as f64
        };
        self.kept.iter().zip(&self.modes).map(average).collect()
    }

    /// What multiplies the amplitudes of one field in the cotangent of the other:
    /// `V/N P_bar_b/modes_b` for each bin.
    pub(super) fn pull(&self, power_bar: &Array1<T>) -> Result<Pull<'_, T>> {
        if power_bar.len() != self.modes.len() {
            return Err(Error::Shape {
                what: "cotangent of the spectrum".to_owned(),
                found: power_bar.shape().to_vec(),
                expected: self.modes.shape().to_vec(),
            });
        }
        // The inverse transform brings a factor 1/N with it.
        let scale = self.scale * self.fft.cells().iter().product::<usize>() as f64;
        let mut factors = vec![0.0; self.edges.len()];
        for ((&bin, &modes), bar) in self.kept.iter().zip(&self.modes).zip(power_bar) {
            factors[bin] = scale * bar.f64() / modes as f64;
        }
        Ok(Pull {
            spectrum: self,
            factors,
        })
    }

    /// Calls `f(lane, bin)` for the modes of a run, `None` standing for those outside of all bins.
    #[inline(always)]
    fn each(&self, run: Run, mut f: impl FnMut(usize, Option<usize>)) {
        // Always added in one order, so that a mode has one bin.
        let [x, y, z] = &self.k_squared;
        let squared = |lane: usize| {
            let [ix, iy, iz] = run.mode(lane);
            x[ix] + y[iy] + z[iz]
        };
        let edges = &self.edges[..];
        // Neighbours differ by a bin or so: search once, then walk.
        let first = squared(0);
        let mut below = edges.partition_point(|&edge| edge <= first);
        for lane in 0..run.len {
            let k_squared = squared(lane);
            while below < edges.len() && edges[below] <= k_squared {
                below += 1;
            }
            while below > 0 && edges[below - 1] > k_squared {
                below -= 1;
            }
            let inside = below > 0 && below < edges.len() && k_squared > 0.0;
            f(lane, inside.then(|| below - 1));
        }
    }

    /// Finds the bins that hold modes, their numbers of modes and mean wavenumbers.
    fn count(&mut self) {
        let [nx, ny, nz] = self.fft.cells();
        let mut modes = vec![0_u64; self.edges.len()];
        let mut k = vec![0.0; self.edges.len()];
        let [x, y, z] = &self.k_squared;
        // |k| knows no signs: an octant of the modes, each standing for its mirror images.
        let images = |i: usize, n: usize| if i == 0 || 2 * i == n { 1 } else { 2 };
        for ix in 0..=nx / 2 {
            for iy in 0..=ny / 2 {
                let run = Run {
                    at: [ix, iy, 0],
                    axis: 2,
                    len: nz / 2 + 1,
                };
                self.each(run, |iz, bin| {
                    let Some(bin) = bin else { return };
                    let images = images(ix, nx) * images(iy, ny) * images(iz, nz);
                    modes[bin] += images;
                    k[bin] += images as f64 * (x[ix] + y[iy] + z[iz]).sqrt();
                });
            }
        }
        let kept: Vec<usize> = (0..modes.len()).filter(|&bin| modes[bin] > 0).collect();
        self.k = kept.iter().map(|&bin| k[bin] / modes[bin] as f64).collect();
        self.modes = kept.iter().map(|&bin| modes[bin]).collect();
        self.kept = kept;
    }

    #[inline(always)]
    fn deconvolution(&self, [ix, iy, iz]: [usize; 3]) -> f64 {
        let [x, y, z] = &self.deconvolution;
        x[ix] * y[iy] * z[iz]
    }
}

/// Sums over the modes of each bin; empty before the first.
#[derive(Default)]
pub(super) struct Sums(Vec<f64>);

impl Accumulate for Sums {
    fn add(&mut self, other: Self) {
        if self.0.is_empty() {
            *self = other;
        } else {
            self.0.iter_mut().zip(other.0).for_each(|(a, b)| *a += b);
        }
    }
}

/// Sums `Re(a_k b_k^*)` over the modes of each bin; with one field, `b` is `a`.
struct Measure<'a, T>(&'a SpectrumOf<T>);

impl<T: Real, const K: usize> Multiplier<T, K> for Measure<'_, T> {
    type Sum = Sums;

    #[inline(always)]
    fn multiply(&self, run: Run, modes: [Modes<'_, T>; K], Sums(sums): &mut Sums) {
        let (a, b) = (&modes[0], &modes[K - 1]);
        sums.resize(self.0.edges.len(), 0.0);
        self.0.each(run, |lane, bin| {
            let Some(bin) = bin else { return };
            let mode @ [_, _, iz] = run.mode(lane);
            // Widened before the product: squares of f32 overflow early.
            let re = a.re[lane].f64() * b.re[lane].f64();
            let im = a.im[lane].f64() * b.im[lane].f64();
            sums[bin] += self.0.fft.weight(iz) * self.0.deconvolution(mode) * (re + im);
        });
    }
}

/// Multiplies the modes by their bin's factor, those outside of all bins by zero; two fields
/// change places.
pub(super) struct Pull<'a, T> {
    spectrum: &'a SpectrumOf<T>,
    /// One for each bin.
    factors: Vec<f64>,
}

impl<T: Real, const K: usize> Multiplier<T, K> for Pull<'_, T> {
    // Nothing is summed; the type shares the compiled transforms with `Measure`.
    type Sum = Sums;

    #[inline(always)]
    fn multiply(&self, run: Run, mut modes: [Modes<'_, T>; K], _: &mut Sums) {
        self.spectrum.each(run, |lane, bin| {
            let deconvolution = self.spectrum.deconvolution(run.mode(lane));
            let factor = bin.map_or(0.0, |bin| self.factors[bin] * deconvolution);
            let values: [_; K] = std::array::from_fn(|i| modes[K - 1 - i].get(lane));
            for (field, value) in modes.iter_mut().zip(values) {
                field.set(lane, value * T::of(factor));
            }
        });
    }
}

impl<T: Real> Operator<T> for SpectrumOf<T> {
    type Params = ();
    type In = Array3<T>;
    type Out = Array1<T>;

    fn apply(&self, (): &(), x: Array3<T>) -> Result<Array1<T>> {
        let field = on_mesh("field of SpectrumOf", self.fft.cells(), x)?;
        Ok(self.auto(&field).mapv(T::of))
    }
}

impl<T: Real> Tangent<T> for SpectrumOf<T> {
    fn jvp(&self, (): &(), (): &(), x: Array3<T>, dx: Array3<T>) -> Result<(Array1<T>, Array1<T>)> {
        let x = on_mesh("field of SpectrumOf", self.fft.cells(), x)?;
        let dx = on_mesh("tangent of SpectrumOf", self.fft.cells(), dx)?;
        // d|delta_k|^2 = 2 Re(delta_k^* ddelta_k)
        let tangent = self.cross(&x, &dx).mapv(|power| T::of(2.0 * power));
        Ok((self.auto(&x).mapv(T::of), tangent))
    }
}

impl<T: Real> Adjoint<T> for SpectrumOf<T> {
    type Saved = Array3<T>;

    fn record(&self, (): &(), x: Array3<T>) -> Result<(Array1<T>, Array3<T>)> {
        let field = on_mesh("field of SpectrumOf", self.fft.cells(), x)?;
        Ok((self.auto(&field).mapv(T::of), field))
    }

    fn vjp(
        &self,
        (): &(),
        field: Array3<T>,
        power_bar: Array1<T>,
        (): &mut (),
    ) -> Result<Array3<T>> {
        // The field is both factors of its power.
        let pull = self.pull(&power_bar.mapv(|bar| bar + bar))?;
        let mut field_bar = field;
        self.fft
            .map_in_place::<1, _>(&mut [&mut field_bar], &Erased(&pull));
        Ok(field_bar)
    }
}
