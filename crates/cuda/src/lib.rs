//! NVIDIA GPUs: device arrays, and device twins of the mesh, wave and particle operators.
//!
//! A [`DeviceArray`] is a [`State`](adastra_core::State), and an operator of this crate is an
//! [`Operator`](adastra_core::Operator) on such arrays, with its adjoint. So everything that
//! composes operators, [`Evolve`](adastra_core::Evolve) and its schedules among them, works on a
//! device as it is, with checkpoints in the device's memory, in pinned memory of the host or on disk.
//!
//! [`plugin`] brings `device = "cuda"` to configurations. It runs matter that has a [`Twin`], which
//! says how states, parameters and cotangents go to the device and back.
//!
//! | here | twin |
//! |---|---|
//! | [`ForwardFft`], [`InverseFft`], [`Gradient`], [`Filter`], [`ComplexFilter`], [`PoissonSolve`], [`Poisson`] | `adastra-grid` |
//! | [`Deposit`], [`Readout`], [`Particles`] | `adastra-particles` |
//! | [`Density`], [`Kick`], [`Drift`], [`Wave`] | `adastra-fdm`, whose feature `cuda` has the [`Twin`] |
//! | [`Matter`], [`SelfGravity`], [`Leapfrog`], [`Background`] | `adastra-gravity` |
//!
//! Gas has no twin yet; it comes in as another [`Matter`], which need not be
//! [`MatterReversible`].
//!
//! # What it needs
//! To build and to start: nothing, no toolkit, no driver, no GPU. To run on a GPU: the NVIDIA driver
//! 550 or newer, a GPU of compute capability 7.0 or newer, and cuFFT of CUDA 11, 12 or 13. What is
//! missing is an error that says so:
//!
//! ```
//! match adastra_cuda::Device::open(0) {
//!     Ok(device) => println!("{device:?}"),
//!     // no NVIDIA driver found (...): install the driver of the GPU; or run on the CPU: ...
//!     Err(error) => println!("{error}"),
//! }
//! ```
//!
//! `cust` calls the driver, unmodified; this crate defines the functions that `cust` would link and
//! opens the driver on the first call. Its build scripts look for a toolkit all the same, through a
//! crate that the workspace replaces. **A workspace elsewhere that uses this crate needs the same
//! line in its `Cargo.toml`:**
//!
//! ```toml
//! [patch.crates-io]
//! find_cuda_helper = { path = "adastra/crates/cuda/find-cuda-helper" }
//! ```
//!
//! # What has been tested, and on what
//! **Nothing here has run on a GPU yet.** The kernels' CUDA C is compiled by NVRTC 12.4 to the PTX
//! that this crate embeds, and as C++ for a driver without a device (module `fake`, feature
//! `fake`), on which the tests run everything else as it is: memory, launches, transforms,
//! operators against their twins ([`conformance()`]), gradients, runs, failures. What only a GPU can
//! show is whether the driver and cuFFT are called rightly, races between threads of a kernel, and
//! speed. One command does both, comparisons first and rates after:
//!
//! ```text
//! adastra selftest --device cuda:0
//! ```
//!
//! # Cost of a step
//! Wave dark matter under its own gravity takes four kernels and four transforms a step, two of them
//! real: it reads and writes some 5 numbers a cell besides the transforms. Going back takes 6 kernels
//! and eight transforms, and waits twice for sums. [`Device`] tells how memory is kept.
//!
//! # Kernels of one's own
//! [`Device::load`] takes PTX, and [`Kernel::launch`] starts it on [`DeviceArray::pointer`]s; number
//! and sizes of the arguments are checked against the PTX. kernels/compile.py makes PTX of CUDA C
//! with NVRTC from PyPI alone. `fake::install` takes the sources of such kernels too, so that
//! they are tested without a GPU.

mod array;
mod components;
mod conformance;
mod device;
mod driver;
mod engine;
mod error;
#[cfg(feature = "fake")]
pub mod fake;
mod fft;
mod kernels;
mod leapfrog;
mod matter;
mod operators;
mod particles;
mod poisson;
mod pool;
mod selftest;
mod twin;
mod wave;
mod wave_operators;

pub use array::{ComplexArray, DeviceArray, Number, RealArray};
pub use conformance::{Compared, conformance};
pub use device::Device;
pub use driver::Libraries;
pub use engine::{Cuda, Part, plugin, register};
pub use error::CudaError;
pub use kernels::{Argument, Kernel, Module};
pub use leapfrog::{Background, Element, Leapfrog, SelfGravity};
pub use matter::{Matter, MatterReversible};
pub use operators::{ComplexFilter, Filter, ForwardFft, Gradient, InverseFft, PoissonSolve};
pub use particles::{Deposit, Deposits, ParticleState, Particles, Readout};
pub use poisson::{Gravity, Poisson};
pub use selftest::SelfTest;
pub use twin::{DeviceParams, DeviceState, HostParams, HostState, ParticleTwin, Twin};
pub use wave::{Boson, Wave, WaveState};
pub use wave_operators::{Density, Drift, Kick, KickParams};
