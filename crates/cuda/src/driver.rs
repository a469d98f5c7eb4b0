//! The driver's library: found when it is first needed, never linked.

mod symbols;

use std::cell::Cell;
use std::ffi::{CStr, c_char};
use std::path::PathBuf;
use std::sync::{OnceLock, PoisonError, RwLock};

use cust::sys::CUresult;
use libloading::Library;

use crate::CudaError;

/// Where the libraries of the system are looked for, best first.
///
/// A name without a folder is looked for where the system's loader looks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Libraries {
    /// The driver.
    pub driver: Vec<PathBuf>,
    /// The transforms (cuFFT).
    pub fft: Vec<PathBuf>,
}

impl Default for Libraries {
    /// The driver that is installed, and cuFFT of CUDA 13, 12 or 11.
    fn default() -> Self {
        let list = |names: &[&str]| names.iter().map(PathBuf::from).collect();
        if cfg!(windows) {
            return Self {
                driver: list(&["nvcuda.dll"]),
                fft: list(&["cufft64_12.dll", "cufft64_11.dll", "cufft64_10.dll"]),
            };
        }
        let names = ["libcufft.so.12", "libcufft.so.11", "libcufft.so.10"];
        let toolkit = names.map(|name| PathBuf::from("/usr/local/cuda/lib64").join(name));
        let mut fft: Vec<PathBuf> = list(&names);
        fft.extend(toolkit);
        Self {
            driver: list(&["libcuda.so.1", "libcuda.so"]),
            fft,
        }
    }
}

static PLACES: RwLock<Option<Libraries>> = RwLock::new(None);

impl Libraries {
    /// Looks for the libraries in these places from now on. A library that is open stays open.
    pub fn install(self) {
        *PLACES.write().unwrap_or_else(PoisonError::into_inner) = Some(self);
    }

    pub(crate) fn places() -> Self {
        let places = PLACES.read().unwrap_or_else(PoisonError::into_inner);
        places.clone().unwrap_or_default()
    }
}

/// Opens the first of `places` that can be opened.
///
/// # Errors
/// What the system's loader says of each.
pub(crate) fn open_first(places: &[PathBuf]) -> Result<Library, String> {
    let mut reasons = Vec::new();
    for place in places {
        // SAFETY: the libraries named are NVIDIA's, or were chosen by the caller of `install`;
        // their initializers have no requirements.
        match unsafe { Library::new(place) } {
            Ok(library) => return Ok(library),
            Err(error) => reasons.push(error.to_string()),
        }
    }
    Err(reasons.join("; "))
}

static DRIVER: OnceLock<Result<Library, String>> = OnceLock::new();

fn library() -> &'static Result<Library, String> {
    DRIVER.get_or_init(|| open_first(&Libraries::places().driver))
}

/// Opens the driver.
///
/// # Errors
/// [`CudaError::NoDriver`].
pub(crate) fn open() -> Result<(), CudaError> {
    match library() {
        Ok(_) => Ok(()),
        Err(reason) => Err(CudaError::NoDriver {
            reason: reason.clone(),
        }),
    }
}

/// The address of a function of the driver.
fn symbol(name: &str) -> Option<usize> {
    let library = library().as_ref().ok()?;
    // SAFETY: only the address is taken; whoever calls it names the type.
    let found = unsafe { library.get::<*const ()>(name.as_bytes()) };
    found.ok().map(|symbol| *symbol as usize)
}

thread_local! {
    /// The last code other than success, and the function that returned it.
    static LAST: Cell<(i32, &'static str)> = const { Cell::new((0, "")) };
}

/// The last code other than success that the driver returned to this thread, as it came, and the
/// function that returned it.
pub(crate) fn last() -> (i32, &'static str) {
    LAST.get()
}

/// Calls a function of the driver, keeps the code of a failure, and hands out one that
/// [`CUresult`] has.
fn forward(name: &'static str, found: Option<usize>, call: impl FnOnce(usize) -> i32) -> CUresult {
    let code = match found {
        Some(address) => call(address),
        None => CUresult::CUDA_ERROR_NOT_SUPPORTED as i32,
    };
    if code != 0 {
        LAST.set((code, name));
    }
    known(code)
}

/// `code` where the enumeration of CUDA 11 has it, else the unknown error: drivers are newer.
fn known(code: i32) -> CUresult {
    let has = matches!(
        code,
        0..=8
            | 34
            | 100..=102
            | 200..=202
            | 205..=224
            | 300..=304
            | 400 | 401
            | 500
            | 600
            | 700..=705
            | 708..=720
            | 800..=809
            | 900..=911
    );
    if has {
        // SAFETY: the enumeration is of `i32` and has each of these numbers.
        unsafe { std::mem::transmute::<i32, CUresult>(code) }
    } else {
        CUresult::CUDA_ERROR_UNKNOWN
    }
}

/// The driver's name of a code.
pub(crate) fn describe(code: i32) -> String {
    type GetErrorString = unsafe extern "C" fn(i32, *mut *const c_char) -> i32;
    let mut text = std::ptr::null();
    if let Some(address) = symbol("cuGetErrorString") {
        // SAFETY: this is the signature of the driver's function, with the enumeration as `i32`.
        let function = unsafe { std::mem::transmute::<usize, GetErrorString>(address) };
        // SAFETY: `text` is a place for one pointer.
        unsafe { function(code, &raw mut text) };
    }
    if text.is_null() {
        return "no description".to_owned();
    }
    // SAFETY: the driver gives a string that ends with zero and lives as long as the driver.
    let text = unsafe { CStr::from_ptr(text) };
    text.to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_that_the_enumeration_lacks_become_the_unknown_error() {
        for (code, expected) in [
            (0, CUresult::CUDA_SUCCESS),
            (2, CUresult::CUDA_ERROR_OUT_OF_MEMORY),
            (719, CUresult::CUDA_ERROR_LAUNCH_FAILED),
            // Newer than the enumeration: a cluster out of resources, an external device.
            (912, CUresult::CUDA_ERROR_UNKNOWN),
            (36, CUresult::CUDA_ERROR_UNKNOWN),
            (-1, CUresult::CUDA_ERROR_UNKNOWN),
        ] {
            assert_eq!(known(code), expected, "{code}");
        }
    }

    #[test]
    fn a_failure_keeps_its_code_and_its_function() {
        assert_eq!(
            forward("cuNew", Some(1), |_| 912),
            CUresult::CUDA_ERROR_UNKNOWN
        );
        assert_eq!(last(), (912, "cuNew"));
        let missing = forward("cuMissing", None, |_| 0);
        assert_eq!(missing, CUresult::CUDA_ERROR_NOT_SUPPORTED);
        assert_eq!(last(), (801, "cuMissing"));
        assert_eq!(forward("cuFine", Some(1), |_| 0), CUresult::CUDA_SUCCESS);
        assert_eq!(last(), (801, "cuMissing"));
    }
}
