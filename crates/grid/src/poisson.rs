//! Poisson's equation on a periodic mesh.

use std::sync::{Arc, Mutex, PoisonError};

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
    /// Arrays of the mesh's shape for results to come.
    spare: Arc<Mutex<Vec<Array3<T>>>>,
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
            spare: Arc::default(),
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
        let mut a = [0, 1, 2].map(|_| self.array());
        let [ax, ay, az] = &mut a;
        self.fft
            .map_in_place::<4, _>(&mut [&mut potential, ax, ay, az], &Forward(&self.green));
        Gravity {
            potential,
            acceleration: Some(a),
        }
    }

    /// Takes a field that is no longer needed, so that a later solve writes into its memory: a
    /// time step that asks the system for fresh pages spends as long on them as on arithmetic.
    /// What is held never exceeds what was once in use.
    pub fn recycle(&self, gravity: Gravity<T>) {
        let [nx, ny, nz] = self.fft.cells();
        let arrays = gravity
            .acceleration
            .into_iter()
            .flatten()
            .chain([gravity.potential]);
        let fits = |a: &Array3<T>| a.dim() == (nx, ny, nz) && a.is_standard_layout();
        let mut spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner);
        spare.extend(arrays.filter(fits));
    }

    /// An array of the mesh's shape in C order to be overwritten: one that was recycled, or zeros.
    pub fn array(&self) -> Array3<T> {
        let mut spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner);
        spare
            .pop()
            .unwrap_or_else(|| Array3::zeros(self.fft.cells()))
    }

    /// The exact transpose of [`Poisson::solve`]: from the cotangents of potential and
    /// acceleration to that of the density. Two real transforms, five with an acceleration.
    ///
    /// # Panics
    /// When an array is not of the mesh's shape in C order.
    pub fn solve_vjp(&self, bar: &Gravity<T>) -> Array3<T> {
        let mut rho_bar = self.array();
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

/// Most lanes of a run: what the blocks of the transform hold in `f32`.
const LANES: usize = 16;

/// The Green's function and the wavenumbers of the modes of a run.
struct Waves<T> {
    /// `-4 pi G/k^2`.
    green: [T; LANES],
    k: [[T; LANES]; 3],
}

impl<T: Real> Green<T> {
    /// For a run along `AXIS`.
    #[inline(always)]
    fn waves<const AXIS: usize>(&self, run: Run) -> Waves<T> {
        let mut waves = Waves {
            green: [T::zero(); LANES],
            k: [[T::zero(); LANES]; 3],
        };
        let mut across = T::zero();
        for axis in 0..3 {
            if axis == AXIS {
                let along = &self.k[axis][run.at[axis]..][..run.len];
                waves.k[axis]
                    .iter_mut()
                    .zip(along)
                    .for_each(|(k, &along)| *k = along);
            } else {
                waves.k[axis] = [self.k[axis][run.at[axis]]; LANES];
                across += self.k_squared[axis][run.at[axis]];
            }
        }
        let along = &self.k_squared[AXIS][run.at[AXIS]..][..run.len];
        for (green, &along) in waves.green.iter_mut().zip(along) {
            let k_squared = along + across;
            let inverse = self.minus_four_pi_g / k_squared;
            *green = if k_squared > T::zero() {
                inverse
            } else {
                T::zero()
            };
        }
        waves
    }
}

impl<T: Real> Waves<T> {
    #[inline(always)]
    fn potential(&self, v: &mut Modes<'_, T>) {
        for ((re, im), &green) in v.re.iter_mut().zip(v.im.iter_mut()).zip(&self.green) {
            *re *= green;
            *im *= green;
        }
    }

    #[inline(always)]
    fn acceleration(&self, axis: usize, v: &Modes<'_, T>, a: &mut Modes<'_, T>) {
        let potential = v.re.iter().zip(v.im.iter()).zip(&self.k[axis]);
        let a = a.re.iter_mut().zip(a.im.iter_mut());
        for ((re, im), ((&v_re, &v_im), &k)) in a.zip(potential) {
            (*re, *im) = (k * v_im, -k * v_re);
        }
    }

    #[inline(always)]
    fn divergence(&self, axis: usize, a: &Modes<'_, T>, v: &mut Modes<'_, T>) {
        let acceleration = a.re.iter().zip(a.im.iter()).zip(&self.k[axis]);
        let v = v.re.iter_mut().zip(v.im.iter_mut());
        for ((re, im), ((&a_re, &a_im), &k)) in v.zip(acceleration) {
            *re -= k * a_im;
            *im += k * a_re;
        }
    }
}

impl<T: Real> Multiplier<T, 1> for Green<T> {
    type Sum = ();

    #[inline(always)]
    fn multiply(&self, run: Run, [mut v]: [Modes<'_, T>; 1], (): &mut ()) {
        match run.axis {
            2 => self.waves::<2>(run).potential(&mut v),
            _ => self.waves::<1>(run).potential(&mut v),
        }
    }
}

/// `V = g rho`, `a = -i k V`.
struct Forward<'a, T>(&'a Green<T>);

impl<T: Real> Multiplier<T, 4> for Forward<'_, T> {
    type Sum = ();

    #[inline(always)]
    fn multiply(&self, run: Run, mut modes: [Modes<'_, T>; 4], (): &mut ()) {
        let [v, ax, ay, az] = &mut modes;
        let waves = match run.axis {
            2 => self.0.waves::<2>(run),
            _ => self.0.waves::<1>(run),
        };
        waves.potential(v);
        waves.acceleration(0, v, ax);
        waves.acceleration(1, v, ay);
        waves.acceleration(2, v, az);
    }
}

/// `rho_bar = g (V_bar + i k . a_bar)`: the transpose of a real multiplier is its conjugate.
struct Transposed<'a, T>(&'a Green<T>);

impl<T: Real> Multiplier<T, 4> for Transposed<'_, T> {
    type Sum = ();

    #[inline(always)]
    fn multiply(&self, run: Run, mut modes: [Modes<'_, T>; 4], (): &mut ()) {
        let [v, ax, ay, az] = &mut modes;
        let waves = match run.axis {
            2 => self.0.waves::<2>(run),
            _ => self.0.waves::<1>(run),
        };
        waves.divergence(0, ax, v);
        waves.divergence(1, ay, v);
        waves.divergence(2, az, v);
        waves.potential(v);
    }
}
