//! Stars that attract each other as matter of a leapfrog.

use std::sync::Arc;

use adastra_core::{
    Adjoint, FieldMut, FieldRef, Fields, Operator, Real, Result, Reversible, State,
};
use adastra_gravity::{Limit, Matter, MatterAdjoint, MatterReversible};
use adastra_grid::{Gravity, Mesh};
use adastra_particles::{Deposit, ParticleState};
use ndarray::{Array1, Array2, Array3};

use crate::arrays::state;
use crate::integration::KickDrift;
use crate::scheme::Element;
use crate::{G, Galaxy, NBody, NBodyParams};

/// Stars in open space, which attract each other pair by pair and fall in a galaxy, as matter of
/// an [`adastra_gravity::Leapfrog`].
///
/// The mesh carries no gravity of theirs. It is only what pictures and objectives on densities
/// look at: a box about the origin, and the stars outside of it are left out.
///
/// All of the run's steps are fractions of the parameter [`StarsParams::span`], which makes the
/// end time differentiable.
///
/// # Errors
/// Those of [`SelfGravity`](crate::SelfGravity) and [`Galaxy`].
#[derive(Debug, Clone)]
pub struct Stars {
    pub(super) system: NBody,
    pub(super) mesh: Mesh,
    /// Of the run, as the leapfrog counts time.
    pub(super) span: f64,
    /// Steps take at most `sqrt(2 accuracy softening / |a|)`.
    pub(super) accuracy: Option<f64>,
    pub(super) names: Arc<[String]>,
    /// Whether derivatives hold the separations of pairs fixed.
    pub(super) frozen: bool,
}

/// Parameters of [`Stars`].
#[derive(Debug, Clone)]
pub struct StarsParams<T> {
    /// The potentials that the values belong to.
    pub(super) potentials: Galaxy,
    /// Names of the values, `"halo.mass"` and so on.
    pub(super) names: Arc<[String]>,
    /// Plummer softening length, in kpc.
    pub softening: T,
    /// Time that the run covers, in kpc/(km/s).
    pub span: T,
    /// Parameters of the galaxy, in the order of [`Galaxy::parameters`].
    pub galaxy: Array1<T>,
}

impl<T: Real> StarsParams<T> {
    /// As parameters of a run.
    pub(super) fn run(&self) -> NBodyParams<T> {
        NBodyParams {
            gravitational_constant: T::of(G),
            softening: self.softening,
            span: self.span,
            galaxy: self.galaxy.clone(),
        }
    }

    pub(super) fn add(&mut self, bar: &NBodyParams<T>) {
        self.softening += bar.softening;
        self.span += bar.span;
        self.galaxy += &bar.galaxy;
    }
}

impl<T: Real> State<T> for StarsParams<T> {
    fn zeros_like(&self) -> Self {
        Self {
            softening: T::zero(),
            span: T::zero(),
            galaxy: Array1::zeros(self.galaxy.len()),
            ..self.clone()
        }
    }

    fn axpy(&mut self, a: T, x: &Self) {
        self.softening += a * x.softening;
        self.span += a * x.span;
        self.galaxy.axpy(a, &x.galaxy);
    }

    fn dot(&self, other: &Self) -> f64 {
        self.softening.f64() * other.softening.f64()
            + self.span.f64() * other.span.f64()
            + State::<T>::dot(&self.galaxy, &other.galaxy)
    }
}

impl<T: Real> Fields<T> for StarsParams<T> {
    fn visit(&self, f: &mut dyn FnMut(&str, FieldRef<'_, T>)) {
        self.softening.visit(&mut |_, field| f("softening", field));
        self.span.visit(&mut |_, field| f("span", field));
        for (name, value) in self.names.iter().zip(&self.galaxy) {
            value.visit(&mut |_, field| f(name, field));
        }
    }

    fn visit_mut(&mut self, f: &mut dyn FnMut(&str, FieldMut<'_, T>)) {
        self.softening
            .visit_mut(&mut |_, field| f("softening", field));
        self.span.visit_mut(&mut |_, field| f("span", field));
        for (name, value) in self.names.iter().zip(&mut self.galaxy) {
            value.visit_mut(&mut |_, field| f(name, field));
        }
    }
}

impl Stars {
    /// A kick and a drift of the given lengths.
    fn motion(&self, kick: f64, drift: f64) -> KickDrift<'_> {
        let [kick, drift] = [kick, drift].map(|length| length / self.span);
        let time = 0.0;
        KickDrift::new(&self.system, Element { kick, drift, time }, self.frozen)
    }

    fn advance<T: Real>(
        &self,
        p: &StarsParams<T>,
        x: &mut ParticleState<T>,
        kick: f64,
        drift: f64,
    ) -> Result<()> {
        self.motion(kick, drift).advance(&p.run(), x, 1.0, 1.0)
    }

    /// Pulls back through a motion; see [`KickDrift::pull_back`].
    fn pull_back<T: Real, const UNDO: bool>(
        &self,
        p: &StarsParams<T>,
        x: &mut ParticleState<T>,
        [kick, drift]: [f64; 2],
        x_bar: &mut ParticleState<T>,
        p_bar: &mut StarsParams<T>,
    ) -> Result<()> {
        let p = p.run();
        let mut bar = State::<T>::zeros_like(&p);
        self.motion(kick, drift)
            .pull_back::<T, UNDO>(&p, x, x_bar, &mut bar)?;
        p_bar.add(&bar);
        Ok(())
    }

    /// Indices, positions in the box and masses of the stars in it.
    fn inside<T: Real>(&self, x: &ParticleState<T>) -> (Vec<usize>, Array2<T>, Array1<T>) {
        let half = self.mesh.size().map(|l| 0.5 * l);
        let within = |i: &usize| (0..3).all(|k| x.position[[*i, k]].f64().abs() < half[k]);
        let which: Vec<usize> = (0..x.len()).filter(within).collect();
        let position = Array2::from_shape_fn((which.len(), 3), |(j, k)| {
            T::of(x.position[[which[j], k]].f64() + half[k])
        });
        let mass = which.iter().map(|&i| x.mass[i]).collect();
        (which, position, mass)
    }
}

impl<T: Real> Matter<T> for Stars {
    type Params = StarsParams<T>;
    type State = ParticleState<T>;

    fn gravitates(&self) -> bool {
        false
    }

    fn needs_acceleration(&self) -> bool {
        false
    }

    fn deposit(&self, _: &StarsParams<T>, x: &ParticleState<T>, rho: &mut Array3<T>) -> Result<()> {
        state(x)?;
        let (_, position, mass) = self.inside(x);
        *rho += &Deposit::new(&self.mesh).apply(&(), (position, mass))?;
        Ok(())
    }

    fn kick(
        &self,
        p: &StarsParams<T>,
        x: &mut ParticleState<T>,
        _: &Gravity<T>,
        dt: f64,
    ) -> Result<()> {
        self.advance(p, x, dt, 0.0)
    }

    fn drift(&self, p: &StarsParams<T>, x: &mut ParticleState<T>, dt: f64) -> Result<()> {
        self.advance(p, x, 0.0, dt)
    }

    fn kick_drift(
        &self,
        p: &StarsParams<T>,
        x: &mut ParticleState<T>,
        _: &Gravity<T>,
        kick: f64,
        drift: f64,
    ) -> Result<()> {
        self.advance(p, x, kick, drift)
    }

    fn limits(
        &self,
        p: &StarsParams<T>,
        x: &ParticleState<T>,
        _: &Gravity<T>,
    ) -> Result<Vec<Limit>> {
        let Some(accuracy) = self.accuracy else {
            return Ok(Vec::new());
        };
        state(x)?;
        let q = p.run();
        let a = self.system.accelerations(&q, 0.0, &x.position, &x.mass)?;
        let squares = a.iter().map(|a| a.iter().map(|a| a * a).sum::<f64>());
        let strongest = squares.fold(0.0, f64::max).sqrt();
        let own = (2.0 * accuracy * p.softening.f64().abs() / strongest).sqrt();
        Ok(vec![Limit {
            name: "softening",
            // The leapfrog's time runs span/p.span times as fast as that of the stars.
            dt: own * (self.span / p.span.f64()).abs(),
        }])
    }
}

impl<T: Real> MatterAdjoint<T> for Stars {
    fn deposit_vjp(
        &self,
        _: &StarsParams<T>,
        x: &ParticleState<T>,
        rho_bar: &Array3<T>,
        x_bar: &mut ParticleState<T>,
        _: &mut StarsParams<T>,
    ) -> Result<()> {
        let (which, position, mass) = self.inside(x);
        let deposit = Deposit::new(&self.mesh);
        let (_, saved) = deposit.record(&(), (position, mass))?;
        let (position, mass) = deposit.vjp(&(), saved, rho_bar.clone(), &mut ())?;
        for (j, i) in which.into_iter().enumerate() {
            let mut row = x_bar.position.row_mut(i);
            row += &position.row(j);
            x_bar.mass[i] += mass[j];
        }
        Ok(())
    }

    fn kick_vjp(
        &self,
        p: &StarsParams<T>,
        x: &ParticleState<T>,
        _: &Gravity<T>,
        dt: f64,
        x_bar: &mut ParticleState<T>,
        _: &mut Gravity<T>,
        p_bar: &mut StarsParams<T>,
    ) -> Result<()> {
        self.pull_back::<T, false>(p, &mut x.clone(), [dt, 0.0], x_bar, p_bar)
    }

    fn drift_vjp(
        &self,
        p: &StarsParams<T>,
        x: &ParticleState<T>,
        dt: f64,
        x_bar: &mut ParticleState<T>,
        p_bar: &mut StarsParams<T>,
    ) -> Result<()> {
        self.pull_back::<T, false>(p, &mut x.clone(), [0.0, dt], x_bar, p_bar)
    }

    /// With one visit of the pairs: what the span's cotangent needs of the kick is what undoing
    /// it takes off the velocities.
    fn kick_drift_vjp(
        &self,
        p: &StarsParams<T>,
        x: &mut ParticleState<T>,
        _: &Gravity<T>,
        kick: f64,
        drift: f64,
        x_bar: &mut ParticleState<T>,
        _: &mut Gravity<T>,
        p_bar: &mut StarsParams<T>,
    ) -> Result<()> {
        let before = x.velocity.clone();
        let moved_bar = x_bar.position.clone();
        self.pull_back::<T, false>(p, x, [0.0, drift], x_bar, p_bar)?;
        self.pull_back::<T, true>(p, x, [kick, 0.0], x_bar, p_bar)?;
        let kicks = before.iter().zip(&x.velocity).map(|(v, w)| *v - *w);
        let product = kicks.zip(&moved_bar).map(|(k, bar)| k.f64() * bar.f64());
        p_bar.span += T::of(drift / self.span * product.sum::<f64>());
        x.velocity = before;
        Ok(())
    }
}

impl<T: Real> MatterReversible<T> for Stars {
    fn unkick(
        &self,
        p: &StarsParams<T>,
        x: &mut ParticleState<T>,
        _: &Gravity<T>,
        dt: f64,
    ) -> Result<()> {
        let q = p.run();
        *x = self.motion(dt, 0.0).invert(&q, x.clone())?;
        Ok(())
    }

    fn undrift_vjp(
        &self,
        p: &StarsParams<T>,
        x: &mut ParticleState<T>,
        dt: f64,
        x_bar: &mut ParticleState<T>,
        p_bar: &mut StarsParams<T>,
    ) -> Result<()> {
        MatterReversible::undrift(self, p, x, dt)?;
        self.pull_back::<T, false>(p, x, [0.0, dt], x_bar, p_bar)
    }

    fn unkick_vjp(
        &self,
        p: &StarsParams<T>,
        x: &mut ParticleState<T>,
        _: &Gravity<T>,
        dt: f64,
        x_bar: &mut ParticleState<T>,
        _: &mut Gravity<T>,
        p_bar: &mut StarsParams<T>,
    ) -> Result<()> {
        self.pull_back::<T, true>(p, x, [dt, 0.0], x_bar, p_bar)
    }
}
