//! What can be wrong with an N-body system.

/// An N-body system cannot be set up or advanced.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum NBodyError {
    /// A number of a particle is not finite.
    #[error("{field} of particle {particle} is {value}: must be finite")]
    NotFinite {
        /// `"position"`, `"velocity"` or `"mass"`.
        field: &'static str,
        /// Which particle, from zero.
        particle: usize,
        /// Its value.
        value: f64,
    },
    /// Two particles at one place attract each other without bound.
    #[error(
        "particles {first} and {second} are both at {position:?} kpc (or closer than rounding can \
         tell) and attract each other without bound: give a softening above 0, or move one"
    )]
    Coincident {
        /// The first particle, from zero.
        first: usize,
        /// The second particle.
        second: usize,
        /// Where they are.
        position: [f64; 3],
    },
    /// A force is larger than the numbers of the run can hold.
    #[error("the acceleration of particle {particle} at {position:?} kpc overflows")]
    Overflow {
        /// Which particle, from zero.
        particle: usize,
        /// Where it is.
        position: [f64; 3],
    },
    /// A potential has no finite force at the place of a particle.
    #[error(
        "the potential {potential} has no finite force at {position:?} kpc, where particle \
         {particle} is"
    )]
    Singular {
        /// The potential's name.
        potential: String,
        /// Which particle, from zero.
        particle: usize,
        /// Where it is.
        position: [f64; 3],
    },
    /// The tide of a galaxy holds a progenitor together.
    #[error(
        "a progenitor at {position:?} kpc has no tidal radius there: the galaxy's tide does not \
         pull stars out of it"
    )]
    NoTidalRadius {
        /// Where the progenitor is.
        position: [f64; 3],
    },
    /// An orbit has no turning point far out, and so no actions.
    #[error("an orbit of energy {energy} (km/s)^2 is not bound: it has no actions")]
    Unbound {
        /// Its energy per mass, in (km/s)^2.
        energy: f64,
    },
    /// An adaptive integration does not come on.
    #[error(
        "at time {time} kpc/(km/s), after {steps} steps, a step of {step:e} kpc/(km/s) is needed: \
         a particle is at a singular centre, or the tolerance is too small"
    )]
    Stiff {
        /// Where it is, in kpc/(km/s).
        time: f64,
        /// The step that it would need.
        step: f64,
        /// Steps so far.
        steps: usize,
    },
    /// A particle is in no direction from the observer, or in one where longitudes meet.
    #[error(
        "particle {particle} at {position:?} kpc is at the observer, at a pole of the frame, or \
         nowhere: it has no longitude"
    )]
    NoDirection {
        /// Which particle, from zero.
        particle: usize,
        /// Where it is, in Galactocentric coordinates.
        position: [f64; 3],
    },
    /// A number lies outside its range.
    #[error("{name} = {value}: must be {allowed}")]
    Range {
        /// The number's name.
        name: String,
        /// Its value.
        value: f64,
        /// The allowed range, in words.
        allowed: &'static str,
    },
    /// A vector of parameters has the wrong length.
    #[error("{found} parameters of external potentials: expected {expected}, {names:?}")]
    Parameters {
        /// How many there are.
        found: usize,
        /// How many there must be.
        expected: usize,
        /// Their names.
        names: Vec<String>,
    },
}
