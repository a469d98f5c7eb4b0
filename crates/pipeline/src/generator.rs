//! Initial conditions that are differentiated.

use adastra_core::{FieldRef, Fields, Real};
use serde::de::DeserializeOwned;

use crate::{AnyArray, AnyFields, Arrays, Doc, Error, Result, Site};

/// The first state of a component as a function of parameters, those of its matter among them.
pub trait Generator<T: Real>: Send + Sync {
    /// Its own parameters, at addresses such as `"cluster.initial.mass"`.
    type Params: Fields<T>;
    /// Parameters of the matter that it serves.
    type Matter: Fields<T>;
    /// State of the matter that it serves.
    type State: Fields<T>;

    /// The first state.
    ///
    /// # Errors
    /// What the generator documents.
    fn generate(
        &self,
        p: &Self::Params,
        matter: &Self::Matter,
    ) -> adastra_core::Result<Self::State>;

    /// Adjoint of [`Generator::generate`]: adds to the cotangents of both kinds of parameters.
    ///
    /// # Errors
    /// As [`Generator::generate`].
    fn vjp(
        &self,
        p: &Self::Params,
        matter: &Self::Matter,
        state_bar: &Self::State,
        p_bar: &mut Self::Params,
        matter_bar: &mut Self::Matter,
    ) -> adastra_core::Result<()>;
}

/// A differentiable generator for `initial` of a component.
pub trait GeneratorPlugin: 'static {
    /// Name in a configuration, e.g. `"nbody.sphere"`.
    const NAME: &'static str;
    /// One line on what it is, with its source.
    const ABOUT: &'static str;
    /// Keys of `with`.
    const OPTIONS: &'static [Doc] = &[];
    /// Keys of `parameters`.
    const PARAMETERS: &'static [Doc];
    /// The table `with`: configuration that is not differentiated.
    type Options: DeserializeOwned;
    /// The table `parameters`: numbers that are differentiated.
    type Parameters: DeserializeOwned;
    /// The generator itself.
    type Generator<T: Real>: Generator<T> + 'static;

    /// Builds the generator.
    ///
    /// # Errors
    /// What the options get wrong.
    fn generator<T: Real>(options: Self::Options, site: &Site) -> Result<Self::Generator<T>>;

    /// Turns the table `parameters` into the generator's parameters.
    ///
    /// # Errors
    /// What the values get wrong.
    fn parameters<T: Real>(
        values: Self::Parameters,
    ) -> Result<<Self::Generator<T> as Generator<T>>::Params>;
}

/// A generator behind an object-safe face.
pub(crate) trait AnyGenerator<T: Real>: Send + Sync {
    fn generate(
        &self,
        p: &dyn AnyFields<T>,
        matter: &dyn AnyFields<T>,
    ) -> Result<Box<dyn AnyFields<T>>>;

    fn vjp(
        &self,
        p: &dyn AnyFields<T>,
        matter: &dyn AnyFields<T>,
        state_bar: &dyn AnyFields<T>,
        p_bar: &mut dyn AnyFields<T>,
        matter_bar: &mut dyn AnyFields<T>,
    ) -> Result<()>;

    /// Whether a state is of the type that it generates.
    fn makes(&self, state: &dyn AnyFields<T>) -> bool;
}

/// A component whose parameters or state are of another type than the generator works with.
pub(crate) fn another_kind() -> Error {
    let allowed = "a generator for this kind of matter (see `adastra plugins`)";
    Error::range("use", "a generator for another kind of matter", allowed)
}

fn down<T: Real, S: 'static>(x: &dyn AnyFields<T>) -> Result<&S> {
    x.as_any().downcast_ref().ok_or_else(another_kind)
}

fn down_mut<T: Real, S: 'static>(x: &mut dyn AnyFields<T>) -> Result<&mut S> {
    x.as_any_mut().downcast_mut().ok_or_else(another_kind)
}

impl<T: Real, G: Generator<T>> AnyGenerator<T> for G {
    fn generate(
        &self,
        p: &dyn AnyFields<T>,
        matter: &dyn AnyFields<T>,
    ) -> Result<Box<dyn AnyFields<T>>> {
        Ok(Box::new(self.generate(down(p)?, down(matter)?)?))
    }

    fn vjp(
        &self,
        p: &dyn AnyFields<T>,
        matter: &dyn AnyFields<T>,
        state_bar: &dyn AnyFields<T>,
        p_bar: &mut dyn AnyFields<T>,
        matter_bar: &mut dyn AnyFields<T>,
    ) -> Result<()> {
        let (p_bar, matter_bar) = (down_mut(p_bar)?, down_mut(matter_bar)?);
        Ok(self.vjp(down(p)?, down(matter)?, down(state_bar)?, p_bar, matter_bar)?)
    }

    fn makes(&self, state: &dyn AnyFields<T>) -> bool {
        state.as_any().is::<G::State>()
    }
}

/// The fields of a state by name.
pub(crate) fn arrays<T: Real>(state: &dyn AnyFields<T>) -> Arrays<T> {
    let mut arrays = Arrays::new();
    state.any_visit(&mut |name, field: FieldRef<'_, T>| arrays.insert(name, AnyArray::of(field)));
    arrays
}
