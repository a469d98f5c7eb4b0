//! Diagnostics of orbits.

mod actions;

use adastra_core::{Error, Evolve, Operator, Real, Result, Schedule};
use adastra_particles::ParticleState;
use ndarray::{Array1, Array2, Array3};

pub use actions::Actions;

use crate::arrays::state;
use crate::{GalaxyParams, Integration, NBody, NBodyError, NBodyParams, Scheme};

impl NBody {
    /// The energy per mass of each particle, `v^2/2 + Phi` with the potentials of the other
    /// particles and of the galaxy at a time in kpc/(km/s): shape (n,), in (km/s)^2.
    ///
    /// # Errors
    /// As those of [`SelfGravity`](crate::SelfGravity) and [`Galaxy`](crate::Galaxy).
    pub fn energies<T: Real>(
        &self,
        p: &NBodyParams<T>,
        time: f64,
        x: &ParticleState<T>,
    ) -> Result<Array1<f64>> {
        let n = state(x)?;
        let mut energies = match &self.gravity {
            Some(gravity) => gravity
                .potential(&p.gravity(), &x.position, &x.mass)?
                .mapv(T::f64),
            None => Array1::zeros(n),
        };
        let galaxy = GalaxyParams {
            gravitational_constant: p.gravitational_constant.f64(),
            time,
            values: p.galaxy.mapv(T::f64),
        };
        for (i, energy) in energies.iter_mut().enumerate() {
            let (r, v) = (row(&x.position, i), row(&x.velocity, i));
            *energy += 0.5 * dot(v, v);
            if !self.galaxy.is_empty() {
                *energy += self.galaxy.local(&galaxy, r)?.potential;
            }
        }
        Ok(energies)
    }
}

/// The angular momentum per mass of each particle about the origin, shape (n, 3), in kpc km/s.
///
/// # Errors
/// [`Error::Shape`].
pub fn angular_momenta<T: Real>(x: &ParticleState<T>) -> Result<Array2<f64>> {
    let n = state(x)?;
    let mut all = Array2::zeros((n, 3));
    for (i, mut l) in all.rows_mut().into_iter().enumerate() {
        let (r, v) = (row(&x.position, i), row(&x.velocity, i));
        (0..3).for_each(|k| l[k] = cross(r, v)[k]);
    }
    Ok(all)
}

fn row<T: Real>(rows: &Array2<T>, i: usize) -> [f64; 3] {
    std::array::from_fn(|k| rows[[i, k]].f64())
}

fn dot(a: [f64; 3], b: [f64; 3]) -> f64 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

fn cross(a: [f64; 3], b: [f64; 3]) -> [f64; 3] {
    std::array::from_fn(|k| {
        let (e, f) = ((k + 1) % 3, (k + 2) % 3);
        a[e] * b[f] - a[f] * b[e]
    })
}

/// The orbits of particles, recorded at equal intervals.
///
/// ```
/// use adastra_nbody::{Galaxy, MiyamotoNagai, NBody, NBodyParams, Nfw, Orbits, ParticleState, Scheme};
/// use ndarray::array;
///
/// let system = NBody::test_particles(Galaxy::new().with(Nfw).with(MiyamotoNagai));
/// let p = NBodyParams::<f64>::new(4.0, 0.0, [4.37e11, 16.0, 6.8e10, 3.0, 0.28]);
/// let x = ParticleState::new(array![[8.1, 0.0, 0.1]], array![[30.0, 200.0, 10.0]], array![0.0])?;
/// let orbits = Orbits::of(&system, Scheme::DriftKickDrift, &p, x, 1000, 4)?;
/// let apsides = orbits.apsides(0);
/// assert!(apsides.pericentre.unwrap() < 8.1 && apsides.apocentre.unwrap() > 8.1);
/// assert!(apsides.eccentricity().unwrap() < 0.3);
/// // R and v_R where the star comes up through the plane.
/// assert!(orbits.section(0).len() > 20);
/// # Ok::<(), adastra_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Orbits {
    /// Times since the first state, in kpc/(km/s), shape (outputs + 1,).
    pub time: Array1<f64>,
    /// Positions in kpc, shape (outputs + 1, n, 3).
    pub position: Array3<f64>,
    /// Velocities in km/s, shape (outputs + 1, n, 3).
    pub velocity: Array3<f64>,
}

/// The least and the largest distance from the centre that an orbit turns at.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Apsides {
    /// The least distance, in kpc; none if the orbit does not turn outwards within its time.
    pub pericentre: Option<f64>,
    /// The largest distance, in kpc; none if the orbit does not turn inwards within its time, as
    /// where it escapes.
    pub apocentre: Option<f64>,
}

impl Apsides {
    /// `(r_apo - r_peri) / (r_apo + r_peri)`, if there are both.
    pub fn eccentricity(&self) -> Option<f64> {
        let (peri, apo) = (self.pericentre?, self.apocentre?);
        Some((apo - peri) / (apo + peri))
    }
}

impl Orbits {
    /// Integrates over the span of `p` from time zero, and records the state `outputs` times, each
    /// after `steps` steps. Between records, positions are taken from the cubic through positions
    /// and velocities: some fifty records an orbit give four digits of an apsis.
    ///
    /// # Errors
    /// Those of [`Integration`]; [`NBodyError::Range`] without outputs or steps.
    pub fn of<T: Real>(
        system: &NBody,
        scheme: Scheme,
        p: &NBodyParams<T>,
        mut x: ParticleState<T>,
        outputs: usize,
        steps: usize,
    ) -> Result<Self> {
        for (name, value) in [("outputs", outputs), ("steps", steps)] {
            if value == 0 {
                return Err(Error::operator(
                    "orbits",
                    NBodyError::Range {
                        name: name.to_owned(),
                        value: 0.0,
                        allowed: "at least 1",
                    },
                ));
            }
        }
        let n = state(&x)?;
        let piece = p.span.f64() / outputs as f64;
        let part = NBodyParams {
            span: T::of(piece),
            ..p.clone()
        };
        let mut orbits = Self {
            time: Array1::from_shape_fn(outputs + 1, |i| i as f64 * piece),
            position: Array3::zeros((outputs + 1, n, 3)),
            velocity: Array3::zeros((outputs + 1, n, 3)),
        };
        for i in 0..=outputs {
            for (all, rows) in [
                (&mut orbits.position, &x.position),
                (&mut orbits.velocity, &x.velocity),
            ] {
                let mut at = all.index_axis_mut(ndarray::Axis(0), i);
                at.assign(&rows.mapv(T::f64));
            }
            if i < outputs {
                let run = Integration::new(system.clone(), scheme, steps);
                let run = run.starting_at(i as f64 * piece);
                x = Evolve::new(run, Schedule::StoreAll).apply(&part, x)?;
            }
        }
        Ok(orbits)
    }

    /// Number of particles.
    pub fn len(&self) -> usize {
        self.position.shape()[1]
    }

    /// Whether there are no particles.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Position and velocity of a particle at a record.
    ///
    /// # Panics
    /// When there is no such record or particle.
    pub fn at(&self, record: usize, particle: usize) -> ([f64; 3], [f64; 3]) {
        let get = |all: &Array3<f64>| std::array::from_fn(|k| all[[record, particle, k]]);
        (get(&self.position), get(&self.velocity))
    }

    /// Calls `f` with position and velocity wherever `g` of them grows through zero with time, in
    /// the order of the records.
    fn crossings(
        &self,
        particle: usize,
        g: impl Fn([f64; 3], [f64; 3]) -> f64,
        mut f: impl FnMut([f64; 3], [f64; 3]),
    ) {
        // Of a run back in time the records come in the other order.
        let sign = self.time.last().map_or(1.0, |t| t.signum());
        let g = |x, v| sign * g(x, v);
        for i in 1..self.time.len() {
            let ends = [self.at(i - 1, particle), self.at(i, particle)];
            let [before, after] = ends.map(|(x, v)| g(x, v));
            if !(before < 0.0 && after >= 0.0) {
                continue;
            }
            let step = self.time[i] - self.time[i - 1];
            let at = |s: f64| between(ends, step, s);
            let (mut low, mut high) = (0.0, 1.0);
            for _ in 0..50 {
                let middle = 0.5 * (low + high);
                let (x, v) = at(middle);
                if g(x, v) < 0.0 {
                    low = middle;
                } else {
                    high = middle;
                }
            }
            let (x, v) = at(high);
            f(x, v);
        }
    }

    /// Peri- and apocentre of an orbit.
    ///
    /// # Panics
    /// When there is no such particle.
    pub fn apsides(&self, particle: usize) -> Apsides {
        let (mut peri, mut apo) = (None::<f64>, None::<f64>);
        let r = |x: [f64; 3]| dot(x, x).sqrt();
        self.crossings(particle, dot, |x, _| {
            peri = Some(peri.map_or(r(x), |p| p.min(r(x))));
        });
        self.crossings(
            particle,
            |x, v| -dot(x, v),
            |x, _| {
                apo = Some(apo.map_or(r(x), |a| a.max(r(x))));
            },
        );
        Apsides {
            pericentre: peri,
            apocentre: apo,
        }
    }

    /// The surface of section of an orbit: `[R, v_R]`, in kpc and km/s, wherever it crosses the
    /// plane z = 0 upwards (Binney & Tremaine 2008, section 3.2.2).
    ///
    /// # Panics
    /// When there is no such particle.
    pub fn section(&self, particle: usize) -> Vec<[f64; 2]> {
        let mut points = Vec::new();
        // Upwards in the direction of time.
        let sign = self.time.last().map_or(1.0, |t| t.signum());
        self.crossings(
            particle,
            |x, _| sign * x[2],
            |x, v| {
                let r = x[0].hypot(x[1]);
                points.push([r, (x[0] * v[0] + x[1] * v[1]) / r]);
            },
        );
        points
    }
}

/// Position and velocity at a part of the way between two records: the cubic through both, and its
/// derivative.
fn between(
    [(x0, v0), (x1, v1)]: [([f64; 3], [f64; 3]); 2],
    step: f64,
    s: f64,
) -> ([f64; 3], [f64; 3]) {
    let coefficients: [[f64; 4]; 3] = std::array::from_fn(|k| {
        let (a, b) = (step * v0[k], step * v1[k]);
        let (c, d) = (
            3.0 * (x1[k] - x0[k]) - 2.0 * a - b,
            2.0 * (x0[k] - x1[k]) + a + b,
        );
        [x0[k], a, c, d]
    });
    (
        coefficients.map(|[x, a, c, d]| ((d * s + c) * s + a) * s + x),
        coefficients.map(|[_, a, c, d]| ((3.0 * d * s + 2.0 * c) * s + a) / step),
    )
}
