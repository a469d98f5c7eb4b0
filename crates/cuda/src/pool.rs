//! Memory of the device, kept for the next array of the same size.

use std::collections::BTreeMap;

use cust::error::CudaResult;
use cust::memory::{DevicePointer, cuda_free, cuda_malloc};
use cust::sys::CUdeviceptr;

use crate::{CudaError, Device, driver};

/// Sizes are rounded up to this many bytes.
const UNIT: usize = 256;

/// An allocation.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Raw {
    pointer: CUdeviceptr,
    bytes: usize,
}

/// Allocations that nobody uses, by size.
#[derive(Debug, Default)]
pub(crate) struct Pool {
    spare: BTreeMap<usize, Vec<Raw>>,
    allocated: usize,
}

fn new(bytes: usize) -> CudaResult<Raw> {
    // SAFETY: the memory is only used through `Buffer`, within its bounds.
    let pointer = unsafe { cuda_malloc::<u8>(bytes) }?;
    let pointer = pointer.as_raw();
    Ok(Raw { pointer, bytes })
}

impl Pool {
    /// An allocation of at least `bytes` bytes; the device's context is current. Where memory is
    /// short, what is spare is freed once the device has done its work.
    pub(crate) fn take(
        &mut self,
        bytes: usize,
        synchronize: impl FnOnce() -> Result<(), CudaError>,
    ) -> Result<Raw, CudaError> {
        let bytes = bytes.max(1).next_multiple_of(UNIT);
        if let Some(raw) = self.spare.get_mut(&bytes).and_then(Vec::pop) {
            return Ok(raw);
        }
        let mut found = new(bytes);
        if found.is_err() && driver::last().0 == OUT_OF_MEMORY && !self.spare.is_empty() {
            synchronize()?;
            self.free();
            found = new(bytes);
        }
        match found {
            Ok(raw) => {
                self.allocated += bytes;
                Ok(raw)
            }
            Err(_) if driver::last().0 == OUT_OF_MEMORY => {
                let (free, total) = cust::memory::mem_get_info()?;
                Err(CudaError::OutOfMemory { bytes, free, total })
            }
            Err(error) => Err(error.into()),
        }
    }

    pub(crate) fn give(&mut self, raw: Raw) {
        self.spare.entry(raw.bytes).or_default().push(raw);
    }

    /// Frees what is spare; the context is current and all work done.
    pub(crate) fn free(&mut self) {
        for raw in std::mem::take(&mut self.spare).into_values().flatten() {
            let pointer = DevicePointer::<u8>::from_raw(raw.pointer);
            self.allocated -= raw.bytes;
            // SAFETY: nobody uses the allocation, and it is forgotten here. A failure means that
            // the device is lost, and its memory with it.
            let _ = unsafe { cuda_free(pointer) };
        }
    }

    pub(crate) fn allocated(&self) -> usize {
        self.allocated
    }
}

/// CUDA_ERROR_OUT_OF_MEMORY.
const OUT_OF_MEMORY: i32 = 2;

/// An allocation in use; it goes back to the pool when dropped.
#[derive(Debug)]
pub(crate) struct Buffer {
    device: Device,
    raw: Raw,
}

impl Buffer {
    pub(crate) fn new(device: &Device, raw: Raw) -> Self {
        let device = device.clone();
        Self { device, raw }
    }

    pub(crate) fn device(&self) -> &Device {
        &self.device
    }

    pub(crate) fn pointer(&self) -> CUdeviceptr {
        self.raw.pointer
    }

    pub(crate) fn bytes(&self) -> usize {
        self.raw.bytes
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        self.device.give_back(self.raw);
    }
}
