//! One potential of a galaxy, behind an object-safe face.

use adastra_core::dual::{Pointwise, Scalar};
use pulp::{Arch, Simd};

use super::jet::Jet;
use super::{Allowed, Amplitude, Parameter, Profile, ScalarProfile};
use crate::simd::{Rsqrt, Vectorized, dispatch};

/// The constant of gravity and the time at which a potential acts, or their cotangents.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Setting {
    pub(crate) g: f64,
    pub(crate) time: f64,
}

/// Columns of coordinates, all as long, a multiple of [`PADDING`].
pub(crate) type Points<'a> = [&'a [f64]; 3];
/// Columns that are added to.
pub(crate) type PointsMut<'a> = [&'a mut [f64]; 3];

/// Points at which a potential acts, or a direction of all that it depends on.
#[derive(Clone, Copy)]
pub(crate) struct Here<'a> {
    pub(crate) at: Setting,
    /// The parameters of the potential, the amplitude first.
    pub(crate) p: &'a [f64],
    pub(crate) x: Points<'a>,
}

/// What cotangents of accelerations are pulled back to; all of it is added to.
pub(crate) struct Pulled<'a> {
    /// The accelerations themselves.
    pub(crate) a: PointsMut<'a>,
    pub(crate) x_bar: PointsMut<'a>,
    pub(crate) at_bar: &'a mut Setting,
    pub(crate) p_bar: &'a mut [f64],
}

/// Numbers in the longest register.
pub(crate) const PADDING: usize = 8;

/// A potential with a list of parameters, the amplitude first.
pub(crate) trait Term: Send + Sync {
    fn name(&self) -> &'static str;
    fn parameters(&self) -> Vec<Parameter>;
    /// Potential, its gradient and its second derivatives at one point.
    fn point(&self, at: Setting, p: &[f64], x: [f64; 3]) -> (f64, [f64; 3], [[f64; 3]; 3]);
    /// Adds the acceleration.
    fn accelerate(&self, here: Here<'_>, a: PointsMut<'_>);
    /// Adds the acceleration, and what the cotangents `w` of it are pulled back to.
    fn pull_back(&self, here: Here<'_>, w: Points<'_>, pulled: Pulled<'_>);
    /// Adds the acceleration to `a` and its derivative in a direction to `da`.
    fn push_forward(&self, here: Here<'_>, d: Here<'_>, a: PointsMut<'_>, da: PointsMut<'_>);
}

impl Amplitude {
    fn parameter(self) -> Parameter {
        let (name, unit) = match self {
            Self::Mass => ("mass", "Msun"),
            Self::Speed => ("speed", "km/s"),
        };
        Parameter {
            name,
            unit,
            allowed: Allowed::NotNegative,
        }
    }

    /// The factor of the potential, and its derivatives by G and by the amplitude.
    fn strength(self, g: f64, amplitude: f64) -> [f64; 3] {
        match self {
            Self::Mass => [g * amplitude, amplitude, g],
            Self::Speed => [amplitude * amplitude, 0.0, 2.0 * amplitude],
        }
    }
}

fn with_amplitude<const P: usize>(amplitude: Amplitude, rest: [Parameter; P]) -> Vec<Parameter> {
    std::iter::once(amplitude.parameter()).chain(rest).collect()
}

/// Value, gradient and second derivatives, times a factor.
fn scaled_point(
    law: &impl Pointwise<3>,
    strength: f64,
    p: &[f64],
    x: [f64; 3],
) -> (f64, [f64; 3], [[f64; 3]; 3]) {
    let (value, gradient, hessian) = law.gradient_and_hessian(p, x);
    (
        strength * value,
        gradient.map(|d| strength * d),
        hessian.map(|row| row.map(|d| strength * d)),
    )
}

/// A [`Profile`], evaluated on vector registers.
pub(super) struct Smooth<L, const K: usize, const P: usize>(pub(super) L);

/// Index of the square that a coordinate enters.
#[inline(always)]
const fn square_of<const K: usize>(axis: usize) -> usize {
    match K {
        1 => 0,
        2 => axis / 2,
        _ => axis,
    }
}

impl<L: Profile<K, P>, const K: usize, const P: usize> Pointwise<3> for Smooth<L, K, P> {
    fn eval<D: Scalar>(&self, p: &[D], x: [D; 3]) -> D {
        let mut squares = [D::from(0.0); K];
        for (axis, x) in x.into_iter().enumerate() {
            squares[square_of::<K>(axis)] += x * x;
        }
        self.0.value(std::array::from_fn(|i| p[i]), squares)
    }
}

/// What a visit of the points finds.
enum Task<'a> {
    Accelerate,
    PullBack {
        w: Points<'a>,
        x_bar: PointsMut<'a>,
        /// Those of the strength and of the other parameters, of which the last is not used.
        bars: (&'a mut f64, &'a mut [f64]),
    },
    PushForward {
        dx: Points<'a>,
        dp: &'a [f64],
        dstrength: f64,
        da: PointsMut<'a>,
    },
}

struct Visit<'a, L, const K: usize, const P: usize> {
    law: &'a L,
    strength: f64,
    p: [f64; P],
    x: Points<'a>,
    a: PointsMut<'a>,
    task: Task<'a>,
}

/// Three registers, one per coordinate.
#[inline(always)]
fn load<S: Simd>(x: &Points<'_>, i: usize) -> [S::f64s; 3] {
    [
        S::as_simd_f64s(x[0]).0[i],
        S::as_simd_f64s(x[1]).0[i],
        S::as_simd_f64s(x[2]).0[i],
    ]
}

/// `y += f x`, three registers.
#[inline(always)]
fn add<S: Simd>(s: S, y: &mut PointsMut<'_>, i: usize, f: [S::f64s; 3], x: [S::f64s; 3]) {
    for k in 0..3 {
        let y = &mut S::as_mut_simd_f64s(y[k]).0[i];
        *y = s.mul_add_e_f64s(f[k], x[k], *y);
    }
}

impl<L: Profile<K, P>, const K: usize, const P: usize> Visit<'_, L, K, P> {
    /// The squares of x, which are the variables if they are so many as the jet has directions,
    /// with derivatives `slope` along the other direction.
    #[inline(always)]
    fn squares<S: Simd, const D: usize, const T: usize, const VARIABLE: bool>(
        s: S,
        x: [S::f64s; 3],
        slope: [S::f64s; K],
    ) -> [Jet<S, D, T>; K] {
        let mut squares = [s.splat_f64s(0.0); K];
        for axis in 0..3 {
            let sum = &mut squares[square_of::<K>(axis)];
            *sum = s.mul_add_e_f64s(x[axis], x[axis], *sum);
        }
        let mut jets = [Jet::constant(s, s.splat_f64s(0.0)); K];
        for k in 0..K {
            jets[k] = Jet::variable(s, squares[k], VARIABLE.then_some(k), slope[k]);
        }
        jets
    }

    /// The parameters, with derivatives `slope` along the other direction.
    #[inline(always)]
    fn parameters<S: Simd, const D: usize, const T: usize, const VARIABLE: bool>(
        &self,
        s: S,
        slope: [f64; P],
    ) -> [Jet<S, D, T>; P] {
        let mut jets = [Jet::constant(s, s.splat_f64s(0.0)); P];
        for k in 0..P {
            let (v, t) = (s.splat_f64s(self.p[k]), s.splat_f64s(slope[k]));
            jets[k] = Jet::variable(s, v, VARIABLE.then_some(k), t);
        }
        jets
    }

    /// The derivative of the squares along a direction of x.
    #[inline(always)]
    fn slope<S: Simd>(s: S, x: [S::f64s; 3], dx: [S::f64s; 3]) -> [S::f64s; K] {
        let mut slope = [s.splat_f64s(0.0); K];
        for axis in 0..3 {
            let sum = &mut slope[square_of::<K>(axis)];
            let twice = s.add_f64s(x[axis], x[axis]);
            *sum = s.mul_add_e_f64s(twice, dx[axis], *sum);
        }
        slope
    }

    /// `factor` times one of the derivatives by the squares, per coordinate.
    #[inline(always)]
    fn per_axis<S: Simd>(s: S, factor: f64, by_square: [S::f64s; K]) -> [S::f64s; 3] {
        let factor = s.splat_f64s(factor);
        let mut scaled = [factor; 3];
        for axis in 0..3 {
            scaled[axis] = s.mul_f64s(factor, by_square[square_of::<K>(axis)]);
        }
        scaled
    }
}

impl<L: Profile<K, P>, const K: usize, const P: usize> Vectorized for Visit<'_, L, K, P> {
    #[inline(always)]
    fn run<S: Rsqrt>(mut self, s: S) {
        let registers = S::as_simd_f64s(self.x[0]).0.len();
        let zero = s.splat_f64s(0.0);
        let still = [zero; K];
        // Phi = S phi(squares): a = -2 S phi_u x, where u is the square that x enters.
        let force = -2.0 * self.strength;
        match std::mem::replace(&mut self.task, Task::Accelerate) {
            Task::Accelerate => {
                for i in 0..registers {
                    let x = load::<S>(&self.x, i);
                    let squares = Self::squares::<S, K, 0, true>(s, x, still);
                    let p = self.parameters::<S, K, 0, false>(s, [0.0; P]);
                    let phi = self.law.value(p, squares);
                    add(s, &mut self.a, i, Self::per_axis(s, force, phi.d), x);
                }
            }
            // L = w.a = -S psi with psi the derivative of phi along w, so the cotangents are
            // -2 S (phi_u w + psi_u x), -S psi_p and -psi.
            Task::PullBack { w, mut x_bar, bars } => {
                let (mut total, mut by_p) = (zero, [zero; P]);
                for i in 0..registers {
                    let (x, w) = (load::<S>(&self.x, i), load::<S>(&w, i));
                    let slope = Self::slope(s, x, w);
                    let squares = Self::squares::<S, K, 1, true>(s, x, slope);
                    let p = self.parameters::<S, K, 1, false>(s, [0.0; P]);
                    let phi = self.law.value(p, squares);
                    let straight = Self::per_axis(s, force, phi.d);
                    add(s, &mut self.a, i, straight, x);
                    add(s, &mut x_bar, i, straight, w);
                    add(s, &mut x_bar, i, Self::per_axis(s, force, phi.dt[0]), x);
                    total = s.sub_f64s(total, phi.t[0]);
                    let squares = Self::squares::<S, P, 1, false>(s, x, slope);
                    let p = self.parameters::<S, P, 1, true>(s, [0.0; P]);
                    let phi = self.law.value(p, squares);
                    for k in 0..P {
                        by_p[k] = s.sub_f64s(by_p[k], phi.dt[0][k]);
                    }
                }
                *bars.0 += s.reduce_sum_f64s(total);
                for (bar, sum) in bars.1.iter_mut().zip(by_p) {
                    *bar += self.strength * s.reduce_sum_f64s(sum);
                }
            }
            Task::PushForward {
                dx,
                dp,
                dstrength,
                mut da,
            } => {
                let dp = std::array::from_fn(|k| dp[k]);
                for i in 0..registers {
                    let (x, dx) = (load::<S>(&self.x, i), load::<S>(&dx, i));
                    let slope = Self::slope(s, x, dx);
                    let squares = Self::squares::<S, K, 1, true>(s, x, slope);
                    let p = self.parameters::<S, K, 1, false>(s, dp);
                    let phi = self.law.value(p, squares);
                    let straight = Self::per_axis(s, force, phi.d);
                    add(s, &mut self.a, i, straight, x);
                    add(s, &mut da, i, straight, dx);
                    add(s, &mut da, i, Self::per_axis(s, force, phi.dt[0]), x);
                    let stronger = Self::per_axis(s, -2.0 * dstrength, phi.d);
                    add(s, &mut da, i, stronger, x);
                }
            }
        }
    }
}

impl<L: Profile<K, P>, const K: usize, const P: usize> Smooth<L, K, P> {
    fn visit(&self, strength: f64, p: &[f64], x: Points<'_>, a: PointsMut<'_>, task: Task<'_>) {
        let visit = Visit {
            law: &self.0,
            strength,
            p: std::array::from_fn(|k| p[k + 1]),
            x,
            a,
            task,
        };
        dispatch(Arch::new(), visit);
    }
}

impl<L: Profile<K, P>, const K: usize, const P: usize> Term for Smooth<L, K, P> {
    fn name(&self) -> &'static str {
        L::NAME
    }

    fn parameters(&self) -> Vec<Parameter> {
        with_amplitude(L::AMPLITUDE, L::PARAMETERS)
    }

    fn point(&self, at: Setting, p: &[f64], x: [f64; 3]) -> (f64, [f64; 3], [[f64; 3]; 3]) {
        let [strength, ..] = L::AMPLITUDE.strength(at.g, p[0]);
        scaled_point(self, strength, &p[1..], x)
    }

    fn accelerate(&self, Here { at, p, x }: Here<'_>, a: PointsMut<'_>) {
        let [strength, ..] = L::AMPLITUDE.strength(at.g, p[0]);
        self.visit(strength, p, x, a, Task::Accelerate);
    }

    fn pull_back(&self, Here { at, p, x }: Here<'_>, w: Points<'_>, pulled: Pulled<'_>) {
        let Pulled {
            a,
            x_bar,
            at_bar,
            p_bar,
        } = pulled;
        let [strength, by_g, by_amplitude] = L::AMPLITUDE.strength(at.g, p[0]);
        let mut strength_bar = 0.0;
        let bars = (&mut strength_bar, &mut p_bar[1..]);
        self.visit(strength, p, x, a, Task::PullBack { w, x_bar, bars });
        at_bar.g += by_g * strength_bar;
        p_bar[0] += by_amplitude * strength_bar;
    }

    fn push_forward(&self, here: Here<'_>, d: Here<'_>, a: PointsMut<'_>, da: PointsMut<'_>) {
        let Here { at, p, x } = here;
        let [strength, by_g, by_amplitude] = L::AMPLITUDE.strength(at.g, p[0]);
        let task = Task::PushForward {
            dx: d.x,
            dp: &d.p[1..],
            dstrength: by_g * d.at.g + by_amplitude * d.p[0],
            da,
        };
        self.visit(strength, p, x, a, task);
    }
}

/// A [`ScalarProfile`], evaluated one point at a time.
pub(super) struct Scattered<L, const P: usize>(pub(super) L);

impl<L: ScalarProfile<P>, const P: usize> Pointwise<3> for Scattered<L, P> {
    fn eval<D: Scalar>(&self, p: &[D], x: [D; 3]) -> D {
        self.0.value(std::array::from_fn(|i| p[i]), x)
    }
}

/// A potential along a line through parameters and positions: its one parameter is the length of
/// the way, so that the derivative along the line is one by a parameter.
struct Along<'a, L> {
    law: &'a L,
    p: &'a [f64],
    dp: &'a [f64],
    dx: [f64; 3],
}

impl<L: Pointwise<3>> Pointwise<3> for Along<'_, L> {
    fn eval<D: Scalar>(&self, way: &[D], x: [D; 3]) -> D {
        let p = self.p.iter().zip(self.dp).map(|(&p, &dp)| way[0] * dp + p);
        let x = std::array::from_fn(|k| way[0] * self.dx[k] + x[k]);
        self.law.eval(&p.collect::<Vec<_>>(), x)
    }
}

impl<L: ScalarProfile<P>, const P: usize> Term for Scattered<L, P> {
    fn name(&self) -> &'static str {
        L::NAME
    }

    fn parameters(&self) -> Vec<Parameter> {
        with_amplitude(L::AMPLITUDE, L::PARAMETERS)
    }

    fn point(&self, at: Setting, p: &[f64], x: [f64; 3]) -> (f64, [f64; 3], [[f64; 3]; 3]) {
        let [strength, ..] = L::AMPLITUDE.strength(at.g, p[0]);
        scaled_point(self, strength, &p[1..], x)
    }

    fn accelerate(&self, Here { at, p, x }: Here<'_>, a: PointsMut<'_>) {
        let [strength, ..] = L::AMPLITUDE.strength(at.g, p[0]);
        for i in 0..x[0].len() {
            let (_, slope) = self.value_gradient(&p[1..], x.map(|x| x[i]));
            (0..3).for_each(|k| a[k][i] -= strength * slope[k]);
        }
    }

    fn pull_back(&self, Here { at, p, x }: Here<'_>, w: Points<'_>, pulled: Pulled<'_>) {
        let Pulled {
            a,
            x_bar,
            at_bar,
            p_bar,
        } = pulled;
        let [strength, by_g, by_amplitude] = L::AMPLITUDE.strength(at.g, p[0]);
        let mut strength_bar = 0.0;
        for i in 0..x[0].len() {
            let (x, w) = (x.map(|x| x[i]), w.map(|w| w[i]));
            let (_, slope) = self.value_gradient(&p[1..], x);
            strength_bar -= (0..3).map(|k| w[k] * slope[k]).sum::<f64>();
            let slope_bar = w.map(|w| -strength * w);
            let bar = self.gradient_vjp(&p[1..], x, slope_bar, &mut p_bar[1..]);
            for k in 0..3 {
                a[k][i] -= strength * slope[k];
                x_bar[k][i] += bar[k];
            }
        }
        at_bar.g += by_g * strength_bar;
        p_bar[0] += by_amplitude * strength_bar;
    }

    fn push_forward(&self, here: Here<'_>, d: Here<'_>, a: PointsMut<'_>, da: PointsMut<'_>) {
        let Here { at, p, x } = here;
        let [strength, by_g, by_amplitude] = L::AMPLITUDE.strength(at.g, p[0]);
        let dstrength = by_g * d.at.g + by_amplitude * d.p[0];
        for i in 0..x[0].len() {
            let line = Along {
                law: self,
                p: &p[1..],
                dp: &d.p[1..],
                dx: d.x.map(|dx| dx[i]),
            };
            let x = x.map(|x| x[i]);
            let (_, slope) = self.value_gradient(&p[1..], x);
            for k in 0..3 {
                let mut axis = [0.0; 3];
                axis[k] = 1.0;
                let mut bend = [0.0];
                line.parameter_vjp(&[0.0], x, 0.0, axis, &mut bend);
                a[k][i] -= strength * slope[k];
                da[k][i] -= strength * bend[0] + dstrength * slope[k];
            }
        }
    }
}
