//! Particles that attract each other and fall in a galaxy.

use adastra_core::{Real, Result, state};
use adastra_particles::ParticleState;
use ndarray::{Array1, Array2};

use crate::arrays::{dense, dense_mut, from_triples, state};
use crate::potential::{CHUNK, chunks};
use crate::{G, Galaxy, GalaxyParams, GravityParams, SelfGravity};

state! {
    /// Parameters of an [`NBody`] run.
    #[derive(Debug, PartialEq)]
    pub struct NBodyParams<T> {
        /// Constant of gravity G, in kpc (km/s)^2/Msun, of particles and galaxy alike.
        pub gravitational_constant: T,
        /// Plummer softening length of self-gravity, in kpc.
        pub softening: T,
        /// Time from first to last state, in kpc/(km/s). Below zero a run goes back in time; at
        /// zero it leaves the state as it is.
        pub span: T,
        /// Parameters of the galaxy, in the order of [`Galaxy::parameters`].
        pub galaxy: Array1<T>,
    }
}

impl<T: Real> NBodyParams<T> {
    /// A run over `span`, in kpc/(km/s), with the constant of gravity [`G`], a softening in kpc,
    /// and the parameters of the galaxy.
    pub fn new(span: f64, softening: f64, galaxy: impl IntoIterator<Item = f64>) -> Self {
        Self {
            gravitational_constant: T::of(G),
            softening: T::of(softening),
            span: T::of(span),
            galaxy: galaxy.into_iter().map(T::of).collect(),
        }
    }

    /// Those of self-gravity.
    pub(crate) fn gravity(&self) -> GravityParams<T> {
        GravityParams {
            gravitational_constant: self.gravitational_constant,
            softening: self.softening,
        }
    }

    /// Those of the galaxy, at a time.
    pub(crate) fn galaxy(&self, time: T) -> GalaxyParams<T> {
        GalaxyParams {
            gravitational_constant: self.gravitational_constant,
            time,
            values: self.galaxy.clone(),
        }
    }
}

/// Particles that attract each other, in the potential of a galaxy. Either may be missing: without
/// self-gravity the particles are test particles.
#[derive(Debug, Clone, Default)]
pub struct NBody {
    pub(crate) gravity: Option<SelfGravity>,
    pub(crate) galaxy: Galaxy,
}

impl NBody {
    /// Particles that attract each other, without anything else.
    pub fn isolated(gravity: SelfGravity) -> Self {
        Self {
            gravity: Some(gravity),
            galaxy: Galaxy::new(),
        }
    }

    /// Test particles in a galaxy.
    pub fn test_particles(galaxy: Galaxy) -> Self {
        Self {
            gravity: None,
            galaxy,
        }
    }

    /// Particles that attract each other, in a galaxy.
    pub fn new(gravity: SelfGravity, galaxy: Galaxy) -> Self {
        Self {
            gravity: Some(gravity),
            galaxy,
        }
    }

    /// The galaxy.
    pub fn galaxy(&self) -> &Galaxy {
        &self.galaxy
    }

    /// The accelerations at a time in kpc/(km/s), shape (n, 3), in (km/s)^2/kpc.
    ///
    /// # Errors
    /// As those of [`SelfGravity`] and [`Galaxy`].
    pub fn acceleration<T: Real>(
        &self,
        p: &NBodyParams<T>,
        time: f64,
        x: &ParticleState<T>,
    ) -> Result<Array2<T>> {
        state(x)?;
        Ok(from_triples(&self.accelerations(
            p,
            time,
            &x.position,
            &x.mass,
        )?))
    }

    /// The accelerations, in f64.
    pub(crate) fn accelerations<T: Real>(
        &self,
        p: &NBodyParams<T>,
        time: f64,
        position: &Array2<T>,
        mass: &Array1<T>,
    ) -> Result<Vec<[f64; 3]>> {
        let mut a = match &self.gravity {
            Some(gravity) => gravity.each(&p.gravity(), position, mass)?,
            None => vec![[0.0; 3]; mass.len()],
        };
        let galaxy = p.galaxy(T::of(time));
        self.galaxy.accelerate(&galaxy, &dense(position), &mut a)?;
        Ok(a)
    }

    /// Pulls cotangents `w` of the accelerations back. With `ACCELERATE`, the accelerations are
    /// found too. With `frozen`, the separations of the pairs count as given.
    pub(crate) fn pull_back<T: Real, const ACCELERATE: bool>(
        &self,
        p: &NBodyParams<T>,
        time: f64,
        (position, mass): (&Array2<T>, &Array1<T>),
        w: &[[f64; 3]],
        frozen: bool,
    ) -> Result<Pulled> {
        let n = mass.len();
        let mut sums = Pulled {
            acceleration: vec![[0.0; 3]; n],
            position: vec![[0.0; 3]; n],
            mass: vec![0.0; n],
            ..Pulled::default()
        };
        if !self.galaxy.is_empty() {
            let q = p.galaxy(T::of(time));
            let mut q_bar = adastra_core::State::<T>::zeros_like(&q);
            let (a, x_bar) = (&mut sums.acceleration, &mut sums.position);
            let galaxy = &self.galaxy;
            galaxy.pull_back(&q, &dense(position), w, a, x_bar, &mut q_bar)?;
            let terms = w.as_flattened().iter().zip(a.as_flattened());
            sums.power = terms.map(|(w, a)| w * a).sum();
            sums.gravitational_constant = q_bar.gravitational_constant.f64();
            sums.time = q_bar.time.f64();
            sums.galaxy = q_bar.values.iter().map(|x| x.f64()).collect();
        }
        if let Some(gravity) = &self.gravity {
            let q = p.gravity();
            let found = gravity.pull_back::<T, ACCELERATE>(&q, position, mass, w)?;
            // The accelerations are in proportion to G.
            sums.power += found.gravitational_constant * q.gravitational_constant.f64();
            sums.gravitational_constant += found.gravitational_constant;
            sums.softening = found.softening;
            sums.mass = found.mass;
            if !frozen {
                add_rows(&mut sums.position, &found.position);
            }
            add_rows(&mut sums.acceleration, &found.acceleration);
        }
        Ok(sums)
    }

    /// The accelerations and their derivatives in the direction of the `d...`; `times` holds the
    /// time and its derivative.
    pub(crate) fn push_forward<T: Real>(
        &self,
        p: &NBodyParams<T>,
        dp: &NBodyParams<T>,
        times: [f64; 2],
        (position, mass): (&Array2<T>, &Array1<T>),
        (dposition, dmass): (&Array2<T>, &Array1<T>),
        frozen: bool,
    ) -> Result<(Vec<[f64; 3]>, Vec<[f64; 3]>)> {
        let n = mass.len();
        let (mut a, mut da) = match &self.gravity {
            Some(gravity) => {
                let still = frozen.then(|| Array2::zeros((n, 3)));
                let moved = still.as_ref().unwrap_or(dposition);
                let (x, dx) = ((position, mass), (moved, dmass));
                gravity.push_forward(&p.gravity(), &dp.gravity(), x, dx)?
            }
            None => (vec![[0.0; 3]; n], vec![[0.0; 3]; n]),
        };
        let [q, dq] = [p.galaxy(T::of(times[0])), dp.galaxy(T::of(times[1]))];
        let positions = (&*dense(position), &*dense(dposition));
        let galaxy = &self.galaxy;
        galaxy.push_forward(&q, &dq, positions, &mut a, &mut da)?;
        Ok((a, da))
    }

    /// Kicks by the first length at a time in kpc/(km/s), then drifts by the second; either may be
    /// zero. Whether all numbers are finite after it is returned.
    pub(crate) fn advance<T: Real>(
        &self,
        p: &NBodyParams<T>,
        time: f64,
        x: &mut ParticleState<T>,
        [kick, drift]: [f64; 2],
    ) -> Result<bool> {
        state(x)?;
        let galaxy = p.galaxy(T::of(time));
        let (at, values) = self.galaxy.checked(&galaxy)?;
        let own = match &self.gravity {
            Some(gravity) if kick != 0.0 => gravity.each(&p.gravity(), &x.position, &x.mass)?,
            _ => Vec::new(),
        };
        // All that is done to a particle is done while it lies in the cache.
        let treat = |(c, (position, velocity)): (usize, (&mut [T], &mut [T]))| {
            let first = c * CHUNK;
            if kick != 0.0 {
                let a = self.galaxy.chunk(at, &values, position);
                let own = own.get(first..).unwrap_or_default();
                for (k, a) in a.views().into_iter().enumerate() {
                    let mut sum = 0.0;
                    for (v, a) in velocity[k..].iter_mut().step_by(3).zip(a) {
                        *v = T::of(v.f64() + kick * a);
                        // Zero, or NaN if one is not finite.
                        sum += 0.0 * a;
                    }
                    if sum != 0.0 {
                        let i = a.iter().position(|a| !a.is_finite()).unwrap_or_default();
                        let position = std::array::from_fn(|k| position[3 * i + k].f64());
                        return Err(self.galaxy.singular(first + i, position, at, &values));
                    }
                }
                for (v, a) in velocity.iter_mut().zip(own.as_flattened()) {
                    *v = T::of(v.f64() + kick * a);
                }
            }
            let mut finite = true;
            for (x, v) in position.iter_mut().zip(velocity) {
                *x = T::of(x.f64() + drift * v.f64());
                finite &= x.is_finite() & v.is_finite();
            }
            Ok(finite)
        };
        let rows = dense_mut(&mut x.position).chunks_mut(3 * CHUNK);
        let rows = rows.zip(dense_mut(&mut x.velocity).chunks_mut(3 * CHUNK));
        let found = chunks(rows.enumerate(), treat);
        found.into_iter().try_fold(true, |all, one| Ok(all & one?))
    }

    /// Energy, momentum and angular momentum of all particles at a time in kpc/(km/s).
    ///
    /// # Errors
    /// As those of [`SelfGravity`] and [`Galaxy`].
    pub fn conserved<T: Real>(
        &self,
        p: &NBodyParams<T>,
        time: f64,
        x: &ParticleState<T>,
    ) -> Result<Conserved> {
        let n = state(x)?;
        let own = match &self.gravity {
            Some(gravity) => gravity.potential(&p.gravity(), &x.position, &x.mass)?,
            None => Array1::zeros(n),
        };
        let galaxy = GalaxyParams {
            gravitational_constant: p.gravitational_constant.f64(),
            time,
            values: p.galaxy.mapv(T::f64),
        };
        let mut sums = Conserved::default();
        for i in 0..n {
            let m = x.mass[i].f64();
            let r: [f64; 3] = std::array::from_fn(|k| x.position[[i, k]].f64());
            let v: [f64; 3] = std::array::from_fn(|k| x.velocity[[i, k]].f64());
            sums.kinetic_energy += 0.5 * m * v.iter().map(|v| v * v).sum::<f64>();
            // Each pair is seen from both sides.
            sums.potential_energy += 0.5 * m * own[i].f64();
            if !self.galaxy.is_empty() {
                sums.potential_energy += m * self.galaxy.local(&galaxy, r)?.potential;
            }
            for k in 0..3 {
                let (e, f) = ((k + 1) % 3, (k + 2) % 3);
                sums.momentum[k] += m * v[k];
                sums.angular_momentum[k] += m * (r[e] * v[f] - r[f] * v[e]);
            }
        }
        Ok(sums)
    }
}

/// What cotangents of accelerations are pulled back to.
#[derive(Debug, Default)]
pub(crate) struct Pulled {
    /// The accelerations, if asked for.
    pub(crate) acceleration: Vec<[f64; 3]>,
    /// The product of the cotangents with the accelerations.
    pub(crate) power: f64,
    pub(crate) position: Vec<[f64; 3]>,
    pub(crate) mass: Vec<f64>,
    pub(crate) time: f64,
    gravitational_constant: f64,
    softening: f64,
    galaxy: Vec<f64>,
}

impl Pulled {
    /// Adds those of the parameters, but the span, times a factor.
    pub(crate) fn add_parameters<T: Real>(&self, h: f64, p_bar: &mut NBodyParams<T>) {
        p_bar.gravitational_constant += T::of(h * self.gravitational_constant);
        p_bar.softening += T::of(h * self.softening);
        for (bar, value) in p_bar.galaxy.iter_mut().zip(&self.galaxy) {
            *bar += T::of(h * value);
        }
    }
}

fn add_rows(y: &mut [[f64; 3]], x: &[[f64; 3]]) {
    let pairs = y.as_flattened_mut().iter_mut().zip(x.as_flattened());
    pairs.for_each(|(y, x)| *y += x);
}

/// What a closed system conserves.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
#[non_exhaustive]
pub struct Conserved {
    /// Kinetic energy, in Msun (km/s)^2.
    pub kinetic_energy: f64,
    /// Energy of the particles in each other's potential and in that of the galaxy, in
    /// Msun (km/s)^2.
    pub potential_energy: f64,
    /// Momentum, in Msun km/s.
    pub momentum: [f64; 3],
    /// Angular momentum about the origin, in Msun kpc km/s.
    pub angular_momentum: [f64; 3],
}

impl Conserved {
    /// Kinetic and potential energy together, in Msun (km/s)^2.
    pub fn energy(&self) -> f64 {
        self.kinetic_energy + self.potential_energy
    }
}
