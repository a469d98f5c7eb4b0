//! One suite for every operator of this crate, on whatever device is at hand: against its twin on
//! the CPU or a plain formula, and its adjoint against differences.

use std::f64::consts::TAU;
use std::sync::Arc;

use adastra_check::{
    CheckError, Tolerances, check_adjoint_at, check_precision_at, check_reversible_at,
};
use adastra_core::{Adjoint, Error, FieldMut, FieldRef, Fields, Operator, Real, Result};
use adastra_gravity::KickDrift;
use adastra_grid::Mesh;
use ndarray::{Array1, Array2, Array3, Zip};
use num_complex::Complex;
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{RngCore, SeedableRng};

use crate::{
    Background, Boson, ComplexArray, ComplexFilter, Density, Deposit, Deposits, Device, Drift,
    Element, Filter, ForwardFft, Gradient, Gravity, InverseFft, Kick, Matter, ParticleState,
    Particles, Poisson, PoissonSolve, Readout, RealArray, SelfGravity, Wave, WaveState,
};

/// One comparison.
#[derive(Clone, Debug, PartialEq)]
pub struct Compared {
    /// What was compared.
    pub what: String,
    /// `"f32"` or `"f64"`.
    pub precision: &'static str,
    /// The relative difference, in the norm of the field that differs most.
    pub error: f64,
    /// The largest allowed one.
    pub allowed: f64,
}

impl Compared {
    /// Whether the difference is allowed; NaN is not.
    pub fn holds(&self) -> bool {
        self.error <= self.allowed
    }
}

/// A mesh of unequal lengths, not all of them powers of two.
fn mesh() -> Result<Mesh> {
    Mesh::new([8, 12, 10], [4.0, 7.0, 5.5]).map_err(|e| Error::operator("mesh", e))
}

/// Newton's constant by which the fields below gravitate noticeably.
const CONSTANT: f64 = 0.3;
/// The number of test particles.
const PARTICLES: usize = 500;

/// Uniform in [-1, 1).
fn uniform(random: &mut Xoshiro256PlusPlus) -> f64 {
    (random.next_u64() >> 11) as f64 / (1u64 << 52) as f64 - 1.0
}

/// Fills a state with numbers that depend on the seed and the order of the fields alone.
fn fill<T: Real>(x: &mut impl Fields<T>, seed: u64) {
    let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
    // Rounded to f32, so that both precisions see the same numbers.
    let mut next = || T::of(f64::from(uniform(&mut random) as f32));
    x.visit_mut(&mut |_, field| match field {
        FieldMut::Real(mut x) => x.iter_mut().for_each(|x| *x = next()),
        FieldMut::Complex(mut x) => x.iter_mut().for_each(|z| *z = Complex::new(next(), next())),
    });
}

/// The numbers of each field.
fn numbers<T: Real>(x: &impl Fields<T>) -> Vec<Vec<f64>> {
    let mut fields = Vec::new();
    x.visit(&mut |_, field| {
        fields.push(match field {
            FieldRef::Real(x) => x.iter().map(|x| x.f64()).collect(),
            FieldRef::Complex(x) => x.iter().flat_map(|z| [z.re.f64(), z.im.f64()]).collect(),
        });
    });
    fields
}

/// The largest relative difference of a field; infinite for other shapes and for NaN.
fn difference(found: &[Vec<f64>], expected: &[Vec<f64>]) -> f64 {
    if found.len() != expected.len() {
        return f64::INFINITY;
    }
    let mut worst: f64 = 0.0;
    for (found, expected) in found.iter().zip(expected) {
        if found.len() != expected.len() {
            return f64::INFINITY;
        }
        let squares = |x: &mut dyn Iterator<Item = f64>| x.map(|x| x * x).sum::<f64>().sqrt();
        let norm = squares(&mut expected.iter().copied());
        let error = squares(&mut found.iter().zip(expected).map(|(x, y)| x - y));
        let relative = if norm > 0.0 { error / norm } else { error };
        if relative.is_nan() {
            return f64::INFINITY;
        }
        worst = worst.max(relative);
    }
    worst
}

/// The comparisons so far.
struct Suite<'a> {
    device: &'a Device,
    mesh: Mesh,
    compared: Vec<Compared>,
}

fn failed(what: &str) -> impl FnOnce(CheckError) -> Error + '_ {
    move |error| Error::operator(what, error)
}

/// 1e-12 in f64, 1e-5 in f32.
fn allowed<T: Real>() -> f64 {
    if T::BYTES == 8 { 1e-12 } else { 1e-5 }
}

impl Suite<'_> {
    fn note<T: Real>(&mut self, what: &str, error: f64, allowed: f64) {
        self.compared.push(Compared {
            what: what.to_owned(),
            precision: T::NAME,
            error,
            allowed,
        });
    }

    /// Value and pullback of an operator without parameters against its twin on the CPU.
    fn twin<T: Real, D, H>(
        &mut self,
        what: &str,
        (d, mut xd): (&D, D::In),
        (h, mut xh): (&H, H::In),
    ) -> Result<()>
    where
        D: Adjoint<T, Params = ()>,
        H: Adjoint<T, Params = ()>,
        D::In: Fields<T>,
        D::Out: Fields<T>,
        H::In: Fields<T>,
        H::Out: Fields<T>,
    {
        fill(&mut xd, 1);
        fill(&mut xh, 1);
        let (mut yd, saved_d) = d.record(&(), xd)?;
        let (mut yh, saved_h) = h.record(&(), xh)?;
        let error = difference(&numbers(&yd), &numbers(&yh));
        self.note::<T>(what, error, allowed::<T>());
        fill(&mut yd, 2);
        fill(&mut yh, 2);
        let bar_d = d.vjp(&(), saved_d, yd, &mut ())?;
        let bar_h = h.vjp(&(), saved_h, yh, &mut ())?;
        let error = difference(&numbers(&bar_d), &numbers(&bar_h));
        self.note::<T>(&format!("{what}, adjoint"), error, allowed::<T>());
        Ok(())
    }

    fn real<T: Real>(&self) -> Result<RealArray<T>> {
        Ok(RealArray::zeros(self.device, &self.mesh.cells())?)
    }

    fn complex<T: Real>(&self) -> Result<ComplexArray<T>> {
        Ok(ComplexArray::zeros(self.device, &self.mesh.cells())?)
    }

    fn spectral<T: Real>(&mut self) -> Result<()> {
        let (device, mesh) = (self.device.clone(), self.mesh.clone());
        let (real, complex) = (mesh.zeros::<T>(), mesh.zeros_complex::<T>());
        let gaussian = |k: f64| (-0.1 * k * k).exp();
        self.twin(
            "forward transform",
            (&ForwardFft::new(&device, &mesh)?, self.complex()?),
            (&adastra_grid::ForwardFft::new(&mesh), complex.clone()),
        )?;
        self.twin(
            "inverse transform",
            (&InverseFft::new(&device, &mesh)?, self.complex()?),
            (&adastra_grid::InverseFft::new(&mesh), complex.clone()),
        )?;
        self.twin(
            "gradient",
            (&Gradient::new(&device, &mesh)?, self.real::<T>()?),
            (&adastra_grid::Gradient::new(&mesh), real.clone()),
        )?;
        let filter = adastra_grid::Filter::new(&mesh, gaussian)?;
        self.twin(
            "filter of a real field",
            (&Filter::new(&device, &mesh, gaussian)?, self.real::<T>()?),
            (&filter, real.clone()),
        )?;
        self.twin(
            "filter of a complex field",
            (
                &ComplexFilter::new(&device, &mesh, gaussian)?,
                self.complex()?,
            ),
            (&filter.complex(), complex),
        )?;
        let poisson = Poisson::new(&device, &mesh, CONSTANT)?;
        self.twin(
            "potential",
            (&PoissonSolve::from(poisson.clone()), self.real::<T>()?),
            (&adastra_grid::PoissonSolve::new(&mesh, CONSTANT)?, real),
        )?;
        self.acceleration(&poisson)
    }

    /// Potential and acceleration, and their transpose.
    fn acceleration<T: Real>(&mut self, poisson: &Poisson<T>) -> Result<()> {
        let mesh = self.mesh.clone();
        let host = adastra_grid::Poisson::<T>::new(&mesh, CONSTANT);
        let (mut rho_d, mut rho_h) = (self.real::<T>()?, mesh.zeros::<T>());
        fill(&mut rho_d, 3);
        fill(&mut rho_h, 3);
        let field_d = Background(Some(poisson.solve(rho_d, true)?));
        let field_h = adastra_gravity::Background(Some(host.solve(rho_h, true)));
        let error = difference(&numbers(&field_d), &numbers(&field_h));
        self.note::<T>("potential and acceleration", error, allowed::<T>());
        let (mut bar_d, mut bar_h) = (field_d, field_h);
        fill(&mut bar_d, 4);
        fill(&mut bar_h, 4);
        if let (Some(bar_d), Some(bar_h)) = (bar_d.0, bar_h.0) {
            let rho_d = poisson.solve_vjp(bar_d)?;
            let error = difference(&numbers(&rho_d), &numbers(&host.solve_vjp(&bar_h)));
            let what = "potential and acceleration, adjoint";
            self.note::<T>(what, error, allowed::<T>());
        }
        Ok(())
    }

    fn particles<T: Real>(&mut self) -> Result<()> {
        let (device, mesh) = (self.device.clone(), self.mesh.clone());
        let array = |shape: &[usize]| RealArray::<T>::zeros(&device, shape);
        let n = PARTICLES;
        for (name, deposits) in [("in order", Deposits::SameBits), ("fast", Deposits::Fast)] {
            let particles = Particles::<T>::new(&device, &mesh, deposits);
            self.twin(
                &format!("deposit, {name}"),
                (&Deposit(particles.clone()), (array(&[n, 3])?, array(&[n])?)),
                (
                    &adastra_particles::Deposit::new(&mesh),
                    (Array2::<T>::zeros((n, 3)), Array1::zeros(n)),
                ),
            )?;
            self.twin(
                &format!("readout, {name}"),
                (&Readout(particles), (self.real()?, array(&[n, 3])?)),
                (
                    &adastra_particles::Readout::new(&mesh),
                    (mesh.zeros::<T>(), Array2::zeros((n, 3))),
                ),
            )?;
        }
        let host = Arc::new(adastra_gravity::SelfGravity::with_constant(
            &mesh,
            adastra_particles::Particles::new(&mesh),
            CONSTANT,
        ));
        let deposits = Deposits::SameBits;
        let matter = Particles::<T>::new(&device, &mesh, deposits);
        let system = SelfGravity::with_constant(&device, &mesh, matter, CONSTANT)?;
        let mut xd = particle_state::<T>(&device)?;
        fill(&mut xd, 5);
        let mut xh = adastra_particles::ParticleState::<T>::zeros(n);
        fill(&mut xh, 5);
        let (pd, ph) = (
            ((), Background::none()),
            ((), adastra_gravity::Background::none()),
        );
        let (d, h) = (
            Element::new(&system, MOTION),
            adastra_gravity::Element::new(&host, MOTION),
        );
        let (mut yd, saved_d) = d.record(&pd, xd)?;
        let (mut yh, saved_h) = h.record(&ph, xh)?;
        let error = difference(&numbers(&yd), &numbers(&yh));
        self.note::<T>("step of particles", error, allowed::<T>());
        fill(&mut yd, 6);
        fill(&mut yh, 6);
        let bar_d = d.vjp(&pd, saved_d, yd, &mut ((), Background::none()))?;
        let no_background = adastra_gravity::Background::none();
        let bar_h = h.vjp(&ph, saved_h, yh, &mut ((), no_background))?;
        let error = difference(&numbers(&bar_d), &numbers(&bar_h));
        self.note::<T>("step of particles, adjoint", error, 3.0 * allowed::<T>());
        Ok(())
    }

    /// The motions of a wave against their formulas in f64.
    fn wave<T: Real>(&mut self) -> Result<()> {
        let (device, mesh) = (self.device.clone(), self.mesh.clone());
        let wave = Wave::<T>::new(&device, &mesh, SECOND_ORDER)?;
        let p = boson::<f64>();
        let (m, c1, c2) = (p.m_per_hbar, p.c1, SECOND_ORDER * p.c1 * p.c1);
        let (mut psi, mut v) = (mesh.zeros_complex::<f64>(), mesh.zeros::<f64>());
        fill(&mut psi, 7);
        fill(&mut v, 8);
        let state = || -> Result<WaveState<T>> {
            let mut psi = self.complex::<T>()?;
            fill(&mut psi, 7);
            Ok(WaveState { psi })
        };
        let (x, y, z) = (state()?, state()?, state()?);
        let mut potential = self.real::<T>()?;
        fill(&mut potential, 8);

        let found = Density(wave.clone()).apply(&(), x)?;
        let expected: Array3<f64> = psi.mapv(|z| z.norm_sqr());
        let error = difference(&numbers(&found), &numbers(&expected));
        self.note::<T>("density of a wave", error, allowed::<T>());

        let dt = 2.0;
        let kick = Kick {
            wave: wave.clone(),
            dt,
        };
        let found = kick.apply(&(boson(), potential), y)?;
        let mut expected = psi.clone();
        Zip::from(&mut expected).and(&v).for_each(|z, &v| {
            let rho = z.norm_sqr();
            let phi = m * dt * (v + rho * (c1 + c2 * rho));
            *z *= Complex::from_polar(1.0, -phi);
        });
        let error = difference(&numbers(&found), &numbers(&expected));
        self.note::<T>("kick of a wave", error, allowed::<T>());
        let mut largest: f64 = 0.0;
        Zip::from(&psi).and(&v).for_each(|z, &v| {
            let rho = z.norm_sqr();
            largest = largest.max((v + rho * (c1 + c2 * rho)).abs());
        });
        let mut potential = self.real::<T>()?;
        fill(&mut potential, 8);
        let acceleration = None;
        let gravity = Gravity {
            potential,
            acceleration,
        };
        let found = wave.limits(&boson(), &z, &gravity)?[1].dt;
        let error = (found * m * largest / TAU - 1.0).abs();
        self.note::<T>("time step of a wave", error, allowed::<T>());

        let found = Drift { wave, dt }.apply(&boson(), z)?;
        let fft = adastra_grid::Fft::<f64>::new(mesh.cells());
        let k = [0, 1, 2].map(|axis| mesh.wavenumbers(axis));
        let mut expected = psi;
        fft.forward(&mut expected);
        for ((i, j, l), z) in expected.indexed_iter_mut() {
            let square = k[0][i] * k[0][i] + k[1][j] * k[1][j] + k[2][l] * k[2][l];
            *z *= Complex::from_polar(1.0, -square * dt / (2.0 * m));
        }
        fft.inverse(&mut expected);
        let error = difference(&numbers(&found), &numbers(&expected));
        self.note::<T>("drift of a wave", error, allowed::<T>());
        Ok(())
    }

    /// Adjoints and inverses in f64 by `adastra-check`, and f32 against f64.
    fn adjoints(&mut self) -> Result<()> {
        let (device, mesh) = (self.device.clone(), self.mesh.clone());
        let tol = Tolerances::default();
        let single = Wave::<f32>::new(&device, &mesh, SECOND_ORDER)?;
        let wave = Wave::<f64>::new(&device, &mesh, SECOND_ORDER)?;
        let (dt, mut v) = (2.0, self.real::<f64>()?);
        let (mut psi, mut psi32, mut v32) = (self.complex()?, self.complex()?, self.real::<f32>()?);
        fill(&mut psi, 7);
        fill(&mut psi32, 7);
        fill(&mut v, 8);
        fill(&mut v32, 8);
        let (x, x32) = (WaveState { psi }, WaveState { psi: psi32 });
        let (p, p32) = (boson::<f64>(), boson::<f32>());

        let density = Density(wave.clone());
        check_adjoint_at(&density, &(), &x, 1, &tol).map_err(failed("density of a wave"))?;
        let kick = Kick {
            wave: wave.clone(),
            dt,
        };
        let pv = (p, v);
        check_reversible_at(&kick, &pv, &x, 2, &tol).map_err(failed("kick of a wave"))?;
        let kick32 = Kick {
            wave: single.clone(),
            dt,
        };
        let precise = Tolerances {
            precision: 1e-5,
            ..Tolerances::default()
        };
        let pair = ((&kick32, &(p32, v32), &x32), (&kick, &pv, &x));
        let found = check_precision_at(pair.0, pair.1, 3, &precise);
        let found = found.map_err(failed("kick of a wave in f32"))?;
        self.note::<f32>(
            "kick of a wave, adjoint",
            found.gradient_f32.unwrap_or(f64::NAN),
            1e-5,
        );
        let drift = Drift {
            wave: wave.clone(),
            dt,
        };
        check_reversible_at(&drift, &p, &x, 4, &tol).map_err(failed("drift of a wave"))?;
        let drift32 = Drift { wave: single, dt };
        let pair = ((&drift32, &p32, &x32), (&drift, &p, &x));
        let found = check_precision_at(pair.0, pair.1, 5, &precise);
        let found = found.map_err(failed("drift of a wave in f32"))?;
        self.note::<f32>(
            "drift of a wave, adjoint",
            found.gradient_f32.unwrap_or(f64::NAN),
            1e-5,
        );

        // A step of both kinds of matter in a background: all adjoints and inverses together.
        let particles = Particles::<f64>::new(&device, &mesh, Deposits::SameBits);
        let matter = (wave, particles);
        let system = SelfGravity::with_constant(&device, &mesh, matter, CONSTANT)?;
        let mut stars = particle_state::<f64>(&device)?;
        fill(&mut stars, 9);
        // Inside the box, where undoing a step leads back to.
        let size = mesh.size();
        stars.position.visit_mut(&mut |_, field| {
            if let FieldMut::Real(mut x) = field {
                x.indexed_iter_mut()
                    .for_each(|(i, x)| *x = 0.5 * (*x + 1.0) * size[i[1]]);
            }
        });
        let mut background = Background(Some(Gravity {
            potential: self.real()?,
            acceleration: Some([self.real()?, self.real()?, self.real()?]),
        }));
        fill(&mut background, 10);
        let (p, x) = (((p, ()), background), (x, stars));
        let step = Element::new(&system, MOTION);
        let rough = Tolerances {
            // A cloud that crosses the centre of a cell has another slope beyond it.
            step: 1e-5,
            difference: 1e-5,
            ..Tolerances::default()
        };
        let found = check_reversible_at(&step, &p, &x, 6, &rough);
        let found = found.map_err(failed("step of a wave and particles"))?;
        self.note::<f64>(
            "step of a wave and particles, adjoint",
            found.difference.unwrap_or(f64::NAN),
            rough.difference,
        );
        self.note::<f64>(
            "step of a wave and particles, undone",
            found.inverse.unwrap_or(f64::NAN),
            rough.inverse,
        );
        Ok(())
    }
}

const MOTION: KickDrift = KickDrift {
    kick: 0.2,
    drift: Some(0.3),
    source: 0.7,
};

const SECOND_ORDER: f64 = 0.1;

/// Numbers that are the same in both precisions.
fn boson<T: Real>() -> Boson<T> {
    Boson {
        m_per_hbar: T::of(0.75),
        c1: T::of(0.25),
    }
}

fn particle_state<T: Real>(device: &Device) -> Result<ParticleState<T>> {
    Ok(ParticleState {
        position: RealArray::zeros(device, &[PARTICLES, 3])?,
        velocity: RealArray::zeros(device, &[PARTICLES, 3])?,
        mass: RealArray::zeros(device, &[PARTICLES])?,
    })
}

/// Compares every operator of this crate in both precisions: with its twin on the CPU or a plain
/// formula (1e-12 in f64, 1e-5 in f32), and its adjoint with difference quotients.
///
/// # Errors
/// What the device says, and the first check of an adjoint that fails. A comparison that does not
/// hold is no error: see [`Compared::holds`].
pub fn conformance(device: &Device) -> Result<Vec<Compared>> {
    let mut suite = Suite {
        device,
        mesh: mesh()?,
        compared: Vec::new(),
    };
    suite.spectral::<f64>()?;
    suite.spectral::<f32>()?;
    suite.particles::<f64>()?;
    suite.particles::<f32>()?;
    suite.wave::<f64>()?;
    suite.wave::<f32>()?;
    suite.adjoints()?;
    Ok(suite.compared)
}
