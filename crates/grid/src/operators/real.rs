//! Operators on real fields. Their half spectra stay inside.

use adastra_core::{Error, Real, Result};
use ndarray::Array3;

use super::complex::ComplexFilter;
use super::multipliers::{
    Differentiate, Erased, Grad, MinusDivergence, MinusSquare, Radial, Tables,
    derivative_wavenumbers, squared_wavenumbers,
};
use super::{checked_axis, linear, on_mesh, shares_plan};
use crate::{Gravity, Mesh, Poisson, RealFft};

/// Spectral derivative of a real field along one axis: the field's unit per kpc.
///
/// Exact for every mode below the Nyquist wavenumber; the derivative of the Nyquist mode is
/// zero.
#[derive(Clone, Debug)]
pub struct Derivative<T> {
    fft: RealFft<T>,
    k: Tables<T>,
    axis: usize,
}

impl<T: Real> Derivative<T> {
    /// The derivative along `axis`: 0, 1, 2 for x, y, z.
    ///
    /// # Errors
    /// [`Error::Range`] when `axis` is larger than 2.
    pub fn new(mesh: &Mesh, axis: usize) -> Result<Self> {
        Ok(Self {
            fft: RealFft::new(mesh),
            k: derivative_wavenumbers(mesh),
            axis: checked_axis(axis)?,
        })
    }

    fn times(&self, what: &str, x: Array3<T>, sign: T) -> Result<Array3<T>> {
        let mut field = on_mesh(what, self.fft.cells(), x)?;
        let multiplier = Differentiate {
            k: &self.k,
            axis: self.axis,
            sign,
        };
        self.fft
            .map_in_place::<1, _>(&mut [&mut field], &Erased(&multiplier));
        Ok(field)
    }

    fn forward(&self, x: Array3<T>) -> Result<Array3<T>> {
        self.times("input of Derivative", x, T::one())
    }

    fn transpose(&self, y_bar: Array3<T>) -> Result<Array3<T>> {
        self.times("cotangent of Derivative", y_bar, -T::one())
    }
}

linear!(Derivative: Array3<T> => Array3<T>);
shares_plan!(Derivative, RealFft);

/// Spectral gradient of a real field: its derivatives along x, y and z, in the field's unit per
/// kpc. The transpose is minus the divergence.
#[derive(Clone, Debug)]
pub struct Gradient<T> {
    fft: RealFft<T>,
    k: Tables<T>,
}

impl<T: Real> Gradient<T> {
    /// The gradient on a mesh.
    pub fn new(mesh: &Mesh) -> Self {
        Self {
            fft: RealFft::new(mesh),
            k: derivative_wavenumbers(mesh),
        }
    }

    fn forward(&self, x: Array3<T>) -> Result<(Array3<T>, Array3<T>, Array3<T>)> {
        let mut x = on_mesh("input of Gradient", self.fft.cells(), x)?;
        let (mut y, mut z) = (Array3::zeros(x.dim()), Array3::zeros(x.dim()));
        self.fft
            .map_in_place::<3, _>(&mut [&mut x, &mut y, &mut z], &Erased(&Grad(&self.k)));
        Ok((x, y, z))
    }

    fn transpose(&self, (x, y, z): (Array3<T>, Array3<T>, Array3<T>)) -> Result<Array3<T>> {
        let on_mesh = |bar| on_mesh("cotangent of Gradient", self.fft.cells(), bar);
        let (x, y, z) = (on_mesh(x)?, on_mesh(y)?, on_mesh(z)?);
        let mut x_bar = Array3::zeros(x.dim());
        let multiplier = MinusDivergence(&self.k);
        self.fft
            .map::<3, _>(&[&x, &y, &z], &mut [&mut x_bar], &Erased(&multiplier));
        Ok(x_bar)
    }
}

linear!(Gradient: Array3<T> => (Array3<T>, Array3<T>, Array3<T>));
shares_plan!(Gradient, RealFft);

/// Spectral Laplacian of a real field: the field's unit per kpc^2. Its own transpose.
#[derive(Clone, Debug)]
pub struct Laplacian<T> {
    fft: RealFft<T>,
    k_squared: Tables<T>,
}

impl<T: Real> Laplacian<T> {
    /// The Laplacian on a mesh.
    pub fn new(mesh: &Mesh) -> Self {
        Self {
            fft: RealFft::new(mesh),
            k_squared: squared_wavenumbers(mesh),
        }
    }

    fn forward(&self, x: Array3<T>) -> Result<Array3<T>> {
        let mut field = on_mesh("field of Laplacian", self.fft.cells(), x)?;
        let multiplier = MinusSquare(&self.k_squared);
        self.fft
            .map_in_place::<1, _>(&mut [&mut field], &Erased(&multiplier));
        Ok(field)
    }

    fn transpose(&self, y_bar: Array3<T>) -> Result<Array3<T>> {
        self.forward(y_bar)
    }
}

linear!(Laplacian: Array3<T> => Array3<T>);
shares_plan!(Laplacian, RealFft);

/// Inverse of the [`Laplacian`] on fields of zero mean: the field's unit times kpc^2. The mean
/// is dropped, so the result has zero mean. Its own transpose.
#[derive(Clone, Debug)]
pub struct InverseLaplacian<T>(Poisson<T>);

impl<T: Real> InverseLaplacian<T> {
    /// The inverse Laplacian on a mesh.
    pub fn new(mesh: &Mesh) -> Self {
        // laplace V = 4 pi G (rho - mean rho) with 4 pi G = 1.
        Self(Poisson::new(mesh, 1.0))
    }

    fn forward(&self, x: Array3<T>) -> Result<Array3<T>> {
        let field = on_mesh("field of InverseLaplacian", self.0.fft().cells(), x)?;
        Ok(self.0.solve(field, false).potential)
    }

    fn transpose(&self, y_bar: Array3<T>) -> Result<Array3<T>> {
        self.forward(y_bar)
    }
}

linear!(InverseLaplacian: Array3<T> => Array3<T>);

/// From a density (Msun/kpc^3) to its gravitational potential (km/s)^2, both at cell centres.
///
/// `laplace V = 4 pi G (rho - mean rho)`, with zero mean potential; see [`Poisson`]. Its own
/// transpose.
#[derive(Clone, Debug)]
pub struct PoissonSolve<T>(Poisson<T>);

impl<T: Real> PoissonSolve<T> {
    /// A solver on a mesh; `four_pi_g` is `4 pi G` in kpc (km/s)^2 / Msun.
    ///
    /// # Errors
    /// [`Error::Range`] when `four_pi_g` is not finite.
    pub fn new(mesh: &Mesh, four_pi_g: f64) -> Result<Self> {
        if !four_pi_g.is_finite() {
            return Err(Error::Range {
                name: "four_pi_g".to_owned(),
                value: four_pi_g,
                allowed: "finite, in kpc (km/s)^2 / Msun",
            });
        }
        Ok(Self(Poisson::new(mesh, four_pi_g)))
    }

    fn forward(&self, rho: Array3<T>) -> Result<Array3<T>> {
        let rho = on_mesh("density of PoissonSolve", self.0.fft().cells(), rho)?;
        Ok(self.0.solve(rho, false).potential)
    }

    fn transpose(&self, potential_bar: Array3<T>) -> Result<Array3<T>> {
        let cells = self.0.fft().cells();
        let potential = on_mesh("cotangent of PoissonSolve", cells, potential_bar)?;
        Ok(self.0.solve_vjp(&Gravity {
            potential,
            acceleration: None,
        }))
    }
}

/// Shares the solver's plan.
impl<T> From<Poisson<T>> for PoissonSolve<T> {
    fn from(solver: Poisson<T>) -> Self {
        Self(solver)
    }
}

linear!(PoissonSolve: Array3<T> => Array3<T>);

/// Multiplies the modes of a real field by a real function of the absolute value of the
/// wavenumber: smoothing, low-pass. Its own transpose.
#[derive(Clone, Debug)]
pub struct Filter<T> {
    fft: RealFft<T>,
    response: Radial<T>,
}

impl<T: Real> Filter<T> {
    /// A filter with the given response to the absolute value of the wavenumber in rad/kpc.
    ///
    /// The response is tabulated here, on an eighth of the modes.
    ///
    /// # Errors
    /// [`Error::Range`] when the response to a mode of the mesh is not finite.
    pub fn new(mesh: &Mesh, response: impl Fn(f64) -> f64) -> Result<Self> {
        Radial::new(mesh, response).map(|response| Self::of(mesh, response))
    }

    /// Average over a Gaussian of standard deviation `radius` (kpc): the response is
    /// `exp(-k^2 radius^2/2)`.
    ///
    /// # Errors
    /// [`Error::Range`] when the radius is negative or not finite.
    pub fn gaussian(mesh: &Mesh, radius: f64) -> Result<Self> {
        Radial::gaussian(mesh, radius).map(|response| Self::of(mesh, response))
    }

    /// Keeps the modes up to the wavenumber `k_max` (rad/kpc, itself included) and drops the
    /// others.
    ///
    /// # Errors
    /// [`Error::Range`] when `k_max` is negative or not finite.
    pub fn low_pass(mesh: &Mesh, k_max: f64) -> Result<Self> {
        Radial::low_pass(mesh, k_max).map(|response| Self::of(mesh, response))
    }

    /// The same filter for complex fields.
    pub fn complex(&self) -> ComplexFilter<T> {
        ComplexFilter::of(self.fft.cells(), self.response.clone())
    }

    fn of(mesh: &Mesh, response: Radial<T>) -> Self {
        Self {
            fft: RealFft::new(mesh),
            response,
        }
    }

    fn forward(&self, x: Array3<T>) -> Result<Array3<T>> {
        let mut field = on_mesh("field of Filter", self.fft.cells(), x)?;
        self.fft
            .map_in_place::<1, _>(&mut [&mut field], &Erased(&self.response));
        Ok(field)
    }

    fn transpose(&self, y_bar: Array3<T>) -> Result<Array3<T>> {
        self.forward(y_bar)
    }
}

linear!(Filter: Array3<T> => Array3<T>);
shares_plan!(Filter, RealFft);
