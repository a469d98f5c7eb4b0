//! Named arrays on their way into a component's state.

use std::collections::BTreeMap;

use adastra_core::{FieldRef, Real};
use ndarray::{Array, ArrayD, Dimension};
use num_complex::Complex;

use crate::{Error, Result};

/// An array of real or complex numbers of any rank.
#[derive(Debug, Clone, PartialEq)]
pub enum AnyArray<T> {
    /// Real numbers.
    Real(ArrayD<T>),
    /// Complex numbers.
    Complex(ArrayD<Complex<T>>),
}

impl<T: Real> AnyArray<T> {
    /// A copy of a field.
    pub fn of(field: FieldRef<'_, T>) -> Self {
        match field {
            FieldRef::Real(a) => Self::Real(a.to_owned()),
            FieldRef::Complex(a) => Self::Complex(a.to_owned()),
        }
    }
}

/// Named arrays: what a generator of initial conditions, or a file, offers.
#[derive(Debug, Clone, Default)]
pub struct Arrays<T> {
    arrays: BTreeMap<String, AnyArray<T>>,
}

impl<T: Real> Arrays<T> {
    /// No arrays.
    pub fn new() -> Self {
        Self {
            arrays: BTreeMap::new(),
        }
    }

    /// Adds a real array.
    pub fn real<D: Dimension>(mut self, name: &str, array: Array<T, D>) -> Self {
        self.arrays
            .insert(name.to_owned(), AnyArray::Real(array.into_dyn()));
        self
    }

    /// Adds a complex array.
    pub fn complex<D: Dimension>(mut self, name: &str, array: Array<Complex<T>, D>) -> Self {
        self.arrays
            .insert(name.to_owned(), AnyArray::Complex(array.into_dyn()));
        self
    }

    /// Adds an array.
    pub fn insert(&mut self, name: &str, array: AnyArray<T>) {
        self.arrays.insert(name.to_owned(), array);
    }

    /// Takes a real array out.
    ///
    /// # Errors
    /// [`Error::Missing`] and [`Error::Range`] where it is absent, complex or of another rank.
    pub fn take_real<D: Dimension>(&mut self, name: &str) -> Result<Array<T, D>> {
        match self.take(name)? {
            AnyArray::Real(array) => rank(name, array),
            AnyArray::Complex(_) => Err(Error::range(name, "complex numbers", "real numbers")),
        }
    }

    /// Takes a complex array out; a real one is widened.
    ///
    /// # Errors
    /// [`Error::Missing`] and [`Error::Range`] where it is absent or of another rank.
    pub fn take_complex<D: Dimension>(&mut self, name: &str) -> Result<Array<Complex<T>, D>> {
        match self.take(name)? {
            AnyArray::Real(array) => rank(name, array.mapv(|x| Complex::new(x, T::zero()))),
            AnyArray::Complex(array) => rank(name, array),
        }
    }

    fn take(&mut self, name: &str) -> Result<AnyArray<T>> {
        self.arrays.remove(name).ok_or_else(|| {
            let have: Vec<_> = self.arrays.keys().cloned().collect();
            let needed = format!("an array of this name; there is {have:?}");
            Error::Missing {
                key: name.to_owned(),
                needed,
            }
        })
    }

    /// Checks that nothing is left over.
    ///
    /// # Errors
    /// [`Error::Range`] naming an array that the component does not know.
    pub fn finish(self) -> Result<()> {
        match self.arrays.into_keys().next() {
            Some(name) => Err(Error::range(
                name,
                "an array",
                "only the fields of the component",
            )),
            None => Ok(()),
        }
    }
}

fn rank<A: Clone, D: Dimension>(name: &str, array: ArrayD<A>) -> Result<Array<A, D>> {
    let shape = array.shape().to_vec();
    let axes = D::NDIM.unwrap_or(shape.len());
    array
        .into_dimensionality()
        .map(|a| a.as_standard_layout().into_owned())
        .map_err(|_| {
            Error::range(
                format!("shape of {name}"),
                format!("{shape:?}"),
                format!("{axes} axes"),
            )
        })
}

/// Checks an array's shape.
///
/// # Errors
/// [`Error::Range`] naming the array and both shapes.
pub fn expect_shape(name: &str, found: &[usize], expected: &[usize]) -> Result<()> {
    if found == expected {
        return Ok(());
    }
    Err(Error::range(
        format!("shape of {name}"),
        format!("{found:?}"),
        format!("{expected:?}"),
    ))
}
