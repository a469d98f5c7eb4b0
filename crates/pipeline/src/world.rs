//! The world: named states of any type, addressed as `"stars.velocity"`.

use std::any::Any;

use crate::{Error, Result, Timed};
use adastra_core::{FieldMut, FieldRef, Fields, Memory, Real, State, join};

/// A state of any type behind a pointer; implemented for every [`Fields`].
pub trait AnyFields<T: Real>: Send + Sync {
    #[doc(hidden)]
    fn boxed_clone(&self) -> Box<dyn AnyFields<T>>;
    #[doc(hidden)]
    fn boxed_zeros(&self) -> Box<dyn AnyFields<T>>;
    #[doc(hidden)]
    fn any_axpy(&mut self, a: T, x: &dyn AnyFields<T>);
    #[doc(hidden)]
    fn any_dot(&self, x: &dyn AnyFields<T>) -> f64;
    #[doc(hidden)]
    fn any_copy_from(&mut self, x: &dyn AnyFields<T>);
    #[doc(hidden)]
    fn any_visit(&self, f: &mut dyn FnMut(&str, FieldRef<'_, T>));
    #[doc(hidden)]
    fn any_visit_mut(&mut self, f: &mut dyn FnMut(&str, FieldMut<'_, T>));
    #[doc(hidden)]
    fn any_copy_in(&self, memory: Memory) -> Box<dyn AnyFields<T>>;
    #[doc(hidden)]
    fn any_bytes(&self) -> usize;
    #[doc(hidden)]
    fn any_non_finite(&self) -> Option<String>;
    #[doc(hidden)]
    fn as_any(&self) -> &dyn Any;
    #[doc(hidden)]
    fn as_any_mut(&mut self) -> &mut dyn Any;
}

/// Why two entries of equal name can differ in type only by a programmer's mistake.
const SAME_TYPE: &str = "entries of one world are combined with those of another";

impl<T: Real, S: Fields<T>> AnyFields<T> for S {
    fn boxed_clone(&self) -> Box<dyn AnyFields<T>> {
        Box::new(self.clone())
    }
    fn boxed_zeros(&self) -> Box<dyn AnyFields<T>> {
        Box::new(self.zeros_like())
    }
    fn any_axpy(&mut self, a: T, x: &dyn AnyFields<T>) {
        self.axpy(a, x.as_any().downcast_ref().expect(SAME_TYPE));
    }
    fn any_dot(&self, x: &dyn AnyFields<T>) -> f64 {
        self.dot(x.as_any().downcast_ref().expect(SAME_TYPE))
    }
    fn any_copy_from(&mut self, x: &dyn AnyFields<T>) {
        self.copy_from(x.as_any().downcast_ref().expect(SAME_TYPE));
    }
    fn any_visit(&self, f: &mut dyn FnMut(&str, FieldRef<'_, T>)) {
        self.visit(f);
    }
    fn any_visit_mut(&mut self, f: &mut dyn FnMut(&str, FieldMut<'_, T>)) {
        self.visit_mut(f);
    }
    fn any_copy_in(&self, memory: Memory) -> Box<dyn AnyFields<T>> {
        Box::new(self.copy_in(memory))
    }
    fn any_bytes(&self) -> usize {
        self.bytes()
    }
    fn any_non_finite(&self) -> Option<String> {
        self.non_finite()
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }
}

/// A state as its own type, or as that within [`Timed`].
fn as_type_mut<T: Real, S: 'static>(entry: &mut dyn AnyFields<T>) -> Option<&mut S> {
    let entry = entry.as_any_mut();
    if entry.is::<S>() {
        return entry.downcast_mut();
    }
    let timed: Option<&mut Timed<S, T>> = entry.downcast_mut();
    timed.map(|timed| &mut timed.state)
}

/// Named states, in the order in which the configuration lists them.
pub struct World<T: Real> {
    entries: Vec<(String, Box<dyn AnyFields<T>>)>,
}

impl<T: Real> World<T> {
    /// An empty world.
    pub fn new() -> Self {
        Self {
            entries: Vec::new(),
        }
    }

    /// Adds an entry at the end.
    pub fn push(&mut self, name: impl Into<String>, entry: Box<dyn AnyFields<T>>) {
        self.entries.push((name.into(), entry));
    }

    /// Puts another entry in the place of one.
    ///
    /// # Panics
    /// Where there is none.
    pub(crate) fn replace(&mut self, i: usize, entry: Box<dyn AnyFields<T>>) {
        self.entries[i].1 = entry;
    }

    /// Names of the entries.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().map(|(name, _)| name.as_str())
    }

    /// The entry at a position.
    ///
    /// # Panics
    /// Where there is none.
    pub fn at(&self, i: usize) -> &dyn AnyFields<T> {
        &*self.entries[i].1
    }

    /// The entry at a position.
    ///
    /// # Panics
    /// Where there is none.
    pub fn at_mut(&mut self, i: usize) -> &mut dyn AnyFields<T> {
        &mut *self.entries[i].1
    }

    /// The entry of a name, as its own type, or as that within [`Timed`].
    pub fn get<S: 'static>(&self, name: &str) -> Option<&S> {
        let (_, entry) = self.entries.iter().find(|(n, _)| n == name)?;
        let entry = entry.as_any();
        let within = || entry.downcast_ref().map(|timed: &Timed<S, T>| &timed.state);
        entry.downcast_ref().or_else(within)
    }

    /// As [`World::get`].
    pub fn get_mut<S: 'static>(&mut self, name: &str) -> Option<&mut S> {
        let (_, entry) = self.entries.iter_mut().find(|(n, _)| n == name)?;
        as_type_mut(&mut **entry)
    }

    /// The entries of two names, as their own types.
    pub fn pair_mut<A: 'static, B: 'static>(
        &mut self,
        a: &str,
        b: &str,
    ) -> Option<(&mut A, &mut B)> {
        let (mut first, mut second) = (None, None);
        for (name, entry) in &mut self.entries {
            if name == a {
                first = as_type_mut(&mut **entry);
            } else if name == b {
                second = as_type_mut(&mut **entry);
            }
        }
        first.zip(second)
    }

    /// The entry of a name that a configuration gives at `key`, as its own type.
    ///
    /// # Errors
    /// [`Error::UnknownName`]; [`Error::Range`] where the entry is of another type.
    pub fn named<S: 'static>(&self, key: &str, name: &str) -> Result<&S> {
        if !self.names().any(|n| n == name) {
            return Err(Error::UnknownName {
                key: key.to_owned(),
                name: name.to_owned(),
                kind: "matter",
                known: self.names().map(str::to_owned).collect(),
            });
        }
        let allowed = "matter of the kind that is needed here";
        self.get(name)
            .ok_or_else(|| Error::range(key, format!("{name:?}"), allowed))
    }

    /// Every address in this world: `"stars.position"`, `"stars.velocity"`, ...
    pub fn addresses(&self) -> Vec<String> {
        let mut addresses = Vec::new();
        self.visit(&mut |name, _| addresses.push(name.to_owned()));
        addresses
    }

    /// Number of real numbers at an address (a complex one counts twice).
    pub fn len_at(&self, address: &str) -> Option<usize> {
        let mut len = None;
        self.visit(&mut |name, field| {
            if name == address {
                len = Some(match field {
                    FieldRef::Real(a) => a.len(),
                    FieldRef::Complex(a) => 2 * a.len(),
                });
            }
        });
        len
    }

    /// Appends the real numbers at an address to `out`; complex ones as pairs.
    pub fn read(&self, address: &str, out: &mut Vec<f64>) {
        self.visit(&mut |name, field| {
            if name == address {
                match field {
                    FieldRef::Real(a) => out.extend(a.iter().map(|x| x.f64())),
                    FieldRef::Complex(a) => {
                        out.extend(a.iter().flat_map(|z| [z.re.f64(), z.im.f64()]))
                    }
                }
            }
        });
    }

    /// Takes the numbers at an address from the front of `values`.
    ///
    /// # Panics
    /// When there are too few.
    pub fn write(&mut self, address: &str, values: &mut &[f64]) {
        self.visit_mut(&mut |name, field| {
            if name == address {
                let mut next = || {
                    let (first, rest) = values.split_first().expect("enough values for the field");
                    *values = rest;
                    T::of(*first)
                };
                match field {
                    FieldMut::Real(mut a) => a.iter_mut().for_each(|x| *x = next()),
                    FieldMut::Complex(mut a) => a.iter_mut().for_each(|z| {
                        z.re = next();
                        z.im = next();
                    }),
                }
            }
        });
    }
}

impl<T: Real> Default for World<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: Real> World<T> {
    /// A world of the same names.
    fn each(&self, make: impl Fn(&dyn AnyFields<T>) -> Box<dyn AnyFields<T>>) -> Self {
        let entries = self.entries.iter();
        Self {
            entries: entries
                .map(|(name, entry)| (name.clone(), make(&**entry)))
                .collect(),
        }
    }
}

impl<T: Real> Clone for World<T> {
    fn clone(&self) -> Self {
        self.each(|entry| entry.boxed_clone())
    }
}

impl<T: Real> State<T> for World<T> {
    fn zeros_like(&self) -> Self {
        self.each(|entry| entry.boxed_zeros())
    }

    fn copy_in(&self, memory: Memory) -> Self {
        self.each(|entry| entry.any_copy_in(memory))
    }

    fn axpy(&mut self, a: T, x: &Self) {
        assert_eq!(
            self.entries.len(),
            x.entries.len(),
            "axpy of worlds of different sizes"
        );
        for ((_, y), (_, x)) in self.entries.iter_mut().zip(&x.entries) {
            y.any_axpy(a, &**x);
        }
    }

    fn dot(&self, other: &Self) -> f64 {
        assert_eq!(
            self.entries.len(),
            other.entries.len(),
            "dot of worlds of different sizes"
        );
        self.entries
            .iter()
            .zip(&other.entries)
            .map(|((_, x), (_, y))| x.any_dot(&**y))
            .sum()
    }

    fn copy_from(&mut self, x: &Self) {
        if !self.names().eq(x.names()) {
            return self.clone_from(x);
        }
        for ((_, y), (_, x)) in self.entries.iter_mut().zip(&x.entries) {
            y.any_copy_from(&**x);
        }
    }
}

impl<T: Real> Fields<T> for World<T> {
    fn visit(&self, f: &mut dyn FnMut(&str, FieldRef<'_, T>)) {
        for (entry_name, entry) in &self.entries {
            entry.any_visit(&mut |name, field| f(&join(entry_name, name), field));
        }
    }

    fn visit_mut(&mut self, f: &mut dyn FnMut(&str, FieldMut<'_, T>)) {
        for (entry_name, entry) in &mut self.entries {
            entry.any_visit_mut(&mut |name, field| f(&join(entry_name, name), field));
        }
    }

    // Entry by entry: those of a device know without a copy on the host.
    fn bytes(&self) -> usize {
        self.entries
            .iter()
            .map(|(_, entry)| entry.any_bytes())
            .sum()
    }

    fn non_finite(&self) -> Option<String> {
        self.entries.iter().find_map(|(name, entry)| {
            let field = entry.any_non_finite()?;
            Some(join(name, &field))
        })
    }
}
