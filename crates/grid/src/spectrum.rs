//! Isotropic power spectra and cross spectra.
//!
//! For a field `delta` on a mesh of N cells and volume V, with the unnormalized transform
//! `delta_k`,
//!
//! `P(k) = V/N^2 <|delta_k|^2>`,
//!
//! the average running over the modes of a bin in the absolute value of k. P has the unit of the
//! field squared times kpc^3: kpc^3 for a dimensionless density contrast, and the variance of
//! the field is `1/V sum_k P(k)`, or `integral P(k) d^3k/(2 pi)^3` (Peebles 1980, "The
//! Large-Scale Structure of the Universe", section 41). The zero mode, the mean of the field,
//! belongs to no bin. White noise of variance `s^2` per cell has `P = s^2 V/N`, whatever the box.
//!
//! # Bins
//! [`Bins::fundamental`] suits any box: the width is the largest fundamental wavenumber,
//! `2 pi / min(size)`, and the bins are centred on its multiples, so that every bin of a shell
//! inside the mesh holds modes of all directions. The modes of a longer axis below half a width
//! have a bin of their own. Bins reach to the corner of the mesh: beyond the smallest Nyquist
//! wavenumber their shells are cut off by the mesh. A bin without modes is left out.

mod bins;
mod cross;
mod estimator;

pub use bins::Bins;
pub use cross::CrossSpectrumOf;
pub use estimator::SpectrumOf;

use adastra_core::{Real, Result};
use ndarray::{Array1, Array3};

use crate::Mesh;

/// Modes this close below an edge (relatively) belong above it: the modes of one `|k|` must not
/// be parted by rounding.
pub(crate) const EDGE: f64 = 1e-9;

/// A spectrum in bins of the absolute value of the wavenumber. Every bin holds modes.
#[derive(Clone, Debug, PartialEq)]
pub struct PowerSpectrum {
    /// Mean absolute wavenumber of the modes of each bin, in rad/kpc, ascending.
    pub k: Array1<f64>,
    /// Mean power of the modes of each bin, in kpc^3 times the unit of the field squared (of the
    /// product of the fields, for a cross spectrum).
    pub power: Array1<f64>,
    /// Number of modes of each bin, a mode and its mirror image counting as two.
    pub modes: Array1<u64>,
}

/// Power spectrum of a real field in [`Bins::fundamental`].
///
/// For many spectra on one mesh, and for gradients, keep a [`SpectrumOf`].
///
/// ```
/// use adastra_grid::{Mesh, power_spectrum};
///
/// let mesh = Mesh::new([8; 3], [20.0; 3])?;
/// let k = mesh.wavenumbers(0)[1];
/// let contrast = ndarray::Array3::from_shape_fn(mesh.shape(), |(i, _, _)| {
///     (k * mesh.centre([i, 0, 0])[0]).cos()
/// });
/// let spectrum = power_spectrum(&mesh, &contrast)?;
/// // The first bin holds the modes of 1 and of sqrt(2) fundamentals: 6 and 12.
/// assert_eq!(spectrum.modes[0], 18);
/// // A wave of unit amplitude has the variance 1/2, all of it in this bin.
/// let variance = spectrum.power[0] * 18.0 / mesh.volume();
/// assert!((variance - 0.5).abs() < 1e-12);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`Error::Shape`](adastra_core::Error::Shape) when the field is not on the mesh.
pub fn power_spectrum<T: Real>(mesh: &Mesh, field: &Array3<T>) -> Result<PowerSpectrum> {
    SpectrumOf::new(mesh, Bins::fundamental(mesh))?.measure(field)
}

/// Cross spectrum `V/N^2 <Re(a_k b_k^*)>` of two real fields in [`Bins::fundamental`].
///
/// # Errors
/// [`Error::Shape`](adastra_core::Error::Shape) when a field is not on the mesh.
pub fn cross_spectrum<T: Real>(mesh: &Mesh, a: &Array3<T>, b: &Array3<T>) -> Result<PowerSpectrum> {
    SpectrumOf::new(mesh, Bins::fundamental(mesh))?.measure_cross(a, b)
}
