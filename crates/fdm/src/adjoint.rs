//! The wave's pullbacks, from stored states and from states that are rebuilt backwards.

use adastra_core::{Real, Result};
use adastra_gravity::{MatterAdjoint, MatterReversible};
use adastra_grid::Gravity;
use ndarray::Array3;
use num_complex::Complex;
use rayon::prelude::*;

use crate::drift::{Drift, PullBack, UndoAndPullBack};
use crate::field::{cells, cells_mut};
use crate::kick::{Kick, Sums};
use crate::phase::vectorized;
use crate::{Wave, WaveParams, WaveState};

impl<T: Real> Wave<T> {
    /// `psi_bar += 2 psi rho_bar`: the pullback of rho = |psi|^2.
    pub(crate) fn density_vjp(
        &self,
        psi: &Array3<Complex<T>>,
        rho_bar: &Array3<T>,
        psi_bar: &mut Array3<Complex<T>>,
    ) -> Result<()> {
        let psi = cells("psi", psi, self.mesh().cells())?;
        let rho_bar = self.field("cotangent of the density", rho_bar)?;
        let n = self.plane();
        let planes = self.psi(psi_bar)?.par_chunks_mut(n).zip(psi.par_chunks(n));
        planes
            .zip(rho_bar.par_chunks(n))
            .for_each(|((psi_bar, psi), rho_bar)| {
                vectorized(
                    #[inline(always)]
                    || {
                        for ((y, z), &rho_bar) in psi_bar.iter_mut().zip(psi).zip(rho_bar) {
                            let twice = rho_bar + rho_bar;
                            *y = Complex::new(y.re + twice * z.re, y.im + twice * z.im);
                        }
                    },
                );
            });
        Ok(())
    }

    /// Pulls `psi_bar` back through the kick of `psi`, and adds to `v_bar` and `p_bar`.
    pub(crate) fn kick_psi_vjp(
        &self,
        p: &WaveParams<T>,
        psi: &Array3<Complex<T>>,
        potential: &Array3<T>,
        dt: f64,
        psi_bar: &mut Array3<Complex<T>>,
        v_bar: &mut Array3<T>,
        p_bar: &mut WaveParams<T>,
    ) -> Result<()> {
        p.check()?;
        let (kick, n) = (Kick::new(p, dt), self.plane());
        let psi = cells("psi", psi, self.mesh().cells())?.par_chunks(n);
        let v = self.field("potential", potential)?.par_chunks(n);
        let v_bar = cells_mut("cotangent of the potential", v_bar, self.mesh().cells())?;
        let bars = self
            .psi(psi_bar)?
            .par_chunks_mut(n)
            .zip(v_bar.par_chunks_mut(n));
        let planes = psi.zip(v).zip(bars);
        let sums: Vec<Sums> = planes
            .map(|((psi, v), (psi_bar, v_bar))| kick.pull_back(psi, v, psi_bar, v_bar))
            .collect();
        total(&sums).add_to(p, dt, p_bar);
        Ok(())
    }

    /// As [`Wave::kick_psi_vjp`] for a kicked `psi`, which it undoes in the same pass.
    pub(crate) fn unkick_psi_vjp(
        &self,
        p: &WaveParams<T>,
        psi: &mut Array3<Complex<T>>,
        potential: &Array3<T>,
        dt: f64,
        psi_bar: &mut Array3<Complex<T>>,
        v_bar: &mut Array3<T>,
        p_bar: &mut WaveParams<T>,
    ) -> Result<()> {
        p.check()?;
        let (kick, n) = (Kick::new(p, dt), self.plane());
        let psi = self.psi(psi)?.par_chunks_mut(n);
        let v = self.field("potential", potential)?.par_chunks(n);
        let v_bar = cells_mut("cotangent of the potential", v_bar, self.mesh().cells())?;
        let bars = self
            .psi(psi_bar)?
            .par_chunks_mut(n)
            .zip(v_bar.par_chunks_mut(n));
        let planes = psi.zip(v).zip(bars);
        let sums: Vec<Sums> = planes
            .map(|((psi, v), (psi_bar, v_bar))| kick.undo_and_pull_back(psi, v, psi_bar, v_bar))
            .collect();
        total(&sums).add_to(p, dt, p_bar);
        Ok(())
    }

    /// Pulls `psi_bar` back through the drift of `psi`, changed by `before(ix, plane)` first: three
    /// transforms.
    pub(crate) fn drift_psi_vjp(
        &self,
        p: &WaveParams<T>,
        psi: &mut Array3<Complex<T>>,
        before: impl Fn(usize, &mut [Complex<T>]) + Sync,
        dt: f64,
        psi_bar: &mut Array3<Complex<T>>,
        p_bar: &mut WaveParams<T>,
    ) -> Result<()> {
        p.check()?;
        self.psi(psi_bar)?;
        self.psi(psi)?;
        let drift = Drift::new(self.mesh(), p, dt);
        let before = |ix: usize, [_, psi]: [&mut [Complex<T>]; 2]| before(ix, psi);
        let back = PullBack(&drift);
        let sum = self
            .fft()
            .filter_with([psi_bar, psi], before, &back, |_, _| ());
        p_bar.mass += drift.mass_bar(sum);
        Ok(())
    }

    /// Undoes the drift of `psi` and pulls `psi_bar` back: four transforms.
    pub(crate) fn undrift_psi_vjp(
        &self,
        p: &WaveParams<T>,
        psi: &mut Array3<Complex<T>>,
        dt: f64,
        psi_bar: &mut Array3<Complex<T>>,
        p_bar: &mut WaveParams<T>,
    ) -> Result<()> {
        p.check()?;
        self.psi(psi)?;
        self.psi(psi_bar)?;
        let drift = Drift::new(self.mesh(), p, dt);
        let back = UndoAndPullBack(&drift);
        let sum = self
            .fft()
            .filter_with([psi, psi_bar], |_, _| (), &back, |_, _| ());
        p_bar.mass += drift.mass_bar(sum);
        Ok(())
    }
}

fn total(sums: &[Sums]) -> Sums {
    sums.iter().fold(Sums::default(), |mut total, &sum| {
        total.add(sum);
        total
    })
}

impl<T: Real> MatterAdjoint<T> for Wave<T> {
    fn deposit_vjp(
        &self,
        _: &WaveParams<T>,
        x: &WaveState<T>,
        rho_bar: &Array3<T>,
        x_bar: &mut WaveState<T>,
        _: &mut WaveParams<T>,
    ) -> Result<()> {
        self.density_vjp(&x.psi, rho_bar, &mut x_bar.psi)
    }

    fn kick_vjp(
        &self,
        p: &WaveParams<T>,
        x: &WaveState<T>,
        gravity: &Gravity<T>,
        dt: f64,
        x_bar: &mut WaveState<T>,
        gravity_bar: &mut Gravity<T>,
        p_bar: &mut WaveParams<T>,
    ) -> Result<()> {
        let (v, v_bar) = (&gravity.potential, &mut gravity_bar.potential);
        self.kick_psi_vjp(p, &x.psi, v, dt, &mut x_bar.psi, v_bar, p_bar)
    }

    fn drift_vjp(
        &self,
        p: &WaveParams<T>,
        x: &WaveState<T>,
        dt: f64,
        x_bar: &mut WaveState<T>,
        p_bar: &mut WaveParams<T>,
    ) -> Result<()> {
        let mut psi = self.copy(&x.psi)?;
        self.drift_psi_vjp(p, &mut psi, |_, _| (), dt, &mut x_bar.psi, p_bar)?;
        self.recycle(psi);
        Ok(())
    }

    /// Kicks `x` while the transform's first pass has the plane in the cache, and undoes the kick
    /// with the sine and cosine of its pullback: no copy of the wave is made.
    fn kick_drift_vjp(
        &self,
        p: &WaveParams<T>,
        x: &mut WaveState<T>,
        gravity: &Gravity<T>,
        kick: f64,
        drift: f64,
        x_bar: &mut WaveState<T>,
        gravity_bar: &mut Gravity<T>,
        p_bar: &mut WaveParams<T>,
    ) -> Result<()> {
        p.check()?;
        let (factors, n) = (Kick::new(p, kick), self.plane());
        let v = self.field("potential", &gravity.potential)?;
        let kicked = |ix: usize, psi: &mut [Complex<T>]| factors.kick(psi, &v[ix * n..][..n]);
        self.drift_psi_vjp(p, &mut x.psi, kicked, drift, &mut x_bar.psi, p_bar)?;
        self.unkick_vjp(p, x, gravity, kick, x_bar, gravity_bar, p_bar)
    }
}

impl<T: Real> MatterReversible<T> for Wave<T> {
    fn undrift_vjp(
        &self,
        p: &WaveParams<T>,
        x: &mut WaveState<T>,
        dt: f64,
        x_bar: &mut WaveState<T>,
        p_bar: &mut WaveParams<T>,
    ) -> Result<()> {
        self.undrift_psi_vjp(p, &mut x.psi, dt, &mut x_bar.psi, p_bar)
    }

    fn unkick_vjp(
        &self,
        p: &WaveParams<T>,
        x: &mut WaveState<T>,
        gravity: &Gravity<T>,
        dt: f64,
        x_bar: &mut WaveState<T>,
        gravity_bar: &mut Gravity<T>,
        p_bar: &mut WaveParams<T>,
    ) -> Result<()> {
        let (v, v_bar) = (&gravity.potential, &mut gravity_bar.potential);
        self.unkick_psi_vjp(p, &mut x.psi, v, dt, &mut x_bar.psi, v_bar, p_bar)
    }
}
