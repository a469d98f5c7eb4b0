//! Poisson's equation on a device.

use adastra_core::Real;
use adastra_grid::Mesh;
use ndarray::aview1;

use crate::fft::RealFft;
use crate::kernels::Launch;
use crate::{ComplexArray, CudaError, Device, RealArray};

/// The gravitational field of a density on a device; as a cotangent, the derivatives with respect
/// to it.
#[derive(Clone, Debug)]
pub struct Gravity<T: Real> {
    /// Potential at the cell centres, shape of the mesh, in (km/s)^2.
    pub potential: RealArray<T>,
    /// Acceleration along x, y and z at the cell centres, in (km/s)^2/kpc, where asked for.
    pub acceleration: Option<[RealArray<T>; 3]>,
}

/// Solves `laplace V = 4 pi G (rho - mean rho)`, `a = -grad V`, in Fourier space, as
/// [`adastra_grid::Poisson`] does.
///
/// Two real transforms for a potential, five with the acceleration, and as many for the transpose.
#[derive(Clone)]
pub struct Poisson<T: Real> {
    fft: RealFft<T>,
    spectral: Spectral<T>,
    /// -4 pi G/N.
    factor: T,
}

/// Multipliers of half spectra.
#[derive(Clone)]
pub(crate) struct Spectral<T: Real> {
    device: Device,
    half: [usize; 3],
    /// Squares of the wavenumbers along x, y and z.
    squares: RealArray<T>,
    /// Wavenumbers, zero for the Nyquist mode.
    wavenumbers: RealArray<T>,
}

impl<T: Real> Spectral<T> {
    pub(crate) fn new(device: &Device, mesh: &Mesh) -> Result<Self, CudaError> {
        let [nx, ny, nz] = mesh.cells();
        let half = [nx, ny, nz / 2 + 1];
        let (mut squares, mut wavenumbers) = (Vec::new(), Vec::new());
        for (axis, &len) in half.iter().enumerate() {
            squares.extend(mesh.wavenumbers(axis)[..len].iter().map(|k| T::of(k * k)));
            let k = mesh.derivative_wavenumbers(axis);
            wavenumbers.extend(k[..len].iter().map(|&k| T::of(k)));
        }
        Ok(Self {
            device: device.clone(),
            half,
            squares: RealArray::from_host(device, aview1(&squares))?,
            wavenumbers: RealArray::from_host(device, aview1(&wavenumbers))?,
        })
    }

    fn modes(&self) -> usize {
        self.half.iter().product()
    }

    /// `V_k = factor rho_k / k^2`, `V_0 = 0`.
    fn green(&self, z: &mut ComplexArray<T>, factor: T) -> Result<(), CudaError> {
        assert_eq!(z.shape(), self.half, "a spectrum of another mesh");
        let launch = Launch::new(&self.device, "green")
            .pointer(z.pointer()?)
            .pointer(self.squares.pointer()?)
            .number(factor)
            .cells(self.half);
        // SAFETY: the spectrum has this shape and the table a number for each mode of an axis.
        unsafe { launch.over::<T>(self.modes()) }
    }

    /// `out_k = i factor k_axis z_k`, added to what is there if `add`.
    pub(crate) fn derivative(
        &self,
        out: &mut ComplexArray<T>,
        z: &ComplexArray<T>,
        axis: usize,
        factor: T,
        add: bool,
    ) -> Result<(), CudaError> {
        for array in [&*out, z] {
            assert_eq!(array.shape(), self.half, "a spectrum of another mesh");
        }
        let launch = Launch::new(&self.device, "derivative")
            .pointer(out.pointer()?)
            .pointer(z.pointer()?)
            .pointer(self.wavenumbers.pointer()?)
            .number(axis as i32)
            .number(factor)
            .number(i32::from(add))
            .cells(self.half);
        // SAFETY: both spectra have this shape and the table a number for each mode of an axis.
        unsafe { launch.over::<T>(self.modes()) }
    }
}

impl<T: Real> Poisson<T> {
    /// A solver on a mesh; `four_pi_g` is `4 pi G` in kpc (km/s)^2 / Msun.
    ///
    /// # Errors
    /// [`CudaError::NoFft`], [`CudaError::OutOfMemory`], and what the device says.
    pub fn new(device: &Device, mesh: &Mesh, four_pi_g: f64) -> Result<Self, CudaError> {
        Ok(Self {
            fft: RealFft::new(device, mesh.cells())?,
            spectral: Spectral::new(device, mesh)?,
            factor: T::of(-four_pi_g / mesh.len() as f64),
        })
    }

    /// The device.
    pub fn device(&self) -> &Device {
        self.fft.device()
    }

    /// The field of the density `rho` (Msun/kpc^3), whose memory becomes the potential's. The mean
    /// density does not gravitate, and the mean potential is zero.
    ///
    /// # Errors
    /// [`adastra_core::Error::Shape`], and what the device says.
    pub fn solve(&self, rho: RealArray<T>, acceleration: bool) -> adastra_core::Result<Gravity<T>> {
        rho.expect("density", self.device(), &self.fft.cells())?;
        let mut potential = rho;
        let mut v = self.fft.forward(&potential)?;
        self.spectral.green(&mut v, self.factor)?;
        let mut a = None;
        if acceleration {
            a = Some([
                self.minus_slope(&v, 0)?,
                self.minus_slope(&v, 1)?,
                self.minus_slope(&v, 2)?,
            ]);
        }
        self.fft.inverse(v, &mut potential)?;
        Ok(Gravity {
            potential,
            acceleration: a,
        })
    }

    /// `-i k v` of a normalized spectrum, back in space.
    fn minus_slope(&self, v: &ComplexArray<T>, axis: usize) -> Result<RealArray<T>, CudaError> {
        let device = self.device();
        let mut slope = ComplexArray::new(device, &self.fft.half())?;
        self.spectral
            .derivative(&mut slope, v, axis, -T::one(), false)?;
        let mut a = RealArray::new(device, &self.fft.cells())?;
        self.fft.inverse(slope, &mut a)?;
        Ok(a)
    }

    /// The exact transpose of [`Poisson::solve`]: from the cotangents of potential and
    /// acceleration to that of the density.
    ///
    /// # Errors
    /// As [`Poisson::solve`].
    pub fn solve_vjp(&self, bar: Gravity<T>) -> adastra_core::Result<RealArray<T>> {
        let (device, cells) = (self.device(), self.fft.cells());
        let mut rho_bar = bar.potential;
        rho_bar.expect("cotangent of the potential", device, &cells)?;
        let mut v = self.fft.forward(&rho_bar)?;
        for (axis, a_bar) in bar.acceleration.iter().flatten().enumerate() {
            a_bar.expect("cotangent of the acceleration", device, &cells)?;
            let a = self.fft.forward(a_bar)?;
            self.spectral.derivative(&mut v, &a, axis, T::one(), true)?;
        }
        self.spectral.green(&mut v, self.factor)?;
        self.fft.inverse(v, &mut rho_bar)?;
        Ok(rho_bar)
    }
}
