//! A driver without a device: kernels run on the processor, so that tests need no GPU.
//!
//! The kernels' CUDA C also compiles as C++. [`install`] compiles it with the compiler of the
//! system into a library with the functions of the driver that this crate calls, and a second one
//! with those of cuFFT; from then on the process opens them instead of NVIDIA's. All that is Rust
//! runs unchanged: devices, memory, launches, operators, runs and their gradients.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use libloading::Library;

use crate::Libraries;

const PRELUDE: &str = include_str!("../kernels/prelude.cuh");
const KERNELS: [&str; 4] = [
    include_str!("../kernels/particles.cu"),
    include_str!("../kernels/spectral.cu"),
    include_str!("../kernels/state.cu"),
    include_str!("../kernels/wave.cu"),
];
const SHIM: &str = include_str!("fake/shim.hpp");
const DRIVER: &str = include_str!("fake/driver.cpp");
const FFT: &str = include_str!("fake/fft.cpp");

/// The driver without a device cannot be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FakeError {
    /// There is no compiler of C++20.
    #[error("no C++ compiler: set CXX, or install g++ 10 or clang++ 12 or newer")]
    NoCompiler,
    /// The compiler does not take the sources.
    #[error("{compiler} fails:\n{log}")]
    Compile {
        /// Its name.
        compiler: String,
        /// What it says.
        log: String,
    },
    /// A file cannot be written or opened.
    #[error("{path}: {source}")]
    File {
        /// Which one.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// The library that was made cannot be opened.
    #[error(transparent)]
    Library(#[from] libloading::Error),
}

/// The driver without a device, and what tests can do to it.
pub struct Fake {
    library: Library,
}

/// Makes the driver without a device, in `folder` if it is not there yet, and has this process use
/// it. Call it before the first [`Device::open`](crate::Device::open).
///
/// `plugins` are sources of further kernels, written as those of this crate: each starts with
/// `KERNEL(name)` at the beginning of a line, and exists in both precisions.
///
/// # Errors
/// [`FakeError::NoCompiler`] where tests have to be skipped; the others name what is broken.
pub fn install(folder: &Path, plugins: &[&str]) -> Result<Fake, FakeError> {
    let compiler = compiler().ok_or(FakeError::NoCompiler)?;
    let sources: Vec<&str> = KERNELS.iter().chain(plugins).copied().collect();
    let files = [
        ("shim.hpp", SHIM.to_owned()),
        ("driver.cpp", DRIVER.to_owned()),
        ("fft.cpp", FFT.to_owned()),
        ("kernels.inc", format!("{PRELUDE}{}", sources.concat())),
        ("table.inc", table(&sources)),
    ];
    let name = files.iter().fold(0xcbf2_9ce4_8422_2325, |hash: u64, file| {
        file.1.bytes().fold(hash, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)
        })
    });
    let folder = folder.join(format!("cuda-fake-{name:016x}"));
    let at = |path: &Path| {
        let path = path.to_owned();
        move |source| FakeError::File { path, source }
    };
    fs::create_dir_all(&folder).map_err(at(&folder))?;
    // Test processes that start together wait for the first one.
    let lock = folder.join("lock");
    let guard = File::create(&lock).map_err(at(&lock))?;
    guard.lock().map_err(at(&lock))?;
    for (name, text) in &files {
        let path = folder.join(name);
        fs::write(&path, text).map_err(at(&path))?;
    }
    let driver = library(&compiler, &folder, "driver")?;
    let fft = library(&compiler, &folder, "fft")?;
    drop(guard);
    let places = Libraries {
        driver: vec![driver.clone()],
        fft: vec![fft],
    };
    places.install();
    // SAFETY: the library was made above, of sources that run nothing when it is opened.
    let library = unsafe { Library::new(driver) }?;
    Ok(Fake { library })
}

fn compiler() -> Option<String> {
    let named = std::env::var("CXX").ok();
    let names = ["c++", "g++", "clang++"].map(str::to_owned);
    named.into_iter().chain(names).find(|name| {
        let found = Command::new(name).arg("--version").output();
        found.is_ok_and(|output| output.status.success())
    })
}

/// Compiles `name.cpp` unless that was done.
fn library(compiler: &str, folder: &Path, name: &str) -> Result<PathBuf, FakeError> {
    let target = folder.join(format!("{name}.so"));
    if target.exists() {
        return Ok(target);
    }
    // Under its name only when it is whole.
    let made = folder.join(format!("{name}.new"));
    let output = Command::new(compiler)
        .args(["-std=c++20", "-O2", "-shared", "-fPIC", "-o"])
        .args([&made, &folder.join(format!("{name}.cpp"))])
        .output()
        .map_err(|source| FakeError::File {
            path: compiler.into(),
            source,
        })?;
    if !output.status.success() {
        return Err(FakeError::Compile {
            compiler: compiler.to_owned(),
            log: String::from_utf8_lossy(&output.stderr).into_owned(),
        });
    }
    fs::rename(&made, &target).map_err(|source| FakeError::File {
        path: made.clone(),
        source,
    })?;
    Ok(target)
}

/// The kernels of the sources in both precisions, as the entries of a table.
fn table(sources: &[&str]) -> String {
    let mut table = String::new();
    for line in sources.iter().flat_map(|source| source.lines()) {
        let (waits, rest) = match line.strip_prefix("BLOCK_") {
            Some(rest) => (true, rest),
            None => (false, line),
        };
        let Some((name, _)) = rest
            .strip_prefix("KERNEL(")
            .and_then(|rest| rest.split_once(')'))
        else {
            continue;
        };
        for space in ["f32", "f64"] {
            let function = format!("{name}_{space}");
            table += &format!("{{\"{function}\", Call<{space}::{function}>::call, {waits}}},\n");
        }
    }
    table
}

impl Fake {
    fn get<F>(&self, name: &str) -> Result<libloading::Symbol<'_, F>, FakeError> {
        // SAFETY: the callers below name the types of fake/driver.cpp.
        Ok(unsafe { self.library.get(name.as_bytes()) }?)
    }

    /// Has the next call of a function of the driver fail with a code, for the whole process. A
    /// code of 700 or more is a lost device, until the next call of this method.
    ///
    /// # Errors
    /// [`FakeError::Library`].
    pub fn fail(&self, function: &'static std::ffi::CStr, code: i32) -> Result<(), FakeError> {
        type Fail = unsafe extern "C" fn(*const std::ffi::c_char, i32);
        let fail = self.get::<Fail>("fake_fail")?;
        // SAFETY: the text ends with zero and is copied.
        unsafe { fail(function.as_ptr(), code) };
        Ok(())
    }

    /// Sets the bytes of the memory of the device.
    ///
    /// # Errors
    /// [`FakeError::Library`].
    pub fn set_memory(&self, bytes: usize) -> Result<(), FakeError> {
        let memory = self.get::<unsafe extern "C" fn(usize)>("fake_memory")?;
        // SAFETY: it only stores the number.
        unsafe { memory(bytes) };
        Ok(())
    }

    /// Bytes of memory in use.
    ///
    /// # Errors
    /// [`FakeError::Library`].
    pub fn used(&self) -> Result<usize, FakeError> {
        let used = self.get::<unsafe extern "C" fn() -> usize>("fake_used")?;
        // SAFETY: it only reads a number.
        Ok(unsafe { used() })
    }

    /// Kernels launched so far.
    ///
    /// # Errors
    /// [`FakeError::Library`].
    pub fn launches(&self) -> Result<usize, FakeError> {
        let launches = self.get::<unsafe extern "C" fn() -> usize>("fake_launches")?;
        // SAFETY: it only reads a number.
        Ok(unsafe { launches() })
    }
}
