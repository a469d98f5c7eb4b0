//! Memory of the device, and memory of the host that it copies to and from, kept for the next array
//! of the same size.

use std::collections::BTreeMap;

use cust::error::CudaResult;
use cust::memory::{DevicePointer, cuda_free, cuda_free_locked, cuda_malloc, cuda_malloc_locked};
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

/// Whose memory an allocation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Of {
    /// The device's.
    Device,
    /// The host's, which stays in place (is pinned), so that copies need no detour and no waiting.
    Host,
}

/// Allocations that nobody uses, by size.
#[derive(Debug)]
pub(crate) struct Pool {
    of: Of,
    spare: BTreeMap<usize, Vec<Raw>>,
    allocated: usize,
}

fn new(of: Of, bytes: usize) -> CudaResult<Raw> {
    let pointer = match of {
        // SAFETY: the memory is only used through `Buffer`, within its bounds.
        Of::Device => unsafe { cuda_malloc::<u8>(bytes) }?.as_raw(),
        // SAFETY: as above. The address is unified: the driver tells it from one of the device.
        Of::Host => unsafe { cuda_malloc_locked::<u8>(bytes) }? as CUdeviceptr,
    };
    Ok(Raw { pointer, bytes })
}

impl Pool {
    pub(crate) fn new(of: Of) -> Self {
        let (spare, allocated) = (BTreeMap::new(), 0);
        Self {
            of,
            spare,
            allocated,
        }
    }

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
        let mut found = new(self.of, bytes);
        if found.is_err() && driver::last().0 == OUT_OF_MEMORY && !self.spare.is_empty() {
            synchronize()?;
            self.free();
            found = new(self.of, bytes);
        }
        match found {
            Ok(raw) => {
                self.allocated += bytes;
                Ok(raw)
            }
            Err(_) if driver::last().0 == OUT_OF_MEMORY && self.of == Of::Host => {
                Err(CudaError::HostMemory { bytes })
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
            self.allocated -= raw.bytes;
            // A failure means that the device is lost, and its memory with it.
            let _ = match self.of {
                // SAFETY: nobody uses the allocation, and it is forgotten here.
                Of::Device => unsafe { cuda_free(DevicePointer::<u8>::from_raw(raw.pointer)) },
                // SAFETY: as above.
                Of::Host => unsafe { cuda_free_locked(raw.pointer as *mut u8) },
            };
        }
    }

    /// Bytes of what is spare.
    pub(crate) fn spare(&self) -> usize {
        let each = self.spare.iter();
        each.map(|(bytes, list)| bytes * list.len()).sum()
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
    of: Of,
    raw: Raw,
}

impl Buffer {
    pub(crate) fn new(device: &Device, of: Of, raw: Raw) -> Self {
        let device = device.clone();
        Self { device, of, raw }
    }

    pub(crate) fn of(&self) -> Of {
        self.of
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
        self.device.give_back(self.of, self.raw);
    }
}
