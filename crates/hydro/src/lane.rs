//! Arithmetic on vector registers, generic over the scalar and the instruction set.
//!
//! The physics of a cell and of a face is written once over [`Num`]; a kernel instantiates it
//! with a register of neighbouring cells along z.

use std::ops::{Add, Div, Mul, Neg, Sub};

use adastra_core::Real;
use pulp::{Arch, Simd};

/// What the physics of a cell is written over: a register of numbers.
pub(crate) trait Num:
    Copy
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
{
    /// One truth value per number.
    type Mask: Copy;
    /// The same constant in every lane.
    fn constant(self, x: f64) -> Self;
    fn max(self, other: Self) -> Self;
    fn min(self, other: Self) -> Self;
    fn abs(self) -> Self;
    fn sqrt(self) -> Self;
    /// `self a + b`.
    fn mul_add(self, a: Self, b: Self) -> Self;
    fn lt(self, other: Self) -> Self::Mask;
    /// Whether the signs are equal.
    fn agree(self, other: Self) -> Self::Mask;
    /// `yes` where the mask is true, else `no`.
    fn select(mask: Self::Mask, yes: Self, no: Self) -> Self;

    #[inline(always)]
    fn zero(self) -> Self {
        self.constant(0.0)
    }
}

/// A scalar with vector registers: exactly `f32` and `f64`.
pub(crate) trait Lane: Real + Registers {}
impl Lane for f32 {}
impl Lane for f64 {}

/// The registers of a scalar.
pub(crate) trait Registers: Sized {
    /// A register.
    type V<S: Simd>: Copy;
    /// A mask.
    type M<S: Simd>: Copy;
    /// Numbers in a register.
    fn lanes<S: Simd>() -> usize;
    fn load<S: Simd>(from: &[Self]) -> Self::V<S>;
    fn store<S: Simd>(to: &mut [Self], x: Self::V<S>);
    fn splat<S: Simd>(s: S, x: Self) -> Self::V<S>;
    fn add<S: Simd>(s: S, a: Self::V<S>, b: Self::V<S>) -> Self::V<S>;
    fn sub<S: Simd>(s: S, a: Self::V<S>, b: Self::V<S>) -> Self::V<S>;
    fn mul<S: Simd>(s: S, a: Self::V<S>, b: Self::V<S>) -> Self::V<S>;
    fn div<S: Simd>(s: S, a: Self::V<S>, b: Self::V<S>) -> Self::V<S>;
    fn max<S: Simd>(s: S, a: Self::V<S>, b: Self::V<S>) -> Self::V<S>;
    fn min<S: Simd>(s: S, a: Self::V<S>, b: Self::V<S>) -> Self::V<S>;
    fn neg<S: Simd>(s: S, a: Self::V<S>) -> Self::V<S>;
    fn abs<S: Simd>(s: S, a: Self::V<S>) -> Self::V<S>;
    fn sqrt<S: Simd>(s: S, a: Self::V<S>) -> Self::V<S>;
    fn mul_add<S: Simd>(s: S, a: Self::V<S>, b: Self::V<S>, c: Self::V<S>) -> Self::V<S>;
    fn lt<S: Simd>(s: S, a: Self::V<S>, b: Self::V<S>) -> Self::M<S>;
    fn agree<S: Simd>(s: S, a: Self::V<S>, b: Self::V<S>) -> Self::M<S>;
    fn select<S: Simd>(s: S, m: Self::M<S>, a: Self::V<S>, b: Self::V<S>) -> Self::V<S>;
    fn sum<S: Simd>(s: S, a: Self::V<S>) -> Self;
    fn largest<S: Simd>(s: S, a: Self::V<S>) -> Self;
}

// A sign is changed, and dropped, by bits: the library's functions for it may be left out of line,
// without vector instructions.
macro_rules! registers {
    ($t:ty, $v:ident, $m:ident, $lanes:ident, $vectors:ident, $vectors_mut:ident, $splat:ident,
     $add:ident, $sub:ident, $mul:ident, $div:ident, $max:ident, $min:ident,
     $sqrt:ident, $mul_add:ident, $and:ident, $or:ident, $xor:ident, $lt:ident, $select:ident,
     $sum:ident, $largest:ident) => {
        impl Registers for $t {
            type V<S: Simd> = S::$v;
            type M<S: Simd> = S::$m;
            #[inline(always)]
            fn lanes<S: Simd>() -> usize {
                S::$lanes
            }
            #[inline(always)]
            fn load<S: Simd>(from: &[Self]) -> S::$v {
                S::$vectors(&from[..S::$lanes]).0[0]
            }
            #[inline(always)]
            fn store<S: Simd>(to: &mut [Self], x: S::$v) {
                S::$vectors_mut(&mut to[..S::$lanes]).0[0] = x;
            }
            #[inline(always)]
            fn splat<S: Simd>(s: S, x: Self) -> S::$v {
                s.$splat(x)
            }
            #[inline(always)]
            fn add<S: Simd>(s: S, a: S::$v, b: S::$v) -> S::$v {
                s.$add(a, b)
            }
            #[inline(always)]
            fn sub<S: Simd>(s: S, a: S::$v, b: S::$v) -> S::$v {
                s.$sub(a, b)
            }
            #[inline(always)]
            fn mul<S: Simd>(s: S, a: S::$v, b: S::$v) -> S::$v {
                s.$mul(a, b)
            }
            #[inline(always)]
            fn div<S: Simd>(s: S, a: S::$v, b: S::$v) -> S::$v {
                s.$div(a, b)
            }
            #[inline(always)]
            fn max<S: Simd>(s: S, a: S::$v, b: S::$v) -> S::$v {
                s.$max(a, b)
            }
            #[inline(always)]
            fn min<S: Simd>(s: S, a: S::$v, b: S::$v) -> S::$v {
                s.$min(a, b)
            }
            #[inline(always)]
            fn neg<S: Simd>(s: S, a: S::$v) -> S::$v {
                s.$xor(s.$splat(-0.0), a)
            }
            #[inline(always)]
            fn abs<S: Simd>(s: S, a: S::$v) -> S::$v {
                s.$and(s.$splat(<$t>::from_bits(!<$t>::to_bits(-0.0))), a)
            }
            #[inline(always)]
            fn sqrt<S: Simd>(s: S, a: S::$v) -> S::$v {
                s.$sqrt(a)
            }
            #[inline(always)]
            fn mul_add<S: Simd>(s: S, a: S::$v, b: S::$v, c: S::$v) -> S::$v {
                s.$mul_add(a, b, c)
            }
            #[inline(always)]
            fn lt<S: Simd>(s: S, a: S::$v, b: S::$v) -> S::$m {
                s.$lt(a, b)
            }
            #[inline(always)]
            fn agree<S: Simd>(s: S, a: S::$v, b: S::$v) -> S::$m {
                // One, with the sign of the product: that may underflow.
                let sign = s.$and(s.$xor(a, b), s.$splat(-0.0));
                s.$lt(s.$splat(0.0), s.$or(sign, s.$splat(1.0)))
            }
            #[inline(always)]
            fn select<S: Simd>(s: S, m: S::$m, a: S::$v, b: S::$v) -> S::$v {
                s.$select(m, a, b)
            }
            #[inline(always)]
            fn sum<S: Simd>(s: S, a: S::$v) -> Self {
                s.$sum(a)
            }
            #[inline(always)]
            fn largest<S: Simd>(s: S, a: S::$v) -> Self {
                s.$largest(a)
            }
        }
    };
}
registers!(
    f32,
    f32s,
    m32s,
    F32_LANES,
    as_simd_f32s,
    as_mut_simd_f32s,
    splat_f32s,
    add_f32s,
    sub_f32s,
    mul_f32s,
    div_f32s,
    max_f32s,
    min_f32s,
    sqrt_f32s,
    mul_add_e_f32s,
    and_f32s,
    or_f32s,
    xor_f32s,
    less_than_f32s,
    select_f32s,
    reduce_sum_f32s,
    reduce_max_f32s
);
registers!(
    f64,
    f64s,
    m64s,
    F64_LANES,
    as_simd_f64s,
    as_mut_simd_f64s,
    splat_f64s,
    add_f64s,
    sub_f64s,
    mul_f64s,
    div_f64s,
    max_f64s,
    min_f64s,
    sqrt_f64s,
    mul_add_e_f64s,
    and_f64s,
    or_f64s,
    xor_f64s,
    less_than_f64s,
    select_f64s,
    reduce_sum_f64s,
    reduce_max_f64s
);

/// A register with the token of its instruction set.
pub(crate) struct V<T: Lane, S: Simd>(pub(crate) T::V<S>, pub(crate) S);

impl<T: Lane, S: Simd> Clone for V<T, S> {
    #[inline(always)]
    fn clone(&self) -> Self {
        *self
    }
}
impl<T: Lane, S: Simd> Copy for V<T, S> {}

macro_rules! binary {
    ($trait:ident, $f:ident) => {
        impl<T: Lane, S: Simd> $trait for V<T, S> {
            type Output = Self;
            #[inline(always)]
            fn $f(self, other: Self) -> Self {
                Self(<T as Registers>::$f(self.1, self.0, other.0), self.1)
            }
        }
    };
}
binary!(Add, add);
binary!(Sub, sub);
binary!(Mul, mul);
binary!(Div, div);

impl<T: Lane, S: Simd> Neg for V<T, S> {
    type Output = Self;
    #[inline(always)]
    fn neg(self) -> Self {
        Self(<T as Registers>::neg(self.1, self.0), self.1)
    }
}

impl<T: Lane, S: Simd> V<T, S> {
    #[inline(always)]
    pub(crate) fn splat(s: S, x: T) -> Self {
        Self(T::splat(s, x), s)
    }
    /// The register that begins at `row[at]`.
    #[inline(always)]
    pub(crate) fn load(s: S, row: &[T], at: usize) -> Self {
        Self(T::load(&row[at..]), s)
    }
    #[inline(always)]
    pub(crate) fn store(self, row: &mut [T], at: usize) {
        T::store::<S>(&mut row[at..], self.0);
    }
    #[inline(always)]
    pub(crate) fn sum(self) -> T {
        <T as Registers>::sum(self.1, self.0)
    }
    #[inline(always)]
    pub(crate) fn largest(self) -> T {
        <T as Registers>::largest(self.1, self.0)
    }
}

impl<T: Lane, S: Simd> Num for V<T, S> {
    type Mask = T::M<S>;
    #[inline(always)]
    fn constant(self, x: f64) -> Self {
        Self::splat(self.1, T::of(x))
    }
    #[inline(always)]
    fn max(self, other: Self) -> Self {
        Self(<T as Registers>::max(self.1, self.0, other.0), self.1)
    }
    #[inline(always)]
    fn min(self, other: Self) -> Self {
        Self(<T as Registers>::min(self.1, self.0, other.0), self.1)
    }
    #[inline(always)]
    fn abs(self) -> Self {
        Self(<T as Registers>::abs(self.1, self.0), self.1)
    }
    #[inline(always)]
    fn sqrt(self) -> Self {
        Self(<T as Registers>::sqrt(self.1, self.0), self.1)
    }
    #[inline(always)]
    fn mul_add(self, a: Self, b: Self) -> Self {
        Self(<T as Registers>::mul_add(self.1, self.0, a.0, b.0), self.1)
    }
    #[inline(always)]
    fn lt(self, other: Self) -> T::M<S> {
        <T as Registers>::lt(self.1, self.0, other.0)
    }
    #[inline(always)]
    fn agree(self, other: Self) -> T::M<S> {
        <T as Registers>::agree(self.1, self.0, other.0)
    }
    #[inline(always)]
    fn select(mask: T::M<S>, yes: Self, no: Self) -> Self {
        Self(<T as Registers>::select(yes.1, mask, yes.0, no.0), yes.1)
    }
}

/// Code for the best vector registers of the machine.
///
/// It borrows what it works on: a copy would read in wide registers what has just been written in
/// narrow ones, and wait until all that is written before has reached the cache.
pub(crate) trait Kernel {
    fn run<S: Simd>(&mut self, s: S);
}

struct Chosen<'a, K, S>(&'a mut K, S);

impl<K: Kernel, S: Simd> pulp::NullaryFnOnce for Chosen<'_, K, S> {
    type Output = ();
    #[inline(always)]
    fn call(self) {
        self.0.run(self.1);
    }
}

/// Runs a kernel compiled for the instructions of `arch`.
#[inline(always)]
pub(crate) fn dispatch(arch: Arch, mut kernel: impl Kernel) {
    let kernel = &mut kernel;
    match arch {
        #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
        Arch::V4(s) => s.vectorize(Chosen(kernel, s)),
        #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
        Arch::V3(s) => s.vectorize(Chosen(kernel, s)),
        #[cfg(target_arch = "aarch64")]
        Arch::Neon(s) => s.vectorize(Chosen(kernel, s)),
        _ => kernel.run(pulp::Scalar),
    }
}
