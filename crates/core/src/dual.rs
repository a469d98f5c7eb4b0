//! Pointwise physics, written once and differentiated by dual numbers.
//!
//! A potential, an equation of state or a cooling law is a function of a few numbers at a point.
//! Its author writes the value, generic over the scalar, and no derivative; [`Pointwise`] provides
//! the derivatives, exact to rounding, that operators need. Fields are not differentiated this
//! way: their operators have adjoints of their own.
//!
//! ```
//! use adastra_core::dual::{Pointwise, Scalar};
//!
//! /// Plummer (1911) sphere: `Phi = -G M / sqrt(r^2 + a^2)`, in (km/s)^2, with parameters
//! /// M in Msun and a in kpc, at a position in kpc.
//! struct Plummer;
//!
//! const G: f64 = 4.30241002e-6;
//!
//! impl Pointwise<3> for Plummer {
//!     fn eval<D: Scalar>(&self, p: &[D], [x, y, z]: [D; 3]) -> D {
//!         let (mass, scale) = (p[0], p[1]);
//!         -mass * G / (x * x + y * y + z * z + scale * scale).sqrt()
//!     }
//! }
//!
//! let (p, r) = ([1e10, 2.0], [3.0, 0.0, 4.0]);
//! let (phi, gradient) = Plummer.value_gradient(&p, r);
//! let distance = 29.0_f64.sqrt();
//! assert!((phi / (-G * 1e10 / distance) - 1.0).abs() < 1e-14);
//! assert!((gradient[2] / (G * 1e10 * 4.0 / distance.powi(3)) - 1.0).abs() < 1e-14);
//!
//! // The Laplacian is 4 pi G rho: 3 G M a^2 / (r^2 + a^2)^(5/2).
//! let (_, _, hessian) = Plummer.gradient_and_hessian(&p, r);
//! let laplacian: f64 = (0..3).map(|i| hessian[i][i]).sum();
//! assert!((laplacian / (3.0 * G * 1e10 * 4.0 / distance.powi(5)) - 1.0).abs() < 1e-12);
//!
//! // The adjoint of the acceleration -grad Phi: a cotangent pulled back to r, M and a.
//! let a_bar = [1.0, 0.0, 0.0];
//! let mut p_bar = [0.0; 2];
//! let r_bar = Plummer.gradient_vjp(&p, r, a_bar.map(|a| -a), &mut p_bar);
//! assert!((r_bar[2] / -hessian[0][2] - 1.0).abs() < 1e-14);
//! assert!((p_bar[0] / (-gradient[0] / p[0]) - 1.0).abs() < 1e-14);
//! ```

pub use num_dual::DualNum;
use num_dual::{Dual64, HyperDual64};

/// The scalar that pointwise physics is generic over: `f64`, and dual numbers over it.
pub trait Scalar: DualNum<Primitive = f64> + Copy + Send + Sync {}

impl<D: DualNum<Primitive = f64> + Copy + Send + Sync> Scalar for D {}

/// A real function of some parameters and `N` inputs. One method is required.
///
/// Every evaluation sees all parameters, as many as the implementation documents. The provided
/// derivatives take one evaluation per component and allocate nothing for up to eight parameters.
pub trait Pointwise<const N: usize>: Send + Sync {
    /// The value at parameters `p` and inputs `x`.
    fn eval<D: Scalar>(&self, p: &[D], x: [D; N]) -> D;

    /// The value.
    fn value(&self, p: &[f64], x: [f64; N]) -> f64 {
        self.eval(p, x)
    }

    /// The value and its gradient in the inputs.
    fn value_gradient(&self, p: &[f64], x: [f64; N]) -> (f64, [f64; N]) {
        let along: [Dual64; N] = lifted(p, Dual64::from_re, |p| {
            std::array::from_fn(|i| {
                let mut x = x.map(Dual64::from_re);
                x[i].eps = 1.0;
                self.eval(p, x)
            })
        });
        let value = along.first().map_or_else(|| self.value(p, x), |y| y.re);
        (value, along.map(|y| y.eps))
    }

    /// The value, its gradient and its second derivatives in the inputs; the latter are symmetric.
    fn gradient_and_hessian(&self, p: &[f64], x: [f64; N]) -> (f64, [f64; N], [[f64; N]; N]) {
        let (value, gradient) = self.value_gradient(p, x);
        let x = x.map(HyperDual64::from_re);
        let hessian = lifted(p, HyperDual64::from_re, |p| {
            let mut hessian = [[0.0; N]; N];
            for i in 0..N {
                for j in 0..=i {
                    let mut x = x;
                    x[i].eps1 = 1.0;
                    x[j].eps2 = 1.0;
                    hessian[i][j] = self.eval(p, x).eps1eps2;
                    hessian[j][i] = hessian[i][j];
                }
            }
            hessian
        });
        (value, gradient, hessian)
    }

    /// Derivatives by the parameters: adds `y_bar` times that of the value, and that of the scalar
    /// product of `g_bar` with the gradient in the inputs, to `p_bar`, which is as long as `p`.
    ///
    /// A force needs the second, an energy the first, a mesh that holds both needs both.
    fn parameter_vjp(
        &self,
        p: &[f64],
        x: [f64; N],
        y_bar: f64,
        g_bar: [f64; N],
        p_bar: &mut [f64],
    ) {
        let x = along(x, g_bar);
        lifted(p, HyperDual64::from_re, |p| {
            for i in 0..p.len().min(p_bar.len()) {
                p[i].eps2 = 1.0;
                let y = self.eval(p, x);
                p[i].eps2 = 0.0;
                p_bar[i] += y_bar * y.eps2 + y.eps1eps2;
            }
        });
    }

    /// Pulls the cotangent of the value back: returns that of the inputs, and adds to `p_bar`.
    fn value_vjp(&self, p: &[f64], x: [f64; N], y_bar: f64, p_bar: &mut [f64]) -> [f64; N] {
        self.parameter_vjp(p, x, y_bar, [0.0; N], p_bar);
        self.value_gradient(p, x).1.map(|d| y_bar * d)
    }

    /// Pulls the cotangent of the gradient in the inputs back: returns that of the inputs, the
    /// Hessian times `g_bar`, and adds the mixed second derivatives times `g_bar` to `p_bar`.
    ///
    /// The second derivatives are never formed.
    fn gradient_vjp(&self, p: &[f64], x: [f64; N], g_bar: [f64; N], p_bar: &mut [f64]) -> [f64; N] {
        self.parameter_vjp(p, x, 0.0, g_bar, p_bar);
        let x = along(x, g_bar);
        lifted(p, HyperDual64::from_re, |p| {
            std::array::from_fn(|i| {
                let mut x = x;
                x[i].eps2 = 1.0;
                self.eval(p, x).eps1eps2
            })
        })
    }
}

/// Inputs whose first infinitesimal points in the direction `d`.
fn along<const N: usize>(x: [f64; N], d: [f64; N]) -> [HyperDual64; N] {
    std::array::from_fn(|i| HyperDual64::new(x[i], d[i], 0.0, 0.0))
}

/// Parameters that fit on the stack.
const INLINE: usize = 8;

/// Calls `f` with the parameters as dual numbers.
fn lifted<D: Copy, R>(p: &[f64], lift: fn(f64) -> D, f: impl FnOnce(&mut [D]) -> R) -> R {
    if p.len() <= INLINE {
        let mut duals = [lift(0.0); INLINE];
        duals.iter_mut().zip(p).for_each(|(d, &p)| *d = lift(p));
        f(&mut duals[..p.len()])
    } else {
        f(&mut p.iter().map(|&p| lift(p)).collect::<Vec<_>>())
    }
}
