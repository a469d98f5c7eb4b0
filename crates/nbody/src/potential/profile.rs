//! What the author of a potential writes.

use adastra_core::dual::Scalar;

use super::Number;

/// What a potential is proportional to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Amplitude {
    /// A mass M in Msun, the first parameter: Phi = G M phi, with phi in 1/kpc.
    Mass,
    /// A speed v in km/s, the first parameter: Phi = v^2 phi.
    Speed,
}

/// Values that a parameter may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Allowed {
    /// Above zero.
    Positive,
    /// Zero or above.
    NotNegative,
    /// Any finite number.
    Finite,
    /// Zero or above, and below two.
    BelowTwo,
    /// Above two.
    AboveTwo,
}

impl Allowed {
    pub(super) fn holds(self, x: f64) -> bool {
        x.is_finite()
            && match self {
                Self::Positive => x > 0.0,
                Self::NotNegative => x >= 0.0,
                Self::Finite => true,
                Self::BelowTwo => (0.0..2.0).contains(&x),
                Self::AboveTwo => x > 2.0,
            }
    }

    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Positive => "above 0",
            Self::NotNegative => "0 or above",
            Self::Finite => "finite",
            Self::BelowTwo => "at least 0 and below 2",
            Self::AboveTwo => "above 2",
        }
    }
}

/// A parameter of a potential.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parameter {
    /// Its name.
    pub name: &'static str,
    /// Its unit; empty for a pure number.
    pub unit: &'static str,
    /// What it may be.
    pub allowed: Allowed,
}

impl Parameter {
    /// A positive length in kpc.
    pub const fn length(name: &'static str) -> Self {
        Self {
            name,
            unit: "kpc",
            allowed: Allowed::Positive,
        }
    }

    /// A positive ratio.
    pub const fn ratio(name: &'static str) -> Self {
        Self {
            name,
            unit: "",
            allowed: Allowed::Positive,
        }
    }
}

/// A potential with three planes of mirror symmetry, as a function of squared coordinates: the
/// value alone, without any derivative.
///
/// With `K` = 1 the argument is `[r^2]` (spherical), with 2 `[x^2 + y^2, z^2]` (axisymmetric), with
/// 3 `[x^2, y^2, z^2]` (triaxial), in kpc^2. `P` is the number of parameters besides the
/// [`Amplitude`]. Accelerations and their derivatives are found on whole vector registers.
///
/// ```
/// use adastra_nbody::{Amplitude, Galaxy, Number, Parameter, Profile};
///
/// /// Plummer (1911, MNRAS 71, 460).
/// struct Mine;
///
/// impl Profile<1, 1> for Mine {
///     const NAME: &'static str = "mine";
///     const AMPLITUDE: Amplitude = Amplitude::Mass;
///     const PARAMETERS: [Parameter; 1] = [Parameter::length("scale_radius")];
///     fn value<N: Number>(&self, [a]: [N; 1], [r2]: [N; 1]) -> N {
///         -(r2 + a * a).sqrt().recip()
///     }
/// }
///
/// let galaxy = Galaxy::new().with(Mine);
/// let a = galaxy.at(&[1e10, 2.0], [3.0, 0.0, 4.0])?.acceleration;
/// assert!((a[2] + 4.30241002e-6 * 1e10 * 4.0 / 29f64.powf(1.5)).abs() < 1e-9);
/// # Ok::<(), adastra_core::Error>(())
/// ```
pub trait Profile<const K: usize, const P: usize>: Send + Sync + 'static {
    /// Its name, as lists of parameters show it.
    const NAME: &'static str;
    /// What the potential is proportional to.
    const AMPLITUDE: Amplitude;
    /// The parameters besides the amplitude.
    const PARAMETERS: [Parameter; P];

    /// The potential per unit of amplitude (of G M in 1/kpc, of v^2 a pure number).
    fn value<N: Number>(&self, p: [N; P], squares: [N; K]) -> N;
}

/// A potential as a function of the position that compares or calls what a [`Number`] lacks: it is
/// evaluated one point at a time, with dual numbers.
pub trait ScalarProfile<const P: usize>: Send + Sync + 'static {
    /// Its name, as lists of parameters show it.
    const NAME: &'static str;
    /// What the potential is proportional to.
    const AMPLITUDE: Amplitude;
    /// The parameters besides the amplitude.
    const PARAMETERS: [Parameter; P];

    /// The potential per unit of amplitude at a position in kpc.
    fn value<D: Scalar>(&self, p: [D; P], position: [D; 3]) -> D;
}
