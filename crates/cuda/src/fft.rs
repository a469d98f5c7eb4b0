//! Transforms by cuFFT, opened when the first plan is made.

use std::ffi::{c_int, c_longlong, c_void};
use std::marker::PhantomData;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use adastra_core::Real;
use cust::sys::{CUdeviceptr, CUstream};
use libloading::Library;

use crate::driver::{Libraries, open_first};
use crate::{CudaError, Device};

type Create = unsafe extern "C" fn(*mut c_int) -> c_int;
type Destroy = unsafe extern "C" fn(c_int) -> c_int;
type SetStream = unsafe extern "C" fn(c_int, CUstream) -> c_int;
type MakePlan = unsafe extern "C" fn(
    plan: c_int,
    rank: c_int,
    n: *mut c_longlong,
    inembed: *mut c_longlong,
    istride: c_longlong,
    idist: c_longlong,
    inputtype: c_int,
    onembed: *mut c_longlong,
    ostride: c_longlong,
    odist: c_longlong,
    outputtype: c_int,
    batch: c_longlong,
    work_size: *mut usize,
    executiontype: c_int,
) -> c_int;
type Exec = unsafe extern "C" fn(c_int, *mut c_void, *mut c_void, c_int) -> c_int;

/// The five functions of cuFFT that are called; status codes are integers, as newer libraries have
/// more of them.
struct CuFft {
    create: Create,
    destroy: Destroy,
    set_stream: SetStream,
    make_plan: MakePlan,
    exec: Exec,
    _library: Library,
}

fn library() -> Result<&'static CuFft, CudaError> {
    static LIBRARY: OnceLock<Result<CuFft, String>> = OnceLock::new();
    let found = LIBRARY.get_or_init(|| {
        let library = open_first(&Libraries::places().fft)?;
        let missing = |error: libloading::Error| error.to_string();
        // SAFETY: these are the signatures of cufft.h and cufftXt.h of CUDA 10 to 13, with
        // enumerations as integers.
        unsafe {
            Ok(CuFft {
                create: *library.get::<Create>(b"cufftCreate").map_err(missing)?,
                destroy: *library.get::<Destroy>(b"cufftDestroy").map_err(missing)?,
                set_stream: *library
                    .get::<SetStream>(b"cufftSetStream")
                    .map_err(missing)?,
                make_plan: *library
                    .get::<MakePlan>(b"cufftXtMakePlanMany")
                    .map_err(missing)?,
                exec: *library.get::<Exec>(b"cufftXtExec").map_err(missing)?,
                _library: library,
            })
        }
    });
    found.as_ref().map_err(|reason| CudaError::NoFft {
        reason: reason.clone(),
    })
}

fn result(device: &Device, function: &'static str, code: c_int) -> Result<(), CudaError> {
    let meaning = match code {
        0 => return Ok(()),
        1 => "an invalid plan",
        2 => {
            let (free, total) = cust::memory::mem_get_info()?;
            return Err(CudaError::FftMemory { free, total });
        }
        3 => "an invalid type",
        4 => "an invalid value",
        5 => "an internal error",
        6 => "the transform could not be run",
        7 => "the library could not be set up",
        8 => "an invalid size",
        _ => "see cufftResult in NVIDIA's manual",
    };
    // What the transform met may be a fault of the device.
    device.synchronize()?;
    Err(CudaError::Fft {
        function,
        code,
        meaning,
    })
}

/// Types of numbers, as `cudaDataType` counts them.
const R_32F: c_int = 0;
const R_64F: c_int = 1;
const C_32F: c_int = 4;
const C_64F: c_int = 5;

/// A plan of cuFFT.
struct Plan {
    device: Device,
    handle: Mutex<c_int>,
}

impl Plan {
    fn new(
        device: &Device,
        cells: [usize; 3],
        input: c_int,
        output: c_int,
    ) -> Result<Self, CudaError> {
        let cufft = library()?;
        device.check()?;
        device.enter()?;
        let mut handle = 0;
        // SAFETY: a place for one integer.
        let code = unsafe { (cufft.create)(&raw mut handle) };
        result(device, "cufftCreate", code)?;
        let plan = Self {
            device: device.clone(),
            handle: Mutex::new(handle),
        };
        // SAFETY: the stream lives as long as the device, which the plan holds.
        let code = unsafe { (cufft.set_stream)(handle, device.stream()) };
        result(device, "cufftSetStream", code)?;
        let mut n = cells.map(|n| n as c_longlong);
        let none = std::ptr::null_mut();
        let execution = if input == R_32F || input == C_32F {
            C_32F
        } else {
            C_64F
        };
        let mut work = 0;
        // SAFETY: three lengths, no embedding, and a place for the size of the work memory, which
        // cuFFT allocates itself.
        let code = unsafe {
            (cufft.make_plan)(
                handle,
                3,
                n.as_mut_ptr(),
                none,
                1,
                0,
                input,
                none,
                1,
                0,
                output,
                1,
                &raw mut work,
                execution,
            )
        };
        result(device, "cufftXtMakePlanMany", code)?;
        Ok(plan)
    }

    /// # Safety
    /// The pointers lead to as many numbers of the plan's types as its lengths say.
    unsafe fn run(
        &self,
        input: CUdeviceptr,
        output: CUdeviceptr,
        direction: c_int,
    ) -> Result<(), CudaError> {
        let cufft = library()?;
        self.device.check()?;
        self.device.enter()?;
        // A plan works for one thread at a time.
        let handle = self.handle.lock().unwrap_or_else(PoisonError::into_inner);
        let (input, output) = (input as *mut c_void, output as *mut c_void);
        // SAFETY: the caller's; the plan is whole.
        let code = unsafe { (cufft.exec)(*handle, input, output, direction) };
        drop(handle);
        result(&self.device, "cufftXtExec", code)
    }
}

impl Drop for Plan {
    fn drop(&mut self) {
        let handle = self
            .handle
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner);
        // A failure here means that the device is lost, and the plan with it.
        if let (Ok(cufft), Ok(())) = (library(), self.device.enter()) {
            // SAFETY: nobody uses the plan any more.
            let _ = unsafe { (cufft.destroy)(*handle) };
        }
    }
}

/// Complex transforms of fields on a mesh, in place and unnormalized in both directions. Clones
/// share the plan.
#[derive(Clone)]
pub(crate) struct Fft<T> {
    plan: Arc<Plan>,
    cells: [usize; 3],
    number: PhantomData<fn() -> T>,
}

impl<T: Real> Fft<T> {
    pub(crate) fn new(device: &Device, cells: [usize; 3]) -> Result<Self, CudaError> {
        let complex = if T::BYTES == 8 { C_64F } else { C_32F };
        Ok(Self {
            plan: Arc::new(Plan::new(device, cells, complex, complex)?),
            cells,
            number: PhantomData,
        })
    }

    pub(crate) fn device(&self) -> &Device {
        &self.plan.device
    }

    pub(crate) fn cells(&self) -> [usize; 3] {
        self.cells
    }

    /// exp(-i k.x), or exp(+i k.x) with `inverse`.
    ///
    /// # Panics
    /// When the field has not the plan's shape.
    pub(crate) fn run(
        &self,
        x: &mut crate::ComplexArray<T>,
        inverse: bool,
    ) -> Result<(), CudaError> {
        assert_eq!(
            x.shape(),
            self.cells,
            "a field of another shape than the plan's"
        );
        let pointer = x.pointer()?;
        // SAFETY: the field has the plan's shape; complex transforms work in place.
        unsafe {
            self.plan
                .run(pointer, pointer, if inverse { 1 } else { -1 })
        }
    }
}

/// Real transforms of fields on a mesh, unnormalized in both directions. Half spectra, of shape
/// (nx, ny, nz/2 + 1), stay within this crate. Clones share the plans.
#[derive(Clone)]
pub(crate) struct RealFft<T> {
    forward: Arc<Plan>,
    inverse: Arc<Plan>,
    cells: [usize; 3],
    number: PhantomData<fn() -> T>,
}

impl<T: Real> RealFft<T> {
    pub(crate) fn new(device: &Device, cells: [usize; 3]) -> Result<Self, CudaError> {
        let (real, complex) = if T::BYTES == 8 {
            (R_64F, C_64F)
        } else {
            (R_32F, C_32F)
        };
        Ok(Self {
            forward: Arc::new(Plan::new(device, cells, real, complex)?),
            inverse: Arc::new(Plan::new(device, cells, complex, real)?),
            cells,
            number: PhantomData,
        })
    }

    pub(crate) fn device(&self) -> &Device {
        &self.forward.device
    }

    pub(crate) fn cells(&self) -> [usize; 3] {
        self.cells
    }

    /// Shape of a half spectrum.
    pub(crate) fn half(&self) -> [usize; 3] {
        let [nx, ny, nz] = self.cells;
        [nx, ny, nz / 2 + 1]
    }

    /// # Panics
    /// When the field has not the plan's shape.
    pub(crate) fn forward(
        &self,
        x: &crate::RealArray<T>,
    ) -> Result<crate::ComplexArray<T>, CudaError> {
        assert_eq!(
            x.shape(),
            self.cells,
            "a field of another shape than the plan's"
        );
        let spectrum = crate::ComplexArray::new(self.device(), &self.half())?;
        // SAFETY: field and spectrum have the shapes of the plan; the input is left as it is.
        unsafe { self.forward.run(x.pointer()?, spectrum.pointer()?, -1)? };
        Ok(spectrum)
    }

    /// Writes into `x`; the spectrum is spoilt.
    ///
    /// # Panics
    /// When an array has not the plan's shape.
    pub(crate) fn inverse(
        &self,
        spectrum: crate::ComplexArray<T>,
        x: &mut crate::RealArray<T>,
    ) -> Result<(), CudaError> {
        assert_eq!(
            x.shape(),
            self.cells,
            "a field of another shape than the plan's"
        );
        assert_eq!(
            spectrum.shape(),
            self.half(),
            "a spectrum of another shape than the plan's"
        );
        // SAFETY: field and spectrum have the shapes of the plan, and nobody else has the spectrum.
        unsafe { self.inverse.run(spectrum.pointer()?, x.pointer()?, 1) }
    }
}
