//! States: points of finite-dimensional real inner-product spaces.

use ndarray::{Array, ArrayView, ArrayViewD, ArrayViewMut, ArrayViewMutD, Dimension, IxDyn};
use num_complex::Complex;
use num_traits::Zero;

use crate::Real;

/// A point of a finite-dimensional real inner-product space.
///
/// Tangents and cotangents have the same type. Complex arrays count as pairs of reals:
/// the inner product is the real part of the Hermitian one.
pub trait State<T: Real>: Clone + Send + Sync + 'static {
    /// The zero of the same shape.
    fn zeros_like(&self) -> Self;
    /// `self += a x`.
    ///
    /// # Panics
    /// When the shapes differ.
    fn axpy(&mut self, a: T, x: &Self);
    /// `Re <self, other>`, accumulated in `f64` in a fixed order.
    ///
    /// # Panics
    /// When the shapes differ.
    fn dot(&self, other: &Self) -> f64;
    /// Becomes a copy of `x`. The provided method clones; arrays of the same shape keep their memory,
    /// and so do the states that are made of them.
    fn copy_from(&mut self, x: &Self) {
        self.clone_from(x);
    }
    /// A copy in another memory. The provided method clones: what is worked on by the processor is
    /// in the memory of the host already. States of a device go there and back, and are good for
    /// nothing else in between.
    fn copy_in(&self, memory: Memory) -> Self {
        let _ = memory;
        self.clone()
    }
}

/// Which memory holds a state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Memory {
    /// That in which operators find their input.
    Working,
    /// That of the host.
    Host,
}

/// A borrowed field of a state: scalars appear with zero axes.
#[derive(Debug)]
pub enum FieldRef<'a, T> {
    /// Real numbers.
    Real(ArrayViewD<'a, T>),
    /// Complex numbers.
    Complex(ArrayViewD<'a, Complex<T>>),
}

/// A mutably borrowed field of a state.
#[derive(Debug)]
pub enum FieldMut<'a, T> {
    /// Real numbers.
    Real(ArrayViewMutD<'a, T>),
    /// Complex numbers.
    Complex(ArrayViewMutD<'a, Complex<T>>),
}

impl<T: Real> FieldRef<'_, T> {
    /// Lengths of the axes.
    pub fn shape(&self) -> &[usize] {
        match self {
            Self::Real(a) => a.shape(),
            Self::Complex(a) => a.shape(),
        }
    }

    /// Bytes of the numbers.
    pub fn bytes(&self) -> usize {
        match self {
            Self::Real(a) => a.len() * T::BYTES,
            Self::Complex(a) => a.len() * 2 * T::BYTES,
        }
    }

    /// Whether every number is finite.
    pub fn is_finite(&self) -> bool {
        match self {
            Self::Real(a) => a.iter().all(|x| x.is_finite()),
            Self::Complex(a) => a.iter().all(|z| z.re.is_finite() && z.im.is_finite()),
        }
    }
}

/// A state made of named arrays.
///
/// The names let a pipeline address a field (`"stars.velocity"`), a snapshot store it, a
/// checkpoint spill it to disk and an error name it. Implemented for scalars, arrays, tuples and,
/// through [`state!`](crate::state), for structs; the order of the visits is fixed per type.
pub trait Fields<T: Real>: State<T> {
    /// Calls `f` with each field's name and view. A bare array has the empty name; the names of
    /// nested fields are joined by dots.
    fn visit(&self, f: &mut dyn FnMut(&str, FieldRef<'_, T>));
    /// As [`Fields::visit`], with mutable views.
    fn visit_mut(&mut self, f: &mut dyn FnMut(&str, FieldMut<'_, T>));

    /// Bytes of all the numbers.
    fn bytes(&self) -> usize {
        let mut bytes = 0;
        self.visit(&mut |_, field| bytes += field.bytes());
        bytes
    }

    /// The name of the first field that holds NaN or infinity.
    fn non_finite(&self) -> Option<String> {
        let mut found = None;
        self.visit(&mut |name, field| {
            if found.is_none() && !field.is_finite() {
                found = Some(name.to_owned());
            }
        });
        found
    }
}

/// Joins the name of a nested field.
pub fn join(outer: &str, inner: &str) -> String {
    match (outer.is_empty(), inner.is_empty()) {
        (true, _) => inner.to_owned(),
        (_, true) => outer.to_owned(),
        _ => format!("{outer}.{inner}"),
    }
}

/// The element of an array state: a real `T` or a complex number of two.
pub trait Element<T: Real>: Copy + Zero + Send + Sync + 'static {
    #[doc(hidden)]
    fn add_scaled(&mut self, a: T, x: Self);
    #[doc(hidden)]
    fn inner(self, other: Self) -> f64;
    #[doc(hidden)]
    fn field(view: ArrayViewD<'_, Self>) -> FieldRef<'_, T>;
    #[doc(hidden)]
    fn field_mut(view: ArrayViewMutD<'_, Self>) -> FieldMut<'_, T>;
}

impl<T: Real> Element<T> for T {
    #[inline(always)]
    fn add_scaled(&mut self, a: T, x: Self) {
        *self += a * x;
    }
    #[inline(always)]
    fn inner(self, other: Self) -> f64 {
        self.f64() * other.f64()
    }
    fn field(view: ArrayViewD<'_, Self>) -> FieldRef<'_, T> {
        FieldRef::Real(view)
    }
    fn field_mut(view: ArrayViewMutD<'_, Self>) -> FieldMut<'_, T> {
        FieldMut::Real(view)
    }
}

impl<T: Real> Element<T> for Complex<T> {
    #[inline(always)]
    fn add_scaled(&mut self, a: T, x: Self) {
        self.re += a * x.re;
        self.im += a * x.im;
    }
    #[inline(always)]
    fn inner(self, other: Self) -> f64 {
        self.re.f64() * other.re.f64() + self.im.f64() * other.im.f64()
    }
    fn field(view: ArrayViewD<'_, Self>) -> FieldRef<'_, T> {
        FieldRef::Complex(view)
    }
    fn field_mut(view: ArrayViewMutD<'_, Self>) -> FieldMut<'_, T> {
        FieldMut::Complex(view)
    }
}

impl<T: Real> State<T> for T {
    fn zeros_like(&self) -> Self {
        T::zero()
    }
    fn axpy(&mut self, a: T, x: &Self) {
        *self += a * *x;
    }
    fn dot(&self, other: &Self) -> f64 {
        self.inner(*other)
    }
}

impl<T: Real> Fields<T> for T {
    fn visit(&self, f: &mut dyn FnMut(&str, FieldRef<'_, T>)) {
        f("", FieldRef::Real(ndarray::aview0(self).into_dyn()));
    }
    fn visit_mut(&mut self, f: &mut dyn FnMut(&str, FieldMut<'_, T>)) {
        let one = std::slice::from_mut(self);
        if let Ok(view) = ArrayViewMut::from_shape(IxDyn(&[]), one) {
            f("", FieldMut::Real(view));
        }
    }
}

/// Numbers summed before a partial sum is folded in: keeps `dot` accurate and its order fixed.
const DOT_CHUNK: usize = 4096;

impl<T: Real, A: Element<T>, D: Dimension + 'static> State<T> for Array<A, D> {
    fn zeros_like(&self) -> Self {
        Array::zeros(self.raw_dim())
    }

    fn axpy(&mut self, a: T, x: &Self) {
        assert_eq!(
            self.shape(),
            x.shape(),
            "axpy of arrays of different shapes"
        );
        self.zip_mut_with(x, |y, &x| y.add_scaled(a, x));
    }

    fn dot(&self, other: &Self) -> f64 {
        assert_eq!(
            self.shape(),
            other.shape(),
            "dot of arrays of different shapes"
        );
        if let (Some(x), Some(y)) = (self.as_slice(), other.as_slice()) {
            let chunks = x.chunks(DOT_CHUNK).zip(y.chunks(DOT_CHUNK));
            chunks
                .map(|(x, y)| x.iter().zip(y).map(|(&x, &y)| x.inner(y)).sum::<f64>())
                .sum()
        } else {
            self.iter().zip(other).map(|(&x, &y)| x.inner(y)).sum()
        }
    }

    fn copy_from(&mut self, x: &Self) {
        if self.shape() != x.shape() {
            return self.clone_from(x);
        }
        match (self.as_slice_mut(), x.as_slice()) {
            (Some(to), Some(from)) => to.copy_from_slice(from),
            _ => self.zip_mut_with(x, |y, &x| *y = x),
        }
    }
}

impl<T: Real, A: Element<T>, D: Dimension + 'static> Fields<T> for Array<A, D> {
    fn visit(&self, f: &mut dyn FnMut(&str, FieldRef<'_, T>)) {
        f("", A::field(ArrayView::from(self).into_dyn()));
    }
    fn visit_mut(&mut self, f: &mut dyn FnMut(&str, FieldMut<'_, T>)) {
        f("", A::field_mut(ArrayViewMut::from(self).into_dyn()));
    }
}

impl<T: Real> State<T> for () {
    fn zeros_like(&self) -> Self {}
    fn axpy(&mut self, _: T, (): &Self) {}
    fn dot(&self, (): &Self) -> f64 {
        0.0
    }
}

impl<T: Real> Fields<T> for () {
    fn visit(&self, _: &mut dyn FnMut(&str, FieldRef<'_, T>)) {}
    fn visit_mut(&mut self, _: &mut dyn FnMut(&str, FieldMut<'_, T>)) {}
}

impl<T: Real, S: State<T>> State<T> for Vec<S> {
    fn zeros_like(&self) -> Self {
        self.iter().map(S::zeros_like).collect()
    }
    fn axpy(&mut self, a: T, x: &Self) {
        assert_eq!(self.len(), x.len(), "axpy of lists of different lengths");
        self.iter_mut().zip(x).for_each(|(y, x)| y.axpy(a, x));
    }
    fn dot(&self, other: &Self) -> f64 {
        assert_eq!(self.len(), other.len(), "dot of lists of different lengths");
        self.iter().zip(other).map(|(x, y)| x.dot(y)).sum()
    }
    fn copy_from(&mut self, x: &Self) {
        self.truncate(x.len());
        self.iter_mut().zip(x).for_each(|(y, x)| y.copy_from(x));
        self.extend_from_slice(&x[self.len()..]);
    }
    fn copy_in(&self, memory: Memory) -> Self {
        self.iter().map(|x| x.copy_in(memory)).collect()
    }
}

impl<T: Real, S: Fields<T>> Fields<T> for Vec<S> {
    fn visit(&self, f: &mut dyn FnMut(&str, FieldRef<'_, T>)) {
        for (i, s) in self.iter().enumerate() {
            s.visit(&mut |name, field| f(&join(&i.to_string(), name), field));
        }
    }
    fn visit_mut(&mut self, f: &mut dyn FnMut(&str, FieldMut<'_, T>)) {
        for (i, s) in self.iter_mut().enumerate() {
            s.visit_mut(&mut |name, field| f(&join(&i.to_string(), name), field));
        }
    }
}

macro_rules! tuple {
    ($($s:ident $i:tt),+) => {
        impl<T: Real, $($s: State<T>),+> State<T> for ($($s,)+) {
            fn zeros_like(&self) -> Self {
                ($(self.$i.zeros_like(),)+)
            }
            fn axpy(&mut self, a: T, x: &Self) {
                $(self.$i.axpy(a, &x.$i);)+
            }
            fn dot(&self, other: &Self) -> f64 {
                let mut sum = 0.0;
                $(sum += self.$i.dot(&other.$i);)+
                sum
            }
            fn copy_from(&mut self, x: &Self) {
                $(self.$i.copy_from(&x.$i);)+
            }
            fn copy_in(&self, memory: Memory) -> Self {
                ($(self.$i.copy_in(memory),)+)
            }
        }
        impl<T: Real, $($s: Fields<T>),+> Fields<T> for ($($s,)+) {
            fn visit(&self, f: &mut dyn FnMut(&str, FieldRef<'_, T>)) {
                $(self.$i.visit(&mut |name, field| f(&join(stringify!($i), name), field));)+
            }
            fn visit_mut(&mut self, f: &mut dyn FnMut(&str, FieldMut<'_, T>)) {
                $(self.$i.visit_mut(&mut |name, field| f(&join(stringify!($i), name), field));)+
            }
        }
    };
}
tuple!(A 0);
tuple!(A 0, B 1);
tuple!(A 0, B 1, C 2);
tuple!(A 0, B 1, C 2, D 3);
tuple!(A 0, B 1, C 2, D 3, E 4);
tuple!(A 0, B 1, C 2, D 3, E 4, G 5);

/// Declares a struct of states and makes it a [`State`] with named [`Fields`].
///
/// The struct has exactly one type parameter, the scalar of the run.
///
/// ```
/// use adastra_core::{state, State};
/// use ndarray::{array, Array1, Array2};
///
/// state! {
///     /// Particles.
///     #[derive(Debug)]
///     pub struct Cloud<T> {
///         /// Positions, shape (particles, 3), in kpc.
///         pub position: Array2<T>,
///         /// Masses, shape (particles,), in Msun.
///         pub mass: Array1<T>,
///     }
/// }
///
/// let mut cloud = Cloud { position: array![[1.0, 2.0, 3.0]], mass: array![4.0] };
/// let other = cloud.clone();
/// cloud.axpy(-1.0, &other);
/// assert_eq!(cloud.dot(&other), 0.0);
/// ```
#[macro_export]
macro_rules! state {
    (
        $(#[$meta:meta])*
        $vis:vis struct $name:ident<$t:ident> {
            $( $(#[$fmeta:meta])* $fvis:vis $field:ident : $ty:ty ),+ $(,)?
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone)]
        $vis struct $name<$t> {
            $( $(#[$fmeta])* $fvis $field: $ty, )+
        }
        impl<$t: $crate::Real> $crate::State<$t> for $name<$t> {
            fn zeros_like(&self) -> Self {
                Self { $( $field: $crate::State::<$t>::zeros_like(&self.$field), )+ }
            }
            fn axpy(&mut self, a: $t, x: &Self) {
                $( $crate::State::<$t>::axpy(&mut self.$field, a, &x.$field); )+
            }
            fn dot(&self, other: &Self) -> f64 {
                let mut sum = 0.0;
                $( sum += $crate::State::<$t>::dot(&self.$field, &other.$field); )+
                sum
            }
            fn copy_from(&mut self, x: &Self) {
                $( $crate::State::<$t>::copy_from(&mut self.$field, &x.$field); )+
            }
            fn copy_in(&self, memory: $crate::Memory) -> Self {
                Self { $( $field: $crate::State::<$t>::copy_in(&self.$field, memory), )+ }
            }
        }
        impl<$t: $crate::Real> $crate::Fields<$t> for $name<$t> {
            fn visit(&self, f: &mut dyn FnMut(&str, $crate::FieldRef<'_, $t>)) {
                $( $crate::Fields::<$t>::visit(&self.$field, &mut |name, field| {
                    f(&$crate::join(stringify!($field), name), field)
                }); )+
            }
            fn visit_mut(&mut self, f: &mut dyn FnMut(&str, $crate::FieldMut<'_, $t>)) {
                $( $crate::Fields::<$t>::visit_mut(&mut self.$field, &mut |name, field| {
                    f(&$crate::join(stringify!($field), name), field)
                }); )+
            }
        }
    };
}
