//! One step of a spray: release, drift, kick, drift.

use std::ops::Range;

use adastra_core::{Adjoint, Error, Operator, Real, Result, Reversible, Steps, Tangent};
use adastra_particles::ParticleState;
use ndarray::Array2;

use super::release::{Draw, Moment};
use crate::arrays::{dense, dense_mut, shape, state};
use crate::{Galaxy, GalaxyParams, NBodyError, ProgenitorParams};

/// The progenitor, the first particle, and the stars that leave it, in the order of their release;
/// a star that has not left is at rest at the origin.
#[derive(Debug, Clone)]
pub struct Spraying {
    pub(super) galaxy: Galaxy,
    pub(super) draws: Vec<Draw>,
    pub(super) steps: usize,
}

impl Spraying {
    /// The stars that leave at the start of a step.
    fn leaving(&self, step: usize) -> Range<usize> {
        let (n, steps) = (self.draws.len(), self.steps);
        // The first star with i steps / n at or above the step.
        let first = |step: usize| (step * n).div_ceil(steps);
        first(step)..first(step + 1)
    }
}

impl<T: Real> Steps<T> for Spraying {
    type Params = ProgenitorParams<T>;
    type State = ParticleState<T>;
    type Step<'a> = SprayStep<'a>;

    fn len(&self) -> usize {
        self.steps
    }

    fn step(&self, i: usize) -> SprayStep<'_> {
        SprayStep {
            spray: self,
            index: i,
        }
    }
}

/// A step of a [`ParticleSpray`](crate::ParticleSpray).
#[derive(Debug, Clone, Copy)]
pub struct SprayStep<'a> {
    spray: &'a Spraying,
    index: usize,
}

/// Numbers of a step in f64.
struct Numbers {
    span: f64,
    /// Of the span.
    fraction: f64,
    g: f64,
    gm: f64,
    scale: f64,
}

impl Numbers {
    fn step(&self) -> f64 {
        self.fraction * self.span
    }
}

/// Row `i` of positions and velocities.
fn row<T: Real>(x: &ParticleState<T>, i: usize) -> [f64; 6] {
    std::array::from_fn(|k| match k {
        0..3 => x.position[[i, k]].f64(),
        _ => x.velocity[[i, k - 3]].f64(),
    })
}

fn set_row<T: Real>(x: &mut ParticleState<T>, i: usize, values: [f64; 6]) {
    for k in 0..3 {
        x.position[[i, k]] = T::of(values[k]);
        x.velocity[[i, k]] = T::of(values[k + 3]);
    }
}

/// `y += h x` for the first numbers.
fn add<T: Real>(y: &mut Array2<T>, h: f64, x: &[f64]) {
    for (y, x) in dense_mut(y).iter_mut().zip(x) {
        *y = T::of(y.f64() + h * x);
    }
}

impl SprayStep<'_> {
    fn numbers<T: Real>(&self, p: &ProgenitorParams<T>) -> Result<Numbers> {
        let span = p.run.span.f64();
        if !span.is_finite() {
            return Err(Error::operator(
                "particle spray",
                NBodyError::Range {
                    name: "span".to_owned(),
                    value: span,
                    allowed: "finite, in kpc/(km/s)",
                },
            ));
        }
        let g = p.run.gravitational_constant.f64();
        Ok(Numbers {
            span,
            fraction: 1.0 / self.spray.steps as f64,
            g,
            gm: g * p.mass.f64(),
            scale: p.scale_radius.f64(),
        })
    }

    /// How many spans after today a fraction of the step is over.
    fn spans(&self, part: f64) -> f64 {
        (self.index as f64 + part) / self.spray.steps as f64 - 1.0
    }

    fn galaxy<T: Real>(&self, p: &ProgenitorParams<T>, time: f64) -> GalaxyParams<f64> {
        GalaxyParams {
            gravitational_constant: p.run.gravitational_constant.f64(),
            time,
            values: p.run.galaxy.mapv(T::f64),
        }
    }

    /// Progenitor and stars that move in this step.
    fn moving(&self) -> usize {
        1 + self.spray.leaving(self.index).end
    }

    fn checked<T: Real>(&self, x: &ParticleState<T>) -> Result<()> {
        let found = state(x)?;
        shape(
            "progenitor and stars",
            &[found],
            &[1 + self.spray.draws.len()],
        )
    }

    fn moment<T: Real>(
        &self,
        p: &ProgenitorParams<T>,
        n: &Numbers,
        x: &ParticleState<T>,
    ) -> Result<Moment<'_>> {
        let galaxy = self.galaxy(p, self.spans(0.0) * n.span);
        Moment::new(&self.spray.galaxy, galaxy, row(x, 0), n.gm)
    }

    fn release<T: Real>(
        &self,
        p: &ProgenitorParams<T>,
        n: &Numbers,
        x: &mut ParticleState<T>,
    ) -> Result<()> {
        let leaving = self.spray.leaving(self.index);
        if leaving.is_empty() {
            return Ok(());
        }
        let moment = self.moment(p, n, x)?;
        for i in leaving {
            set_row(x, i + 1, moment.star(&self.spray.draws[i]));
        }
        Ok(())
    }

    fn drift<T: Real>(&self, x: &mut ParticleState<T>, h: f64) {
        let velocity = dense(&x.velocity);
        let rows = dense_mut(&mut x.position).iter_mut().zip(velocity.iter());
        for (x, v) in rows.take(3 * self.moving()) {
            *x = T::of(x.f64() + h * v.f64());
        }
    }

    /// The accelerations of all that moves: by the galaxy, and of stars by the progenitor.
    fn accelerations<T: Real>(
        &self,
        p: &ProgenitorParams<T>,
        n: &Numbers,
        x: &ParticleState<T>,
    ) -> Result<Vec<[f64; 3]>> {
        let moving = self.moving();
        let mut a = vec![[0.0; 3]; moving];
        let galaxy = self.galaxy(p, self.spans(0.5) * n.span);
        let position: Vec<f64> = positions(x, moving);
        self.spray.galaxy.accelerate(&galaxy, &position, &mut a)?;
        let (centre, stars) = position.split_at(3);
        for (a, x) in a[1..].iter_mut().zip(stars.chunks_exact(3)) {
            let (d, s) = separation(centre, x, n.scale);
            let pull = n.gm * s.powf(-1.5);
            (0..3).for_each(|k| a[k] += pull * d[k]);
        }
        Ok(a)
    }

    fn finite<T: Real>(&self, x: &ParticleState<T>) -> Result<()> {
        let wrong = |rows: &Array2<T>| rows.iter().any(|x| !x.is_finite());
        let field = match (wrong(&x.velocity), wrong(&x.position)) {
            (true, _) => "velocity",
            (_, true) => "position",
            _ => return Ok(()),
        };
        Err(Error::NonFinite {
            operator: "particle spray".to_owned(),
            field: field.to_owned(),
            step: self.index,
        })
    }

    fn advance<T: Real>(&self, p: &ProgenitorParams<T>, x: &mut ParticleState<T>) -> Result<()> {
        self.checked(x)?;
        let n = self.numbers(p)?;
        let h = n.step();
        self.release(p, &n, x)?;
        self.drift(x, 0.5 * h);
        let a = self.accelerations(p, &n, x)?;
        add(&mut x.velocity, h, a.as_flattened());
        self.drift(x, 0.5 * h);
        self.finite(x)
    }

    /// Pulls `bar` back from after the step to before it. `x` is the state before it, with the
    /// stars that leave in it released.
    fn pull_back<T: Real>(
        &self,
        p: &ProgenitorParams<T>,
        mut x: ParticleState<T>,
        mut bar: ParticleState<T>,
        p_bar: &mut ProgenitorParams<T>,
    ) -> Result<ParticleState<T>> {
        self.checked(&bar)?;
        let n = self.numbers(p)?;
        let (h, moving) = (n.step(), self.moving());
        let before = flat(&x.velocity, moving);
        self.drift(&mut x, 0.5 * h);
        let position = positions(&x, moving);

        let (mut x_bar, mut v_bar) = (flat(&bar.position, moving), flat(&bar.velocity, moving));
        v_bar
            .iter_mut()
            .zip(&x_bar)
            .for_each(|(v, x)| *v += 0.5 * h * x);
        let w: Vec<[f64; 3]> = v_bar.chunks_exact(3).map(|w| [w[0], w[1], w[2]]).collect();
        let (mut a, mut pulled) = (vec![[0.0; 3]; moving], vec![[0.0; 3]; moving]);
        let q = self.galaxy(p, self.spans(0.5) * n.span);
        let mut q_bar = adastra_core::State::<f64>::zeros_like(&q);
        self.spray
            .galaxy
            .pull_back(&q, &position, &w, &mut a, &mut pulled, &mut q_bar)?;
        // a = G M d s^(-3/2) with d the way to the progenitor and s = d^2 + b^2.
        let (mut gm_bar, mut scale_bar, mut centre_bar) = (0.0, 0.0, [0.0; 3]);
        let (centre, stars) = position.split_at(3);
        for (i, x) in stars.chunks_exact(3).enumerate() {
            let (w, i) = (w[i + 1], i + 1);
            let (d, s) = separation(centre, x, n.scale);
            let along: f64 = (0..3).map(|k| w[k] * d[k]).sum();
            let (f, bend) = (s.powf(-1.5), -3.0 * along * s.powf(-2.5));
            gm_bar += along * f;
            scale_bar += n.gm * bend * n.scale;
            for k in 0..3 {
                a[i][k] += n.gm * f * d[k];
                let d_bar = n.gm * (f * w[k] + bend * d[k]);
                pulled[i][k] -= d_bar;
                centre_bar[k] += d_bar;
            }
        }
        (0..3).for_each(|k| pulled[0][k] += centre_bar[k]);
        // Velocities before and after the kick: half the drift each.
        let mut span_bar = 0.0;
        for ((x_bar, v), a) in x_bar.iter().zip(&before).zip(a.as_flattened()) {
            span_bar += n.fraction * x_bar * (v + 0.5 * h * a);
        }
        let kicks = v_bar.iter().zip(a.as_flattened());
        span_bar += n.fraction * kicks.map(|(w, a)| w * a).sum::<f64>();
        // What the kick pulls back moves with the first half of the drift too.
        for ((x_bar, pulled), v) in x_bar.iter_mut().zip(pulled.as_flattened()).zip(&before) {
            *x_bar += h * pulled;
            span_bar += 0.5 * n.fraction * h * pulled * v;
        }
        span_bar += h * self.spans(0.5) * q_bar.time;
        v_bar
            .iter_mut()
            .zip(&x_bar)
            .for_each(|(v, x)| *v += 0.5 * h * x);

        let mut values_bar = q_bar.values.mapv(|d| h * d);
        let mut g_bar = h * q_bar.gravitational_constant;
        gm_bar *= h;
        let leaving = self.spray.leaving(self.index);
        if !leaving.is_empty() {
            let moment = self.moment(p, &n, &x_before(&x, &before, h))?;
            let mut q_bar = adastra_core::State::<f64>::zeros_like(&q);
            let star = |i: usize| -> [f64; 6] {
                std::array::from_fn(|k| match k {
                    0..3 => x_bar[3 * (i + 1) + k],
                    _ => v_bar[3 * (i + 1) + k - 3],
                })
            };
            let stars = leaving.clone().map(|i| (&self.spray.draws[i], star(i)));
            let found = moment.pull_back(stars, &mut q_bar)?;
            for k in 0..3 {
                x_bar[k] += found.progenitor[k];
                v_bar[k] += found.progenitor[k + 3];
            }
            // Whatever was there before is overwritten.
            for i in leaving {
                x_bar[3 * (i + 1)..3 * (i + 2)].fill(0.0);
                v_bar[3 * (i + 1)..3 * (i + 2)].fill(0.0);
            }
            gm_bar += found.gm;
            g_bar += q_bar.gravitational_constant;
            values_bar += &q_bar.values;
            span_bar += self.spans(0.0) * q_bar.time;
        }
        p_bar.run.gravitational_constant += T::of(g_bar + gm_bar * p.mass.f64());
        p_bar.mass += T::of(gm_bar * n.g);
        p_bar.scale_radius += T::of(h * scale_bar);
        p_bar.run.span += T::of(span_bar);
        for (bar, value) in p_bar.run.galaxy.iter_mut().zip(&values_bar) {
            *bar += T::of(*value);
        }
        for (rows, values) in [(&mut bar.position, x_bar), (&mut bar.velocity, v_bar)] {
            let rows = dense_mut(rows).iter_mut();
            rows.zip(values).for_each(|(y, x)| *y = T::of(x));
        }
        Ok(bar)
    }
}

/// The first row of a state half a drift before, which is all that a release reads.
fn x_before<T: Real>(x: &ParticleState<T>, velocity: &[f64], h: f64) -> ParticleState<T> {
    let mut before = ParticleState::zeros(1);
    for k in 0..3 {
        before.position[[0, k]] = T::of(x.position[[0, k]].f64() - 0.5 * h * velocity[k]);
        before.velocity[[0, k]] = T::of(velocity[k]);
    }
    before
}

fn flat<T: Real>(rows: &Array2<T>, moving: usize) -> Vec<f64> {
    dense(rows)[..3 * moving].iter().map(|x| x.f64()).collect()
}

fn positions<T: Real>(x: &ParticleState<T>, moving: usize) -> Vec<f64> {
    flat(&x.position, moving)
}

/// From a star to the progenitor, and its softened square.
fn separation(centre: &[f64], x: &[f64], scale: f64) -> ([f64; 3], f64) {
    let d: [f64; 3] = std::array::from_fn(|k| centre[k] - x[k]);
    (d, d[0] * d[0] + d[1] * d[1] + d[2] * d[2] + scale * scale)
}

impl<T: Real> Operator<T> for SprayStep<'_> {
    type Params = ProgenitorParams<T>;
    type In = ParticleState<T>;
    type Out = ParticleState<T>;

    fn apply(&self, p: &ProgenitorParams<T>, mut x: ParticleState<T>) -> Result<ParticleState<T>> {
        self.advance(p, &mut x)?;
        Ok(x)
    }
}

impl<T: Real> Tangent<T> for SprayStep<'_> {
    fn jvp(
        &self,
        p: &ProgenitorParams<T>,
        dp: &ProgenitorParams<T>,
        mut x: ParticleState<T>,
        mut dx: ParticleState<T>,
    ) -> Result<(ParticleState<T>, ParticleState<T>)> {
        self.checked(&x)?;
        self.checked(&dx)?;
        let n = self.numbers(p)?;
        let (h, moving) = (n.step(), self.moving());
        let dspan = dp.run.span.f64();
        let dh = n.fraction * dspan;
        let dgm = dp.run.gravitational_constant.f64() * p.mass.f64() + n.g * dp.mass.f64();
        let leaving = self.spray.leaving(self.index);
        if !leaving.is_empty() {
            let moment = self.moment(p, &n, &x)?;
            let dq = self.galaxy(dp, self.spans(0.0) * dspan);
            let d = moment.push_forward(&dq, row(&dx, 0), dgm)?;
            for i in leaving {
                let draw = &self.spray.draws[i];
                set_row(&mut x, i + 1, moment.star(draw));
                set_row(&mut dx, i + 1, moment.dstar(draw, &d));
            }
        }
        let drift = |x: &mut ParticleState<T>, dx: &mut ParticleState<T>| {
            self.drift(dx, 0.5 * h);
            add(&mut dx.position, 0.5 * dh, &flat(&x.velocity, moving));
            self.drift(x, 0.5 * h);
        };
        drift(&mut x, &mut dx);
        let (position, dposition) = (positions(&x, moving), positions(&dx, moving));
        let q = self.galaxy(p, self.spans(0.5) * n.span);
        let dq = self.galaxy(dp, self.spans(0.5) * dspan);
        let (mut a, mut da) = (vec![[0.0; 3]; moving], vec![[0.0; 3]; moving]);
        let points = (&position[..], &dposition[..]);
        self.spray
            .galaxy
            .push_forward(&q, &dq, points, &mut a, &mut da)?;
        for i in 1..moving {
            let star = 3 * i..3 * i + 3;
            let (d, s) = separation(&position[..3], &position[star.clone()], n.scale);
            let (dd, _) = separation(&dposition[..3], &dposition[star], 0.0);
            let along: f64 = (0..3).map(|k| d[k] * dd[k]).sum();
            let ds = 2.0 * (along + n.scale * dp.scale_radius.f64());
            let (f, df) = (s.powf(-1.5), -1.5 * ds * s.powf(-2.5));
            for k in 0..3 {
                a[i][k] += n.gm * f * d[k];
                da[i][k] += n.gm * (f * dd[k] + df * d[k]) + dgm * f * d[k];
            }
        }
        add(&mut dx.velocity, h, da.as_flattened());
        add(&mut dx.velocity, dh, a.as_flattened());
        add(&mut x.velocity, h, a.as_flattened());
        drift(&mut x, &mut dx);
        self.finite(&x)?;
        Ok((x, dx))
    }
}

impl<T: Real> Adjoint<T> for SprayStep<'_> {
    /// The state before the step, with the stars that leave in it released.
    type Saved = ParticleState<T>;

    fn record(
        &self,
        p: &ProgenitorParams<T>,
        x: ParticleState<T>,
    ) -> Result<(ParticleState<T>, ParticleState<T>)> {
        let saved = self.save(p, x.clone())?;
        Ok((self.apply(p, x)?, saved))
    }

    fn save(&self, p: &ProgenitorParams<T>, mut x: ParticleState<T>) -> Result<ParticleState<T>> {
        self.checked(&x)?;
        self.release(p, &self.numbers(p)?, &mut x)?;
        Ok(x)
    }

    fn vjp(
        &self,
        p: &ProgenitorParams<T>,
        saved: ParticleState<T>,
        y_bar: ParticleState<T>,
        p_bar: &mut ProgenitorParams<T>,
    ) -> Result<ParticleState<T>> {
        self.pull_back(p, saved, y_bar, p_bar)
    }
}

/// A star that has not left is at rest at the origin: there a released one is put back.
impl<T: Real> Reversible<T> for SprayStep<'_> {
    fn invert(&self, p: &ProgenitorParams<T>, mut y: ParticleState<T>) -> Result<ParticleState<T>> {
        self.checked(&y)?;
        let n = self.numbers(p)?;
        let h = n.step();
        self.drift(&mut y, -0.5 * h);
        let a = self.accelerations(p, &n, &y)?;
        add(&mut y.velocity, -h, a.as_flattened());
        self.drift(&mut y, -0.5 * h);
        for i in self.spray.leaving(self.index) {
            set_row(&mut y, i + 1, [0.0; 6]);
        }
        Ok(y)
    }
}
