//! A sum of potentials.

use std::fmt;
use std::sync::Arc;

use adastra_core::{Adjoint, Error, Operator, Real, Result, Tangent, state};
use ndarray::{Array1, Array2};

use super::columns::{CHUNK, Columns, chunks};
use super::growing::{Growing, History};
use super::rotating::Rotating;
use super::term::{Here, Pulled, Scattered, Setting, Smooth, Term};
use super::{Parameter, Profile, ScalarProfile};
use crate::arrays::{dense, from_triples, shape, triples};
use crate::{G, NBodyError};

state! {
    /// What the forces of a [`Galaxy`] depend on.
    #[derive(Debug, PartialEq)]
    pub struct GalaxyParams<T> {
        /// Constant of gravity G, in kpc (km/s)^2/Msun.
        pub gravitational_constant: T,
        /// Time, in kpc/(km/s); only rotating and growing potentials depend on it.
        pub time: T,
        /// The parameters of all potentials, in the order of [`Galaxy::parameters`].
        pub values: Array1<T>,
    }
}

impl<T: Real> GalaxyParams<T> {
    /// Parameters with the constant of gravity [`G`], at time zero.
    pub fn new(values: impl IntoIterator<Item = f64>) -> Self {
        Self {
            gravitational_constant: T::of(G),
            time: T::zero(),
            values: values.into_iter().map(T::of).collect(),
        }
    }
}

/// What a potential does at one point.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Local {
    /// Potential Phi, in (km/s)^2.
    pub potential: f64,
    /// Acceleration `-grad Phi`, in (km/s)^2/kpc.
    pub acceleration: [f64; 3],
    /// Mass density `laplace Phi / (4 pi G)`, in Msun/kpc^3. Exactly at the centre of a cusp it is
    /// that of the rounded cusp.
    pub density: f64,
    /// Tidal tensor `-d^2 Phi/dx_i dx_j`, in (km/s)^2/kpc^2.
    pub tidal_tensor: [[f64; 3]; 3],
    /// Speed of a circular orbit about the z axis, `sqrt(R dPhi/dR)`, in km/s; zero where the
    /// force points outwards.
    pub circular_velocity: f64,
}

/// A sum of external potentials about the origin. As an operator it maps positions, shape (n, 3),
/// in kpc, to accelerations, shape (n, 3), in (km/s)^2/kpc; computed in f64, on threads, with
/// the same bits for any number of them.
///
/// # Errors
/// [`Error::Shape`]; [`NBodyError::Parameters`] and [`NBodyError::Range`] for wrong parameters;
/// [`NBodyError::Singular`] at the centre of a point mass, or at a position that is not finite.
///
/// ```
/// use adastra_nbody::{Galaxy, MiyamotoNagai, Nfw};
///
/// let galaxy = Galaxy::new().with(Nfw).with(MiyamotoNagai);
/// assert_eq!(
///     galaxy.parameters(),
///     [
///         "nfw.mass", "nfw.scale_radius",
///         "miyamoto-nagai.mass", "miyamoto-nagai.scale_length", "miyamoto-nagai.scale_height",
///     ],
/// );
/// let sun = galaxy.at(&[4.37e11, 16.0, 6.8e10, 3.0, 0.28], [8.1, 0.0, 0.0])?;
/// assert!((sun.circular_velocity - 210.0).abs() < 10.0);
/// # Ok::<(), adastra_core::Error>(())
/// ```
#[derive(Clone, Default)]
pub struct Galaxy {
    terms: Vec<Arc<dyn Term>>,
}

impl fmt::Debug for Galaxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.names()).finish()
    }
}

impl Galaxy {
    /// No potential at all.
    pub fn new() -> Self {
        Self::default()
    }

    fn and(mut self, term: impl Term + 'static) -> Self {
        self.terms.push(Arc::new(term));
        self
    }

    /// And the given potential.
    #[must_use]
    pub fn with<const K: usize, const P: usize>(self, law: impl Profile<K, P>) -> Self {
        self.and(Smooth(law))
    }

    /// And the given potential, evaluated one point at a time.
    #[must_use]
    pub fn with_scalar<const P: usize>(self, law: impl ScalarProfile<P>) -> Self {
        self.and(Scattered(law))
    }

    /// The same with the last potential in a frame that turns about the z axis, such as a bar. Two
    /// parameters follow its own: `pattern_speed` in km/s/kpc, counterclockwise, and `angle` at
    /// time zero, in radians. Without any potential nothing turns.
    #[must_use]
    pub fn rotating(self) -> Self {
        self.with_last(|last| Arc::new(Rotating(last)))
    }

    /// The same with a last potential whose mass or speed changes with time. One parameter follows
    /// its own: `growth_rate` in km/s/kpc. The given mass or speed is that of time zero. Without any
    /// potential nothing grows.
    ///
    /// ```
    /// use adastra_nbody::{Galaxy, History, Nfw, TriaxialNfw};
    ///
    /// // A halo that doubles in 1 kpc/(km/s), and a bar whose mass grows in proportion to time.
    /// let galaxy = Galaxy::new()
    ///     .with(Nfw)
    ///     .growing(History::Exponential)
    ///     .with(TriaxialNfw)
    ///     .rotating()
    ///     .growing(History::Linear);
    /// assert_eq!(galaxy.parameters()[2], "nfw.growth_rate");
    /// assert_eq!(galaxy.parameters()[9], "triaxial-nfw.growth_rate");
    /// ```
    #[must_use]
    pub fn growing(self, history: History) -> Self {
        self.with_last(|last| Arc::new(Growing(last, history)))
    }

    fn with_last(mut self, change: impl FnOnce(Arc<dyn Term>) -> Arc<dyn Term>) -> Self {
        let last = self.terms.pop().map(change);
        self.terms.extend(last);
        self
    }

    /// Number of potentials.
    pub fn len(&self) -> usize {
        self.terms.len()
    }

    /// Whether there is no potential.
    pub fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }

    /// Names of the potentials; those of one kind are numbered from the second on.
    fn names(&self) -> Vec<String> {
        let name = |(i, term): (usize, &Arc<dyn Term>)| {
            let same = |other: &&Arc<dyn Term>| other.name() == term.name();
            match self.terms[..i].iter().filter(same).count() {
                0 => term.name().to_owned(),
                before => format!("{}-{}", term.name(), before + 1),
            }
        };
        self.terms.iter().enumerate().map(name).collect()
    }

    /// All parameters, in order.
    #[cfg(feature = "pipeline")]
    pub(crate) fn listed(&self) -> Vec<Parameter> {
        self.terms.iter().flat_map(|t| t.parameters()).collect()
    }

    /// Names of all parameters, in order: the potential's and the parameter's.
    pub fn parameters(&self) -> Vec<String> {
        let terms = self.names().into_iter().zip(&self.terms);
        let names = |(name, term): (String, &Arc<dyn Term>)| {
            let full = move |p: Parameter| format!("{name}.{}", p.name);
            term.parameters().into_iter().map(full)
        };
        terms.flat_map(names).collect()
    }

    /// What the potential does at a position in kpc, at time zero.
    ///
    /// # Errors
    /// As those of the operator.
    pub fn at(&self, values: &[f64], position: [f64; 3]) -> Result<Local> {
        self.local(&GalaxyParams::new(values.iter().copied()), position)
    }

    /// What the potential does at a position in kpc.
    ///
    /// # Errors
    /// As those of the operator.
    pub fn local(&self, p: &GalaxyParams<f64>, position: [f64; 3]) -> Result<Local> {
        let (setting, values) = self.checked(p)?;
        let (mut potential, mut slope, mut hessian) = (0.0, [0.0; 3], [[0.0; 3]; 3]);
        for (term, p) in self.each(&values) {
            let (value, gradient, second) = term.point(setting, p, position);
            potential += value;
            for i in 0..3 {
                slope[i] += gradient[i];
                (0..3).for_each(|j| hessian[i][j] += second[i][j]);
            }
        }
        let acceleration = slope.map(|d| -d);
        self.finite(
            &[acceleration],
            &dense(&ndarray::arr1(&position)),
            setting,
            &values,
        )?;
        let laplacian: f64 = (0..3).map(|i| hessian[i][i]).sum();
        let outwards = -(position[0] * slope[0] + position[1] * slope[1]);
        Ok(Local {
            potential,
            acceleration,
            density: laplacian / (4.0 * std::f64::consts::PI * setting.g),
            tidal_tensor: hessian.map(|row| row.map(|d| -d)),
            circular_velocity: (-outwards).max(0.0).sqrt(),
        })
    }

    /// Each potential with its parameters.
    fn each<'a>(&'a self, values: &'a [f64]) -> impl Iterator<Item = (&'a dyn Term, &'a [f64])> {
        let mut rest = values;
        self.terms.iter().map(move |term| {
            let (own, after) = rest.split_at(term.parameters().len());
            rest = after;
            (&**term, own)
        })
    }

    /// The parameters in f64, if there are as many as needed and in their ranges.
    pub(crate) fn checked<T: Real>(&self, p: &GalaxyParams<T>) -> Result<(Setting, Vec<f64>)> {
        let wrong = |e| Err(Error::operator("galaxy", e));
        let parameters: Vec<Parameter> = self.terms.iter().flat_map(|t| t.parameters()).collect();
        let values: Vec<f64> = p.values.iter().map(|x| x.f64()).collect();
        if values.len() != parameters.len() {
            return wrong(NBodyError::Parameters {
                found: values.len(),
                expected: parameters.len(),
                names: self.parameters(),
            });
        }
        for (i, (parameter, &value)) in parameters.iter().zip(&values).enumerate() {
            if !parameter.allowed.holds(value) {
                return wrong(NBodyError::Range {
                    name: self.parameters().swap_remove(i),
                    value,
                    allowed: parameter.allowed.words(),
                });
            }
        }
        let setting = Setting {
            g: p.gravitational_constant.f64(),
            time: p.time.f64(),
        };
        Ok((setting, values))
    }

    /// Requires finite accelerations.
    fn finite<T: Real>(
        &self,
        a: &[[f64; 3]],
        position: &[T],
        at: Setting,
        values: &[f64],
    ) -> Result<()> {
        let finite = |a: &[f64; 3]| a.iter().fold(true, |finite, a| finite & a.is_finite());
        match a.iter().position(|a| !finite(a)) {
            Some(particle) => {
                let position = std::array::from_fn(|k| position[3 * particle + k].f64());
                Err(self.singular(particle, position, at, values))
            }
            None => Ok(()),
        }
    }

    /// The error of a particle that feels no finite force.
    pub(crate) fn singular(
        &self,
        particle: usize,
        position: [f64; 3],
        at: Setting,
        values: &[f64],
    ) -> Error {
        let finite = |(term, p): (&dyn Term, &[f64])| {
            let (_, slope, _) = term.point(at, p, position);
            slope.iter().all(|d| d.is_finite())
        };
        let which = self.each(values).position(|term| !finite(term));
        let error = NBodyError::Singular {
            potential: self.names().swap_remove(which.unwrap_or_default()),
            particle,
            position,
        };
        Error::operator("galaxy", error)
    }

    /// The accelerations at up to [`CHUNK`] positions.
    pub(crate) fn chunk<T: Real>(&self, at: Setting, values: &[f64], position: &[T]) -> Columns {
        let (x, mut sum) = (Columns::of(position), Columns::zeros(position.len() / 3));
        for (term, p) in self.each(values) {
            let x = x.views();
            term.accelerate(Here { at, p, x }, sum.views_mut());
        }
        sum
    }

    /// Adds the accelerations at `position`, shape (n, 3), to `a`.
    pub(crate) fn accelerate<T: Real>(
        &self,
        p: &GalaxyParams<T>,
        position: &[T],
        a: &mut [[f64; 3]],
    ) -> Result<()> {
        let (at, values) = self.checked(p)?;
        if self.is_empty() {
            return Ok(());
        }
        let points = position.chunks(3 * CHUNK).zip(a.chunks_mut(CHUNK));
        chunks(points, |(x, a)| self.chunk(at, &values, x).add_to(a));
        self.finite(a, position, at, &values)
    }

    /// Adds the accelerations to `a`, pulls their cotangents `w` back, and adds those of the
    /// positions to `x_bar` and those of the parameters to `p_bar`.
    pub(crate) fn pull_back<T: Real>(
        &self,
        p: &GalaxyParams<T>,
        position: &[T],
        w: &[[f64; 3]],
        a: &mut [[f64; 3]],
        x_bar: &mut [[f64; 3]],
        p_bar: &mut GalaxyParams<T>,
    ) -> Result<()> {
        let (at, values) = self.checked(p)?;
        if self.is_empty() {
            return Ok(());
        }
        let inputs = position.chunks(3 * CHUNK).zip(w.chunks(CHUNK));
        let outputs = a.chunks_mut(CHUNK).zip(x_bar.chunks_mut(CHUNK));
        let parts = chunks(inputs.zip(outputs), |((x, w), (a, x_bar))| {
            let (x, w) = (Columns::of(x), Columns::weights(w));
            let (mut sum, mut bar) = (Columns::zeros(a.len()), Columns::zeros(a.len()));
            let (mut at_bar, mut values_bar) = (Setting::default(), vec![0.0; values.len()]);
            let mut rest = values_bar.as_mut_slice();
            for (term, p) in self.each(&values) {
                let (own, after) = rest.split_at_mut(p.len());
                rest = after;
                let x = x.views();
                let pulled = Pulled {
                    a: sum.views_mut(),
                    x_bar: bar.views_mut(),
                    at_bar: &mut at_bar,
                    p_bar: own,
                };
                term.pull_back(Here { at, p, x }, w.views(), pulled);
            }
            sum.add_to(a);
            bar.add_to(x_bar);
            (at_bar, values_bar)
        });
        // One partial sum per chunk, added in order.
        let total = |f: &dyn Fn(&(Setting, Vec<f64>)) -> f64| T::of(parts.iter().map(f).sum());
        p_bar.gravitational_constant += total(&|(at, _)| at.g);
        p_bar.time += total(&|(at, _)| at.time);
        for (i, value) in p_bar.values.iter_mut().enumerate() {
            *value += total(&|(_, values)| values[i]);
        }
        self.finite(a, position, at, &values)
    }

    /// Adds the accelerations to `a` and their derivatives to `da`.
    pub(crate) fn push_forward<T: Real>(
        &self,
        p: &GalaxyParams<T>,
        dp: &GalaxyParams<T>,
        (position, dposition): (&[T], &[T]),
        a: &mut [[f64; 3]],
        da: &mut [[f64; 3]],
    ) -> Result<()> {
        let (at, values) = self.checked(p)?;
        if self.is_empty() {
            return Ok(());
        }
        shape(
            "tangent of the parameters",
            dp.values.shape(),
            &[values.len()],
        )?;
        let dvalues: Vec<f64> = dp.values.iter().map(|x| x.f64()).collect();
        let dat = Setting {
            g: dp.gravitational_constant.f64(),
            time: dp.time.f64(),
        };
        let inputs = position.chunks(3 * CHUNK).zip(dposition.chunks(3 * CHUNK));
        let outputs = a.chunks_mut(CHUNK).zip(da.chunks_mut(CHUNK));
        chunks(inputs.zip(outputs), |((x, dx), (a, da))| {
            let (x, dx) = (Columns::of(x), Columns::of(dx));
            let (mut sum, mut dsum) = (Columns::zeros(a.len()), Columns::zeros(a.len()));
            for ((term, p), (_, dp)) in self.each(&values).zip(self.each(&dvalues)) {
                let x = x.views();
                let d = Here {
                    at: dat,
                    p: dp,
                    x: dx.views(),
                };
                let (a, da) = (sum.views_mut(), dsum.views_mut());
                term.push_forward(Here { at, p, x }, d, a, da);
            }
            sum.add_to(a);
            dsum.add_to(da);
        });
        self.finite(a, position, at, &values)
    }
}

fn three_columns<T: Real>(what: &str, position: &Array2<T>) -> Result<usize> {
    shape(what, position.shape(), &[position.nrows(), 3])?;
    Ok(position.nrows())
}

impl<T: Real> Operator<T> for Galaxy {
    type Params = GalaxyParams<T>;
    type In = Array2<T>;
    type Out = Array2<T>;

    fn apply(&self, p: &GalaxyParams<T>, position: Array2<T>) -> Result<Array2<T>> {
        let mut a = vec![[0.0; 3]; three_columns("positions", &position)?];
        self.accelerate(p, &dense(&position), &mut a)?;
        Ok(from_triples(&a))
    }
}

impl<T: Real> Tangent<T> for Galaxy {
    fn jvp(
        &self,
        p: &GalaxyParams<T>,
        dp: &GalaxyParams<T>,
        position: Array2<T>,
        dposition: Array2<T>,
    ) -> Result<(Array2<T>, Array2<T>)> {
        let n = three_columns("positions", &position)?;
        shape("tangent of the positions", dposition.shape(), &[n, 3])?;
        let (mut a, mut da) = (vec![[0.0; 3]; n], vec![[0.0; 3]; n]);
        let x = (&*dense(&position), &*dense(&dposition));
        self.push_forward(p, dp, x, &mut a, &mut da)?;
        Ok((from_triples(&a), from_triples(&da)))
    }
}

impl<T: Real> Adjoint<T> for Galaxy {
    type Saved = Array2<T>;

    fn record(&self, p: &GalaxyParams<T>, x: Array2<T>) -> Result<(Array2<T>, Array2<T>)> {
        Ok((self.apply(p, x.clone())?, x))
    }

    fn vjp(
        &self,
        p: &GalaxyParams<T>,
        position: Array2<T>,
        y_bar: Array2<T>,
        p_bar: &mut GalaxyParams<T>,
    ) -> Result<Array2<T>> {
        let n = three_columns("positions", &position)?;
        shape("cotangent of the acceleration", y_bar.shape(), &[n, 3])?;
        let (mut a, mut x_bar) = (vec![[0.0; 3]; n], vec![[0.0; 3]; n]);
        let w = triples(&y_bar);
        self.pull_back(p, &dense(&position), &w, &mut a, &mut x_bar, p_bar)?;
        Ok(from_triples(&x_bar))
    }
}
