//! The wave function as matter: density, kick and drift.

use std::f64::consts::{PI, TAU};
use std::sync::{Arc, Mutex, PoisonError};

use adastra_core::{Real, Result};
use adastra_gravity::{Limit, Matter};
use adastra_grid::{Fft, Gravity, Mesh};
use ndarray::Array3;
use num_complex::Complex;
use rayon::prelude::*;

use crate::drift::Drift;
use crate::field::{cells, cells_mut, fold_planes, plane};
use crate::kick::{Kick, density, larger};
use crate::phase::vectorized;
use crate::{WaveParams, WaveState};

/// Wave dark matter on a periodic mesh.
///
/// It obeys the Schroedinger-Poisson equations
///
/// ```text
/// i dpsi/dt = -1/(2 m/hbar) nabla^2 psi + (m/hbar) (V + V_si(|psi|^2)) psi
/// ```
///
/// by operator splitting with a spectral drift (Woo & Chiueh 2009, ApJ 697, 850; Mocz et al.
/// 2017, MNRAS 471, 4559), with the self-interaction of [`Interaction`](crate::Interaction).
/// A drift takes two complex transforms; a kick none. Going back with a cotangent takes four,
/// from stored states three. Cloning shares the transform's plan.
///
/// The derivatives with respect to boson mass and coupling come with every pullback.
#[derive(Debug, Clone)]
pub struct Wave<T> {
    mesh: Mesh,
    fft: Fft<T>,
    /// A mesh that waits for its next use: fresh pages cost as much as a kick.
    spare: Arc<Mutex<Option<Array3<Complex<T>>>>>,
}

impl<T: Real> Wave<T> {
    /// Waves on `mesh`.
    pub fn new(mesh: &Mesh) -> Self {
        let fft = Fft::new(mesh.cells());
        Self {
            mesh: mesh.clone(),
            fft,
            spare: Arc::default(),
        }
    }

    /// The mesh.
    pub fn mesh(&self) -> &Mesh {
        &self.mesh
    }

    /// The transforms, for their count.
    pub fn fft(&self) -> &Fft<T> {
        &self.fft
    }

    /// The cells of a wave function, of the mesh's shape and in C order.
    pub(crate) fn psi<'a>(&self, psi: &'a mut Array3<Complex<T>>) -> Result<&'a mut [Complex<T>]> {
        cells_mut("psi", psi, self.mesh.cells())
    }

    /// The cells of a real field on the mesh.
    pub(crate) fn field<'a>(&self, what: &str, field: &'a Array3<T>) -> Result<&'a [T]> {
        cells(what, field, self.mesh.cells())
    }

    pub(crate) fn plane(&self) -> usize {
        plane(self.mesh.cells())
    }

    /// A copy of `psi`, in memory to be given back by [`Wave::recycle`].
    pub(crate) fn copy(&self, psi: &Array3<Complex<T>>) -> Result<Array3<Complex<T>>> {
        let from = cells("psi", psi, self.mesh.cells())?;
        let spare = self
            .spare
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let mut copy = spare.unwrap_or_else(|| Array3::zeros(self.mesh.shape()));
        let planes = self.psi(&mut copy)?.par_chunks_mut(self.plane());
        planes
            .zip(from.par_chunks(self.plane()))
            .for_each(|(to, from)| to.copy_from_slice(from));
        Ok(copy)
    }

    pub(crate) fn recycle(&self, copy: Array3<Complex<T>>) {
        *self.spare.lock().unwrap_or_else(PoisonError::into_inner) = Some(copy);
    }

    /// Multiplies by exp(-i (m/hbar) dt (V + V_si)).
    pub(crate) fn kick_psi(
        &self,
        p: &WaveParams<T>,
        psi: &mut Array3<Complex<T>>,
        potential: &Array3<T>,
        dt: f64,
    ) -> Result<()> {
        p.check()?;
        let kick = Kick::new(p, dt);
        let v = self.field("potential", potential)?;
        let planes = self.psi(psi)?.par_chunks_mut(self.plane());
        planes
            .zip(v.par_chunks(self.plane()))
            .for_each(|(psi, v)| kick.kick(psi, v));
        Ok(())
    }

    /// Multiplies the spectrum by exp(-i k^2 dt / (2 m/hbar)).
    pub(crate) fn drift_psi(
        &self,
        p: &WaveParams<T>,
        psi: &mut Array3<Complex<T>>,
        dt: f64,
    ) -> Result<()> {
        p.check()?;
        self.psi(psi)?;
        let drift = Drift::new(&self.mesh, p, dt);
        self.fft.filter_with([psi], |_, _| (), &drift, |_, _| ());
        Ok(())
    }

    /// Adds |psi|^2 to `rho`.
    pub(crate) fn add_density(&self, psi: &Array3<Complex<T>>, rho: &mut Array3<T>) -> Result<()> {
        let psi = cells("psi", psi, self.mesh.cells())?;
        let rho = cells_mut("density", rho, self.mesh.cells())?;
        let planes = rho
            .par_chunks_mut(self.plane())
            .zip(psi.par_chunks(self.plane()));
        planes.for_each(|(rho, psi)| {
            vectorized(
                #[inline(always)]
                || {
                    rho.iter_mut()
                        .zip(psi)
                        .for_each(|(rho, &z)| *rho += density(z))
                },
            );
        });
        Ok(())
    }

    /// The largest |V + V_si|; NaN where there is one.
    fn largest_potential(
        &self,
        p: &WaveParams<T>,
        psi: &Array3<Complex<T>>,
        potential: &Array3<T>,
    ) -> Result<f64> {
        let v = self.field("potential", potential)?;
        let psi = cells("psi", psi, self.mesh.cells())?;
        let (kick, n) = (Kick::new(p, 0.0), self.plane());
        let of_plane = |ix: usize| kick.largest(&psi[ix * n..][..n], &v[ix * n..][..n]);
        Ok(fold_planes(self.mesh.cells()[0], T::zero(), of_plane, larger).f64())
    }
}

impl<T: Real> Matter<T> for Wave<T> {
    type Params = WaveParams<T>;
    type State = WaveState<T>;

    fn needs_acceleration(&self) -> bool {
        false
    }

    /// # Errors
    /// [`adastra_core::Error::Shape`] where a field is not of the mesh's shape in C order.
    fn deposit(&self, _: &WaveParams<T>, x: &WaveState<T>, rho: &mut Array3<T>) -> Result<()> {
        self.add_density(&x.psi, rho)
    }

    /// # Errors
    /// [`adastra_core::Error::Range`] unless the boson mass is positive and the coupling finite;
    /// [`adastra_core::Error::Shape`] where a field is not of the mesh's shape.
    fn kick(
        &self,
        p: &WaveParams<T>,
        x: &mut WaveState<T>,
        gravity: &Gravity<T>,
        dt: f64,
    ) -> Result<()> {
        self.kick_psi(p, &mut x.psi, &gravity.potential, dt)
    }

    /// # Errors
    /// As [`Matter::kick`].
    fn drift(&self, p: &WaveParams<T>, x: &mut WaveState<T>, dt: f64) -> Result<()> {
        self.drift_psi(p, &mut x.psi, dt)
    }

    /// The kick happens while the drift's first pass over memory holds the plane in the cache.
    fn kick_drift(
        &self,
        p: &WaveParams<T>,
        x: &mut WaveState<T>,
        gravity: &Gravity<T>,
        kick: f64,
        drift: f64,
    ) -> Result<()> {
        p.check()?;
        self.psi(&mut x.psi)?;
        let v = self.field("potential", &gravity.potential)?;
        let (kick, n) = (Kick::new(p, kick), self.plane());
        let drift = Drift::new(&self.mesh, p, drift);
        let before = |ix: usize, [psi]: [&mut [Complex<T>]; 1]| kick.kick(psi, &v[ix * n..][..n]);
        self.fft
            .filter_with([&mut x.psi], before, &drift, |_, _| ());
        Ok(())
    }

    fn kick_drift_into(
        &self,
        p: &WaveParams<T>,
        from: &WaveState<T>,
        to: &mut WaveState<T>,
        gravity: &Gravity<T>,
        kick: f64,
        drift: f64,
    ) -> Result<()> {
        p.check()?;
        self.psi(&mut to.psi)?;
        let from = cells("psi", &from.psi, self.mesh.cells())?;
        let v = self.field("potential", &gravity.potential)?;
        let (kick, n) = (Kick::new(p, kick), self.plane());
        let drift = Drift::new(&self.mesh, p, drift);
        let before = |ix: usize, [psi]: [&mut [Complex<T>]; 1]| {
            psi.copy_from_slice(&from[ix * n..][..n]);
            kick.kick(psi, &v[ix * n..][..n]);
        };
        self.fft
            .filter_with([&mut to.psi], before, &drift, |_, _| ());
        Ok(())
    }

    /// Both criteria of May & Springel (2021, MNRAS 506, 2603, eq. 14): no phase turns by more
    /// than a full circle in a step,
    ///
    /// ```text
    /// dt <= 4/(3 pi) (m/hbar) dx^2,   dt <= 2 pi / ((m/hbar) max |V + V_si|)
    /// ```
    ///
    /// where 3/dx^2 is the sum of dx_i^-2 on a mesh of unequal spacings.
    fn limits(
        &self,
        p: &WaveParams<T>,
        x: &WaveState<T>,
        gravity: &Gravity<T>,
    ) -> Result<Vec<Limit>> {
        p.check()?;
        let m_per_hbar = p.m_per_hbar();
        let sum: f64 = self.mesh.spacing().iter().map(|dx| (dx * dx).recip()).sum();
        let kinetic = 4.0 * m_per_hbar / (PI * sum);
        let most = self.largest_potential(p, &x.psi, &gravity.potential)?;
        let potential = TAU / (m_per_hbar * most);
        Ok(vec![
            Limit {
                name: "kinetic",
                dt: kinetic,
            },
            Limit {
                name: "potential",
                dt: potential,
            },
        ])
    }
}
