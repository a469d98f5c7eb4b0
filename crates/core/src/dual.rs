//! Pointwise physics, written once and differentiated by dual numbers.
//!
//! A potential, an equation of state or a cooling law is a function of a few numbers at a point.
//! Its author writes the value, generic over the scalar, and no derivative; [`Pointwise`] provides
//! the derivatives, exact to rounding, that operators need. Fields are not differentiated this
//! way: their operators have adjoints of their own.
//!
//! ```
//! use adastra_core::dual::{DualNum, Pointwise, Scalar};
//!
//! /// Plummer (1911) sphere: `Phi = -G M / sqrt(r^2 + a^2)`, in (km/s)^2, with parameters
//! /// M in Msun and a in kpc and the position in kpc.
//! struct Plummer;
//!
//! const G: f64 = 4.30241002e-6;
//!
//! impl Pointwise<2, 3> for Plummer {
//!     fn eval<D: Scalar>(&self, [mass, scale]: [D; 2], [x, y, z]: [D; 3]) -> D {
//!         let r2 = x * x + y * y + z * z;
//!         -mass * G / (r2 + scale * scale).sqrt()
//!     }
//! }
//!
//! let (p, r) = ([1e10, 2.0], [3.0, 0.0, 4.0]);
//! let (phi, gradient) = Plummer.value_gradient(p, r);
//! let distance = 29.0_f64.sqrt();
//! assert!((phi + G * 1e10 / distance).abs() < 1e-11);
//! assert!((gradient[2] - G * 1e10 * 4.0 / distance.powi(3)).abs() < 1e-11);
//!
//! // The density behind the potential: its Laplacian is 4 pi G rho.
//! let (_, _, hessian) = Plummer.gradient_and_hessian(p, r);
//! let laplacian: f64 = (0..3).map(|i| hessian[i][i]).sum();
//! assert!((laplacian - 3.0 * G * 1e10 * 4.0 / distance.powi(5)).abs() < 1e-11);
//!
//! // The adjoint of the acceleration -grad Phi: pull a cotangent back to position and parameters.
//! let a_bar = [1.0, 0.0, 0.0];
//! let mut p_bar = [0.0; 2];
//! let r_bar = Plummer.gradient_vjp(p, r, a_bar.map(|a| -a), &mut p_bar);
//! assert!((r_bar[1] + hessian[0][1]).abs() < 1e-12);
//! assert!((p_bar[0] + gradient[0] / p[0]).abs() < 1e-20);
//! ```

pub use num_dual::DualNum;
use num_dual::{Dual64, HyperDual64};

/// The scalar that pointwise physics is generic over: `f64`, and dual numbers over it.
pub trait Scalar: DualNum<Primitive = f64> + Copy + Send + Sync {}

impl<D: DualNum<Primitive = f64> + Copy + Send + Sync> Scalar for D {}

/// A real function of `P` parameters and `N` inputs.
///
/// The counts are part of the type, so that evaluation at a million particles allocates nothing
/// and `eval` names its arguments by a pattern. One method is required.
pub trait Pointwise<const P: usize, const N: usize>: Send + Sync {
    /// The value at parameters `p` and inputs `x`.
    fn eval<D: Scalar>(&self, p: [D; P], x: [D; N]) -> D;

    /// The value.
    fn value(&self, p: [f64; P], x: [f64; N]) -> f64 {
        self.eval(p, x)
    }

    /// The value and its gradient in the inputs.
    fn value_gradient(&self, p: [f64; P], x: [f64; N]) -> (f64, [f64; N]) {
        let value = self.value(p, x);
        let p = p.map(Dual64::from);
        let gradient = std::array::from_fn(|i| {
            let mut x = x.map(Dual64::from);
            x[i].eps = 1.0;
            self.eval(p, x).eps
        });
        (value, gradient)
    }

    /// The gradient in the parameters.
    fn parameter_gradient(&self, p: [f64; P], x: [f64; N]) -> [f64; P] {
        let x = x.map(Dual64::from);
        std::array::from_fn(|i| {
            let mut p = p.map(Dual64::from);
            p[i].eps = 1.0;
            self.eval(p, x).eps
        })
    }

    /// The value, its gradient and its second derivatives in the inputs; the latter are symmetric.
    fn gradient_and_hessian(&self, p: [f64; P], x: [f64; N]) -> (f64, [f64; N], [[f64; N]; N]) {
        let (value, gradient) = self.value_gradient(p, x);
        let p = p.map(HyperDual64::from);
        let mut hessian = [[0.0; N]; N];
        for i in 0..N {
            for j in 0..=i {
                let mut x = x.map(HyperDual64::from);
                x[i].eps1 = 1.0;
                x[j].eps2 = 1.0;
                hessian[i][j] = self.eval(p, x).eps1eps2;
                hessian[j][i] = hessian[i][j];
            }
        }
        (value, gradient, hessian)
    }

    /// The second derivatives by one parameter (first index) and one input (second index).
    fn mixed_derivatives(&self, p: [f64; P], x: [f64; N]) -> [[f64; N]; P] {
        let derivative = |i: usize, j: usize| {
            let (mut p, mut x) = (p.map(HyperDual64::from), x.map(HyperDual64::from));
            p[i].eps1 = 1.0;
            x[j].eps2 = 1.0;
            self.eval(p, x).eps1eps2
        };
        std::array::from_fn(|i| std::array::from_fn(|j| derivative(i, j)))
    }

    /// Pulls the cotangent of the value back: returns that of the inputs, and adds to `p_bar`.
    fn value_vjp(&self, p: [f64; P], x: [f64; N], y_bar: f64, p_bar: &mut [f64; P]) -> [f64; N] {
        let by_p = self.parameter_gradient(p, x);
        p_bar
            .iter_mut()
            .zip(by_p)
            .for_each(|(bar, d)| *bar += y_bar * d);
        self.value_gradient(p, x).1.map(|d| y_bar * d)
    }

    /// Pulls the cotangent of the gradient in the inputs back: returns `H g_bar`, the cotangent of
    /// the inputs, and adds `d(g . g_bar)/dp` to `p_bar`.
    ///
    /// One evaluation per parameter and input: the second derivatives are never formed.
    fn gradient_vjp(
        &self,
        p: [f64; P],
        x: [f64; N],
        g_bar: [f64; N],
        p_bar: &mut [f64; P],
    ) -> [f64; N] {
        let p = p.map(HyperDual64::from);
        let mut x = x.map(HyperDual64::from);
        x.iter_mut().zip(g_bar).for_each(|(x, g)| x.eps1 = g);
        for i in 0..P {
            let mut p = p;
            p[i].eps2 = 1.0;
            p_bar[i] += self.eval(p, x).eps1eps2;
        }
        std::array::from_fn(|i| {
            let mut x = x;
            x[i].eps2 = 1.0;
            self.eval(p, x).eps1eps2
        })
    }
}
