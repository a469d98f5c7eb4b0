//! Symplectic integration in fixed steps.
//!
//! A step alternates kicks and drifts. Where a drift leaves off and the next step goes on with
//! one, or a kick with a kick, the two are one. What remains of a run is a list of elements *kick,
//! drift*, so that kick-drift-kick too evaluates the force once a step, and once more at the end.
//!
//! With the span T of the run, a kick of the fraction c and a drift of the fraction d are
//!
//! ```text
//! v' = v + c T a(x),   x' = x + d T v'
//! ```
//!
//! and the cotangents follow: v_bar += d T x_bar', x_bar = x_bar' + c T (da/dx)^T v_bar, and
//! T_bar = d x_bar'.v' + c v_bar.a, besides that of the time at which the force acts.

use adastra_core::{Adjoint, Error, Operator, Real, Result, Reversible, Steps, Tangent};
use adastra_particles::ParticleState;
use ndarray::Array2;

use crate::arrays::{dense, dense_mut, shape, state, triples};
use crate::scheme::Element;
use crate::{NBody, NBodyError, NBodyParams, PairDerivative, Scheme};

/// A run in fixed steps: a sequence for [`adastra_core::Evolve`], with exact derivatives of the
/// final state by the first state, masses included, and by all of [`NBodyParams`].
///
/// The span is a parameter: all steps are fixed fractions of it.
///
/// # Errors
/// Those of [`SelfGravity`](crate::SelfGravity) and [`Galaxy`](crate::Galaxy);
/// [`NBodyError::Range`] for a span that is not finite; [`Error::NonFinite`] where a particle
/// leaves the range of the numbers.
///
/// ```
/// use adastra_core::{Evolve, Operator, ReversibleSchedule};
/// use adastra_nbody::{Galaxy, Integration, NBody, NBodyParams, Nfw, ParticleState, Scheme};
/// use ndarray::array;
///
/// let galaxy = NBody::test_particles(Galaxy::new().with(Nfw));
/// let run = Integration::new(galaxy, Scheme::KickDriftKick, 1000);
/// let run = Evolve::reversible(run, ReversibleSchedule::auto());
///
/// // 4 kpc/(km/s) are 3.9 Gyr.
/// let p = NBodyParams::<f64>::new(4.0, 0.0, [4.37e11, 16.0]);
/// let x = ParticleState::new(
///     array![[12.0, 0.0, 6.0]], array![[0.0, 150.0, 0.0]], array![1.0],
/// )?;
/// let height = |y: &ParticleState<f64>| {
///     let mut bar = ParticleState::zeros(1);
///     bar.position[[0, 2]] = 1.0;
///     Ok((y.position[[0, 2]], bar))
/// };
/// let found = run.value_and_gradient(&p, x, height)?;
/// // How the final height depends on the mass of the halo, in kpc/Msun.
/// assert!(found.p_bar.galaxy[0].abs() > 1e-11);
/// # Ok::<(), adastra_core::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Integration {
    system: NBody,
    scheme: Scheme,
    elements: Vec<Element>,
    clock: Clock,
    /// Elements of a lower index hold the separations of the pairs fixed in their derivatives.
    frozen: usize,
}

impl Integration {
    /// `steps` steps of equal length, from time zero.
    pub fn new(system: NBody, scheme: Scheme, steps: usize) -> Self {
        Self {
            system,
            scheme,
            elements: scheme.elements(steps),
            clock: Clock::default(),
            frozen: 0,
        }
    }

    /// The same run with other derivatives, which keep less of the attraction of the pairs.
    #[must_use]
    pub fn with_pair_derivative(mut self, pairs: PairDerivative) -> Self {
        let kicks = |steps: usize| {
            let elements = self.scheme.elements(steps);
            elements.iter().filter(|e| e.kick != 0.0).count()
        };
        let exact = match pairs {
            PairDerivative::Exact => usize::MAX,
            PairDerivative::Frozen | PairDerivative::Horizon { steps: 0 } => 0,
            // No more elements are built than the run has.
            PairDerivative::Horizon { steps } => kicks(steps.min(self.elements.len())),
        };
        // From the last kick back; an element without a kick has no pairs.
        let mut left = exact;
        let last = self.elements.iter().rposition(|e| {
            let counts = e.kick != 0.0;
            let frozen = counts && left == 0;
            left -= usize::from(counts && left > 0);
            frozen
        });
        self.frozen = last.map_or(0, |i| i + 1);
        self
    }

    /// The same, from another time, in kpc/(km/s): rotating and growing potentials depend on it.
    #[must_use]
    pub fn starting_at(mut self, time: f64) -> Self {
        self.clock = Clock { time, at: 0.0 };
        self
    }

    /// The same, up to the given time, in kpc/(km/s): it starts a span before it.
    #[must_use]
    pub fn ending_at(mut self, time: f64) -> Self {
        self.clock = Clock { time, at: 1.0 };
        self
    }

    /// The fraction of the span that the drifts up to an element, and with it, take.
    pub(crate) fn drifted(&self, element: usize) -> f64 {
        let Element { time, drift, .. } = self.elements[element];
        time + drift
    }

    /// What is integrated.
    pub fn system(&self) -> &NBody {
        &self.system
    }

    /// How often a run evaluates the force.
    pub fn evaluations(&self) -> usize {
        self.elements.iter().filter(|e| e.kick != 0.0).count()
    }
}

impl<T: Real> Steps<T> for Integration {
    type Params = NBodyParams<T>;
    type State = ParticleState<T>;
    type Step<'a> = KickDrift<'a>;

    fn len(&self) -> usize {
        self.elements.len()
    }

    fn step(&self, i: usize) -> KickDrift<'_> {
        KickDrift {
            system: &self.system,
            element: self.elements[i],
            clock: self.clock,
            index: i,
            frozen: i < self.frozen,
        }
    }
}

/// A time, and the fraction of the span of a run at which it is that time.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
struct Clock {
    time: f64,
    at: f64,
}

/// One kick and the drift after it.
#[derive(Debug, Clone, Copy)]
pub struct KickDrift<'a> {
    system: &'a NBody,
    element: Element,
    clock: Clock,
    index: usize,
    frozen: bool,
}

/// `y += h x`, row by row.
fn add<T: Real>(y: &mut [T], h: f64, x: &[[f64; 3]]) {
    for (y, x) in y.iter_mut().zip(x.as_flattened()) {
        *y = T::of(y.f64() + h * x);
    }
}

/// `y += h x`.
fn add_scaled<T: Real>(y: &mut [T], h: f64, x: &[T]) {
    for (y, x) in y.iter_mut().zip(x) {
        *y = T::of(y.f64() + h * x.f64());
    }
}

/// What the reverse sweep of an element needs: positions before, velocities after the kick.
#[derive(Debug, Clone)]
pub struct Kicked<T>(ParticleState<T>);

impl<'a> KickDrift<'a> {
    /// One element on its own, of a run that is at time zero after the fraction `at` of its span;
    /// `frozen` as in [`PairDerivative::Frozen`].
    #[cfg(feature = "pipeline")]
    pub(crate) fn new(system: &'a NBody, element: Element, at: f64, frozen: bool) -> Self {
        let (clock, index) = (Clock { time: 0.0, at }, 0);
        Self {
            system,
            element,
            clock,
            index,
            frozen,
        }
    }

    fn span<T: Real>(&self, p: &NBodyParams<T>) -> Result<f64> {
        let span = p.span.f64();
        if span.is_finite() {
            return Ok(span);
        }
        Err(Error::operator(
            "integration",
            NBodyError::Range {
                name: "span".to_owned(),
                value: span,
                allowed: "finite, in kpc/(km/s)",
            },
        ))
    }

    /// How many spans after the clock's time the kick is.
    fn spans(&self) -> f64 {
        self.element.time - self.clock.at
    }

    fn time(&self, span: f64) -> f64 {
        self.clock.time + self.spans() * span
    }

    /// Kicks by `sign` times its length, then drifts by `along` times its length.
    pub(crate) fn advance<T: Real>(
        &self,
        p: &NBodyParams<T>,
        x: &mut ParticleState<T>,
        sign: f64,
        along: f64,
    ) -> Result<()> {
        let span = self.span(p)?;
        let Element { kick, drift, .. } = self.element;
        let lengths = [sign * kick * span, along * drift * span];
        if self.system.advance(p, self.time(span), x, lengths)? {
            return Ok(());
        }
        let wrong = |values: &Array2<T>| values.iter().any(|x| !x.is_finite());
        let field = if wrong(&x.velocity) {
            "velocity"
        } else {
            "position"
        };
        Err(Error::NonFinite {
            operator: "integration".to_owned(),
            field: field.to_owned(),
            step: self.index,
        })
    }

    /// Pulls `bar` back from after the element to before it. `x` holds the positions before, and
    /// the velocities after the kick; with `UNDO` the kick is taken off them too. The cotangent of
    /// the time of the kick is returned; that of the span holds its part of it already.
    pub(crate) fn pull_back<T: Real, const UNDO: bool>(
        &self,
        p: &NBodyParams<T>,
        x: &mut ParticleState<T>,
        bar: &mut ParticleState<T>,
        p_bar: &mut NBodyParams<T>,
    ) -> Result<f64> {
        let n = state(x)?;
        state(bar)?;
        shape("cotangent of the masses", bar.mass.shape(), &[n])?;
        let (span, Element { kick, drift, .. }) = (self.span(p)?, self.element);
        let (mut span_bar, mut time_bar) = (0.0, 0.0);
        if drift != 0.0 {
            let x_bar = dense(&bar.position);
            add_scaled(dense_mut(&mut bar.velocity), drift * span, &x_bar);
            let velocity = dense(&x.velocity);
            let products = x_bar.iter().zip(velocity.iter());
            span_bar += drift * products.map(|(a, b)| a.f64() * b.f64()).sum::<f64>();
        }
        if kick != 0.0 {
            let w = triples(&bar.velocity);
            let (h, time) = (kick * span, self.time(span));
            let at = (&x.position, &x.mass);
            let system = self.system;
            let found = system.pull_back::<T, UNDO>(p, time, at, &w, self.frozen)?;
            time_bar = h * found.time;
            span_bar += kick * found.power + self.spans() * time_bar;
            found.add_parameters(h, p_bar);
            add_scaled_f64(dense_mut(&mut bar.mass), h, &found.mass);
            add(dense_mut(&mut bar.position), h, &found.position);
            if UNDO {
                add(dense_mut(&mut x.velocity), -h, &found.acceleration);
            }
        }
        p_bar.span += T::of(span_bar);
        Ok(time_bar)
    }
}

/// `y += h x`.
fn add_scaled_f64<T: Real>(y: &mut [T], h: f64, x: &[f64]) {
    for (y, x) in y.iter_mut().zip(x) {
        *y = T::of(y.f64() + h * x);
    }
}

impl<T: Real> Operator<T> for KickDrift<'_> {
    type Params = NBodyParams<T>;
    type In = ParticleState<T>;
    type Out = ParticleState<T>;

    fn apply(&self, p: &NBodyParams<T>, mut x: ParticleState<T>) -> Result<ParticleState<T>> {
        self.advance(p, &mut x, 1.0, 1.0)?;
        Ok(x)
    }
}

impl<T: Real> Tangent<T> for KickDrift<'_> {
    fn jvp(
        &self,
        p: &NBodyParams<T>,
        dp: &NBodyParams<T>,
        mut x: ParticleState<T>,
        mut dx: ParticleState<T>,
    ) -> Result<(ParticleState<T>, ParticleState<T>)> {
        state(&x)?;
        state(&dx)?;
        let (span, dspan) = (self.span(p)?, dp.span.f64());
        let Element { kick, drift, .. } = self.element;
        if kick != 0.0 {
            let times = [self.time(span), self.spans() * dspan];
            let at = (&x.position, &x.mass);
            let along = (&dx.position, &dx.mass);
            let (a, da) = self
                .system
                .push_forward(p, dp, times, at, along, self.frozen)?;
            add(dense_mut(&mut x.velocity), kick * span, &a);
            add(dense_mut(&mut dx.velocity), kick * span, &da);
            add(dense_mut(&mut dx.velocity), kick * dspan, &a);
        }
        if drift != 0.0 {
            let velocity = dense(&x.velocity);
            add_scaled(dense_mut(&mut dx.position), drift * dspan, &velocity);
            let dvelocity = dense(&dx.velocity);
            add_scaled(dense_mut(&mut dx.position), drift * span, &dvelocity);
        }
        self.advance(p, &mut x, 0.0, 1.0)?;
        Ok((x, dx))
    }
}

impl<T: Real> Adjoint<T> for KickDrift<'_> {
    type Saved = Kicked<T>;

    fn record(
        &self,
        p: &NBodyParams<T>,
        mut x: ParticleState<T>,
    ) -> Result<(ParticleState<T>, Kicked<T>)> {
        self.advance(p, &mut x, 1.0, 0.0)?;
        let kicked = Kicked(x.clone());
        self.advance(p, &mut x, 0.0, 1.0)?;
        Ok((x, kicked))
    }

    fn vjp(
        &self,
        p: &NBodyParams<T>,
        Kicked(mut x): Kicked<T>,
        mut y_bar: ParticleState<T>,
        p_bar: &mut NBodyParams<T>,
    ) -> Result<ParticleState<T>> {
        self.pull_back::<T, false>(p, &mut x, &mut y_bar, p_bar)?;
        Ok(y_bar)
    }
}

/// Undoing the drift and then the kick, which reads the same force at the same positions.
impl<T: Real> Reversible<T> for KickDrift<'_> {
    fn invert(&self, p: &NBodyParams<T>, mut y: ParticleState<T>) -> Result<ParticleState<T>> {
        self.advance(p, &mut y, 0.0, -1.0)?;
        self.advance(p, &mut y, -1.0, 0.0)?;
        Ok(y)
    }

    /// With one visit of the pairs for both.
    fn invert_vjp(
        &self,
        p: &NBodyParams<T>,
        mut y: ParticleState<T>,
        mut y_bar: ParticleState<T>,
        p_bar: &mut NBodyParams<T>,
    ) -> Result<(ParticleState<T>, ParticleState<T>)> {
        self.advance(p, &mut y, 0.0, -1.0)?;
        self.pull_back::<T, true>(p, &mut y, &mut y_bar, p_bar)?;
        Ok((y, y_bar))
    }
}
