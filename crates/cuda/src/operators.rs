//! Spectral operators on fields of a device, with their adjoints.
//!
//! Each is the twin of the one of the same name in `adastra-grid`: linear, without parameters, and
//! with nothing saved.
//!
//! | operator | multiplier | transpose | transforms |
//! |---|---|---|---|
//! | [`ForwardFft`] | | `N` times the inverse | 1 |
//! | [`InverseFft`] | | the forward over `N` | 1 |
//! | [`Gradient`] | `i k`, Nyquist mode 0 | minus the divergence | 4 |
//! | [`Filter`], [`ComplexFilter`] | real function of the absolute value of k | itself | 2 |
//! | [`PoissonSolve`] | `-4 pi G/k^2`, zero mode 0 | itself | 2 |

use adastra_core::{Real, Result};
use adastra_grid::Mesh;
use ndarray::Array3;

use crate::fft::{Fft, RealFft};
use crate::kernels::Launch;
use crate::poisson::Spectral;
use crate::{ComplexArray, CudaError, Device, Gravity, Poisson, RealArray};

/// Gives a type with methods `forward` and `transpose` the faces of a linear operator.
macro_rules! linear {
    ($name:ident: $x:ty => $y:ty) => {
        impl<T: Real> adastra_core::Operator<T> for $name<T> {
            type Params = ();
            type In = $x;
            type Out = $y;
            fn apply(&self, (): &(), x: $x) -> Result<$y> {
                self.forward(x)
            }
        }

        impl<T: Real> adastra_core::Tangent<T> for $name<T> {
            fn jvp(&self, (): &(), (): &(), x: $x, dx: $x) -> Result<($y, $y)> {
                Ok((self.forward(x)?, self.forward(dx)?))
            }
        }

        impl<T: Real> adastra_core::Adjoint<T> for $name<T> {
            type Saved = ();
            fn record(&self, (): &(), x: $x) -> Result<($y, ())> {
                Ok((self.forward(x)?, ()))
            }
            fn vjp(&self, (): &(), (): (), y_bar: $y, (): &mut ()) -> Result<$x> {
                self.transpose(y_bar)
            }
        }
    };
}

/// `X_k = sum_j x_j exp(-i k.x_j)`, unnormalized.
#[derive(Clone)]
pub struct ForwardFft<T>(Fft<T>);

/// `x_j = 1/N sum_k X_k exp(+i k.x_j)`, the inverse of [`ForwardFft`].
#[derive(Clone)]
pub struct InverseFft<T>(Fft<T>);

/// A transform of `x`, times a number.
fn transform<T: Real>(
    fft: &Fft<T>,
    what: &str,
    mut x: ComplexArray<T>,
    inverse: bool,
    factor: f64,
) -> Result<ComplexArray<T>> {
    x.expect(what, fft.device(), &fft.cells())?;
    fft.run(&mut x, inverse)?;
    if factor != 1.0 {
        x.scale(T::of(factor))?;
    }
    Ok(x)
}

fn per_cell<T: Real>(fft: &Fft<T>) -> f64 {
    1.0 / fft.cells().iter().product::<usize>() as f64
}

impl<T: Real> ForwardFft<T> {
    /// The transform of complex fields on a mesh.
    ///
    /// # Errors
    /// [`CudaError::NoFft`], [`CudaError::OutOfMemory`], and what the device says.
    pub fn new(device: &Device, mesh: &Mesh) -> Result<Self, CudaError> {
        Ok(Self(Fft::new(device, mesh.cells())?))
    }

    fn forward(&self, x: ComplexArray<T>) -> Result<ComplexArray<T>> {
        transform(&self.0, "input of ForwardFft", x, false, 1.0)
    }

    fn transpose(&self, y_bar: ComplexArray<T>) -> Result<ComplexArray<T>> {
        transform(&self.0, "cotangent of ForwardFft", y_bar, true, 1.0)
    }
}

impl<T: Real> InverseFft<T> {
    /// The transform of complex fields on a mesh.
    ///
    /// # Errors
    /// As [`ForwardFft::new`].
    pub fn new(device: &Device, mesh: &Mesh) -> Result<Self, CudaError> {
        Ok(Self(Fft::new(device, mesh.cells())?))
    }

    fn forward(&self, x: ComplexArray<T>) -> Result<ComplexArray<T>> {
        transform(&self.0, "input of InverseFft", x, true, per_cell(&self.0))
    }

    fn transpose(&self, y_bar: ComplexArray<T>) -> Result<ComplexArray<T>> {
        transform(
            &self.0,
            "cotangent of InverseFft",
            y_bar,
            false,
            per_cell(&self.0),
        )
    }
}

linear!(ForwardFft: ComplexArray<T> => ComplexArray<T>);
linear!(InverseFft: ComplexArray<T> => ComplexArray<T>);

/// Spectral gradient of a real field: the field's unit per kpc, along x, y and z.
#[derive(Clone)]
pub struct Gradient<T: Real> {
    fft: RealFft<T>,
    spectral: Spectral<T>,
    per_cell: T,
}

impl<T: Real> Gradient<T> {
    /// The gradient on a mesh.
    ///
    /// # Errors
    /// As [`ForwardFft::new`].
    pub fn new(device: &Device, mesh: &Mesh) -> Result<Self, CudaError> {
        Ok(Self {
            fft: RealFft::new(device, mesh.cells())?,
            spectral: Spectral::new(device, mesh)?,
            per_cell: T::of(1.0 / mesh.len() as f64),
        })
    }

    fn along(&self, x: &ComplexArray<T>, axis: usize) -> Result<RealArray<T>, CudaError> {
        let device = self.fft.device();
        let mut slope = ComplexArray::new(device, &self.fft.half())?;
        let factor = self.per_cell;
        self.spectral
            .derivative(&mut slope, x, axis, factor, false)?;
        let mut field = RealArray::new(device, &self.fft.cells())?;
        self.fft.inverse(slope, &mut field)?;
        Ok(field)
    }

    fn forward(&self, x: RealArray<T>) -> Result<Vector<T>> {
        x.expect("input of Gradient", self.fft.device(), &self.fft.cells())?;
        let x = self.fft.forward(&x)?;
        Ok((self.along(&x, 0)?, self.along(&x, 1)?, self.along(&x, 2)?))
    }

    fn transpose(&self, (x, y, z): Vector<T>) -> Result<RealArray<T>> {
        let device = self.fft.device();
        let mut sum = ComplexArray::zeros(device, &self.fft.half())?;
        for (axis, field) in [&x, &y, &z].into_iter().enumerate() {
            field.expect("cotangent of Gradient", device, &self.fft.cells())?;
            let field = self.fft.forward(field)?;
            self.spectral
                .derivative(&mut sum, &field, axis, -self.per_cell, true)?;
        }
        let mut x_bar = x;
        self.fft.inverse(sum, &mut x_bar)?;
        Ok(x_bar)
    }
}

/// Three fields.
type Vector<T> = (RealArray<T>, RealArray<T>, RealArray<T>);

linear!(Gradient: RealArray<T> => Vector<T>);

/// The response of each mode, as an array on the device.
fn response<T: Real>(
    device: &Device,
    mesh: &Mesh,
    along_z: usize,
    response: impl Fn(f64) -> f64,
) -> Result<RealArray<T>> {
    let [nx, ny, _] = mesh.cells();
    let squares = [0, 1, 2].map(|axis| {
        let k = mesh.wavenumbers(axis);
        k.into_iter().map(|k| k * k).collect::<Vec<f64>>()
    });
    let [x, y, z] = &squares;
    let table = Array3::from_shape_fn((nx, ny, along_z), |(i, j, k)| {
        response((x[i] + y[j] + z[k]).sqrt())
    });
    if let Some(&value) = table.iter().find(|value| !value.is_finite()) {
        let name = "response of a filter".to_owned();
        let allowed = "finite at every wavenumber of the mesh";
        return Err(adastra_core::Error::Range {
            name,
            value,
            allowed,
        });
    }
    Ok(RealArray::from_host(device, table.mapv(T::of).view())?)
}

fn multiply<T: Real>(
    z: &mut ComplexArray<T>,
    response: &RealArray<T>,
    scale: T,
) -> Result<(), CudaError> {
    assert_eq!(z.shape(), response.shape(), "a spectrum of another mesh");
    let launch = Launch::new(z.device(), "filter")
        .pointer(z.pointer()?)
        .pointer(response.pointer()?)
        .number(scale)
        .number(z.len() as u64);
    // SAFETY: both arrays have one number for each mode.
    unsafe { launch.over::<T>(z.len()) }
}

/// Multiplies each mode of a real field by a real function of its wavenumber.
#[derive(Clone)]
pub struct Filter<T: Real> {
    fft: RealFft<T>,
    response: RealArray<T>,
}

impl<T: Real> Filter<T> {
    /// `of` maps the absolute value of k, in rad/kpc, to the response.
    ///
    /// # Errors
    /// [`adastra_core::Error::Range`] where the response is not finite, and as
    /// [`ForwardFft::new`].
    pub fn new(device: &Device, mesh: &Mesh, of: impl Fn(f64) -> f64) -> Result<Self> {
        let fft = RealFft::new(device, mesh.cells())?;
        let response = response(device, mesh, fft.half()[2], of)?;
        Ok(Self { fft, response })
    }

    fn forward(&self, x: RealArray<T>) -> Result<RealArray<T>> {
        x.expect("field of Filter", self.fft.device(), &self.fft.cells())?;
        let mut x = x;
        let mut modes = self.fft.forward(&x)?;
        multiply(&mut modes, &self.response, T::of(1.0 / x.len() as f64))?;
        self.fft.inverse(modes, &mut x)?;
        Ok(x)
    }

    fn transpose(&self, y_bar: RealArray<T>) -> Result<RealArray<T>> {
        self.forward(y_bar)
    }
}

linear!(Filter: RealArray<T> => RealArray<T>);

/// Multiplies each mode of a complex field by a real function of its wavenumber.
#[derive(Clone)]
pub struct ComplexFilter<T: Real> {
    fft: Fft<T>,
    response: RealArray<T>,
}

impl<T: Real> ComplexFilter<T> {
    /// As [`Filter::new`].
    ///
    /// # Errors
    /// As [`Filter::new`].
    pub fn new(device: &Device, mesh: &Mesh, of: impl Fn(f64) -> f64) -> Result<Self> {
        let fft = Fft::new(device, mesh.cells())?;
        let response = response(device, mesh, mesh.cells()[2], of)?;
        Ok(Self { fft, response })
    }

    fn forward(&self, mut x: ComplexArray<T>) -> Result<ComplexArray<T>> {
        x.expect(
            "field of ComplexFilter",
            self.fft.device(),
            &self.fft.cells(),
        )?;
        self.fft.run(&mut x, false)?;
        multiply(&mut x, &self.response, T::of(per_cell(&self.fft)))?;
        self.fft.run(&mut x, true)?;
        Ok(x)
    }

    fn transpose(&self, y_bar: ComplexArray<T>) -> Result<ComplexArray<T>> {
        self.forward(y_bar)
    }
}

linear!(ComplexFilter: ComplexArray<T> => ComplexArray<T>);

/// [`Poisson::solve`] for the potential, as an operator from density to potential.
#[derive(Clone)]
pub struct PoissonSolve<T: Real>(Poisson<T>);

impl<T: Real> From<Poisson<T>> for PoissonSolve<T> {
    fn from(poisson: Poisson<T>) -> Self {
        Self(poisson)
    }
}

impl<T: Real> PoissonSolve<T> {
    fn forward(&self, rho: RealArray<T>) -> Result<RealArray<T>> {
        Ok(self.0.solve(rho, false)?.potential)
    }

    fn transpose(&self, potential: RealArray<T>) -> Result<RealArray<T>> {
        let acceleration = None;
        self.0.solve_vjp(Gravity {
            potential,
            acceleration,
        })
    }
}

linear!(PoissonSolve: RealArray<T> => RealArray<T>);
