//! Self-gravity, by direct summation or a fast multipole method.

use adastra_core::{Adjoint, Error, Operator, Real, Result, Tangent, state};
use ndarray::{Array1, Array2};

use crate::NBodyError;
use crate::arrays::{dense, from_triples, particles, shape, triples};
use crate::pairs::{Accelerate, PairPrecision, Potential, PullBack, PushForward, Rows, Sums};
use crate::tree::Multipoles;
use crate::visit::{Visit, pull_back_per_mass};

state! {
    /// Parameters of self-gravity.
    #[derive(Debug, Copy, PartialEq)]
    pub struct GravityParams<T> {
        /// Constant of gravity G, in kpc (km/s)^2/Msun.
        pub gravitational_constant: T,
        /// Plummer softening length eps, in kpc; its sign does not matter.
        pub softening: T,
    }
}

/// Gravity of particles on each other: the direct sum
///
/// ```text
/// a_i = G sum_{j != i} m_j (x_j - x_i) / (|x_j - x_i|^2 + eps^2)^(3/2)
/// ```
///
/// with the Plummer softening of Aarseth (1963, MNRAS 126, 223). As an operator it maps
/// (positions, shape (n, 3), in kpc; masses, shape (n,), in Msun) to accelerations, shape (n, 3),
/// in (km/s)^2/kpc.
///
/// All pairs are visited, in each direction, on vector registers and threads, with sums in f64;
/// the bits do not depend on the number of threads. The reverse and forward derivatives visit the
/// pairs once more and keep nothing of the size of n^2.
///
/// With [`multipoles`](Self::multipoles) only near pairs are visited, and the time grows as n: see
/// there for how this is done, its error, and what its derivatives are.
///
/// # Errors
/// [`Error::Shape`]; [`NBodyError::NotFinite`]; [`NBodyError::Coincident`] where two particles
/// coincide without softening; [`NBodyError::Overflow`].
///
/// ```
/// use adastra_core::Operator;
/// use adastra_nbody::{GravityParams, SelfGravity};
/// use ndarray::array;
///
/// let p = GravityParams { gravitational_constant: 1.0, softening: 0.0 };
/// let x = (array![[0.0, 0.0, 0.0], [2.0, 0.0, 0.0]], array![1.0, 8.0]);
/// let a = SelfGravity::new().apply(&p, x)?;
/// assert_eq!(a, array![[2.0, 0.0, 0.0], [-0.25, 0.0, 0.0]]);
/// # Ok::<(), adastra_core::Error>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct SelfGravity {
    precision: PairPrecision,
    multipoles: Option<Multipoles>,
}

impl SelfGravity {
    /// Pairs in the precision of the run.
    pub fn new() -> Self {
        Self::default()
    }

    /// Pairs in the given precision.
    pub fn with_pairs(precision: PairPrecision) -> Self {
        Self {
            precision,
            multipoles: None,
        }
    }

    /// Distant particles by a fast multipole method, near ones by pairs in the precision of the
    /// run. It is faster than the direct sum from some 1e4 particles up; [`Multipoles`] has its
    /// errors.
    ///
    /// The method is that of Greengard & Rokhlin (1987, J. Comp. Phys. 73, 325) in the Cartesian,
    /// adaptive form of Dehnen (2002, J. Comp. Phys. 179, 27), with the softening in all terms.
    /// The forces sum up to zero to rounding. Moments and polynomials are in f64 at any precision.
    ///
    /// The derivatives are those of the approximated force, exact to rounding. The planes of
    /// the tree are fixed by coordinates rounded down to powers of two, so between them that force
    /// is smooth. Where a particle crosses a plane (a face of a cell or of an eighth of it, or one
    /// that moves the cube around all) the force jumps by a part of its error; the derivative
    /// knows nothing of the jump, and is that of the side on which the particle is.
    ///
    /// ```
    /// use adastra_core::Operator;
    /// use adastra_nbody::{GravityParams, Multipoles, SelfGravity};
    /// use ndarray::{Array1, Array2};
    ///
    /// let x = Array2::from_shape_fn((1000, 3), |(i, k)| (0.7 * (i * (k + 1)) as f64).sin());
    /// let m = Array1::from_elem(1000, 1e-3);
    /// let p = GravityParams { gravitational_constant: 1.0, softening: 0.01 };
    /// let exact = SelfGravity::new().apply(&p, (x.clone(), m.clone()))?;
    /// let fast = SelfGravity::multipoles(Multipoles { order: 4, ..Multipoles::default() })?;
    /// let found = fast.apply(&p, (x.clone(), m.clone()))?;
    /// assert!((&found - &exact).iter().all(|d| d.abs() < 1e-2));
    /// # Ok::<(), adastra_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`NBodyError::Range`] where a number of `multipoles` is out of its range.
    pub fn multipoles(multipoles: Multipoles) -> Result<Self> {
        Self::new().with_multipoles(multipoles)
    }

    /// The same with distant particles by a fast multipole method.
    ///
    /// # Errors
    /// As those of [`SelfGravity::multipoles`].
    pub fn with_multipoles(self, multipoles: Multipoles) -> Result<Self> {
        let wrong = |e| Error::operator("self-gravity", e);
        Ok(Self {
            multipoles: Some(multipoles.checked().map_err(wrong)?),
            ..self
        })
    }

    /// The potential of the other particles at each of them,
    /// `-G sum_{j != i} m_j / sqrt(|x_j - x_i|^2 + eps^2)`, shape (n,), in (km/s)^2.
    ///
    /// # Errors
    /// As those of the operator.
    pub fn potential<T: Real>(
        &self,
        p: &GravityParams<T>,
        position: &Array2<T>,
        mass: &Array1<T>,
    ) -> Result<Array1<T>> {
        let n = particles(position, mass)?;
        let m = dense(mass);
        let sums = self.sum(Potential, &dense(position), |i, _| m[i].f64(), p.softening);
        let g = p.gravitational_constant.f64();
        let potential = Array1::from_shape_fn(n, |i| T::of(-g * sums.of(i)[0]));
        checked(&dense(&potential), 1, position, mass, p)?;
        Ok(potential)
    }

    /// The sums over all other particles, given positions, shape (n, 3) in C order, and the
    /// further columns that `rest` gives.
    fn sum<K, T, const IN: usize, const OUT: usize>(
        &self,
        kernel: K,
        position: &[T],
        rest: impl Fn(usize, usize) -> f64,
        softening: T,
    ) -> Sums<OUT>
    where
        T: Real,
        K: Visit<IN, OUT>,
    {
        let particles = Rows::new(self.precision, position, rest);
        kernel.visit(&particles, self.multipoles.as_ref(), softening.f64())
    }

    /// Calls `f(i, a_i)` for each particle, in order, with accelerations in f64.
    pub(crate) fn each<T: Real>(
        &self,
        p: &GravityParams<T>,
        position: &Array2<T>,
        mass: &Array1<T>,
    ) -> Result<Vec<[f64; 3]>> {
        let n = particles(position, mass)?;
        let m = dense(mass);
        let sums = self.sum(Accelerate, &dense(position), |i, _| m[i].f64(), p.softening);
        let g = p.gravitational_constant.f64();
        let a: Vec<_> = (0..n).map(|i| sums.of(i).map(|a: f64| g * a)).collect();
        checked(a.as_flattened(), 3, position, mass, p)?;
        Ok(a)
    }

    /// Pulls the cotangents `w` of the accelerations back. With `ACCELERATE`, the same visit of
    /// the pairs gives the accelerations too.
    pub(crate) fn pull_back<T: Real, const ACCELERATE: bool>(
        &self,
        p: &GravityParams<T>,
        position: &Array2<T>,
        mass: &Array1<T>,
        w: &[[f64; 3]],
    ) -> Result<PulledBack> {
        particles(position, mass)?;
        let bar = match (self.multipoles, alike(mass)) {
            (None, Some(unit)) => self.pull_back_per_mass(p, position, mass, w, unit),
            _ if ACCELERATE => self.pull_back_pairs::<T, 12>(p, position, mass, w),
            _ => self.pull_back_pairs::<T, 9>(p, position, mass, w),
        };
        checked(bar.position.as_flattened(), 3, position, mass, p)?;
        Ok(bar)
    }

    /// By pairs of any masses; twelve sums have the accelerations, nine do not.
    fn pull_back_pairs<T: Real, const SUMS: usize>(
        &self,
        p: &GravityParams<T>,
        position: &Array2<T>,
        mass: &Array1<T>,
        w: &[[f64; 3]],
    ) -> PulledBack
    where
        PullBack: Visit<7, SUMS>,
    {
        let (x, m) = (dense(position), dense(mass));
        let columns = |i: usize, k: usize| match k {
            0 => m[i].f64(),
            k => w[i][k - 1],
        };
        let sums = self.sum::<_, _, 7, SUMS>(PullBack, &x, columns, p.softening);
        let (g, softening) = (p.gravitational_constant.f64(), p.softening.f64());
        let mut bar = PulledBack::with_capacity(w.len());
        for (i, w) in w.iter().enumerate() {
            let sums = sums.of(i);
            let [over_cube, wd, ud] = [sums[0], sums[7], sums[8]];
            let m = m[i].f64();
            bar.position.push(std::array::from_fn(|k| {
                -g * (w[k] * over_cube - m * sums[1 + k] - 3.0 * sums[4 + k])
            }));
            bar.mass.push(-g * wd);
            bar.gravitational_constant -= m * wd;
            bar.softening -= 1.5 * g * softening * ud;
            if SUMS > 9 {
                let a = std::array::from_fn(|k| g * sums[9 + k]);
                bar.acceleration.push(a);
            }
        }
        bar
    }

    /// By pairs of particles that all have a mass, as a multiple of `unit`.
    fn pull_back_per_mass<T: Real>(
        &self,
        p: &GravityParams<T>,
        position: &Array2<T>,
        mass: &Array1<T>,
        w: &[[f64; 3]],
        unit: f64,
    ) -> PulledBack {
        let (x, m) = (dense(position), dense(mass));
        let per_unit: Vec<f64> = m.iter().map(|m| unit / m.f64()).collect();
        let columns = |i: usize, k: usize| match k {
            0 => m[i].f64(),
            k => w[i][k - 1] * per_unit[i],
        };
        let (g, softening) = (p.gravitational_constant.f64(), p.softening.f64());
        let sums = pull_back_per_mass(&Rows::new(self.precision, &x, columns), softening);
        let mut bar = PulledBack::with_capacity(w.len());
        for (i, w) in w.iter().enumerate() {
            let sums = sums.of(i);
            let [along, along_over_square] = [sums[6] / unit, sums[7] / unit];
            let m = m[i].f64();
            bar.position.push(std::array::from_fn(|k| {
                g * (sums[k] - 3.0 * sums[3 + k]) / per_unit[i]
            }));
            let power: f64 = (0..3).map(|k| w[k] * sums[8 + k]).sum();
            bar.mass.push(-g * (along + power / m));
            bar.gravitational_constant += power;
            bar.softening += 1.5 * g * softening * m * along_over_square;
            let a = std::array::from_fn(|k| g * sums[8 + k]);
            bar.acceleration.push(a);
        }
        bar
    }

    /// The accelerations and their derivatives in the direction of the `d...`.
    pub(crate) fn push_forward<T: Real>(
        &self,
        p: &GravityParams<T>,
        dp: &GravityParams<T>,
        (position, mass): (&Array2<T>, &Array1<T>),
        (dposition, dmass): (&Array2<T>, &Array1<T>),
    ) -> Result<(Vec<[f64; 3]>, Vec<[f64; 3]>)> {
        let n = particles(position, mass)?;
        shape("tangent of the positions", dposition.shape(), &[n, 3])?;
        shape("tangent of the masses", dmass.shape(), &[n])?;
        let (m, dx, dm) = (dense(mass), dense(dposition), dense(dmass));
        let columns = |i: usize, k: usize| match k {
            0 => m[i].f64(),
            4 => dm[i].f64(),
            k => dx[3 * i + k - 1].f64(),
        };
        let softening = p.softening.f64();
        let kernel = PushForward {
            softening_slope: softening * dp.softening.f64(),
        };
        let sums = self.sum(kernel, &dense(position), columns, p.softening);
        let g = p.gravitational_constant.f64();
        let dg = dp.gravitational_constant.f64();
        let (mut a, mut da) = (Vec::with_capacity(n), Vec::with_capacity(n));
        for i in 0..n {
            let sums = sums.of(i);
            a.push(std::array::from_fn(|k| g * sums[k]));
            da.push(std::array::from_fn(|k| g * sums[3 + k] + dg * sums[k]));
        }
        checked(a.as_flattened(), 3, position, mass, p)?;
        Ok((a, da))
    }
}

/// The mean of masses that are alike enough to divide by: all above zero, within six decades.
fn alike<T: Real>(mass: &Array1<T>) -> Option<f64> {
    let (mut least, mut most, mut total) = (f64::INFINITY, 0.0f64, 0.0);
    for m in mass.iter().map(|m| m.f64()) {
        least = least.min(m);
        most = most.max(m);
        total += m;
    }
    // NaN is not alike.
    (least >= 1e-6 * most && most > 0.0 && total.is_finite()).then(|| total / mass.len() as f64)
}

/// Cotangents in f64.
#[derive(Default)]
pub(crate) struct PulledBack {
    pub(crate) position: Vec<[f64; 3]>,
    pub(crate) mass: Vec<f64>,
    pub(crate) gravitational_constant: f64,
    pub(crate) softening: f64,
    /// Empty unless asked for, or free.
    pub(crate) acceleration: Vec<[f64; 3]>,
}

impl PulledBack {
    fn with_capacity(n: usize) -> Self {
        Self {
            position: Vec::with_capacity(n),
            mass: Vec::with_capacity(n),
            acceleration: Vec::with_capacity(n),
            ..Self::default()
        }
    }
}

/// Requires finite results, `components` per particle, or says what made them otherwise.
fn checked<T: Real>(
    results: &[impl Real],
    components: usize,
    position: &Array2<T>,
    mass: &Array1<T>,
    p: &GravityParams<T>,
) -> Result<()> {
    let Some(first) = results.iter().position(|a| !a.is_finite()) else {
        return Ok(());
    };
    let particle = first / components;
    Err(Error::operator(
        "self-gravity",
        diagnosis(particle, position, mass, p),
    ))
}

/// Why the acceleration of a particle is not finite.
fn diagnosis<T: Real>(
    particle: usize,
    position: &Array2<T>,
    mass: &Array1<T>,
    p: &GravityParams<T>,
) -> NBodyError {
    let at = |i: usize| -> [f64; 3] { std::array::from_fn(|k| position[[i, k]].f64()) };
    for (field, values) in [
        ("position", position.view().into_dyn()),
        ("mass", mass.view().into_dyn()),
    ] {
        let per = values.len() / mass.len().max(1);
        if let Some(i) = values.iter().position(|x| !x.is_finite()) {
            let value = values.iter().nth(i).map_or(f64::NAN, |x| x.f64());
            let particle = i / per.max(1);
            return NBodyError::NotFinite {
                field,
                particle,
                value,
            };
        }
    }
    let parameters = [
        ("gravitational_constant", p.gravitational_constant),
        ("softening", p.softening),
    ];
    for (name, value) in parameters {
        if !value.is_finite() {
            return NBodyError::Range {
                name: name.to_owned(),
                value: value.f64(),
                allowed: "finite",
            };
        }
    }
    // The closest other particle, which is where the sum went wrong.
    let x = at(particle);
    let squared = |i: &usize| -> f64 { (0..3).map(|k| (at(*i)[k] - x[k]).powi(2)).sum() };
    let others = (0..mass.len()).filter(|&i| i != particle);
    let closest = others.min_by(|i, j| squared(i).total_cmp(&squared(j)));
    match closest {
        Some(other) if squared(&other) <= T::min_positive_value().f64().sqrt() => {
            NBodyError::Coincident {
                first: particle.min(other),
                second: particle.max(other),
                position: x,
            }
        }
        _ => NBodyError::Overflow {
            particle,
            position: x,
        },
    }
}

impl<T: Real> Operator<T> for SelfGravity {
    type Params = GravityParams<T>;
    type In = (Array2<T>, Array1<T>);
    type Out = Array2<T>;

    fn apply(&self, p: &GravityParams<T>, (position, mass): Self::In) -> Result<Array2<T>> {
        Ok(from_triples(&self.each(p, &position, &mass)?))
    }
}

impl<T: Real> Tangent<T> for SelfGravity {
    fn jvp(
        &self,
        p: &GravityParams<T>,
        dp: &GravityParams<T>,
        x: Self::In,
        dx: Self::In,
    ) -> Result<(Array2<T>, Array2<T>)> {
        let (a, da) = self.push_forward(p, dp, (&x.0, &x.1), (&dx.0, &dx.1))?;
        Ok((from_triples(&a), from_triples(&da)))
    }
}

impl<T: Real> Adjoint<T> for SelfGravity {
    type Saved = Self::In;

    fn record(&self, p: &GravityParams<T>, x: Self::In) -> Result<(Array2<T>, Self::In)> {
        Ok((from_triples(&self.each(p, &x.0, &x.1)?), x))
    }

    fn vjp(
        &self,
        p: &GravityParams<T>,
        (position, mass): Self::In,
        y_bar: Array2<T>,
        p_bar: &mut GravityParams<T>,
    ) -> Result<Self::In> {
        shape(
            "cotangent of the acceleration",
            y_bar.shape(),
            position.shape(),
        )?;
        let w = triples(&y_bar);
        let bar = self.pull_back::<T, false>(p, &position, &mass, &w)?;
        p_bar.gravitational_constant += T::of(bar.gravitational_constant);
        p_bar.softening += T::of(bar.softening);
        let mass_bar = bar.mass.iter().map(|&m| T::of(m)).collect();
        Ok((from_triples(&bar.position), mass_bar))
    }
}
