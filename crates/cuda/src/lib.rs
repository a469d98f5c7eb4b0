//! NVIDIA GPUs.
mod array;
mod device;
mod driver;
mod error;
#[cfg(feature = "fake")]
pub mod fake;
mod kernels;
mod pool;

pub use array::{ComplexArray, DeviceArray, Number, RealArray};
pub use device::{Device, Place};
pub use driver::Libraries;
pub use error::CudaError;
pub use kernels::{Argument, Kernel, Module};
