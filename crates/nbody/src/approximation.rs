//! What the derivatives of a run keep of the attraction of the pairs.

/// What the derivatives of an [`Integration`](crate::Integration) keep of the attraction of the
/// pairs. The run itself is the same, bit for bit, under all of them.
///
/// The acceleration of particle i by the others is a function of the separations of all pairs, of
/// the masses, of G and of the softening. An exact derivative follows all four. Where a run is
/// chaotic, that by the separations grows as exp(t / t_L), with the Lyapunov time t_L that
/// [`Growth`](crate::Growth) measures, and ends up as the derivative of close encounters. The
/// other two derivatives below leave part of it out. *They are not gradients of the run*: a loss
/// need not fall along them, and they do not pass a comparison with differences of the run. They
/// are exact derivatives of another run, as is said at each.
///
/// ```
/// use adastra_core::{Evolve, Schedule};
/// use adastra_nbody::*;
///
/// let p = NBodyParams::<f64>::new(0.1, 0.01, []);
/// let cluster = || Sphere::plummer(20, 10.0, 1)?.apply(&SphereParams::new(1e5, 0.01), ());
/// let gradient = |pairs: PairDerivative| {
///     let system = NBody::isolated(SelfGravity::new());
///     let run = Integration::new(system, Scheme::KickDriftKick, 50).with_pair_derivative(pairs);
///     let run = Evolve::new(run, Schedule::StoreAll);
///     run.value_and_gradient(&p, cluster()?, |y: &ParticleState<f64>| Ok((0.0, y.clone())))
/// };
/// let exact = gradient(PairDerivative::Exact)?;
/// let frozen = gradient(PairDerivative::Frozen)?;
/// let short = gradient(PairDerivative::Horizon { steps: 10 })?;
/// let all = gradient(PairDerivative::Horizon { steps: 50 })?;
/// assert_ne!(exact.x_bar, frozen.x_bar);
/// assert_ne!(short.x_bar, frozen.x_bar);
/// assert_eq!(all.x_bar, exact.x_bar);
/// # use adastra_core::Operator;
/// # Ok::<(), adastra_core::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum PairDerivative {
    /// All of it: the derivative of the run.
    #[default]
    Exact,
    /// The separations of all pairs are given numbers, one set for each kick: those of the run.
    ///
    /// What is left of the derivative of an acceleration is that by the masses, by G and by the
    /// softening; that of a_i by x_i through the field of the others is left out like that by x_j.
    /// It is the exact derivative of a run in which the pairs attract each other along recorded
    /// separations. The galaxy, the drifts and the lengths of the kicks are differentiated in full,
    /// so the derivative follows each particle as a test particle. This is what Odisseo (version
    /// 11ca128) returns in place of the gradient, by a `stop_gradient` around the separations.
    Frozen,
    /// As [`Self::Frozen`] up to the last `steps` steps of the scheme, and exact in those.
    ///
    /// With as many steps as the run has, or more, it is the exact derivative, bit for bit; with
    /// none it is the frozen one. The kick between the last frozen step and the first of the
    /// `steps`, which both share in schemes that kick first, counts with the latter. The galaxy,
    /// the drifts and the lengths of the kicks are differentiated in full over the whole run. What
    /// it holds of the pairs grows at most as exp(h / t_L) over the horizon h: choose it of the
    /// order of the Lyapunov time t_L.
    Horizon {
        /// Steps at the end of the run.
        steps: usize,
    },
}
