//! A cluster put on the orbit that leads to where its progenitor is today.

use adastra_core::{Adjoint, Error, Evolve, Operator, Real, Result, ReversibleSchedule, Tape};
use adastra_core::{Tangent, state};
use adastra_particles::ParticleState;
use ndarray::{Array1, Axis};

use crate::arrays::shape;
use crate::{
    Galaxy, Integration, Kicked, NBody, NBodyError, NBodyParams, Scheme, Sphere, SphereParams,
};

state! {
    /// Parameters of a [`Progenitor`] and of a [`ParticleSpray`](crate::ParticleSpray).
    #[derive(Debug, PartialEq)]
    pub struct ProgenitorParams<T> {
        /// Those of the run that leads to today: constant of gravity, softening, span (the time
        /// since the accretion, in kpc/(km/s)), and galaxy.
        pub run: NBodyParams<T>,
        /// Mass of the progenitor, in Msun.
        pub mass: T,
        /// Its scale radius, in kpc.
        pub scale_radius: T,
        /// Where it is today, in kpc, shape (3,).
        pub position: Array1<T>,
        /// How it moves today, in km/s, shape (3,).
        pub velocity: Array1<T>,
    }
}

impl<T: Real> ProgenitorParams<T> {
    /// A progenitor of a mass in Msun and a scale radius in kpc, today at a position in kpc with a
    /// velocity in km/s, after the run of the given parameters.
    pub fn new(
        run: NBodyParams<T>,
        mass: f64,
        scale_radius: f64,
        position: [f64; 3],
        velocity: [f64; 3],
    ) -> Self {
        Self {
            run,
            mass: T::of(mass),
            scale_radius: T::of(scale_radius),
            position: position.iter().map(|&x| T::of(x)).collect(),
            velocity: velocity.iter().map(|&v| T::of(v)).collect(),
        }
    }
}

/// The orbit of a progenitor back in time, as a test particle in the galaxy.
#[derive(Debug, Clone)]
pub(crate) struct TracedBack {
    galaxy: Galaxy,
    scheme: Scheme,
    steps: usize,
    /// Whether time zero is the accretion; if not, it is today.
    from_accretion: bool,
}

/// What the reverse sweep of an orbit needs.
pub(crate) type OrbitTape<T> = Tape<ParticleState<T>, Kicked<T>>;

impl TracedBack {
    pub(crate) fn new(galaxy: Galaxy, scheme: Scheme, steps: usize) -> Self {
        Self {
            galaxy,
            scheme,
            steps,
            from_accretion: false,
        }
    }

    fn orbit<T: Real>(&self) -> Evolve<T, Integration> {
        let system = NBody::test_particles(self.galaxy.clone());
        let run = Integration::new(system, self.scheme, self.steps);
        let run = match self.from_accretion {
            true => run.ending_at(0.0),
            false => run,
        };
        // Orbits in galaxies are undone to rounding over hundreds of steps.
        let anchors = self.steps / 256;
        Evolve::reversible(run, ReversibleSchedule::Reconstruct { anchors })
    }

    /// The run from today back to the accretion.
    fn back<T: Real>(p: &ProgenitorParams<T>) -> NBodyParams<T> {
        NBodyParams {
            span: -p.run.span,
            ..p.run.clone()
        }
    }

    fn today<T: Real>(p: &ProgenitorParams<T>) -> Result<ParticleState<T>> {
        shape("position of the progenitor", p.position.shape(), &[3])?;
        shape("velocity of the progenitor", p.velocity.shape(), &[3])?;
        for (name, value) in [("mass", p.mass), ("scale_radius", p.scale_radius)] {
            if !(value > T::zero() && value.is_finite()) {
                return Err(Error::operator(
                    "progenitor",
                    NBodyError::Range {
                        name: name.to_owned(),
                        value: value.f64(),
                        allowed: "above 0",
                    },
                ));
            }
        }
        Ok(Self::single(&p.position, &p.velocity))
    }

    /// One particle without mass.
    pub(crate) fn single<T: Real>(position: &Array1<T>, velocity: &Array1<T>) -> ParticleState<T> {
        ParticleState {
            position: position.clone().insert_axis(Axis(0)),
            velocity: velocity.clone().insert_axis(Axis(0)),
            mass: Array1::zeros(1),
        }
    }

    /// The progenitor when it was accreted.
    pub(crate) fn apply<T: Real>(&self, p: &ProgenitorParams<T>) -> Result<ParticleState<T>> {
        self.orbit().apply(&Self::back(p), Self::today(p)?)
    }

    pub(crate) fn jvp<T: Real>(
        &self,
        p: &ProgenitorParams<T>,
        dp: &ProgenitorParams<T>,
    ) -> Result<(ParticleState<T>, ParticleState<T>)> {
        let dtoday = Self::single(&dp.position, &dp.velocity);
        let (back, dback) = (Self::back(p), Self::back(dp));
        self.orbit().jvp(&back, &dback, Self::today(p)?, dtoday)
    }

    pub(crate) fn record<T: Real>(
        &self,
        p: &ProgenitorParams<T>,
    ) -> Result<(ParticleState<T>, OrbitTape<T>)> {
        self.orbit().record(&Self::back(p), Self::today(p)?)
    }

    pub(crate) fn vjp<T: Real>(
        &self,
        p: &ProgenitorParams<T>,
        tape: OrbitTape<T>,
        bar: ParticleState<T>,
        p_bar: &mut ProgenitorParams<T>,
    ) -> Result<()> {
        // The span enters with the other sign.
        p_bar.run.span = -p_bar.run.span;
        let found = self.orbit().vjp(&Self::back(p), tape, bar, &mut p_bar.run);
        p_bar.run.span = -p_bar.run.span;
        let bar = found?;
        p_bar.position += &bar.position.row(0);
        p_bar.velocity += &bar.velocity.row(0);
        Ok(())
    }
}

/// A [`Sphere`] on the orbit that leads to where its progenitor is today: the progenitor is
/// traced back through the galaxy for the span of the run, as a test particle, and the sphere is
/// put there. As an operator, without input, it gives the particles at the time of the accretion,
/// differentiable by all of [`ProgenitorParams`]: the time since the accretion, the galaxy, mass
/// and scale radius, and the phase-space point of today.
///
/// Today is time zero for rotating and growing potentials, so the run that follows is
/// [`ending_at`](Integration::ending_at) zero, unless time counts
/// [`from_accretion`](Progenitor::from_accretion).
///
/// # Errors
/// Those of [`Integration`]; [`NBodyError::Range`] for a mass or scale radius that is not above zero.
///
/// ```
/// use adastra_core::{Evolve, Focus, Operator, ReversibleSchedule, Shared};
/// use adastra_nbody::*;
///
/// let galaxy = Galaxy::new().with(Nfw).with(MiyamotoNagai);
/// let sphere = Sphere::plummer(50, 5.0, 1)?;
/// let progenitor = Progenitor::new(sphere, galaxy.clone(), Scheme::DriftKickDrift, 300);
/// let system = NBody::new(SelfGravity::new(), galaxy);
/// let run = Integration::new(system, Scheme::DriftKickDrift, 300).ending_at(0.0);
/// let run = Evolve::reversible(run, ReversibleSchedule::auto());
/// let run = Focus::new(run, |p: &ProgenitorParams<f64>| &p.run, |p| &mut p.run);
/// let stream = Shared(progenitor, run);
///
/// let run = NBodyParams::new(0.3, 0.05, [4.37e11, 16.0, 6.8e10, 3.0, 0.28]);
/// let today = ([-11.8, 0.79, 6.4], [-109.5, -254.5, -90.3]);
/// let p = ProgenitorParams::new(run, 1e5, 0.05, today.0, today.1);
/// let stars = stream.apply(&p, ())?;
/// let centre = stars.position.mean_axis(ndarray::Axis(0)).unwrap();
/// assert!((centre[0] + 11.8).abs() < 0.1);
/// # Ok::<(), adastra_core::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Progenitor {
    sphere: Sphere,
    orbit: TracedBack,
}

/// What the reverse derivative of a [`Progenitor`] needs.
pub struct Traced<T: Real> {
    tape: OrbitTape<T>,
    then: ParticleState<T>,
}

impl Progenitor {
    /// A sphere, traced back in steps of the given scheme.
    pub fn new(sphere: Sphere, galaxy: Galaxy, scheme: Scheme, steps: usize) -> Self {
        Self {
            sphere,
            orbit: TracedBack::new(galaxy, scheme, steps),
        }
    }

    /// The same with the accretion as time zero of rotating and growing potentials: the run that
    /// follows starts at time zero.
    #[must_use]
    pub fn from_accretion(mut self) -> Self {
        self.orbit.from_accretion = true;
        self
    }

    /// The sphere.
    pub fn sphere(&self) -> &Sphere {
        &self.sphere
    }

    fn sphere_params<T: Real>(p: &ProgenitorParams<T>, then: &ParticleState<T>) -> SphereParams<T> {
        SphereParams {
            gravitational_constant: p.run.gravitational_constant,
            mass: p.mass,
            scale_radius: p.scale_radius,
            position: then.position.row(0).to_owned(),
            velocity: then.velocity.row(0).to_owned(),
        }
    }
}

impl<T: Real> Operator<T> for Progenitor {
    type Params = ProgenitorParams<T>;
    type In = ();
    type Out = ParticleState<T>;

    fn apply(&self, p: &ProgenitorParams<T>, (): ()) -> Result<ParticleState<T>> {
        let then = self.orbit.apply(p)?;
        self.sphere.apply(&Self::sphere_params(p, &then), ())
    }
}

impl<T: Real> Tangent<T> for Progenitor {
    fn jvp(
        &self,
        p: &ProgenitorParams<T>,
        dp: &ProgenitorParams<T>,
        (): (),
        (): (),
    ) -> Result<(ParticleState<T>, ParticleState<T>)> {
        let (then, dthen) = self.orbit.jvp(p, dp)?;
        let (q, dq) = (
            Self::sphere_params(p, &then),
            Self::sphere_params(dp, &dthen),
        );
        self.sphere.jvp(&q, &dq, (), ())
    }
}

impl<T: Real> Adjoint<T> for Progenitor {
    type Saved = Traced<T>;

    fn record(&self, p: &ProgenitorParams<T>, (): ()) -> Result<(ParticleState<T>, Traced<T>)> {
        let (then, tape) = self.orbit.record(p)?;
        let x = self.sphere.apply(&Self::sphere_params(p, &then), ())?;
        Ok((x, Traced { tape, then }))
    }

    fn vjp(
        &self,
        p: &ProgenitorParams<T>,
        Traced { tape, then }: Traced<T>,
        bar: ParticleState<T>,
        p_bar: &mut ProgenitorParams<T>,
    ) -> Result<()> {
        let q = Self::sphere_params(p, &then);
        let mut q_bar = adastra_core::State::<T>::zeros_like(&q);
        self.sphere.vjp(&q, (), bar, &mut q_bar)?;
        p_bar.run.gravitational_constant += q_bar.gravitational_constant;
        p_bar.mass += q_bar.mass;
        p_bar.scale_radius += q_bar.scale_radius;
        let then_bar = TracedBack::single(&q_bar.position, &q_bar.velocity);
        self.orbit.vjp(p, tape, then_bar, p_bar)
    }
}
