//! Periodic meshes, transforms of the fields on them, filters, Poisson's equation, and
//! power spectra.
//!
//! # Conventions
//! A field is an `ndarray` array of shape `(x, y, z)` in C order. The forward transform is
//! unnormalized, the inverse has the factor `1/N`; the derivative of the Nyquist mode is zero.
//! Half spectra of real fields never leave this crate.

mod accumulate;
mod blocks;
mod butterfly;
mod error;
mod fft;
mod lanes;
mod line;
mod mesh;
mod mixed;
mod multiplier;
mod operators;
mod pencils;
mod poisson;
mod pool;
mod real;
mod real_plane;
mod shuffle;
mod simd;
mod spectrum;

pub use accumulate::Accumulate;
pub use error::GridError;
pub use fft::Fft;
pub use mesh::Mesh;
pub use multiplier::{Modes, Multiplier, Run};
pub use operators::{
    ComplexDerivative, ComplexFilter, ComplexLaplacian, Derivative, Filter, ForwardFft, Gradient,
    InverseFft, InverseLaplacian, Laplacian, PoissonSolve,
};
pub use poisson::{Gravity, Poisson};
pub use real::RealFft;
pub use spectrum::{
    Bins, CrossSpectrumOf, PowerSpectrum, SpectrumOf, cross_spectrum, power_spectrum,
};
