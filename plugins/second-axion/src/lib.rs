//! A second axion field of another mass: a wave written from scratch against the public traits,
//! with its adjoint by hand.

use adastra_core::{Real, Result, state};
use adastra_gravity::{Limit, Matter, MatterAdjoint, MatterReversible};
use adastra_grid::{Fft, Gravity, Mesh};
use ndarray::{Array3, Zip};
use num_complex::Complex;

mod configuration;
pub use configuration::plugin;

state! {
    /// The field psi, shape (nx, ny, nz), in sqrt(Msun/kpc^3).
    #[derive(Debug)]
    pub struct Axion<T> { /// |psi|^2 is the mass density.
        pub psi: Array3<Complex<T>>,
    }
}
state! {
    /// Its mass.
    #[derive(Debug)]
    pub struct AxionMass<T> { /// In 1e-22 eV.
        pub mass: T,
    }
}

/// m/hbar of 1e-22 eV, in 1/(kpc km/s).
const M_PER_HBAR: f64 = 0.052_160_68;

/// The field on a mesh.
#[derive(Debug)]
pub struct SecondAxion<T> {
    fft: Fft<T>,
    k_squared: [Vec<f64>; 3],
    dx: f64,
}

impl<T: Real> SecondAxion<T> {
    /// The field on `mesh`.
    pub fn new(mesh: &Mesh) -> Self {
        let k_squared = [0, 1, 2].map(|a| mesh.wavenumbers(a).iter().map(|k| k * k).collect());
        let dx = mesh.spacing().into_iter().fold(f64::INFINITY, f64::min);
        Self {
            fft: Fft::new(mesh.cells()),
            k_squared,
            dx,
        }
    }
    /// Phase of a mode after a drift: -k^2 dt / (2 m/hbar).
    fn phase(&self, p: &AxionMass<T>, dt: f64, at: [usize; 3]) -> f64 {
        let k2: f64 = (0..3).map(|a| self.k_squared[a][at[a]]).sum();
        -0.5 * k2 * dt / (p.mass.f64() * M_PER_HBAR)
    }
}

impl<T: Real> Matter<T> for SecondAxion<T> {
    type Params = AxionMass<T>;
    type State = Axion<T>;

    fn needs_acceleration(&self) -> bool {
        false
    }
    fn deposit(&self, _: &AxionMass<T>, x: &Axion<T>, rho: &mut Array3<T>) -> Result<()> {
        Zip::from(rho)
            .and(&x.psi)
            .par_for_each(|rho, psi| *rho += psi.norm_sqr());
        Ok(())
    }
    fn kick(&self, p: &AxionMass<T>, x: &mut Axion<T>, g: &Gravity<T>, dt: f64) -> Result<()> {
        let a = T::of(-dt * p.mass.f64() * M_PER_HBAR);
        Zip::from(&mut x.psi)
            .and(&g.potential)
            .par_for_each(|psi, v| *psi *= Complex::cis(a * *v));
        Ok(())
    }
    fn drift(&self, p: &AxionMass<T>, x: &mut Axion<T>, dt: f64) -> Result<()> {
        let turn = |at| Complex::cis(T::of(self.phase(p, dt, at)));
        self.fft
            .filter([&mut x.psi], |_, _| (), |at, [psi]| ([psi * turn(at)], ()));
        Ok(())
    }
    fn limits(&self, p: &AxionMass<T>, _: &Axion<T>, g: &Gravity<T>) -> Result<Vec<Limit>> {
        let m = p.mass.f64() * M_PER_HBAR;
        let v = g
            .potential
            .iter()
            .fold(0.0, |v: f64, x| v.max(x.f64().abs()));
        let kinetic = Limit {
            name: "kinetic",
            dt: 4.0 / (3.0 * std::f64::consts::PI) * m * self.dx.powi(2),
        };
        Ok(vec![
            kinetic,
            Limit {
                name: "potential",
                dt: std::f64::consts::TAU / (m * v),
            },
        ])
    }
}

impl<T: Real> MatterAdjoint<T> for SecondAxion<T> {
    fn deposit_vjp(
        &self,
        _: &AxionMass<T>,
        x: &Axion<T>,
        rho_bar: &Array3<T>,
        x_bar: &mut Axion<T>,
        _: &mut AxionMass<T>,
    ) -> Result<()> {
        Zip::from(&mut x_bar.psi)
            .and(&x.psi)
            .and(rho_bar)
            .par_for_each(|bar, psi, r| *bar += psi * (*r + *r));
        Ok(())
    }
    fn kick_vjp(
        &self,
        p: &AxionMass<T>,
        x: &Axion<T>,
        g: &Gravity<T>,
        dt: f64,
        x_bar: &mut Axion<T>,
        g_bar: &mut Gravity<T>,
        p_bar: &mut AxionMass<T>,
    ) -> Result<()> {
        // psi' = exp(i a V) psi, a = -dt m/hbar: d(a V) has the cotangent Im(conj(psi) psi_bar).
        let a = T::of(-dt * p.mass.f64() * M_PER_HBAR);
        let mut turned = 0.0;
        Zip::from(&mut x_bar.psi)
            .and(&x.psi)
            .and(&g.potential)
            .and(&mut g_bar.potential)
            .for_each(|bar, psi, v, v_bar| {
                *bar *= Complex::cis(-a * *v);
                let twist = (psi.conj() * *bar).im;
                *v_bar += a * twist;
                turned += (*v * twist).f64();
            });
        p_bar.mass += T::of(-dt * M_PER_HBAR * turned);
        Ok(())
    }
    fn drift_vjp(
        &self,
        p: &AxionMass<T>,
        x: &Axion<T>,
        dt: f64,
        x_bar: &mut Axion<T>,
        p_bar: &mut AxionMass<T>,
    ) -> Result<()> {
        // The phase is inversely proportional to the mass: d phase/dm = -phase/m, mode by mode.
        let modes = x.psi.len() as f64;
        let turned = self.fft.filter(
            [&mut x_bar.psi, &mut x.psi.clone()],
            |_, _| (),
            |at, [bar, psi]| {
                let phase = self.phase(p, dt, at);
                let bar = bar * Complex::cis(T::of(-phase));
                ([bar, psi], phase * (psi.conj() * bar).im.f64())
            },
        );
        p_bar.mass += T::of(-turned / modes / p.mass.f64());
        Ok(())
    }
}

impl<T: Real> MatterReversible<T> for SecondAxion<T> {}
