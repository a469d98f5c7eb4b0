//! Stars that attract each other as matter of a leapfrog.

use std::sync::Arc;

use adastra_core::{Adjoint, Operator, Real, Result, State};
use adastra_gravity::{Limit, Matter, MatterAdjoint, MatterReversible};
use adastra_grid::{Gravity, Mesh};
use adastra_particles::{Deposit, ParticleState};
use adastra_pipeline::Timed;
use ndarray::{Array1, Array2, Array3};

use super::StarsParams;
use crate::arrays::state;
use crate::integration::KickDrift;
use crate::scheme::Element;
use crate::{NBody, Scheme};

/// Stars in open space, which attract each other pair by pair and fall in a galaxy, as matter of
/// an [`adastra_gravity::Leapfrog`].
///
/// The mesh carries no gravity of theirs. It is only what pictures and objectives on densities
/// look at: a box about the origin, and the stars outside of it are left out.
///
/// All of the run's steps are fractions of the parameter [`StarsParams::span`], which makes the
/// end time differentiable. The state holds the time, which rotating and growing potentials see.
///
/// With another scheme than the leapfrog's own, each drift is a whole step of that scheme and
/// kicks do nothing: these stars feel no other matter.
///
/// # Errors
/// Those of [`SelfGravity`](crate::SelfGravity) and [`Galaxy`](crate::Galaxy).
#[derive(Debug, Clone)]
pub struct Stars {
    pub(super) system: NBody,
    pub(super) mesh: Mesh,
    /// Of the run, as the leapfrog counts time.
    pub(super) span: f64,
    /// Steps take at most `sqrt(2 accuracy softening / |a|)`.
    pub(super) accuracy: Option<f64>,
    /// The scheme of a step, if it is not the leapfrog's own.
    pub(super) scheme: Option<Scheme>,
    /// Names of the parameters of the galaxy.
    pub(super) names: Arc<[String]>,
    /// The fraction of the span after which rotating and growing potentials are at time zero.
    pub(super) zero_at: f64,
    pub(super) pairs: Pairs,
}

/// What derivatives keep of the attraction of pairs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Pairs {
    /// All of it.
    Exact,
    /// Separations are given numbers.
    Frozen,
    /// All of it over this time at the end, in kpc/(km/s), and frozen before.
    Horizon(f64),
}

/// What stars are in a run.
pub(super) type Moving<T> = Timed<ParticleState<T>, T>;

/// What may be lost of a horizon by rounding, over the span.
const SLACK: f64 = 1e-6;

impl Stars {
    /// The motions that kick and drift over the given lengths, of stars at a time of the run.
    fn elements<T: Real>(&self, time: T, [kick, drift]: [f64; 2]) -> Vec<Element> {
        let [kick, drift, time] = [kick, drift, time.f64()].map(|length| length / self.span);
        match self.scheme {
            None => vec![Element { kick, drift, time }],
            Some(_) if drift == 0.0 => Vec::new(),
            Some(scheme) => {
                let step = scheme.elements(1).into_iter();
                let scaled = step.map(|e| Element {
                    kick: drift * e.kick,
                    drift: drift * e.drift,
                    time: time + drift * e.time,
                });
                scaled.collect()
            }
        }
    }

    fn motion<T: Real>(&self, p: &StarsParams<T>, element: Element) -> KickDrift<'_> {
        let frozen = match self.pairs {
            Pairs::Exact => false,
            Pairs::Frozen => true,
            Pairs::Horizon(horizon) => {
                let span = p.span.f64().abs();
                (1.0 - element.time) * span > horizon + SLACK * span
            }
        };
        KickDrift::new(&self.system, element, p.zero_at, frozen)
    }

    fn advance<T: Real>(
        &self,
        p: &StarsParams<T>,
        x: &mut Moving<T>,
        lengths: [f64; 2],
    ) -> Result<()> {
        let q = p.run();
        for element in self.elements(x.time, lengths) {
            let motion = self.motion(p, element);
            motion.advance(&q, &mut x.state, 1.0, 1.0)?;
        }
        x.time += T::of(lengths[1]);
        Ok(())
    }

    /// Undoes what [`Stars::advance`] does.
    fn undo<T: Real>(
        &self,
        p: &StarsParams<T>,
        x: &mut Moving<T>,
        lengths: [f64; 2],
    ) -> Result<()> {
        let q = p.run();
        x.time -= T::of(lengths[1]);
        for element in self.elements(x.time, lengths).into_iter().rev() {
            let motion = self.motion(p, element);
            motion.advance(&q, &mut x.state, 0.0, -1.0)?;
            motion.advance(&q, &mut x.state, -1.0, 0.0)?;
        }
        Ok(())
    }

    /// Undoes it, and pulls the cotangent back.
    fn undo_vjp<T: Real>(
        &self,
        p: &StarsParams<T>,
        x: &mut Moving<T>,
        lengths: [f64; 2],
        x_bar: &mut Moving<T>,
        p_bar: &mut StarsParams<T>,
    ) -> Result<()> {
        let q = p.run();
        x.time -= T::of(lengths[1]);
        for element in self.elements(x.time, lengths).into_iter().rev() {
            if element.drift != 0.0 {
                let motion = self.motion(p, element);
                motion.advance(&q, &mut x.state, 0.0, -1.0)?;
            }
            self.pull_back::<T, true>(p, element, x, x_bar, p_bar)?;
        }
        Ok(())
    }

    /// Pulls back through an element; see [`KickDrift::pull_back`].
    fn pull_back<T: Real, const UNDO: bool>(
        &self,
        p: &StarsParams<T>,
        element: Element,
        x: &mut Moving<T>,
        x_bar: &mut Moving<T>,
        p_bar: &mut StarsParams<T>,
    ) -> Result<()> {
        let q = p.run();
        let mut bar = State::<T>::zeros_like(&q);
        let motion = self.motion(p, element);
        let (x, state_bar) = (&mut x.state, &mut x_bar.state);
        let time_bar = motion.pull_back::<T, UNDO>(&q, x, state_bar, &mut bar)?;
        x_bar.time += T::of(time_bar * q.span.f64() / self.span);
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
    type State = Moving<T>;

    fn gravitates(&self) -> bool {
        false
    }

    fn needs_acceleration(&self) -> bool {
        false
    }

    fn deposit(&self, _: &StarsParams<T>, x: &Moving<T>, rho: &mut Array3<T>) -> Result<()> {
        state(&x.state)?;
        let (_, position, mass) = self.inside(&x.state);
        *rho += &Deposit::new(&self.mesh).apply(&(), (position, mass))?;
        Ok(())
    }

    fn kick(&self, p: &StarsParams<T>, x: &mut Moving<T>, _: &Gravity<T>, dt: f64) -> Result<()> {
        self.advance(p, x, [dt, 0.0])
    }

    fn drift(&self, p: &StarsParams<T>, x: &mut Moving<T>, dt: f64) -> Result<()> {
        self.advance(p, x, [0.0, dt])
    }

    fn kick_drift(
        &self,
        p: &StarsParams<T>,
        x: &mut Moving<T>,
        _: &Gravity<T>,
        kick: f64,
        drift: f64,
    ) -> Result<()> {
        self.advance(p, x, [kick, drift])
    }

    fn limits(&self, p: &StarsParams<T>, x: &Moving<T>, _: &Gravity<T>) -> Result<Vec<Limit>> {
        let Some(accuracy) = self.accuracy else {
            return Ok(Vec::new());
        };
        state(&x.state)?;
        let (q, time) = (p.run(), p.time(x.time.f64() / self.span));
        let (position, mass) = (&x.state.position, &x.state.mass);
        let a = self.system.accelerations(&q, time, position, mass)?;
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
        x: &Moving<T>,
        rho_bar: &Array3<T>,
        x_bar: &mut Moving<T>,
        _: &mut StarsParams<T>,
    ) -> Result<()> {
        let (which, position, mass) = self.inside(&x.state);
        let deposit = Deposit::new(&self.mesh);
        let (_, saved) = deposit.record(&(), (position, mass))?;
        let (position, mass) = deposit.vjp(&(), saved, rho_bar.clone(), &mut ())?;
        for (j, i) in which.into_iter().enumerate() {
            let mut row = x_bar.state.position.row_mut(i);
            row += &position.row(j);
            x_bar.state.mass[i] += mass[j];
        }
        Ok(())
    }

    fn kick_vjp(
        &self,
        p: &StarsParams<T>,
        x: &Moving<T>,
        _: &Gravity<T>,
        dt: f64,
        x_bar: &mut Moving<T>,
        _: &mut Gravity<T>,
        p_bar: &mut StarsParams<T>,
    ) -> Result<()> {
        for element in self.elements(x.time, [dt, 0.0]) {
            self.pull_back::<T, false>(p, element, &mut x.clone(), x_bar, p_bar)?;
        }
        Ok(())
    }

    fn drift_vjp(
        &self,
        p: &StarsParams<T>,
        x: &Moving<T>,
        dt: f64,
        x_bar: &mut Moving<T>,
        p_bar: &mut StarsParams<T>,
    ) -> Result<()> {
        let mut x = x.clone();
        self.advance(p, &mut x, [0.0, dt])?;
        self.undo_vjp(p, &mut x, [0.0, dt], x_bar, p_bar)
    }

    /// With one visit of the pairs: what the span's cotangent needs of the kick is what undoing
    /// it takes off the velocities.
    fn kick_drift_vjp(
        &self,
        p: &StarsParams<T>,
        x: &mut Moving<T>,
        _: &Gravity<T>,
        kick: f64,
        drift: f64,
        x_bar: &mut Moving<T>,
        _: &mut Gravity<T>,
        p_bar: &mut StarsParams<T>,
    ) -> Result<()> {
        if self.scheme.is_some() {
            return self.drift_vjp(p, x, drift, x_bar, p_bar);
        }
        let before = x.state.velocity.clone();
        let moved_bar = x_bar.state.position.clone();
        for lengths in [[0.0, drift], [kick, 0.0]] {
            for element in self.elements(x.time, lengths) {
                self.pull_back::<T, true>(p, element, x, x_bar, p_bar)?;
            }
        }
        let kicks = before.iter().zip(&x.state.velocity).map(|(v, w)| *v - *w);
        let product = kicks.zip(&moved_bar).map(|(k, bar)| k.f64() * bar.f64());
        p_bar.span += T::of(drift / self.span * product.sum::<f64>());
        x.state.velocity = before;
        Ok(())
    }
}

impl<T: Real> MatterReversible<T> for Stars {
    fn undrift(&self, p: &StarsParams<T>, x: &mut Moving<T>, dt: f64) -> Result<()> {
        self.undo(p, x, [0.0, dt])
    }

    fn unkick(&self, p: &StarsParams<T>, x: &mut Moving<T>, _: &Gravity<T>, dt: f64) -> Result<()> {
        self.undo(p, x, [dt, 0.0])
    }

    fn undrift_vjp(
        &self,
        p: &StarsParams<T>,
        x: &mut Moving<T>,
        dt: f64,
        x_bar: &mut Moving<T>,
        p_bar: &mut StarsParams<T>,
    ) -> Result<()> {
        self.undo_vjp(p, x, [0.0, dt], x_bar, p_bar)
    }

    fn unkick_vjp(
        &self,
        p: &StarsParams<T>,
        x: &mut Moving<T>,
        _: &Gravity<T>,
        dt: f64,
        x_bar: &mut Moving<T>,
        _: &mut Gravity<T>,
        p_bar: &mut StarsParams<T>,
    ) -> Result<()> {
        self.undo_vjp(p, x, [dt, 0.0], x_bar, p_bar)
    }
}
