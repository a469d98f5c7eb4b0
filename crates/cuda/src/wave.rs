//! Wave dark matter on a device: density, kick and drift, with their adjoints.
//!
//! ```text
//! kick:   psi' = exp(-i phi) psi,        phi = (m/hbar) dt (V + V_si),  V_si = c1 rho + K c1^2 rho^2
//! drift:  psi_k' = exp(-i theta_k) psi_k,  theta_k = k^2 dt / (2 m/hbar)
//! ```
//!
//! The formulas, and those of the adjoints, are the ones of `adastra-fdm`; the scheme is that of
//! Woo & Chiueh (2009, ApJ 697, 850).

use std::f64::consts::{FRAC_2_PI, PI, TAU};
use std::sync::{Arc, Mutex, PoisonError};

use adastra_core::{Error, Real, Result, state};
use adastra_gravity::Limit;
use adastra_grid::Mesh;
use ndarray::aview1;
use num_complex::Complex;

use crate::array::Sums;
use crate::fft::Fft;
use crate::kernels::Launch;
use crate::matter::{Matter, MatterReversible};
use crate::{ComplexArray, CudaError, Device, Gravity, RealArray};

state! {
    /// The wave function of dark matter, on a device.
    #[derive(Debug)]
    pub struct WaveState<T> {
        /// Shape (nx, ny, nz), in sqrt(Msun/kpc^3): |psi|^2 is the mass density.
        pub psi: ComplexArray<T>,
    }
}

state! {
    /// What a wave's motions depend on.
    #[derive(Debug, Copy, PartialEq)]
    pub struct Boson<T> {
        /// Boson mass over hbar, in 1/(kpc km/s); positive.
        pub m_per_hbar: T,
        /// Self-interaction potential per density, in (km/s)^2 / (Msun/kpc^3); zero is none.
        pub c1: T,
    }
}

/// Wave dark matter on a periodic mesh, on a device.
///
/// A drift takes two complex transforms; a kick none. Going back with a cotangent takes four, from
/// stored states three. Clones share plan and tables.
#[derive(Clone)]
pub struct Wave<T: Real> {
    fft: Fft<T>,
    mesh: Mesh,
    second_order: f64,
    /// The tables of the last drift: steps of a run are mostly of one length.
    tables: Arc<Mutex<Option<Arc<Tables>>>>,
}

/// exp(-i theta) and theta along x, then y, then z; in f64, so that where axes meet the product is
/// rounded once.
struct Tables {
    half: f64,
    phases: ComplexArray<f64>,
    theta: RealArray<f64>,
}

/// Whether a wave is set back while a cotangent is pulled back: it is that after the motion then,
/// and else the one before.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Undo {
    Yes,
    No,
}

/// The numbers of one kick, computed in f64.
struct Factors<T> {
    turns: T,
    a: T,
    c1: T,
    c2: T,
    slope: T,
}

impl<T: Real> Wave<T> {
    /// Waves on `mesh`, with `second_order` = K of the header of this module: 2/3 over the squared
    /// speed of light for an axion.
    ///
    /// # Errors
    /// [`CudaError::NoFft`], [`CudaError::OutOfMemory`], and what the device says.
    pub fn new(device: &Device, mesh: &Mesh, second_order: f64) -> Result<Self, CudaError> {
        Ok(Self {
            fft: Fft::new(device, mesh.cells())?,
            mesh: mesh.clone(),
            second_order,
            tables: Arc::default(),
        })
    }

    /// The device.
    pub fn device(&self) -> &Device {
        self.fft.device()
    }

    /// The mesh.
    pub fn mesh(&self) -> &Mesh {
        &self.mesh
    }

    fn check(&self, p: &Boson<T>) -> Result<()> {
        let range = |name: &str, value: T, allowed| {
            let (name, value) = (name.to_owned(), value.f64());
            Err(Error::Range {
                name,
                value,
                allowed,
            })
        };
        if !(p.m_per_hbar > T::zero() && p.m_per_hbar.is_finite()) {
            return range("m_per_hbar", p.m_per_hbar, "positive and finite");
        }
        if !p.c1.is_finite() {
            return range("c1", p.c1, "finite");
        }
        Ok(())
    }

    fn psi(&self, what: &str, psi: &ComplexArray<T>) -> Result<()> {
        psi.expect(what, self.device(), &self.mesh.cells())
    }

    fn field(&self, what: &str, field: &RealArray<T>) -> Result<()> {
        field.expect(what, self.device(), &self.mesh.cells())
    }

    fn factors(&self, p: &Boson<T>, dt: f64) -> Factors<T> {
        let (a, c1) = (p.m_per_hbar.f64() * dt, p.c1.f64());
        Factors {
            turns: T::of(FRAC_2_PI * a),
            a: T::of(a),
            c1: T::of(c1),
            c2: T::of(self.second_order * c1 * c1),
            slope: T::of(2.0 * self.second_order * c1),
        }
    }

    fn tables(&self, p: &Boson<T>, dt: f64) -> Result<Arc<Tables>, CudaError> {
        let half = 0.5 * dt / p.m_per_hbar.f64();
        let mut kept = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(tables) = kept.as_ref().filter(|tables| tables.half == half) {
            return Ok(tables.clone());
        }
        let mut theta = Vec::new();
        for axis in 0..3 {
            let k = self.mesh.wavenumbers(axis);
            theta.extend(k.into_iter().map(|k| half * k * k));
        }
        let phases: Vec<_> = theta
            .iter()
            .map(|&t| Complex::from_polar(1.0, -t))
            .collect();
        let tables = Arc::new(Tables {
            half,
            phases: ComplexArray::from_host(self.device(), aview1(&phases))?,
            theta: RealArray::from_host(self.device(), aview1(&theta))?,
        });
        *kept = Some(tables.clone());
        Ok(tables)
    }

    /// `factor |psi|^2`, added to `rho` or written over it.
    pub(crate) fn density(
        &self,
        psi: &ComplexArray<T>,
        factor: T,
        rho: &mut RealArray<T>,
        add: bool,
    ) -> Result<()> {
        self.psi("psi", psi)?;
        self.field("density", rho)?;
        let launch = Launch::new(self.device(), "density")
            .pointer(rho.pointer()?)
            .pointer(psi.pointer()?)
            .number(factor)
            .number(i32::from(add))
            .number(psi.len() as u64);
        // SAFETY: both arrays have a number for each cell.
        Ok(unsafe { launch.over::<T>(psi.len()) }?)
    }

    pub(crate) fn density_vjp(
        &self,
        psi: &ComplexArray<T>,
        factor: T,
        rho_bar: &RealArray<T>,
        psi_bar: &mut ComplexArray<T>,
    ) -> Result<()> {
        self.psi("psi", psi)?;
        self.psi("cotangent of psi", psi_bar)?;
        self.field("cotangent of the density", rho_bar)?;
        let launch = Launch::new(self.device(), "density_vjp")
            .pointer(psi_bar.pointer()?)
            .pointer(psi.pointer()?)
            .pointer(rho_bar.pointer()?)
            .number(factor)
            .number(psi.len() as u64);
        // SAFETY: all arrays have a number for each cell.
        Ok(unsafe { launch.over::<T>(psi.len()) }?)
    }

    pub(crate) fn kick_psi(
        &self,
        p: &Boson<T>,
        psi: &mut ComplexArray<T>,
        potential: &RealArray<T>,
        dt: f64,
    ) -> Result<()> {
        self.check(p)?;
        self.psi("psi", psi)?;
        self.field("potential", potential)?;
        let factors = self.factors(p, dt);
        let launch = Launch::new(self.device(), "kick")
            .pointer(psi.pointer()?)
            .pointer(potential.pointer()?)
            .number(factors.turns)
            .number(factors.c1)
            .number(factors.c2)
            .number(psi.len() as u64);
        // SAFETY: both arrays have a number for each cell.
        Ok(unsafe { launch.over::<T>(psi.len()) }?)
    }

    /// Pulls `psi_bar` back through a kick.
    pub(crate) fn pull_back_kick(
        &self,
        p: &Boson<T>,
        psi: &ComplexArray<T>,
        undo: Undo,
        potential: &RealArray<T>,
        dt: f64,
        psi_bar: &mut ComplexArray<T>,
        potential_bar: &mut RealArray<T>,
        p_bar: &mut Boson<T>,
    ) -> Result<()> {
        self.check(p)?;
        self.psi("psi", psi)?;
        self.psi("cotangent of psi", psi_bar)?;
        self.field("potential", potential)?;
        self.field("cotangent of the potential", potential_bar)?;
        let (factors, n) = (self.factors(p, dt), psi.len());
        let sums = Sums::new(self.device(), n, 2)?;
        let launch = Launch::new(self.device(), "kick_vjp")
            .pointer(psi.pointer()?)
            .pointer(potential.pointer()?)
            .pointer(psi_bar.pointer()?)
            .pointer(potential_bar.pointer()?)
            .number(factors.turns)
            .number(factors.a)
            .number(factors.c1)
            .number(factors.c2)
            .number(factors.slope)
            .number(i32::from(undo == Undo::Yes))
            .number(n as u64)
            .pointer(sums.pointer());
        // SAFETY: all arrays have a number for each cell, and there are two sums for every block.
        // Where `psi` is written, the callers hold it alone.
        unsafe { launch.start::<T>(sums.blocks()) }?;
        let [potential, interaction] = sums.add()?;
        p_bar.m_per_hbar += T::of(dt * potential);
        p_bar.c1 += T::of(p.m_per_hbar.f64() * dt * interaction);
        Ok(())
    }

    pub(crate) fn drift_psi(&self, p: &Boson<T>, psi: &mut ComplexArray<T>, dt: f64) -> Result<()> {
        self.check(p)?;
        self.psi("psi", psi)?;
        let tables = self.tables(p, dt)?;
        self.fft.run(psi, false)?;
        let launch = Launch::new(self.device(), "drift")
            .pointer(psi.pointer()?)
            .pointer(tables.phases.pointer()?)
            .number(T::of(1.0 / self.mesh.len() as f64))
            .number(0i32)
            .cells(self.mesh.cells());
        // SAFETY: psi has the shape of the mesh, and the table a number for each mode of an axis.
        unsafe { launch.over::<T>(psi.len()) }?;
        Ok(self.fft.run(psi, true)?)
    }

    /// Pulls `psi_bar` back through a drift. Unless it is undone, what `psi` holds is used up.
    pub(crate) fn pull_back_drift(
        &self,
        p: &Boson<T>,
        psi: &mut ComplexArray<T>,
        undo: Undo,
        dt: f64,
        psi_bar: &mut ComplexArray<T>,
        p_bar: &mut Boson<T>,
    ) -> Result<()> {
        self.check(p)?;
        self.psi("psi", psi)?;
        self.psi("cotangent of psi", psi_bar)?;
        let (tables, n) = (self.tables(p, dt)?, psi.len());
        let sums = Sums::new(self.device(), n, 1)?;
        self.fft.run(psi, false)?;
        self.fft.run(psi_bar, false)?;
        let launch = Launch::new(self.device(), "drift_vjp")
            .pointer(psi.pointer()?)
            .pointer(psi_bar.pointer()?)
            .pointer(tables.phases.pointer()?)
            .pointer(tables.theta.pointer()?)
            .number(T::of(1.0 / n as f64))
            .number(i32::from(undo == Undo::Yes))
            .cells(self.mesh.cells())
            .pointer(sums.pointer());
        // SAFETY: both waves have the shape of the mesh, the tables a number for each mode of an
        // axis, and there is a sum for every block.
        unsafe { launch.start::<T>(sums.blocks()) }?;
        if undo == Undo::Yes {
            self.fft.run(psi, true)?;
        }
        self.fft.run(psi_bar, true)?;
        let [sum] = sums.add()?;
        p_bar.m_per_hbar -= T::of(sum / (n as f64 * p.m_per_hbar.f64()));
        Ok(())
    }
}

impl<T: Real> Matter<T> for Wave<T> {
    type Params = Boson<T>;
    type State = WaveState<T>;

    fn needs_acceleration(&self) -> bool {
        false
    }

    fn deposit(
        &self,
        _: &Boson<T>,
        x: &WaveState<T>,
        factor: T,
        rho: &mut RealArray<T>,
        add: bool,
    ) -> Result<()> {
        self.density(&x.psi, factor, rho, add)
    }

    fn kick(&self, p: &Boson<T>, x: &mut WaveState<T>, g: &Gravity<T>, dt: f64) -> Result<()> {
        self.kick_psi(p, &mut x.psi, &g.potential, dt)
    }

    fn drift(&self, p: &Boson<T>, x: &mut WaveState<T>, dt: f64) -> Result<()> {
        self.drift_psi(p, &mut x.psi, dt)
    }

    /// Both criteria of May & Springel (2021, MNRAS 506, 2603, eq. 14), as on the CPU.
    fn limits(&self, p: &Boson<T>, x: &WaveState<T>, gravity: &Gravity<T>) -> Result<Vec<Limit>> {
        self.check(p)?;
        self.psi("psi", &x.psi)?;
        self.field("potential", &gravity.potential)?;
        let (factors, n) = (self.factors(p, 0.0), x.psi.len());
        let parts = Sums::new(self.device(), n, 1)?;
        let launch = Launch::new(self.device(), "largest_potential")
            .pointer(x.psi.pointer()?)
            .pointer(gravity.potential.pointer()?)
            .number(factors.c1)
            .number(factors.c2)
            .number(n as u64)
            .pointer(parts.pointer());
        // SAFETY: both arrays have a number for each cell, and there is a part for every block.
        unsafe { launch.start::<T>(parts.blocks()) }?;
        let [most] = parts.largest()?;
        let spacing = self.mesh.spacing();
        let sum: f64 = spacing.iter().map(|dx| (dx * dx).recip()).sum();
        let m_per_hbar = p.m_per_hbar.f64();
        let limit = |name, dt| Limit { name, dt };
        Ok(vec![
            limit("kinetic", 4.0 * m_per_hbar / (PI * sum)),
            limit("potential", TAU / (m_per_hbar * most)),
        ])
    }

    fn deposit_vjp(
        &self,
        _: &Boson<T>,
        x: &WaveState<T>,
        factor: T,
        rho_bar: &RealArray<T>,
        x_bar: &mut WaveState<T>,
        _: &mut Boson<T>,
    ) -> Result<()> {
        self.density_vjp(&x.psi, factor, rho_bar, &mut x_bar.psi)
    }

    fn kick_vjp(
        &self,
        p: &Boson<T>,
        x: &WaveState<T>,
        gravity: &Gravity<T>,
        dt: f64,
        x_bar: &mut WaveState<T>,
        gravity_bar: &mut Gravity<T>,
        p_bar: &mut Boson<T>,
    ) -> Result<()> {
        let (v, v_bar) = (&gravity.potential, &mut gravity_bar.potential);
        self.pull_back_kick(p, &x.psi, Undo::No, v, dt, &mut x_bar.psi, v_bar, p_bar)
    }

    fn drift_vjp(
        &self,
        p: &Boson<T>,
        x: &mut WaveState<T>,
        dt: f64,
        x_bar: &mut WaveState<T>,
        p_bar: &mut Boson<T>,
    ) -> Result<()> {
        self.pull_back_drift(p, &mut x.psi, Undo::No, dt, &mut x_bar.psi, p_bar)
    }
}

impl<T: Real> MatterReversible<T> for Wave<T> {
    fn unkick_vjp(
        &self,
        p: &Boson<T>,
        x: &mut WaveState<T>,
        gravity: &Gravity<T>,
        dt: f64,
        x_bar: &mut WaveState<T>,
        gravity_bar: &mut Gravity<T>,
        p_bar: &mut Boson<T>,
    ) -> Result<()> {
        let (v, v_bar) = (&gravity.potential, &mut gravity_bar.potential);
        self.pull_back_kick(p, &x.psi, Undo::Yes, v, dt, &mut x_bar.psi, v_bar, p_bar)
    }

    fn undrift_vjp(
        &self,
        p: &Boson<T>,
        x: &mut WaveState<T>,
        dt: f64,
        x_bar: &mut WaveState<T>,
        p_bar: &mut Boson<T>,
    ) -> Result<()> {
        self.pull_back_drift(p, &mut x.psi, Undo::Yes, dt, &mut x_bar.psi, p_bar)
    }
}
