//! Adaptive integration by an embedded Runge-Kutta method.

use adastra_core::{Adjoint, Error, Operator, Real, Result, Steps, Tangent};
use adastra_particles::ParticleState;
use ndarray::{Array1, Array2};

use crate::arrays::{dense, dense_mut, from_triples, shape, state};
use crate::{NBody, NBodyError, NBodyParams};

/// Coefficients of Dormand & Prince (1980, J. Comput. Appl. Math. 6, 19), method RK5(4)7M.
const A: [[f64; 5]; 6] = [
    [0.0; 5],
    [1.0 / 5.0, 0.0, 0.0, 0.0, 0.0],
    [3.0 / 40.0, 9.0 / 40.0, 0.0, 0.0, 0.0],
    [44.0 / 45.0, -56.0 / 15.0, 32.0 / 9.0, 0.0, 0.0],
    [
        19_372.0 / 6561.0,
        -25_360.0 / 2187.0,
        64_448.0 / 6561.0,
        -212.0 / 729.0,
        0.0,
    ],
    [
        9017.0 / 3168.0,
        -355.0 / 33.0,
        46_732.0 / 5247.0,
        49.0 / 176.0,
        -5103.0 / 18_656.0,
    ],
];
const C: [f64; 6] = [0.0, 0.2, 0.3, 0.8, 8.0 / 9.0, 1.0];
/// Weights of the fifth order.
const B: [f64; 6] = [
    35.0 / 384.0,
    0.0,
    500.0 / 1113.0,
    125.0 / 192.0,
    -2187.0 / 6784.0,
    11.0 / 84.0,
];
/// Those less the weights of the fourth order; the last is of the slope after the step.
const E: [f64; 7] = [
    71.0 / 57_600.0,
    0.0,
    -71.0 / 16_695.0,
    71.0 / 1920.0,
    -17_253.0 / 339_200.0,
    22.0 / 525.0,
    -1.0 / 40.0,
];

/// Stages that count.
const STAGES: usize = 6;
type Rows = Vec<[f64; 3]>;

/// Adaptive integration by the embedded Runge-Kutta method of Dormand & Prince, of fifth order with
/// an error estimate of fourth: for test particles on orbits that pass a centre closely, where a
/// fixed step wastes most of its steps. For bound orbits over many turns a symplectic
/// [`Integration`](crate::Integration) keeps energies better.
///
/// A run is planned first: [`AdaptiveRun::plan`] runs it once and records the steps that keep
/// the error in bounds. The steps are then fixed fractions of the span, a sequence for
/// [`Evolve`](adastra_core::Evolve), whose derivatives are those of that sequence: *the choice of
/// the steps is recorded, not differentiated.* For other parameters or first states, plan again
/// where they are far, since the error is controlled where the plan was made.
///
/// ```
/// use adastra_core::{Evolve, Schedule};
/// use adastra_nbody::*;
/// use ndarray::array;
///
/// let system = NBody::test_particles(Galaxy::new().with(Nfw).with_scalar(TruncatedPowerLaw));
/// let p = NBodyParams::<f64>::new(2.0, 0.0, [4.37e11, 16.0, 5e9, 1.9, 1.8]);
/// let x = ParticleState::new(array![[8.0, 0.0, 1.0]], array![[5.0, 20.0, 0.0]], array![0.0])?;
/// let run = AdaptiveRun::plan(system, &p, &x, 1e-8)?;
/// // Nearly radial: the steps at pericentre are much shorter than those at apocentre.
/// let steps = run.step_lengths();
/// let longest = steps.iter().copied().fold(0.0, f64::max);
/// assert!(steps.iter().any(|s| *s < 0.05 * longest));
/// let run = Evolve::new(run, Schedule::auto());
/// let found = run.value_and_gradient(&p, x, |y| Ok((0.0, y.clone())))?;
/// assert!(found.p_bar.galaxy[0] != 0.0);
/// # Ok::<(), adastra_core::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct AdaptiveRun {
    system: NBody,
    start: f64,
    /// Where the steps begin, in fractions of the span, and the end.
    marks: Vec<f64>,
}

impl AdaptiveRun {
    /// Steps a plan may have.
    pub const MOST_STEPS: usize = 10_000_000;

    /// Plans a run from time zero over the span of `p`, with steps such that the estimated error of
    /// a step is at most `tolerance` times the distance of each particle from the origin, and times
    /// its speed. The step is common to all particles.
    ///
    /// # Errors
    /// [`NBodyError::Range`] unless the tolerance lies between 1e-14 and 0.1 and the span is finite;
    /// [`NBodyError::Stiff`] where the step becomes too short to tell the time apart, as next to a
    /// singular centre, or more than [`AdaptiveRun::MOST_STEPS`] are needed; those of the
    /// forces.
    pub fn plan<T: Real>(
        system: NBody,
        p: &NBodyParams<T>,
        x: &ParticleState<T>,
        tolerance: f64,
    ) -> Result<Self> {
        Self::plan_from(system, 0.0, p, x, tolerance)
    }

    /// The same, from another time in kpc/(km/s).
    ///
    /// # Errors
    /// As [`AdaptiveRun::plan`].
    pub fn plan_from<T: Real>(
        system: NBody,
        time: f64,
        p: &NBodyParams<T>,
        x: &ParticleState<T>,
        tolerance: f64,
    ) -> Result<Self> {
        state(x)?;
        if !(1e-14..=0.1).contains(&tolerance) {
            return Err(range("tolerance", tolerance, "between 1e-14 and 0.1"));
        }
        let span = finite_span(p)?;
        let mut run = Self {
            system,
            start: time,
            marks: vec![0.0],
        };
        if span == 0.0 || x.is_empty() {
            // One step in which nothing happens.
            run.marks.push(1.0);
            return Ok(run);
        }
        let mut x = x.clone();
        let (mut at, mut length) = (0.0f64, 1e-3);
        while at < 1.0 {
            // What is left, in one step or in two.
            if at + length >= 1.0 {
                length = 1.0 - at;
            } else if at + 1.5 * length > 1.0 {
                length = 0.5 * (1.0 - at);
            }
            let stiff = length < 1e-14 || run.marks.len() > Self::MOST_STEPS;
            if stiff {
                return Err(Error::operator(
                    "adaptive run",
                    NBodyError::Stiff {
                        time: time + at * span,
                        step: length * span,
                        steps: run.marks.len() - 1,
                    },
                ));
            }
            let step = RungeKuttaStep {
                run: &run,
                index: run.marks.len() - 1,
                begin: at,
                length,
            };
            let (y, error) = step.with_error(p, &x, tolerance)?;
            if error <= 1.0 {
                at = if length == 1.0 - at { 1.0 } else { at + length };
                run.marks.push(at);
                x = y;
            }
            // Hairer, Norsett & Wanner (1993), equation II.4.13.
            let factor = if error > 0.0 {
                0.9 * error.powf(-0.2)
            } else {
                5.0
            };
            length *= if error.is_finite() {
                factor.clamp(0.2, 5.0)
            } else {
                0.1
            };
        }
        Ok(run)
    }

    /// Lengths of the steps, in fractions of the span.
    pub fn step_lengths(&self) -> Vec<f64> {
        self.marks.windows(2).map(|w| w[1] - w[0]).collect()
    }
}

fn range(name: &str, value: f64, allowed: &'static str) -> Error {
    Error::operator(
        "adaptive run",
        NBodyError::Range {
            name: name.to_owned(),
            value,
            allowed,
        },
    )
}

fn finite_span<T: Real>(p: &NBodyParams<T>) -> Result<f64> {
    let span = p.span.f64();
    if span.is_finite() {
        return Ok(span);
    }
    Err(range("span", span, "finite, in kpc/(km/s)"))
}

impl<T: Real> Steps<T> for AdaptiveRun {
    type Params = NBodyParams<T>;
    type State = ParticleState<T>;
    type Step<'a> = RungeKuttaStep<'a>;

    fn len(&self) -> usize {
        self.marks.len() - 1
    }

    fn step(&self, i: usize) -> RungeKuttaStep<'_> {
        RungeKuttaStep {
            run: self,
            index: i,
            begin: self.marks[i],
            length: self.marks[i + 1] - self.marks[i],
        }
    }
}

/// One step of an [`AdaptiveRun`].
#[derive(Debug, Clone, Copy)]
pub struct RungeKuttaStep<'a> {
    run: &'a AdaptiveRun,
    index: usize,
    /// In fractions of the span.
    begin: f64,
    length: f64,
}

fn rows<T: Real>(a: &Array2<T>) -> Rows {
    crate::arrays::triples(a)
}

/// `y += h x`.
fn add(y: &mut [[f64; 3]], h: f64, x: &[[f64; 3]]) {
    let pairs = y.as_flattened_mut().iter_mut().zip(x.as_flattened());
    pairs.for_each(|(y, x)| *y += h * x);
}

fn dot(a: &[[f64; 3]], b: &[[f64; 3]]) -> f64 {
    let pairs = a.as_flattened().iter().zip(b.as_flattened());
    pairs.map(|(a, b)| a * b).sum()
}

/// The slopes of positions and velocities at each stage, and the positions where they were found.
struct Stages<T> {
    position: Vec<Array2<T>>,
    velocity: Vec<Rows>,
    acceleration: Vec<Rows>,
}

impl RungeKuttaStep<'_> {
    /// How many spans after the start stage `i` is.
    fn spans(&self, i: usize) -> f64 {
        self.begin + C[i] * self.length
    }

    fn time(&self, i: usize, span: f64) -> f64 {
        self.run.start + self.spans(i) * span
    }

    fn stages<T: Real>(&self, p: &NBodyParams<T>, x: &ParticleState<T>) -> Result<Stages<T>> {
        state(x)?;
        let span = finite_span(p)?;
        let h = self.length * span;
        let (first, moving) = (rows(&x.position), rows(&x.velocity));
        let mut stages = Stages {
            position: Vec::with_capacity(STAGES),
            velocity: Vec::with_capacity(STAGES),
            acceleration: Vec::with_capacity(STAGES),
        };
        for i in 0..STAGES {
            let (mut position, mut velocity) = (first.clone(), moving.clone());
            for j in 0..i {
                add(&mut position, h * A[i][j], &stages.velocity[j]);
                add(&mut velocity, h * A[i][j], &stages.acceleration[j]);
            }
            let position = from_triples(&position);
            let system = &self.run.system;
            let a = system.accelerations(p, self.time(i, span), &position, &x.mass)?;
            stages.position.push(position);
            stages.velocity.push(velocity);
            stages.acceleration.push(a);
        }
        Ok(stages)
    }

    fn advance<T: Real>(
        &self,
        h: f64,
        stages: &Stages<T>,
        mut x: ParticleState<T>,
    ) -> Result<ParticleState<T>> {
        let mut finite = true;
        for (rows, slopes) in [
            (&mut x.position, &stages.velocity),
            (&mut x.velocity, &stages.acceleration),
        ] {
            for (k, x) in dense_mut(rows).iter_mut().enumerate() {
                let slope = |i: usize| B[i] * slopes[i][k / 3][k % 3];
                *x = T::of(x.f64() + h * (0..STAGES).map(slope).sum::<f64>());
                finite &= x.is_finite();
            }
        }
        if finite {
            return Ok(x);
        }
        let wrong = x.velocity.iter().any(|x| !x.is_finite());
        Err(Error::NonFinite {
            operator: "adaptive run".to_owned(),
            field: if wrong { "velocity" } else { "position" }.to_owned(),
            step: self.index,
        })
    }

    /// The state after the step, and the largest estimated error over the allowed one.
    fn with_error<T: Real>(
        &self,
        p: &NBodyParams<T>,
        x: &ParticleState<T>,
        tolerance: f64,
    ) -> Result<(ParticleState<T>, f64)> {
        let span = finite_span(p)?;
        let h = self.length * span;
        let mut stages = self.stages(p, x)?;
        let y = self.advance(h, &stages, x.clone())?;
        let system = &self.run.system;
        let last = system.accelerations(p, self.time(5, span), &y.position, &y.mass)?;
        stages.velocity.push(rows(&y.velocity));
        stages.acceleration.push(last);
        let mut worst = 0.0f64;
        for (before, after, slopes) in [
            (&x.position, &y.position, &stages.velocity),
            (&x.velocity, &y.velocity, &stages.acceleration),
        ] {
            let length = |x: [f64; 3]| (x[0] * x[0] + x[1] * x[1] + x[2] * x[2]).sqrt();
            for (i, (before, after)) in rows(before).into_iter().zip(rows(after)).enumerate() {
                let error = std::array::from_fn(|k| {
                    h * (0..=STAGES).map(|j| E[j] * slopes[j][i][k]).sum::<f64>()
                });
                let size = length(before).max(length(after));
                let error = length(error) / (tolerance * size).max(f64::MIN_POSITIVE);
                // A particle at rest at the origin of a potential without force.
                if !(error <= worst) {
                    worst = error;
                }
            }
        }
        Ok((y, worst))
    }
}

impl<T: Real> Operator<T> for RungeKuttaStep<'_> {
    type Params = NBodyParams<T>;
    type In = ParticleState<T>;
    type Out = ParticleState<T>;

    fn apply(&self, p: &NBodyParams<T>, x: ParticleState<T>) -> Result<ParticleState<T>> {
        let stages = self.stages(p, &x)?;
        self.advance(self.length * finite_span(p)?, &stages, x)
    }
}

impl<T: Real> Tangent<T> for RungeKuttaStep<'_> {
    fn jvp(
        &self,
        p: &NBodyParams<T>,
        dp: &NBodyParams<T>,
        x: ParticleState<T>,
        mut dx: ParticleState<T>,
    ) -> Result<(ParticleState<T>, ParticleState<T>)> {
        shape("tangent of the masses", &[state(&dx)?], &[state(&x)?])?;
        let stages = self.stages(p, &x)?;
        let (span, dspan) = (finite_span(p)?, dp.span.f64());
        let (h, dh) = (self.length * span, self.length * dspan);
        let (first, moving) = (rows(&dx.position), rows(&dx.velocity));
        let (mut dv, mut da): (Vec<Rows>, Vec<Rows>) = (Vec::new(), Vec::new());
        for i in 0..STAGES {
            let (mut dposition, mut dvelocity) = (first.clone(), moving.clone());
            for j in 0..i {
                let (h, dh) = (h * A[i][j], dh * A[i][j]);
                add(&mut dposition, h, &dv[j]);
                add(&mut dposition, dh, &stages.velocity[j]);
                add(&mut dvelocity, h, &da[j]);
                add(&mut dvelocity, dh, &stages.acceleration[j]);
            }
            let times = [self.time(i, span), self.spans(i) * dspan];
            let dposition = from_triples(&dposition);
            let at = (&stages.position[i], &x.mass);
            let along = (&dposition, &dx.mass);
            let system = &self.run.system;
            da.push(system.push_forward(p, dp, times, at, along, false)?.1);
            dv.push(dvelocity);
        }
        for (rows, dslopes, slopes) in [
            (&mut dx.position, &dv, &stages.velocity),
            (&mut dx.velocity, &da, &stages.acceleration),
        ] {
            for (k, dx) in dense_mut(rows).iter_mut().enumerate() {
                let (n, k) = (k / 3, k % 3);
                let slope = |i: usize| B[i] * (h * dslopes[i][n][k] + dh * slopes[i][n][k]);
                *dx = T::of(dx.f64() + (0..STAGES).map(slope).sum::<f64>());
            }
        }
        Ok((self.advance(h, &stages, x)?, dx))
    }
}

impl<T: Real> Adjoint<T> for RungeKuttaStep<'_> {
    /// The state before the step; its stages are found again.
    type Saved = ParticleState<T>;

    fn record(
        &self,
        p: &NBodyParams<T>,
        x: ParticleState<T>,
    ) -> Result<(ParticleState<T>, ParticleState<T>)> {
        Ok((self.apply(p, x.clone())?, x))
    }

    fn save(&self, _: &NBodyParams<T>, x: ParticleState<T>) -> Result<ParticleState<T>> {
        Ok(x)
    }

    fn vjp(
        &self,
        p: &NBodyParams<T>,
        x: ParticleState<T>,
        mut bar: ParticleState<T>,
        p_bar: &mut NBodyParams<T>,
    ) -> Result<ParticleState<T>> {
        shape("cotangent of the masses", &[state(&bar)?], &[state(&x)?])?;
        let stages = self.stages(p, &x)?;
        let span = finite_span(p)?;
        let h = self.length * span;
        let (last_x, last_v) = (rows(&bar.position), rows(&bar.velocity));
        let (mut x_bar, mut v_bar) = (last_x.clone(), last_v.clone());
        let mut mass_bar: Vec<f64> = dense(&bar.mass).iter().map(|m| m.f64()).collect();
        let (mut h_bar, mut span_bar) = (0.0, 0.0);
        // Cotangents of the slopes.
        let zeros = vec![[0.0; 3]; x.len()];
        let mut moving_bar = vec![zeros.clone(); STAGES];
        let mut pull_bar = vec![zeros; STAGES];
        for i in 0..STAGES {
            add(&mut moving_bar[i], h * B[i], &last_x);
            add(&mut pull_bar[i], h * B[i], &last_v);
            h_bar += B[i] * dot(&last_x, &stages.velocity[i]);
            h_bar += B[i] * dot(&last_v, &stages.acceleration[i]);
        }
        for i in (0..STAGES).rev() {
            let at = (&stages.position[i], &x.mass);
            let (time, w) = (self.time(i, span), &pull_bar[i]);
            let system = &self.run.system;
            let found = system.pull_back::<T, false>(p, time, at, w, false)?;
            found.add_parameters(1.0, p_bar);
            span_bar += self.spans(i) * found.time;
            mass_bar
                .iter_mut()
                .zip(&found.mass)
                .for_each(|(y, x)| *y += x);
            let velocity_bar = std::mem::take(&mut moving_bar[i]);
            add(&mut x_bar, 1.0, &found.position);
            add(&mut v_bar, 1.0, &velocity_bar);
            for j in 0..i {
                add(&mut moving_bar[j], h * A[i][j], &found.position);
                add(&mut pull_bar[j], h * A[i][j], &velocity_bar);
                h_bar += A[i][j] * dot(&found.position, &stages.velocity[j]);
                h_bar += A[i][j] * dot(&velocity_bar, &stages.acceleration[j]);
            }
        }
        p_bar.span += T::of(self.length * h_bar + span_bar);
        bar.position = from_triples(&x_bar);
        bar.velocity = from_triples(&v_bar);
        bar.mass = mass_bar.into_iter().map(T::of).collect::<Array1<T>>();
        Ok(bar)
    }
}
