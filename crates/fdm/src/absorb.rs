//! Waves that an imaginary potential absorbs: open boundaries on a periodic mesh.

use adastra_core::{Real, Result, state};
use adastra_gravity::{Limit, Matter, MatterAdjoint};
use adastra_grid::{Gravity, Mesh};
use ndarray::Array3;
use num_complex::Complex;
use rayon::prelude::*;

use crate::drift::{Drift, UndoAndPullBack};
use crate::error::{finite, positive};
use crate::field::{cells, fold_planes};
use crate::{FdmError, Wave, WaveParams, WaveState};

state! {
    /// The parameters of a wave in an absorber.
    #[derive(Debug, Copy, PartialEq)]
    pub struct AbsorberParams<T> {
        /// Those of the wave.
        pub wave: WaveParams<T>,
        /// Strength V_0 of the absorbing potential W = V_0 s(x), in (km/s)^2; not negative.
        pub strength: T,
    }
}

/// The profile s(r) = (2 + tanh((r - radius)/width) - tanh(radius/width))/2 around the middle of
/// the box, shape (nx, ny, nz), without units: zero in the middle, nearly one at the faces.
///
/// The sponge of Guzman & Urena-Lopez (2004, PRD 69, 124033), which absorbs outgoing waves before
/// they come round the periodic box. A `width` of several wavelengths reflects little.
///
/// # Errors
/// [`FdmError::Range`] unless `radius` and `width` (kpc) are positive and finite.
pub fn sponge<T: Real>(mesh: &Mesh, radius: f64, width: f64) -> Result<Array3<T>, FdmError> {
    positive("sponge radius", radius)?;
    positive("sponge width", width)?;
    let middle = mesh.size().map(|l| 0.5 * l);
    let rim = (radius / width).tanh();
    Ok(Array3::from_shape_fn(mesh.shape(), |(i, j, k)| {
        let x = mesh.centre([i, j, k]);
        let r = (0..3)
            .map(|a| (x[a] - middle[a]).powi(2))
            .sum::<f64>()
            .sqrt();
        T::of(0.5 * (2.0 + ((r - radius) / width).tanh() - rim))
    }))
}

/// A [`Wave`] that also decays at the rate (m/hbar) W, W = V_0 s(x).
///
/// The decay belongs to the drift,
///
/// ```text
/// psi' = exp(-(m/hbar) W dt/2) D exp(-(m/hbar) W dt/2) psi,
/// ```
///
/// with D the drift of the wave, and not to the kick. It is symmetric, so the leapfrog stays of
/// second order, and a kick still leaves the density alone, so that one Poisson solve serves the
/// closing half kick of a step and the opening one of the next.
///
/// Absorbing matter has an adjoint, but is not [`MatterReversible`]: undoing a decay amplifies
/// rounding errors by the factor by which the wave has decayed. Differentiate it with a schedule
/// that stores or recomputes.
///
/// [`MatterReversible`]: adastra_gravity::MatterReversible
#[derive(Debug, Clone)]
pub struct AbsorbingWave<T> {
    wave: Wave<T>,
    profile: Array3<T>,
}

impl<T: Real> AbsorbingWave<T> {
    /// Waves on `mesh` with the profile s(x) >= 0 of the absorber, such as a [`sponge`].
    ///
    /// # Errors
    /// [`FdmError::Shape`] where the profile is not of the mesh's shape; [`FdmError::Range`]
    /// where it is negative or not finite somewhere.
    pub fn new(mesh: &Mesh, profile: Array3<T>) -> Result<Self, FdmError> {
        let expected = mesh.cells();
        if profile.shape() != expected {
            let found = profile.shape().to_vec();
            let expected = expected.to_vec();
            return Err(FdmError::Shape {
                name: "absorber profile",
                found,
                expected,
            });
        }
        let bad = profile
            .iter()
            .find(|s| !(s.is_finite() && **s >= T::zero()));
        if let Some(value) = bad {
            let (name, allowed) = ("absorber profile", "finite and not negative");
            return Err(FdmError::Range {
                name,
                value: value.f64(),
                allowed,
            });
        }
        let profile = profile.as_standard_layout().into_owned();
        Ok(Self {
            wave: Wave::new(mesh),
            profile,
        })
    }

    /// The wave without the absorber.
    pub fn wave(&self) -> &Wave<T> {
        &self.wave
    }

    fn check(&self, p: &AbsorberParams<T>) -> Result<(), FdmError> {
        p.wave.check()?;
        let (name, value) = ("absorber strength", p.strength.f64());
        finite(name, value)?;
        if value < 0.0 {
            return Err(FdmError::Range {
                name,
                value,
                allowed: "not negative",
            });
        }
        Ok(())
    }

    /// The decay of half a drift: exp(-b s), b = (m/hbar) V_0 dt/2.
    fn decay(&self, p: &AbsorberParams<T>, dt: f64) -> Decay<'_, T> {
        let b = 0.5 * p.wave.m_per_hbar() * p.strength.f64() * dt;
        let profile = self.profile.as_slice().unwrap_or_default();
        Decay {
            b: T::of(b),
            profile,
            plane: self.wave.plane(),
        }
    }
}

#[derive(Clone, Copy)]
struct Decay<'a, T> {
    b: T,
    profile: &'a [T],
    plane: usize,
}

impl<T: Real> Decay<'_, T> {
    fn apply(&self, ix: usize, psi: &mut [Complex<T>]) {
        for (psi, &s) in psi.iter_mut().zip(self.of_plane(ix)) {
            // Most cells of an absorber at the faces do not absorb.
            if s > T::zero() {
                *psi = psi.scale((-self.b * s).exp());
            }
        }
    }

    fn of_plane(&self, ix: usize) -> &[T] {
        &self.profile[ix * self.plane..][..self.plane]
    }

    /// sum_x s Re(conj(y) psi).
    fn overlap(&self, y: &[Complex<T>], psi: &[Complex<T>]) -> f64 {
        let n = self.plane;
        let of_plane = |ix: usize| {
            let pairs = y[ix * n..][..n].iter().zip(&psi[ix * n..][..n]);
            let terms = pairs
                .zip(self.of_plane(ix))
                .map(|((y, z), &s)| s.f64() * (y.re.f64() * z.re.f64() + y.im.f64() * z.im.f64()));
            terms.sum::<f64>()
        };
        fold_planes(psi.len() / n, 0.0, of_plane, |sum, part| sum + part)
    }
}

impl<T: Real> Matter<T> for AbsorbingWave<T> {
    type Params = AbsorberParams<T>;
    type State = WaveState<T>;

    fn needs_acceleration(&self) -> bool {
        false
    }

    fn deposit(&self, p: &AbsorberParams<T>, x: &WaveState<T>, rho: &mut Array3<T>) -> Result<()> {
        self.wave.deposit(&p.wave, x, rho)
    }

    fn kick(
        &self,
        p: &AbsorberParams<T>,
        x: &mut WaveState<T>,
        gravity: &Gravity<T>,
        dt: f64,
    ) -> Result<()> {
        self.wave.kick(&p.wave, x, gravity, dt)
    }

    /// # Errors
    /// Those of [`Wave`]; [`adastra_core::Error::Range`] where the strength is negative.
    fn drift(&self, p: &AbsorberParams<T>, x: &mut WaveState<T>, dt: f64) -> Result<()> {
        self.check(p)?;
        self.wave.psi(&mut x.psi)?;
        let decay = self.decay(p, dt);
        let drift = Drift::new(self.wave.mesh(), &p.wave, dt);
        let half = |ix: usize, [psi]: [&mut [Complex<T>]; 1]| decay.apply(ix, psi);
        self.wave
            .fft()
            .filter_with([&mut x.psi], half, &drift, half);
        Ok(())
    }

    fn limits(
        &self,
        p: &AbsorberParams<T>,
        x: &WaveState<T>,
        gravity: &Gravity<T>,
    ) -> Result<Vec<Limit>> {
        self.wave.limits(&p.wave, x, gravity)
    }
}

impl<T: Real> MatterAdjoint<T> for AbsorbingWave<T> {
    fn deposit_vjp(
        &self,
        p: &AbsorberParams<T>,
        x: &WaveState<T>,
        rho_bar: &Array3<T>,
        x_bar: &mut WaveState<T>,
        p_bar: &mut AbsorberParams<T>,
    ) -> Result<()> {
        self.wave
            .deposit_vjp(&p.wave, x, rho_bar, x_bar, &mut p_bar.wave)
    }

    fn kick_vjp(
        &self,
        p: &AbsorberParams<T>,
        x: &WaveState<T>,
        gravity: &Gravity<T>,
        dt: f64,
        x_bar: &mut WaveState<T>,
        gravity_bar: &mut Gravity<T>,
        p_bar: &mut AbsorberParams<T>,
    ) -> Result<()> {
        self.wave
            .kick_vjp(&p.wave, x, gravity, dt, x_bar, gravity_bar, &mut p_bar.wave)
    }

    /// With A = exp(-b s), psi1 = A psi, psi2 = D psi1, psi' = A psi2, and the cotangents
    /// y2 = A y', y1 = D^T y2, y = A y1 (A is its own adjoint), A' = -s A db gives
    ///
    /// ```text
    /// b_bar = -sum_x s Re(conj(y2) psi2) - sum_x s Re(conj(y1) psi1)
    /// V0_bar = b_bar (m/hbar) dt/2,   m_bar = b_bar b/m + m_bar of the drift
    /// ```
    fn drift_vjp(
        &self,
        p: &AbsorberParams<T>,
        x: &WaveState<T>,
        dt: f64,
        x_bar: &mut WaveState<T>,
        p_bar: &mut AbsorberParams<T>,
    ) -> Result<()> {
        self.check(p)?;
        let (wave, n) = (&self.wave, self.wave.plane());
        let decay = self.decay(p, dt);
        let damp = |psi: &mut Array3<Complex<T>>| -> Result<()> {
            let planes = wave.psi(psi)?.par_chunks_mut(n);
            planes
                .enumerate()
                .for_each(|(ix, psi)| decay.apply(ix, psi));
            Ok(())
        };
        let overlap = |y: &Array3<_>, psi: &Array3<_>| -> Result<f64> {
            let on_mesh = wave.mesh().cells();
            Ok(decay.overlap(cells("psi", y, on_mesh)?, cells("psi", psi, on_mesh)?))
        };
        // psi2, by the drift itself.
        let mut psi = wave.copy(&x.psi)?;
        damp(&mut psi)?;
        wave.drift_psi(&p.wave, &mut psi, dt)?;
        damp(&mut x_bar.psi)?;
        let outer = overlap(&x_bar.psi, &psi)?;
        // Back to psi1 and y1, which undoes no decay.
        let drift = Drift::new(wave.mesh(), &p.wave, dt);
        let back = UndoAndPullBack(&drift);
        let fields = [&mut psi, &mut x_bar.psi];
        let sum = wave.fft().filter_with(fields, |_, _| (), &back, |_, _| ());
        let overlap = outer + overlap(&x_bar.psi, &psi)?;
        damp(&mut x_bar.psi)?;
        wave.recycle(psi);

        let half = 0.5 * p.wave.m_per_hbar() * dt;
        p_bar.strength += T::of(-overlap * half);
        let by_mass = -overlap * half * p.strength.f64() / p.wave.mass.f64();
        p_bar.wave.mass += T::of(by_mass) + drift.mass_bar(sum);
        Ok(())
    }
}
