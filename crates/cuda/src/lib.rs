//! NVIDIA GPUs.
mod array;
mod conformance;
mod device;
mod driver;
mod error;
#[cfg(feature = "fake")]
pub mod fake;
mod fft;
mod kernels;
mod leapfrog;
mod matter;
mod operators;
mod particles;
mod poisson;
mod pool;
mod selftest;
mod wave;
mod wave_operators;

pub use array::{ComplexArray, DeviceArray, Number, RealArray};
pub use conformance::{Compared, conformance};
pub use device::{Device, Place};
pub use driver::Libraries;
pub use error::CudaError;
pub use kernels::{Argument, Kernel, Module};
pub use leapfrog::{Background, Element, Leapfrog, SelfGravity};
pub use matter::{Matter, MatterReversible};
pub use operators::{ComplexFilter, Filter, ForwardFft, Gradient, InverseFft, PoissonSolve};
pub use particles::{Deposit, Deposits, ParticleState, Particles, Readout};
pub use poisson::{Gravity, Poisson};
pub use selftest::SelfTest;
pub use wave::{Boson, Wave, WaveState};
pub use wave_operators::{Density, Drift, Kick, KickParams};
