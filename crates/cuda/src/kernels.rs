//! Modules of kernels, and their launch.

use std::collections::HashMap;
use std::ffi::{CString, c_void};
use std::mem::MaybeUninit;

use adastra_core::Real;
use cust::sys::{CUdeviceptr, CUfunction, cuLaunchKernel};

use crate::device::BLOCK;
use crate::{CudaError, Device};

/// The modules of this crate: name, PTX in f32, PTX in f64.
pub(crate) const MODULES: [(&str, &str, &str); 4] = [
    (
        "particles",
        include_str!("../kernels/particles.f32.ptx"),
        include_str!("../kernels/particles.f64.ptx"),
    ),
    (
        "spectral",
        include_str!("../kernels/spectral.f32.ptx"),
        include_str!("../kernels/spectral.f64.ptx"),
    ),
    (
        "state",
        include_str!("../kernels/state.f32.ptx"),
        include_str!("../kernels/state.f64.ptx"),
    ),
    (
        "wave",
        include_str!("../kernels/wave.f32.ptx"),
        include_str!("../kernels/wave.f64.ptx"),
    ),
];

/// Kernels of a PTX module, loaded onto a device.
#[derive(Debug)]
pub struct Module {
    signatures: HashMap<String, Vec<usize>>,
    // Unloaded before the device is closed.
    module: cust::module::Module,
    device: Device,
}

impl Drop for Module {
    fn drop(&mut self) {
        // Unloading needs the context; it fails only where the device is lost.
        let _ = self.device.enter();
    }
}

/// A kernel of a [`Module`].
#[derive(Debug, Clone, Copy)]
pub struct Kernel<'a> {
    device: &'a Device,
    function: CUfunction,
    /// Bytes of each argument.
    signature: &'a [usize],
}

impl Module {
    pub(crate) fn load(device: &Device, ptx: &str) -> Result<Self, CudaError> {
        device.enter()?;
        let text = CString::new(ptx).map_err(|_| CudaError::Kernels {
            detail: "a zero byte within the PTX".to_owned(),
        })?;
        let module = cust::module::Module::from_ptx_cstr(&text, &[])?;
        Ok(Self {
            device: device.clone(),
            signatures: signatures(ptx),
            module,
        })
    }

    /// The kernel of a name.
    ///
    /// # Errors
    /// [`CudaError::NoKernel`].
    pub fn kernel(&self, name: &str) -> Result<Kernel<'_>, CudaError> {
        let Some(signature) = self.signatures.get(name) else {
            let name = name.to_owned();
            return Err(CudaError::NoKernel { name });
        };
        self.device.enter()?;
        let function = self.module.get_function(name)?.to_raw();
        Ok(Kernel {
            device: &self.device,
            function,
            signature,
        })
    }
}

/// An argument of a kernel.
#[derive(Clone, Copy)]
#[repr(C, align(16))]
pub struct Argument {
    /// Padding within a struct is nobody's value.
    bytes: [MaybeUninit<u8>; Self::MOST],
    len: usize,
}

impl Argument {
    const MOST: usize = 64;

    /// A number, or a struct of numbers as C lays it out, of at most 64 bytes.
    ///
    /// # Panics
    /// When it is larger.
    pub fn new<A: Copy + 'static>(value: A) -> Self {
        let len = size_of::<A>();
        assert!(len <= Self::MOST, "an argument of {len} bytes");
        let mut bytes = [MaybeUninit::uninit(); Self::MOST];
        // SAFETY: both places have `len` bytes.
        unsafe {
            let from = (&raw const value).cast::<MaybeUninit<u8>>();
            std::ptr::copy_nonoverlapping(from, bytes.as_mut_ptr(), len);
        }
        Self { bytes, len }
    }
}

impl Kernel<'_> {
    /// Starts the kernel with blocks of `threads` threads.
    ///
    /// # Errors
    /// [`CudaError::Arguments`] unless number and sizes of the arguments are those of the kernel.
    ///
    /// # Safety
    /// The arguments are of the types that the kernel names, and it reads and writes nothing beyond
    /// the arrays behind its pointers, which belong to the module's device and outlive the launch,
    /// or go back to the pool of the same device.
    pub unsafe fn launch(
        &self,
        blocks: u32,
        threads: u32,
        arguments: &mut [Argument],
    ) -> Result<(), CudaError> {
        let found: Vec<usize> = arguments.iter().map(|argument| argument.len).collect();
        if found != self.signature {
            let expected = self.signature.to_vec();
            return Err(CudaError::Arguments { found, expected });
        }
        self.device.check()?;
        self.device.enter()?;
        let mut pointers: Vec<*mut c_void> = arguments
            .iter_mut()
            .map(|argument| argument.bytes.as_mut_ptr().cast())
            .collect();
        // SAFETY: the driver reads as many bytes behind each pointer as the kernel's signature
        // says, which was compared; the caller answers for what the kernel does.
        let code = unsafe {
            cuLaunchKernel(
                self.function,
                blocks,
                1,
                1,
                threads,
                1,
                1,
                0,
                self.device.stream(),
                pointers.as_mut_ptr(),
                std::ptr::null_mut(),
            )
        };
        self.device.result(code)
    }
}

/// Bytes of the arguments of each kernel of a PTX module.
///
/// Each stands on a line such as `.param .u64 name_param_0,` or
/// `.param .align 8 .b8 name_param_1[64]`.
fn signatures(ptx: &str) -> HashMap<String, Vec<usize>> {
    let mut signatures = HashMap::new();
    for entry in ptx.split(".entry ").skip(1) {
        let Some((name, rest)) = entry.split_once('(') else {
            continue;
        };
        let Some((list, _)) = rest.split_once(')') else {
            continue;
        };
        let bytes = list.split(',').filter_map(|parameter| {
            let scalar = parameter.split_whitespace().find_map(|word| {
                let kind = word.strip_prefix(['.'])?;
                kind.strip_prefix(['u', 's', 'b', 'f'])?.parse().ok()
            });
            let bits: usize = scalar?;
            let count = match parameter.split_once('[') {
                Some((_, rest)) => rest.split_once(']')?.0.trim().parse().ok()?,
                None => 1,
            };
            Some(bits / 8 * count)
        });
        signatures.insert(name.trim().to_owned(), bytes.collect());
    }
    signatures
}

/// The kernels of this crate in one precision, by name without it.
pub(crate) struct BuiltIn {
    functions: HashMap<String, (CUfunction, Vec<usize>)>,
    /// Keeps them loaded.
    _modules: Vec<cust::module::Module>,
}

// SAFETY: a function's handle may be used by any thread for which its context is current.
unsafe impl Send for BuiltIn {}
// SAFETY: as above; nothing is changed behind a shared reference.
unsafe impl Sync for BuiltIn {}

impl BuiltIn {
    pub(crate) fn load<T: Real>(device: &Device) -> Result<Self, CudaError> {
        let (mut functions, mut modules) = (HashMap::new(), Vec::new());
        device.enter()?;
        for (_, single, double) in MODULES {
            let ptx = if T::BYTES == 8 { double } else { single };
            // Not a `Module`, which would keep the device open for ever.
            let text = CString::new(ptx).map_err(|_| CudaError::Kernels {
                detail: "a zero byte within the PTX".to_owned(),
            })?;
            let module = cust::module::Module::from_ptx_cstr(&text, &[])?;
            for (name, signature) in signatures(ptx) {
                let function = module.get_function(&name)?.to_raw();
                let base = name.strip_suffix(T::NAME).unwrap_or(&name);
                let base = base.strip_suffix('_').unwrap_or(base).to_owned();
                functions.insert(base, (function, signature));
            }
            modules.push(module);
        }
        Ok(Self {
            functions,
            _modules: modules,
        })
    }
}

/// The arguments of a launch of one of this crate's kernels.
pub(crate) struct Launch<'a> {
    device: &'a Device,
    name: &'static str,
    arguments: Vec<Argument>,
}

impl<'a> Launch<'a> {
    pub(crate) fn new(device: &'a Device, name: &'static str) -> Self {
        Self {
            device,
            name,
            arguments: Vec::with_capacity(12),
        }
    }

    /// A number, or a struct of numbers.
    pub(crate) fn number<A: Copy + 'static>(mut self, value: A) -> Self {
        self.arguments.push(Argument::new(value));
        self
    }

    pub(crate) fn pointer(self, pointer: CUdeviceptr) -> Self {
        self.number(pointer)
    }

    /// The three lengths of a mesh.
    pub(crate) fn cells(self, cells: [usize; 3]) -> Self {
        // A mesh has at most 2^16 cells along an axis.
        cells
            .into_iter()
            .fold(self, |launch, n| launch.number(n as u32))
    }

    /// Starts the kernel on enough threads for `n` elements.
    ///
    /// # Safety
    /// As [`Kernel::launch`].
    pub(crate) unsafe fn over<T: Real>(self, n: usize) -> Result<(), CudaError> {
        if n == 0 {
            return Ok(());
        }
        let blocks = self.device.blocks(n);
        // SAFETY: the caller's.
        unsafe { self.start::<T>(blocks) }
    }

    /// Starts the kernel with `blocks` blocks.
    ///
    /// # Safety
    /// As [`Kernel::launch`].
    pub(crate) unsafe fn start<T: Real>(mut self, blocks: u32) -> Result<(), CudaError> {
        let built_in = self.device.built_in::<T>()?;
        let Some((function, signature)) = built_in.functions.get(self.name) else {
            let name = self.name.to_owned();
            return Err(CudaError::NoKernel { name });
        };
        let kernel = Kernel {
            device: self.device,
            function: *function,
            signature,
        };
        // SAFETY: the caller's.
        unsafe { kernel.launch(blocks, BLOCK as u32, &mut self.arguments) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_are_read_from_the_text() {
        let ptx = "\
.visible .entry deposit_f64(
\t.param .u64 deposit_f64_param_0,
\t.param .f64 deposit_f64_param_1,
\t.param .u32 deposit_f64_param_2,
\t.param .align 8 .b8 deposit_f64_param_3[64]
)
.maxntid 256, 1, 1
.visible .entry none(

)
{";
        let found = signatures(ptx);
        assert_eq!(found["deposit_f64"], [8, 8, 4, 64]);
        assert!(found["none"].is_empty());
        assert_eq!(found.len(), 2);
    }

    #[test]
    fn every_kernel_comes_in_both_precisions() {
        for (module, single, double) in MODULES {
            let (single, double) = (signatures(single), signatures(double));
            assert!(!single.is_empty(), "{module}");
            assert_eq!(single.len(), double.len(), "{module}");
            for (name, sizes) in &single {
                let twin = &double[&name.replace("_f32", "_f64")];
                assert_eq!(sizes.len(), twin.len(), "{name}");
            }
        }
    }

    /// FNV-1a, as in compile.py.
    fn hash(text: &str) -> u64 {
        text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)
        })
    }

    #[test]
    fn the_ptx_was_made_from_the_sources_beside_it() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/kernels/");
        let read = |name: &str| std::fs::read_to_string(format!("{folder}{name}")).unwrap();
        for (module, single, double) in MODULES {
            let precisions = [
                ("f32", "float", "sincospif", "fmodf", single),
                ("f64", "double", "sincospi", "fmod", double),
            ];
            for (precision, real, sincospi, fmod, ptx) in precisions {
                let text = format!(
                    "#define real {real}\n#define NAME(f) f##_{precision}\n\
                     #define SINCOSPI {sincospi}\n#define FMOD {fmod}\n{}{}",
                    read("prelude.cuh"),
                    read(&format!("{module}.cu")),
                );
                let line = format!("// {module} {precision}, source {:016x},", hash(&text));
                assert!(
                    ptx.starts_with(&line),
                    "{module}.{precision}.ptx is not of {module}.cu: run kernels/compile.py"
                );
            }
        }
    }
}
