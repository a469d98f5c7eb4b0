//! Sequences of steps.

use crate::{Fields, Operator, Real, State};

/// A finite sequence of steps on one state, with one set of parameters.
///
/// A step borrows from the sequence what all steps share (transform plans, meshes) and holds what
/// is its own (the length of a kick), so a sequence of recorded time steps costs a list of
/// numbers.
///
/// For the gradient of a sequence the steps must be [`Adjoint`](crate::Adjoint), and the sequence
/// `'static`: it owns what it needs, or shares it through an `Arc`.
///
/// Every state of a run must have the shape of the first one.
// A sequence of length zero is the identity; whether it is empty is no question of its own.
#[allow(clippy::len_without_is_empty)]
pub trait Steps<T: Real>: Send + Sync {
    /// Differentiable parameters of all steps.
    type Params: State<T>;
    /// What is stepped.
    type State: Fields<T>;
    /// One step.
    type Step<'a>: Operator<T, Params = Self::Params, In = Self::State, Out = Self::State>
    where
        Self: 'a;

    /// Number of steps.
    fn len(&self) -> usize;

    /// The step of index `i`, less than [`Steps::len`].
    fn step(&self, i: usize) -> Self::Step<'_>;

    /// Bytes that one step keeps for its adjoint, estimated for the choice and the prediction of a
    /// schedule. The provided method says: one state.
    fn saved_bytes(&self, state: &Self::State) -> usize {
        state.bytes()
    }
}

/// The same operator `n` times.
#[derive(Debug, Clone, Copy)]
pub struct Repeat<O> {
    /// The step.
    pub op: O,
    /// How often it is applied.
    pub n: usize,
}

impl<T, O> Steps<T> for Repeat<O>
where
    T: Real,
    O: Operator<T, In = <O as Operator<T>>::Out>,
    O::Out: Fields<T>,
{
    type Params = O::Params;
    type State = O::Out;
    type Step<'a>
        = &'a O
    where
        O: 'a;

    fn len(&self) -> usize {
        self.n
    }

    fn step(&self, _: usize) -> &O {
        &self.op
    }
}
