//! How long a time step may be.

/// A bound on the time step, with the reason for it.
#[derive(Debug, Clone, PartialEq)]
pub struct Limit {
    /// The criterion, e.g. `"kinetic"`, `"potential"`, `"particle CFL"`.
    pub name: &'static str,
    /// The longest step that it allows, in kpc/(km/s); infinite where it does not bind.
    pub dt: f64,
}
