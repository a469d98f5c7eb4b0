//! Poisson's equation on a periodic mesh.

use adastra_core::Real;
use ndarray::Array3;

use crate::{Mesh, Modes, Multiplier, RealFft, Run};

/// The gravitational field of a density; as a cotangent, the derivatives with respect to it.
#[derive(Clone, Debug, PartialEq)]
pub struct Gravity<T> {
    /// Potential at the cell centres, shape of the mesh, in (km/s)^2.
    pub potential: Array3<T>,
    /// Acceleration along x, y and z at the cell centres, in (km/s)^2/kpc, where asked for.
    pub acceleration: Option<[Array3<T>; 3]>,
}

/// Solves `laplace V = 4 pi G (rho - mean rho)`, `a = -grad V`, in Fourier space: exact for
/// every mode of the mesh (Hockney & Eastwood 1988, section 6-5, with the Green's function of
/// the continuum).
#[derive(Clone, Debug)]
pub struct Poisson<T> {
    fft: RealFft<T>,
    green: Green<T>,
}

impl<T: Real> Poisson<T> {
    /// A solver on a mesh; `four_pi_g` is `4 pi G` in kpc (km/s)^2 / Msun.
    pub fn new(mesh: &Mesh, four_pi_g: f64) -> Self {
        let table = |k: Vec<f64>| k.into_iter().map(T::of).collect();
        let green = Green {
            k: [0, 1, 2].map(|axis| table(mesh.derivative_wavenumbers(axis))),
            k_squared: [0, 1, 2]
                .map(|axis| table(mesh.wavenumbers(axis).iter().map(|k| k * k).collect())),
            minus_four_pi_g: T::of(-four_pi_g),
        };
        Self {
            fft: RealFft::new(mesh),
            green,
        }
    }

    /// The plan of the transforms, for other multipliers on the same mesh.
    pub fn fft(&self) -> &RealFft<T> {
        &self.fft
    }

    /// Three-dimensional real transforms done so far: two for a potential, five with the
    /// acceleration.
    pub fn transforms(&self) -> usize {
        self.fft.transforms()
    }

    /// The field of the density `rho` (Msun/kpc^3), whose memory becomes the potential's. The
    /// mean density does not gravitate, and the mean potential is zero.
    ///
    /// # Panics
    /// When the array is not of the mesh's shape in C order.
    pub fn solve(&self, rho: Array3<T>, acceleration: bool) -> Gravity<T> {
        let mut potential = rho;
        if !acceleration {
            self.fft
                .map_in_place::<1, _>(&mut [&mut potential], &self.green);
            return Gravity {
                potential,
                acceleration: None,
            };
        }
        let mut a = [0, 1, 2].map(|_| Array3::zeros(potential.dim()));
        let [ax, ay, az] = &mut a;
        self.fft
            .map_in_place::<4, _>(&mut [&mut potential, ax, ay, az], &Forward(&self.green));
        Gravity {
            potential,
            acceleration: Some(a),
        }
    }

    /// The exact transpose of [`Poisson::solve`]: from the cotangents of potential and
    /// acceleration to that of the density. Two real transforms, five with an acceleration.
    ///
    /// # Panics
    /// When an array is not of the mesh's shape in C order.
    pub fn solve_vjp(&self, bar: &Gravity<T>) -> Array3<T> {
        let mut rho_bar = Array3::zeros(bar.potential.dim());
        match &bar.acceleration {
            // Real and even in k: its own transpose.
            None => self
                .fft
                .map::<1, _>(&[&bar.potential], &mut [&mut rho_bar], &self.green),
            Some([ax, ay, az]) => {
                let inputs = [&bar.potential, ax, ay, az];
                self.fft
                    .map::<4, _>(&inputs, &mut [&mut rho_bar], &Transposed(&self.green));
            }
        }
        rho_bar
    }
}

/// `V_k = -4 pi G rho_k / k^2`, `V_0 = 0`.
#[derive(Clone, Debug)]
struct Green<T> {
    /// Wavenumbers, zero for the Nyquist mode, in rad/kpc.
    k: [Vec<T>; 3],
    /// Squares of the wavenumbers, in 1/kpc^2.
    k_squared: [Vec<T>; 3],
    minus_four_pi_g: T,
}

impl<T: Real> Green<T> {
    /// Calls `f(lane, -4 pi G/k^2, k)` for the modes of a run.
    #[inline(always)]
    fn each(&self, run: Run, mut f: impl FnMut(usize, T, [T; 3])) {
        let along = run.along(&self.k[run.axis]);
        let along_squared = run.along(&self.k_squared[run.axis]);
        let mut k: [T; 3] = std::array::from_fn(|axis| self.k[axis][run.at[axis]]);
        let across = (0..3).filter(|&axis| axis != run.axis);
        let across_squared: T = across.map(|axis| self.k_squared[axis][run.at[axis]]).sum();
        for (lane, (&k_along, &squared)) in along.iter().zip(along_squared).enumerate() {
            k[run.axis] = k_along;
            let squared = squared + across_squared;
            let green = if squared > T::zero() {
                self.minus_four_pi_g / squared
            } else {
                T::zero()
            };
            f(lane, green, k);
        }
    }
}

impl<T: Real> Multiplier<T, 1> for Green<T> {
    type Sum = ();

    #[inline(always)]
    fn multiply(&self, run: Run, [v]: [Modes<'_, T>; 1], (): &mut ()) {
        self.each(run, |lane, green, _| {
            v.re[lane] *= green;
            v.im[lane] *= green;
        });
    }
}

/// `V = g rho`, `a = -i k V`.
struct Forward<'a, T>(&'a Green<T>);

impl<T: Real> Multiplier<T, 4> for Forward<'_, T> {
    type Sum = ();

    #[inline(always)]
    fn multiply(&self, run: Run, [v, ax, ay, az]: [Modes<'_, T>; 4], (): &mut ()) {
        self.0.each(run, |lane, green, [kx, ky, kz]| {
            let (re, im) = (green * v.re[lane], green * v.im[lane]);
            (v.re[lane], v.im[lane]) = (re, im);
            (ax.re[lane], ax.im[lane]) = (kx * im, -kx * re);
            (ay.re[lane], ay.im[lane]) = (ky * im, -ky * re);
            (az.re[lane], az.im[lane]) = (kz * im, -kz * re);
        });
    }
}

/// `rho_bar = g (V_bar + i k . a_bar)`: the transpose of a real multiplier is its conjugate.
struct Transposed<'a, T>(&'a Green<T>);

impl<T: Real> Multiplier<T, 4> for Transposed<'_, T> {
    type Sum = ();

    #[inline(always)]
    fn multiply(&self, run: Run, [v, ax, ay, az]: [Modes<'_, T>; 4], (): &mut ()) {
        self.0.each(run, |lane, green, [kx, ky, kz]| {
            let re = v.re[lane] - (kx * ax.im[lane] + ky * ay.im[lane] + kz * az.im[lane]);
            let im = v.im[lane] + (kx * ax.re[lane] + ky * ay.re[lane] + kz * az.re[lane]);
            (v.re[lane], v.im[lane]) = (green * re, green * im);
        });
    }
}
