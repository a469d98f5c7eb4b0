//! What can go wrong on a device.

use adastra_core::Error;

use crate::driver::{describe, last};

/// What every error that a user can meet without a device ends with.
macro_rules! or_the_cpu {
    ($text:literal) => {
        concat!($text, "; or run on the CPU: device = \"cpu\"")
    };
}

/// A device, its memory or its libraries fail.
///
/// After [`CudaError::DeviceLost`] nothing on the device can be used again by this process.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum CudaError {
    /// The driver's library is not there.
    #[error(
        "no NVIDIA driver found ({reason}): install the driver of the GPU{}",
        or_the_cpu!("")
    )]
    NoDriver {
        /// What the system's loader says.
        reason: String,
    },
    /// The driver sees no GPU.
    #[error(
        "the NVIDIA driver sees no GPU: check nvidia-smi and CUDA_VISIBLE_DEVICES{}",
        or_the_cpu!("")
    )]
    NoDevice,
    /// There is no GPU of this number.
    #[error(
        "no GPU {ordinal}: the driver sees {found}, allowed are cuda:0 to cuda:{}{}",
        found - 1,
        or_the_cpu!("")
    )]
    WrongDevice {
        /// The number that was asked for.
        ordinal: usize,
        /// How many GPUs there are.
        found: usize,
    },
    /// The driver does not take the kernels.
    #[error(
        "the NVIDIA driver refuses the kernels ({detail}): they need driver 550 or newer and a GPU \
         of compute capability 7.0 or newer{}",
        or_the_cpu!("")
    )]
    Kernels {
        /// What the driver says.
        detail: String,
    },
    /// No library of transforms.
    #[error(
        "no cuFFT found ({reason}): install the CUDA runtime libraries, version 11 or newer, or add \
         the folder of libcufft.so to LD_LIBRARY_PATH{}",
        or_the_cpu!("")
    )]
    NoFft {
        /// What the system's loader says of each name.
        reason: String,
    },
    /// The device's memory is full.
    #[error(
        "out of GPU memory: {bytes} bytes asked for, {free} of {total} free: use a smaller mesh, \
         f32 or fewer checkpoints{}",
        or_the_cpu!("")
    )]
    OutOfMemory {
        /// How much was asked for.
        bytes: usize,
        /// How much is free.
        free: usize,
        /// How much there is.
        total: usize,
    },
    /// The host has too little memory that stays in place.
    #[error(
        "out of memory of the host: {bytes} bytes asked for that stay in place (are pinned): give \
         gradient.budget less, or spill checkpoints to disk: gradient.disk"
    )]
    HostMemory {
        /// How much was asked for.
        bytes: usize,
    },
    /// An operator meets an array that is in the memory of the host.
    #[error("an array in the memory of the host cannot be worked on: take it back by copy_in")]
    OnHost,
    /// The device's memory is too full for a transform.
    #[error(
        "out of GPU memory: a transform needs about the size of its field, {free} of {total} bytes \
         are free: use a smaller mesh, f32 or fewer checkpoints{}",
        or_the_cpu!("")
    )]
    FftMemory {
        /// How much is free.
        free: usize,
        /// How much there is.
        total: usize,
    },
    /// The device failed and cannot be used again.
    #[error(
        "the GPU is lost ({function}: {detail}, code {code}): its contents are gone, start again \
         from the last snapshot{}",
        or_the_cpu!("")
    )]
    DeviceLost {
        /// The function of the driver that reported it.
        function: &'static str,
        /// The driver's code.
        code: i32,
        /// The driver's description.
        detail: String,
    },
    /// A function of the driver failed otherwise.
    #[error("CUDA driver: {function} failed: {detail} (code {code})")]
    Driver {
        /// Which function.
        function: &'static str,
        /// Its code.
        code: i32,
        /// The driver's description.
        detail: String,
    },
    /// A function of cuFFT failed.
    #[error("cuFFT: {function} failed with code {code}, {meaning}")]
    Fft {
        /// Which function.
        function: &'static str,
        /// Its code.
        code: i32,
        /// What it means.
        meaning: &'static str,
    },
    /// A module has no kernel of this name.
    #[error("no kernel {name} among the loaded ones")]
    NoKernel {
        /// The name.
        name: String,
    },
    /// A kernel was given other arguments than it takes.
    #[error("arguments of {found:?} bytes for a kernel that takes {expected:?}")]
    Arguments {
        /// Bytes of each argument.
        found: Vec<usize>,
        /// What the kernel takes.
        expected: Vec<usize>,
    },
    /// Arrays of two devices, or of two openings of one, meet in an operation.
    #[error("arrays of different devices in one operation: open the device once and clone it")]
    TwoDevices,
    /// A result of a device differs from that of the CPU.
    #[error("{what} in {precision}: differs from the CPU by {error:e}, allowed is {allowed:e}")]
    Differs {
        /// Which operator.
        what: String,
        /// `"f32"` or `"f64"`.
        precision: &'static str,
        /// The relative difference.
        error: f64,
        /// The largest allowed one.
        allowed: f64,
    },
}

impl CudaError {
    /// Of the last failure of the driver on this thread.
    pub(crate) fn from_driver() -> Self {
        let (code, function) = last();
        Self::of(code, function)
    }

    pub(crate) fn of(code: i32, function: &'static str) -> Self {
        let detail = describe(code);
        match code {
            100 => Self::NoDevice,
            // No image, invalid or unsupported PTX, no compiler for it.
            200 | 209 | 218 | 221 | 222 | 300 => Self::Kernels { detail },
            // Uncorrectable memory, broken links and contexts, faults of kernels: the context is
            // gone, says the driver's manual.
            214 | 220 | 226 | 700 | 702 | 709 | 710 | 714..=719 => Self::DeviceLost {
                function,
                code,
                detail,
            },
            _ => Self::Driver {
                function,
                code,
                detail,
            },
        }
    }
}

impl From<cust::error::CudaError> for CudaError {
    /// The code is the one that the driver returned last: `cust` knows fewer.
    fn from(_: cust::error::CudaError) -> Self {
        Self::from_driver()
    }
}

impl From<CudaError> for Error {
    fn from(error: CudaError) -> Self {
        Self::operator("cuda", error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_user_can_meet_says_how_to_go_on() {
        let reason = "libcuda.so.1: cannot open".to_owned();
        let errors = [
            CudaError::NoDriver {
                reason: reason.clone(),
            },
            CudaError::NoDevice,
            CudaError::WrongDevice {
                ordinal: 3,
                found: 2,
            },
            CudaError::NoFft { reason },
            CudaError::OutOfMemory {
                bytes: 1 << 40,
                free: 7,
                total: 9,
            },
            CudaError::of(719, "cuStreamSynchronize"),
            CudaError::of(222, "cuModuleLoadDataEx"),
        ];
        for error in errors {
            let text = error.to_string();
            assert!(
                text.ends_with("or run on the CPU: device = \"cpu\""),
                "{text}"
            );
        }
        let text = CudaError::WrongDevice {
            ordinal: 3,
            found: 2,
        }
        .to_string();
        assert!(text.contains("cuda:0 to cuda:1"), "{text}");
    }

    #[test]
    fn codes_that_end_a_context_are_a_lost_device() {
        for code in [214, 700, 702, 709, 714, 719] {
            let error = CudaError::of(code, "cuMemcpyDtoHAsync_v2");
            assert!(matches!(error, CudaError::DeviceLost { .. }), "{error}");
        }
        let error = CudaError::of(1, "cuLaunchKernel");
        assert!(
            matches!(error, CudaError::Driver { code: 1, .. }),
            "{error}"
        );
    }
}
