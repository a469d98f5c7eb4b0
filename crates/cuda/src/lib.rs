//! NVIDIA GPUs.
mod driver;
mod error;

pub use driver::Libraries;
pub use error::CudaError;

/// Try.
pub fn probe() -> Result<u32, CudaError> {
    driver::open()?;
    cust::init(cust::CudaFlags::empty())?;
    Ok(cust::device::Device::num_devices()?)
}
