//! A GPU: its context, its stream of work, its memory and its kernels.

use std::ffi::c_void;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use adastra_core::Real;
use cust::context::{Context, CurrentContext};
use cust::device::DeviceAttribute;
use cust::stream::{Stream, StreamFlags};
use cust::sys::{
    CUresult, CUstream, cuMemcpyDtoDAsync_v2, cuMemcpyDtoHAsync_v2, cuMemcpyHtoDAsync_v2,
    cuMemsetD8Async,
};

use crate::kernels::{BuiltIn, Module};
use crate::pool::{Buffer, Of, Pool, Raw};
use crate::{CudaError, driver};

/// A GPU that is open. Clones share it; arrays made on one may only meet arrays of the same one.
///
/// All work goes through one stream, in the order in which it is asked for, and the processor only
/// waits where a number comes back to it. Memory that is given back is kept for the next array.
///
/// What a [`State`](adastra_core::State) does cannot fail, but a device can: the first failure is
/// kept, arrays from then on hold nothing, and the next operator returns it.
#[derive(Clone)]
pub struct Device(Arc<Inner>);

struct Inner {
    name: String,
    ordinal: usize,
    memory: usize,
    processors: u32,
    fault: Mutex<Option<CudaError>>,
    /// The kernels of this crate, in f32 and in f64.
    built_in: [OnceLock<Result<BuiltIn, CudaError>>; 2],
    pool: Mutex<Pool>,
    /// Memory of the host.
    pinned: Mutex<Pool>,
    // Dropped in this order, after the modules and the memory above.
    stream: Stream,
    context: Context,
}

impl Drop for Inner {
    fn drop(&mut self) {
        // What follows fails only where the device is lost, and there is nobody to tell.
        let _ = CurrentContext::set_current(&self.context);
        let _ = self.stream.synchronize();
        for pool in [&mut self.pool, &mut self.pinned] {
            let pool = pool.get_mut().unwrap_or_else(PoisonError::into_inner);
            pool.free();
        }
    }
}

impl fmt::Debug for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cuda:{} ({})", self.0.ordinal, self.0.name)
    }
}

impl Device {
    /// Opens the GPU of a number, from zero.
    ///
    /// # Errors
    /// [`CudaError::NoDriver`], [`CudaError::NoDevice`], [`CudaError::WrongDevice`], and
    /// [`CudaError::Driver`] for what else the driver may say.
    pub fn open(ordinal: usize) -> Result<Self, CudaError> {
        driver::open()?;
        cust::init(cust::CudaFlags::empty())?;
        let found = cust::device::Device::num_devices()? as usize;
        if found == 0 {
            return Err(CudaError::NoDevice);
        }
        let number = u32::try_from(ordinal).ok().filter(|_| ordinal < found);
        let Some(number) = number else {
            return Err(CudaError::WrongDevice { ordinal, found });
        };
        let device = cust::device::Device::get_device(number)?;
        let processors = device.get_attribute(DeviceAttribute::MultiprocessorCount)?;
        let (name, memory) = (device.name()?, device.total_memory()?);
        let context = Context::new(device)?;
        CurrentContext::set_current(&context)?;
        let stream = Stream::new(StreamFlags::DEFAULT, None)?;
        Ok(Self(Arc::new(Inner {
            name,
            ordinal,
            memory,
            processors: u32::try_from(processors).unwrap_or(1).max(1),
            fault: Mutex::default(),
            built_in: [const { OnceLock::new() }; 2],
            pool: Mutex::new(Pool::new(Of::Device)),
            pinned: Mutex::new(Pool::new(Of::Host)),
            stream,
            context,
        })))
    }

    /// The name of the GPU.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Its number.
    pub fn ordinal(&self) -> usize {
        self.0.ordinal
    }

    /// Bytes of its memory.
    pub fn memory(&self) -> usize {
        self.0.memory
    }

    /// Waits for all work.
    ///
    /// # Errors
    /// The first failure of this device, or [`CudaError::DeviceLost`] for one that shows now.
    pub fn synchronize(&self) -> Result<(), CudaError> {
        self.check()?;
        self.enter()?;
        self.keep(self.0.stream.synchronize().map_err(CudaError::from))
    }

    /// The first failure of this device, if there was one.
    ///
    /// # Errors
    /// It.
    pub fn check(&self) -> Result<(), CudaError> {
        let fault = self.0.fault.lock().unwrap_or_else(PoisonError::into_inner);
        fault.clone().map_or(Ok(()), Err)
    }

    /// Keeps a failure, for operators to come.
    pub(crate) fn fail(&self, error: CudaError) {
        let mut fault = self.0.fault.lock().unwrap_or_else(PoisonError::into_inner);
        fault.get_or_insert(error);
    }

    /// Keeps the failure of a result that is handed on. What leaves the device usable is not kept.
    fn keep<R>(&self, result: Result<R, CudaError>) -> Result<R, CudaError> {
        if let Err(error @ CudaError::DeviceLost { .. }) = &result {
            self.fail(error.clone());
        }
        result
    }

    /// Whether two handles are of the same opening of a device.
    pub fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Makes the context that of this thread, which every call of the driver needs.
    pub(crate) fn enter(&self) -> Result<(), CudaError> {
        Ok(CurrentContext::set_current(&self.0.context)?)
    }

    pub(crate) fn stream(&self) -> CUstream {
        self.0.stream.as_inner()
    }

    /// Blocks of a kernel that shares `n` elements out among its threads: enough to fill the
    /// device, few enough that each thread has more than one element on a large mesh.
    pub(crate) fn blocks(&self, n: usize) -> u32 {
        let most = 32 * self.0.processors as usize;
        n.div_ceil(BLOCK).clamp(1, most) as u32
    }

    /// The kernels of this crate.
    pub(crate) fn built_in<T: Real>(&self) -> Result<&BuiltIn, CudaError> {
        let modules = &self.0.built_in[usize::from(T::BYTES == 8)];
        let loaded = modules.get_or_init(|| BuiltIn::load::<T>(self));
        loaded.as_ref().map_err(Clone::clone)
    }

    /// Loads kernels from the text of a PTX module: those of a plugin.
    ///
    /// # Errors
    /// [`CudaError::Kernels`] where the driver does not take it.
    pub fn load(&self, ptx: &str) -> Result<Module, CudaError> {
        self.check()?;
        self.keep(Module::load(self, ptx))
    }

    fn pool(&self, of: Of) -> MutexGuard<'_, Pool> {
        let pool = match of {
            Of::Device => &self.0.pool,
            Of::Host => &self.0.pinned,
        };
        pool.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Memory of at least `bytes` bytes, whose contents are left from earlier use.
    pub(crate) fn allocate(&self, of: Of, bytes: usize) -> Result<Buffer, CudaError> {
        self.check()?;
        self.enter()?;
        let synchronize = || {
            self.0.stream.synchronize()?;
            Ok(())
        };
        let taken = self.pool(of).take(bytes, synchronize);
        self.keep(taken.map(|raw| Buffer::new(self, of, raw)))
    }

    /// Takes memory back. Work that still uses it stands before that of the next user.
    pub(crate) fn give_back(&self, of: Of, raw: Raw) {
        self.pool(of).give(raw);
    }

    /// Bytes of arrays on the device, and of memory there that waits for its next use.
    pub fn allocated(&self) -> usize {
        self.pool(Of::Device).allocated()
    }

    /// As [`Device::allocated`], in the memory of the host.
    pub fn allocated_on_host(&self) -> usize {
        self.pool(Of::Host).allocated()
    }

    /// Bytes of memory that arrays can still take.
    ///
    /// # Errors
    /// What the driver says.
    pub fn available(&self) -> Result<usize, CudaError> {
        self.enter()?;
        let (free, _) = cust::memory::mem_get_info()?;
        Ok(free + self.pool(Of::Device).spare())
    }

    /// The result of a function of the driver.
    pub(crate) fn result(&self, code: CUresult) -> Result<(), CudaError> {
        let result = match code {
            CUresult::CUDA_SUCCESS => Ok(()),
            _ => Err(CudaError::from_driver()),
        };
        self.keep(result)
    }

    /// Copies `from` to the start of `to`, and waits.
    ///
    /// # Panics
    /// When `to` is shorter.
    pub(crate) fn upload<A: Copy>(&self, from: &[A], to: &Buffer) -> Result<(), CudaError> {
        let bytes = size_of_val(from);
        assert!(bytes <= to.bytes(), "a copy beyond the end of a buffer");
        if bytes == 0 {
            return Ok(());
        }
        self.enter()?;
        let host = from.as_ptr().cast::<c_void>();
        // SAFETY: both places have this many bytes, the buffer is of this device, and the host's
        // lives until the copy is done, as the stream is waited for.
        let code = unsafe { cuMemcpyHtoDAsync_v2(to.pointer(), host, bytes, self.stream()) };
        self.result(code)?;
        self.synchronize()
    }

    /// Fills `to` from the start of `from`, and waits.
    ///
    /// # Panics
    /// When `from` is shorter.
    ///
    /// # Safety
    /// Any bytes are values of `A`.
    pub(crate) unsafe fn download<A: Copy>(
        &self,
        from: &Buffer,
        to: &mut [A],
    ) -> Result<(), CudaError> {
        let bytes = size_of_val(to);
        assert!(bytes <= from.bytes(), "a copy beyond the end of a buffer");
        if bytes == 0 {
            return Ok(());
        }
        self.enter()?;
        let host = to.as_mut_ptr().cast::<c_void>();
        // SAFETY: as in `upload`; the caller takes any bytes.
        let code = unsafe { cuMemcpyDtoHAsync_v2(host, from.pointer(), bytes, self.stream()) };
        self.result(code)?;
        self.synchronize()
    }

    /// Copies the first `bytes` bytes.
    ///
    /// # Panics
    /// When a buffer is shorter.
    pub(crate) fn copy(&self, from: &Buffer, to: &Buffer, bytes: usize) -> Result<(), CudaError> {
        let fits = bytes <= from.bytes() && bytes <= to.bytes();
        assert!(fits, "a copy beyond the end of a buffer");
        if bytes == 0 {
            return Ok(());
        }
        self.enter()?;
        let (source, target, stream) = (from.pointer(), to.pointer(), self.stream());
        // SAFETY: both buffers have this many bytes and belong to this device. Those of the host are
        // read and written by work of this stream alone, and not freed before it is done.
        let code = unsafe {
            match (from.of(), to.of()) {
                (Of::Device, Of::Device) => cuMemcpyDtoDAsync_v2(target, source, bytes, stream),
                (Of::Device, Of::Host) => {
                    cuMemcpyDtoHAsync_v2(target as *mut c_void, source, bytes, stream)
                }
                (Of::Host, Of::Device) => {
                    cuMemcpyHtoDAsync_v2(target, source as *const c_void, bytes, stream)
                }
                (Of::Host, Of::Host) => return Err(CudaError::OnHost),
            }
        };
        self.result(code)
    }

    /// Sets the first `bytes` bytes to zero.
    ///
    /// # Panics
    /// When the buffer is shorter.
    pub(crate) fn clear(&self, to: &Buffer, bytes: usize) -> Result<(), CudaError> {
        assert!(bytes <= to.bytes(), "zeros beyond the end of a buffer");
        if bytes == 0 {
            return Ok(());
        }
        self.enter()?;
        // SAFETY: the buffer has this many bytes and belongs to this device.
        let code = unsafe { cuMemsetD8Async(to.pointer(), 0, bytes, self.stream()) };
        self.result(code)
    }
}

/// Threads of a block, as in kernels/prelude.cuh.
pub(crate) const BLOCK: usize = 256;
