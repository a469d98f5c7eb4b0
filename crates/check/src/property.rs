//! The checks as property tests.

use std::env;

use adastra_core::{Adjoint, Fields, Operator, Reversible, Tangent};
use proptest::prelude::{Strategy, any};
use proptest::test_runner::{Config, RngSeed, TestCaseError, TestError, TestRunner};

use crate::{
    CheckError, Report, Tolerances, check_adjoint_at, check_reversible_at, check_tangent_at,
};

/// Characters of an input that a failure shows.
const SHOWN: usize = 2000;

/// [`check_adjoint_at`] as a property test: `inputs` draws parameters and input.
///
/// The number of points is 16 and their seed fixed, unless the environment variables
/// `PROPTEST_CASES` and `PROPTEST_RNG_SEED` say otherwise.
///
/// # Panics
/// When a check fails, naming it and the block of the derivative, and showing the input.
#[track_caller]
pub fn adjoint<O, S>(op: &O, inputs: S)
where
    O: Adjoint<f64>,
    O::Params: Fields<f64>,
    O::In: Fields<f64>,
    O::Out: Fields<f64>,
    S: Strategy<Value = (O::Params, O::In)>,
{
    adjoint_of(inputs, |(p, x)| (op, p, x));
}

/// [`check_tangent_at`] as a property test; see [`adjoint()`].
///
/// # Panics
/// When a check fails.
#[track_caller]
pub fn tangent<O, S>(op: &O, inputs: S)
where
    O: Adjoint<f64> + Tangent<f64>,
    O::Params: Fields<f64>,
    O::In: Fields<f64>,
    O::Out: Fields<f64>,
    S: Strategy<Value = (O::Params, O::In)>,
{
    tangent_of(inputs, |(p, x)| (op, p, x));
}

/// [`check_reversible_at`] as a property test; see [`adjoint()`].
///
/// # Panics
/// When a check fails.
#[track_caller]
pub fn reversible<O, S>(op: &O, inputs: S)
where
    O: Reversible<f64>,
    O::Params: Fields<f64>,
    O::In: Fields<f64>,
    O::Out: Fields<f64>,
    S: Strategy<Value = (O::Params, O::In)>,
{
    reversible_of(inputs, |(p, x)| (op, p, x));
}

/// [`adjoint()`] of a random operator: `build` makes operator, parameters and input of what
/// `inputs` draws, such as a mesh size.
///
/// # Panics
/// When a check fails.
#[track_caller]
pub fn adjoint_of<S, O>(inputs: S, build: impl Fn(S::Value) -> (O, O::Params, O::In))
where
    S: Strategy,
    O: Adjoint<f64>,
    O::Params: Fields<f64>,
    O::In: Fields<f64>,
    O::Out: Fields<f64>,
{
    Property::default().adjoint_of(inputs, build);
}

/// [`tangent()`] of a random operator; see [`adjoint_of`].
///
/// # Panics
/// When a check fails.
#[track_caller]
pub fn tangent_of<S, O>(inputs: S, build: impl Fn(S::Value) -> (O, O::Params, O::In))
where
    S: Strategy,
    O: Adjoint<f64> + Tangent<f64>,
    O::Params: Fields<f64>,
    O::In: Fields<f64>,
    O::Out: Fields<f64>,
{
    Property::default().tangent_of(inputs, build);
}

/// [`reversible()`] of a random operator; see [`adjoint_of`].
///
/// # Panics
/// When a check fails.
#[track_caller]
pub fn reversible_of<S, O>(inputs: S, build: impl Fn(S::Value) -> (O, O::Params, O::In))
where
    S: Strategy,
    O: Reversible<f64>,
    O::Params: Fields<f64>,
    O::In: Fields<f64>,
    O::Out: Fields<f64>,
{
    Property::default().reversible_of(inputs, build);
}

/// Number of points and tolerances, for operators that are dear or that amplify rounding errors.
///
/// The functions of this crate use the default.
///
/// ```no_run
/// # use adastra_core::{Adjoint, Fields};
/// use adastra_check::{Property, Tolerances, normal};
/// # use ndarray::Array3;
/// # fn test<O>(op: O)
/// # where
/// #     O: Adjoint<f64, Params = f64, In = Array3<f64>>,
/// #     O::Out: Fields<f64>,
/// # {
///
/// let tolerances = Tolerances { difference: 1e-6, ..Tolerances::default() };
/// let inputs = (0.5..1.0, normal((8, 8, 8), 0.0, 1.0));
/// Property { cases: 4, tolerances }.adjoint_of(inputs, |(p, x)| (&op, p, x));
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Property {
    /// Points that are drawn, unless the environment variable `PROPTEST_CASES` is set. Sixteen by
    /// default: each costs some tens of evaluations, and tests every element of the derivative
    /// with random weights.
    pub cases: u32,
    /// How well results must agree.
    pub tolerances: Tolerances,
}

impl Default for Property {
    fn default() -> Self {
        Self {
            cases: 16,
            tolerances: Tolerances::default(),
        }
    }
}

type Check<O> = fn(
    &O,
    &<O as Operator<f64>>::Params,
    &<O as Operator<f64>>::In,
    u64,
    &Tolerances,
) -> Result<Report, CheckError>;

impl Property {
    /// As the function [`adjoint_of`].
    ///
    /// # Panics
    /// When a check fails.
    #[track_caller]
    pub fn adjoint_of<S, O>(&self, inputs: S, build: impl Fn(S::Value) -> (O, O::Params, O::In))
    where
        S: Strategy,
        O: Adjoint<f64>,
        O::Params: Fields<f64>,
        O::In: Fields<f64>,
        O::Out: Fields<f64>,
    {
        self.hold(inputs, build, check_adjoint_at);
    }

    /// As the function [`tangent_of`].
    ///
    /// # Panics
    /// When a check fails.
    #[track_caller]
    pub fn tangent_of<S, O>(&self, inputs: S, build: impl Fn(S::Value) -> (O, O::Params, O::In))
    where
        S: Strategy,
        O: Adjoint<f64> + Tangent<f64>,
        O::Params: Fields<f64>,
        O::In: Fields<f64>,
        O::Out: Fields<f64>,
    {
        self.hold(inputs, build, check_tangent_at);
    }

    /// As the function [`reversible_of`].
    ///
    /// # Panics
    /// When a check fails.
    #[track_caller]
    pub fn reversible_of<S, O>(&self, inputs: S, build: impl Fn(S::Value) -> (O, O::Params, O::In))
    where
        S: Strategy,
        O: Reversible<f64>,
        O::Params: Fields<f64>,
        O::In: Fields<f64>,
        O::Out: Fields<f64>,
    {
        self.hold(inputs, build, check_reversible_at);
    }

    #[track_caller]
    fn hold<S, O>(
        &self,
        inputs: S,
        build: impl Fn(S::Value) -> (O, O::Params, O::In),
        check: Check<O>,
    ) where
        S: Strategy,
        O: Operator<f64>,
    {
        let mut config = Config::default();
        if env::var_os("PROPTEST_CASES").is_none() {
            config.cases = self.cases;
        }
        if env::var_os("PROPTEST_RNG_SEED").is_none() {
            // A gradient check that fails must fail again when it is run again.
            config.rng_seed = RngSeed::Fixed(0);
        }
        config.failure_persistence = None;
        config.max_shrink_iters = 64;
        let inputs = (inputs, any::<u64>().no_shrink());
        let found = TestRunner::new(config).run(&inputs, |(input, seed)| {
            let (op, p, x) = build(input);
            match check(&op, &p, &x, seed, &self.tolerances) {
                Ok(_) => Ok(()),
                Err(error) => Err(TestCaseError::fail(error.to_string())),
            }
        });
        let name = std::any::type_name::<O>();
        match found {
            Ok(()) => {}
            Err(TestError::Abort(reason)) => panic!("no inputs to check {name} with: {reason}"),
            Err(TestError::Fail(reason, (input, seed))) => {
                let shown: String = format!("{input:?}").chars().take(SHOWN).collect();
                panic!("{name}: {reason}\nseed of the directions: {seed}\ninput: {shown}");
            }
        }
    }
}
