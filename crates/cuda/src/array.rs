//! Arrays in the device's memory.

use std::fmt;
use std::marker::PhantomData;

use adastra_core::{Element, Error, FieldMut, FieldRef, Fields, Memory, Real, State};
use cust::sys::CUdeviceptr;
use ndarray::{Array, ArrayD, ArrayView, Dimension, IxDyn};
use num_complex::Complex;

use crate::device::BLOCK;
use crate::kernels::Launch;
use crate::pool::{Buffer, Of};
use crate::{CudaError, Device};

mod sealed {
    use adastra_core::Real;
    use num_complex::Complex;

    /// Exactly a real number and a complex number of two: any bytes of their size are one.
    pub trait Sealed<T> {
        /// NaN: what an array holds that a device has lost.
        const NAN: fn() -> Self;
    }

    impl<T: Real> Sealed<T> for T {
        const NAN: fn() -> Self = T::nan;
    }

    impl<T: Real> Sealed<T> for Complex<T> {
        const NAN: fn() -> Self = || Complex::new(T::nan(), T::nan());
    }
}

/// What an array of a run in `T` holds: `T`, or complex numbers of two.
pub trait Number<T: Real>: Element<T> + Default + sealed::Sealed<T> {}

impl<T: Real> Number<T> for T {}

impl<T: Real> Number<T> for Complex<T> {}

/// An array of real numbers on a device.
pub type RealArray<T> = DeviceArray<T, T>;

/// An array of complex numbers on a device.
pub type ComplexArray<T> = DeviceArray<T, Complex<T>>;

/// An array on a device, in C order.
///
/// As a [`State`] it scales, adds and multiplies there. As [`Fields`] it shows a copy on the host,
/// so that snapshots, checkpoints on disk and gradient checks work as for arrays of the host.
pub struct DeviceArray<T, A> {
    device: Device,
    shape: Vec<usize>,
    /// Or the failure of the device that left the array without memory.
    buffer: Result<Buffer, CudaError>,
    number: PhantomData<fn() -> (T, A)>,
}

impl<T, A> fmt::Debug for DeviceArray<T, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "array of shape {:?} on {:?}", self.shape, self.device)
    }
}

impl<T, A> DeviceArray<T, A> {
    /// An array whose contents are left from earlier use.
    pub(crate) fn new(device: &Device, shape: &[usize]) -> Result<Self, CudaError> {
        Self::new_of(Of::Device, device, shape)
    }

    fn new_of(of: Of, device: &Device, shape: &[usize]) -> Result<Self, CudaError> {
        let bytes = shape.iter().product::<usize>() * size_of::<A>();
        let buffer = device.allocate(of, bytes)?;
        Ok(Self {
            device: device.clone(),
            shape: shape.to_vec(),
            buffer: Ok(buffer),
            number: PhantomData,
        })
    }

    /// Lengths of the axes.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Number of elements.
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// Whether there are no elements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The device.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// The address on the device, for a [`Kernel`](crate::Kernel) of a plugin.
    ///
    /// # Errors
    /// The failure of the device that left the array without memory.
    pub fn pointer(&self) -> Result<CUdeviceptr, CudaError> {
        Ok(self.buffer()?.pointer())
    }

    /// The memory on the device.
    pub(crate) fn buffer(&self) -> Result<&Buffer, CudaError> {
        match &self.buffer {
            Ok(buffer) if buffer.of() == Of::Host => Err(CudaError::OnHost),
            Ok(buffer) => Ok(buffer),
            Err(error) => Err(error.clone()),
        }
    }

    fn bytes(&self) -> usize {
        self.len() * size_of::<A>()
    }

    /// Sets all numbers to zero.
    pub(crate) fn clear(&self) -> Result<(), CudaError> {
        self.device.clear(self.buffer()?, self.bytes())
    }

    /// A copy of an array on its device.
    ///
    /// # Errors
    /// As [`DeviceArray::zeros`].
    pub fn try_clone(&self) -> Result<Self, CudaError> {
        self.try_copy_in(Of::Device)
    }

    fn try_copy_in(&self, of: Of) -> Result<Self, CudaError> {
        let from = self.buffer.as_ref().map_err(Clone::clone)?;
        let copy = Self::new_of(of, &self.device, &self.shape)?;
        if let Ok(to) = &copy.buffer {
            self.device.copy(from, to, self.bytes())?;
        }
        Ok(copy)
    }

    /// The result of an operation that may not fail: without memory where it did.
    fn or_lost(&self, result: Result<Self, CudaError>) -> Self {
        result.unwrap_or_else(|error| {
            self.device.fail(error.clone());
            Self {
                device: self.device.clone(),
                shape: self.shape.clone(),
                buffer: Err(error),
                number: PhantomData,
            }
        })
    }
}

impl<T: Real, A: Number<T>> DeviceArray<T, A> {
    /// An array of zeros.
    ///
    /// # Errors
    /// [`CudaError::OutOfMemory`], or that the device is lost.
    pub fn zeros(device: &Device, shape: &[usize]) -> Result<Self, CudaError> {
        let array = Self::new(device, shape)?;
        array.clear()?;
        Ok(array)
    }

    /// A copy of an array of the host.
    ///
    /// # Errors
    /// As [`DeviceArray::zeros`].
    pub fn from_host<D: Dimension>(
        device: &Device,
        host: ArrayView<'_, A, D>,
    ) -> Result<Self, CudaError> {
        let array = Self::new(device, host.shape())?;
        let standard = host.as_standard_layout();
        if let Some(numbers) = standard.as_slice() {
            device.upload(numbers, array.buffer()?)?;
        }
        Ok(array)
    }

    /// A copy on the host.
    ///
    /// # Errors
    /// [`CudaError::DeviceLost`], or the first failure of the device.
    pub fn to_host(&self) -> Result<ArrayD<A>, CudaError> {
        let mut numbers = vec![A::default(); self.len()];
        // SAFETY: any bytes are numbers.
        unsafe { self.device.download(self.buffer()?, &mut numbers) }?;
        Ok(self.shaped(numbers))
    }

    /// A copy on the host with a number of axes that is known.
    ///
    /// # Errors
    /// As [`DeviceArray::to_host`]; [`Error::Shape`] for another number of axes.
    pub fn to_array<D: Dimension>(&self) -> adastra_core::Result<Array<A, D>> {
        let found = self.shape.clone();
        let host = self.to_host()?.into_dimensionality();
        host.map_err(|_| Error::Shape {
            what: "array of a device".to_owned(),
            expected: D::NDIM.map_or(Vec::new(), |axes| vec![0; axes]),
            found,
        })
    }

    fn shaped(&self, numbers: Vec<A>) -> ArrayD<A> {
        let mut host = ArrayD::from_elem(IxDyn(&self.shape), A::default());
        if let Some(to) = host.as_slice_mut() {
            to.copy_from_slice(&numbers);
        }
        host
    }

    /// Real numbers, two of them for a complex one.
    fn reals(&self) -> usize {
        self.bytes() / T::BYTES
    }

    /// Requires a shape and a device.
    pub(crate) fn expect(
        &self,
        what: &str,
        device: &Device,
        shape: &[usize],
    ) -> adastra_core::Result<()> {
        if !self.device.is(device) {
            return Err(CudaError::TwoDevices.into());
        }
        if self.shape == shape {
            return Ok(());
        }
        Err(Error::Shape {
            what: what.to_owned(),
            found: self.shape.clone(),
            expected: shape.to_vec(),
        })
    }

    /// `self += a x`.
    ///
    /// # Errors
    /// [`CudaError::TwoDevices`], and what the device says.
    ///
    /// # Panics
    /// When the shapes differ.
    pub fn try_axpy(&mut self, a: T, x: &Self) -> Result<(), CudaError> {
        self.meet(x, "axpy")?;
        let n = self.reals();
        let launch = Launch::new(&self.device, "axpy")
            .pointer(self.pointer()?)
            .pointer(x.pointer()?)
            .number(a)
            .number(n as u64);
        // SAFETY: both arrays have `n` real numbers.
        unsafe { launch.over::<T>(n) }
    }

    /// Multiplies all numbers.
    ///
    /// # Errors
    /// What the device says.
    pub fn scale(&mut self, a: T) -> Result<(), CudaError> {
        let n = self.reals();
        let launch = Launch::new(&self.device, "scale")
            .pointer(self.pointer()?)
            .number(a)
            .number(n as u64);
        // SAFETY: the array has `n` real numbers.
        unsafe { launch.over::<T>(n) }
    }

    /// `Re <self, x>`, accumulated in f64 in an order that depends on the length alone.
    ///
    /// # Errors
    /// [`CudaError::TwoDevices`], and what the device says.
    ///
    /// # Panics
    /// When the shapes differ.
    pub fn try_dot(&self, x: &Self) -> Result<f64, CudaError> {
        self.meet(x, "dot")?;
        let n = self.reals();
        let sums = Sums::new(&self.device, n, 1)?;
        let launch = Launch::new(&self.device, "dot")
            .pointer(self.pointer()?)
            .pointer(x.pointer()?)
            .number(n as u64)
            .pointer(sums.pointer());
        // SAFETY: both arrays have `n` real numbers, and there is a sum for every block.
        unsafe { launch.start::<T>(sums.blocks())? };
        Ok(sums.add::<1>()?[0])
    }

    /// Whether every number is finite.
    ///
    /// # Errors
    /// What the device says.
    pub fn is_finite(&self) -> Result<bool, CudaError> {
        let n = self.reals();
        let sums = Sums::new(&self.device, n, 1)?;
        let launch = Launch::new(&self.device, "not_finite")
            .pointer(self.pointer()?)
            .number(n as u64)
            .pointer(sums.pointer());
        // SAFETY: the array has `n` real numbers, and there is a sum for every block.
        unsafe { launch.start::<T>(sums.blocks())? };
        Ok(sums.add::<1>()?[0] == 0.0)
    }

    fn meet(&self, other: &Self, what: &str) -> Result<(), CudaError> {
        assert_eq!(
            self.shape, other.shape,
            "{what} of arrays of different shapes"
        );
        if self.device.is(&other.device) {
            Ok(())
        } else {
            Err(CudaError::TwoDevices)
        }
    }

    /// A copy on the host; NaN where the device has failed.
    fn host_or_nan(&self) -> ArrayD<A> {
        self.to_host().unwrap_or_else(|error| {
            self.device.fail(error);
            self.shaped(vec![A::NAN(); self.len()])
        })
    }
}

/// Partial sums of a kernel's blocks, whose number depends on the count of elements alone: a sum
/// has the same bits on every device.
pub(crate) struct Sums {
    buffer: Buffer,
    blocks: usize,
    sums: usize,
}

impl Sums {
    /// `sums` sums over `n` elements each.
    pub(crate) fn new(device: &Device, n: usize, sums: usize) -> Result<Self, CudaError> {
        let blocks = n.div_ceil(8 * BLOCK).clamp(1, 1024);
        let buffer = device.allocate(Of::Device, sums * blocks * size_of::<f64>())?;
        Ok(Self {
            buffer,
            blocks,
            sums,
        })
    }

    pub(crate) fn blocks(&self) -> u32 {
        self.blocks as u32
    }

    pub(crate) fn pointer(&self) -> CUdeviceptr {
        self.buffer.pointer()
    }

    /// Waits for the kernel and folds the parts of each sum in order.
    fn fold<const N: usize>(self, fold: impl Fn(f64, f64) -> f64) -> Result<[f64; N], CudaError> {
        let mut parts = vec![0.0; self.sums * self.blocks];
        // SAFETY: any bytes are numbers.
        unsafe { self.buffer.device().download(&self.buffer, &mut parts) }?;
        Ok(std::array::from_fn(|i| {
            let parts = &parts[i * self.blocks..][..self.blocks];
            parts.iter().copied().fold(0.0, &fold)
        }))
    }

    /// The sums.
    pub(crate) fn add<const N: usize>(self) -> Result<[f64; N], CudaError> {
        self.fold(|a, b| a + b)
    }

    /// The largest parts, none of which is negative; NaN where there is one.
    pub(crate) fn largest<const N: usize>(self) -> Result<[f64; N], CudaError> {
        self.fold(|a, b| if b > a || b.is_nan() { b } else { a })
    }
}

impl<T, A> Clone for DeviceArray<T, A> {
    fn clone(&self) -> Self {
        self.or_lost(self.try_clone())
    }

    /// Without new memory where the shapes agree.
    fn clone_from(&mut self, source: &Self) {
        let same = self.shape == source.shape && self.device.is(&source.device);
        let (Ok(to), Ok(from), true) = (self.buffer(), source.buffer(), same) else {
            *self = source.clone();
            return;
        };
        if let Err(error) = self.device.copy(from, to, self.bytes()) {
            self.device.fail(error);
        }
    }
}

impl<T: Real, A: Number<T>> State<T> for DeviceArray<T, A> {
    fn zeros_like(&self) -> Self {
        self.or_lost(Self::zeros(&self.device, &self.shape))
    }

    fn axpy(&mut self, a: T, x: &Self) {
        if let Err(error) = self.try_axpy(a, x) {
            self.device.fail(error);
        }
    }

    fn copy_in(&self, memory: Memory) -> Self {
        self.or_lost(self.try_copy_in(match memory {
            Memory::Working => Of::Device,
            Memory::Host => Of::Host,
        }))
    }

    /// NaN where the device has failed.
    fn dot(&self, other: &Self) -> f64 {
        self.try_dot(other).unwrap_or_else(|error| {
            self.device.fail(error);
            f64::NAN
        })
    }
}

impl<T: Real, A: Number<T>> Fields<T> for DeviceArray<T, A> {
    fn visit(&self, f: &mut dyn FnMut(&str, FieldRef<'_, T>)) {
        f("", A::field(self.host_or_nan().view()));
    }

    fn visit_mut(&mut self, f: &mut dyn FnMut(&str, FieldMut<'_, T>)) {
        let mut host = self.host_or_nan();
        f("", A::field_mut(host.view_mut()));
        let written = Self::from_host(&self.device, host.view());
        *self = self.or_lost(written);
    }

    fn bytes(&self) -> usize {
        self.bytes()
    }

    fn non_finite(&self) -> Option<String> {
        match self.is_finite() {
            Ok(true) => None,
            Ok(false) => Some(String::new()),
            Err(error) => {
                self.device.fail(error);
                Some(String::new())
            }
        }
    }
}
