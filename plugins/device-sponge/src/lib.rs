//! An absorbing sponge on a GPU, `psi' = exp(-dt s) psi`, with a kernel of its own: what a crate
//! does that brings a kernel to adastra.
//!
//! kernels/sponge.cu is compiled to the PTX beside it by
//! `python3 crates/cuda/kernels/compile.py plugins/device-sponge/kernels`.

use adastra_core::{Adjoint, Error, Operator, Real, Result};
use adastra_cuda::{Argument, ComplexArray, CudaError, Device, Module, RealArray};

/// Damps a wave by a rate that is a field and a parameter.
pub struct Sponge {
    kernels: Module,
    dt: f64,
}

impl Sponge {
    /// For a time `dt`, in kpc/(km/s), on waves in `T`.
    ///
    /// # Errors
    /// What loading the kernels can say.
    pub fn new<T: Real>(device: &Device, dt: f64) -> Result<Self, CudaError> {
        let kernels = device.load(if T::BYTES == 8 {
            include_str!("../kernels/sponge.f64.ptx")
        } else {
            include_str!("../kernels/sponge.f32.ptx")
        })?;
        Ok(Self { kernels, dt })
    }

    /// Starts a kernel on addresses of arrays of `n` numbers.
    fn launch<T: Real>(&self, name: &str, arrays: &[u64], n: usize) -> Result<(), CudaError> {
        let kernel = self.kernels.kernel(&format!("{name}_{}", T::NAME))?;
        let mut arguments: Vec<_> = arrays.iter().copied().map(Argument::new).collect();
        arguments.push(Argument::new(T::of(self.dt)));
        arguments.push(Argument::new(n as u64));
        let blocks = n.div_ceil(256).clamp(1, 4096) as u32;
        // SAFETY: the kernels read and write the first n numbers of each array, and the callers
        // have compared the shapes.
        unsafe { kernel.launch(blocks, 256, &mut arguments) }
    }
}

fn same<T: Real>(psi: &ComplexArray<T>, s: &RealArray<T>) -> Result<()> {
    if !psi.device().is(s.device()) {
        return Err(CudaError::TwoDevices.into());
    }
    if psi.shape() == s.shape() {
        return Ok(());
    }
    Err(Error::Shape {
        what: "rate of a sponge".to_owned(),
        found: s.shape().to_vec(),
        expected: psi.shape().to_vec(),
    })
}

impl<T: Real> Operator<T> for Sponge {
    /// The rate, in km/s/kpc.
    type Params = RealArray<T>;
    type In = ComplexArray<T>;
    type Out = ComplexArray<T>;

    fn apply(&self, s: &RealArray<T>, psi: ComplexArray<T>) -> Result<ComplexArray<T>> {
        same(&psi, s)?;
        let arrays = [psi.pointer()?, s.pointer()?];
        self.launch::<T>("sponge", &arrays, psi.len())?;
        Ok(psi)
    }
}

impl<T: Real> Adjoint<T> for Sponge {
    /// The wave before.
    type Saved = ComplexArray<T>;

    fn record(
        &self,
        s: &RealArray<T>,
        x: ComplexArray<T>,
    ) -> Result<(ComplexArray<T>, Self::Saved)> {
        Ok((self.apply(s, x.try_clone()?)?, x))
    }

    fn vjp(
        &self,
        s: &RealArray<T>,
        x: ComplexArray<T>,
        bar: ComplexArray<T>,
        s_bar: &mut RealArray<T>,
    ) -> Result<ComplexArray<T>> {
        same(&x, s)?;
        same(&bar, s)?;
        same(&bar, s_bar)?;
        let arrays = [bar.pointer()?, s_bar.pointer()?, x.pointer()?, s.pointer()?];
        self.launch::<T>("sponge_vjp", &arrays, x.len())?;
        Ok(bar)
    }
}
