//! What can be wrong with particles.

/// Particles cannot be set up, deposited or moved.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ParticleError {
    /// A number of a particle lies outside its range, or is NaN.
    #[error("{field} of particle {particle}, component {component}, is {value}: must be {allowed}")]
    Particle {
        /// `"position"`, `"velocity"` or `"mass"`.
        field: &'static str,
        /// Which particle, from zero.
        particle: usize,
        /// Which component: 0, 1, 2 for x, y, z; 0 for a mass.
        component: usize,
        /// Its value.
        value: f64,
        /// The allowed range, in words.
        allowed: &'static str,
    },
    /// An option of the initial conditions lies outside its range.
    #[error("{name} = {value}: must be {allowed}")]
    Range {
        /// The option's name.
        name: &'static str,
        /// Its value.
        value: f64,
        /// The allowed range, in words.
        allowed: &'static str,
    },
    /// Equilibrium velocities were asked for where the positions have no known equilibrium.
    #[error(
        "velocities = \"equilibrium\" with positions = {positions:?}: allowed for \"plummer\" only"
    )]
    NoEquilibrium {
        /// Name of the positions' generator.
        positions: &'static str,
    },
    /// Particles were to be kicked by a gravity that holds no acceleration.
    #[error(
        "gravity on {cells:?} cells comes without an acceleration: {particles} particles need one"
    )]
    MissingAcceleration {
        /// Cells of the mesh along x, y and z.
        cells: [usize; 3],
        /// Number of the particles.
        particles: usize,
    },
}
