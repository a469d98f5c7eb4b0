//! Arithmetic on vector registers, generic over the scalar and the instruction set.

use std::marker::PhantomData;

use adastra_core::Real;
use num_complex::Complex;
use pulp::bytemuck::{cast_slice, cast_slice_mut};
use pulp::{Arch, Simd};

use crate::shuffle::Shuffle;

/// A scalar with vector registers: exactly `f32` and `f64`.
pub(crate) trait Lane: Real {
    /// A register of an instruction set.
    type V<S: Simd>: Copy;
    /// The whole registers of a slice.
    fn vectors<S: Simd>(slice: &[Self]) -> &[Self::V<S>];
    /// The whole registers of a slice.
    fn vectors_mut<S: Simd>(slice: &mut [Self]) -> &mut [Self::V<S>];
    /// Complex numbers as pairs of reals.
    fn reals(slice: &[Complex<Self>]) -> &[Self];
    /// Complex numbers as pairs of reals.
    fn reals_mut(slice: &mut [Complex<Self>]) -> &mut [Self];
    /// A register of up to as many numbers as it has lanes, the others zero.
    fn load<S: Simd>(s: S, from: &[Self]) -> Self::V<S>;
    /// The first lanes of a register, as many as there is room for.
    fn store<S: Simd>(s: S, to: &mut [Self], x: Self::V<S>);
    /// The real and imaginary parts of complex numbers that fill two registers.
    fn v_split<S: Shuffle>(s: S, pair: [Self::V<S>; 2]) -> [Self::V<S>; 2];
    /// Inverse of [`Lane::v_split`].
    fn v_join<S: Shuffle>(s: S, parts: [Self::V<S>; 2]) -> [Self::V<S>; 2];
    /// Transposes a square tile.
    fn transpose<S: Shuffle>(s: S, tile: &mut [Self::V<S>]);
    fn v_splat<S: Simd>(s: S, x: Self) -> Self::V<S>;
    fn v_add<S: Simd>(s: S, a: Self::V<S>, b: Self::V<S>) -> Self::V<S>;
    fn v_sub<S: Simd>(s: S, a: Self::V<S>, b: Self::V<S>) -> Self::V<S>;
    fn v_mul<S: Simd>(s: S, a: Self::V<S>, b: Self::V<S>) -> Self::V<S>;
    /// `a b + c`, in one instruction where there is one.
    fn v_mul_add<S: Simd>(s: S, a: Self::V<S>, b: Self::V<S>, c: Self::V<S>) -> Self::V<S>;
    /// `c - a b`, in one instruction where there is one.
    fn v_mul_sub<S: Simd>(s: S, a: Self::V<S>, b: Self::V<S>, c: Self::V<S>) -> Self::V<S>;
}

macro_rules! lane {
    ($t:ty, $v:ident, $vectors:ident, $vectors_mut:ident, $load:ident, $store:ident,
     $transpose:ident, $split:ident, $join:ident, $splat:ident, $add:ident, $sub:ident, $mul:ident,
     $mul_add:ident, $mul_sub:ident) => {
        impl Lane for $t {
            type V<S: Simd> = S::$v;
            #[inline(always)]
            fn vectors<S: Simd>(slice: &[Self]) -> &[S::$v] {
                S::$vectors(slice).0
            }
            #[inline(always)]
            fn vectors_mut<S: Simd>(slice: &mut [Self]) -> &mut [S::$v] {
                S::$vectors_mut(slice).0
            }
            #[inline(always)]
            fn reals(slice: &[Complex<Self>]) -> &[Self] {
                cast_slice(slice)
            }
            #[inline(always)]
            fn reals_mut(slice: &mut [Complex<Self>]) -> &mut [Self] {
                cast_slice_mut(slice)
            }
            #[inline(always)]
            fn load<S: Simd>(s: S, from: &[Self]) -> S::$v {
                match Self::vectors::<S>(from) {
                    [x, ..] => *x,
                    [] => s.$load(from),
                }
            }
            #[inline(always)]
            fn store<S: Simd>(s: S, to: &mut [Self], x: S::$v) {
                match Self::vectors_mut::<S>(to) {
                    [to, ..] => *to = x,
                    [] => s.$store(to, x),
                }
            }
            #[inline(always)]
            fn v_split<S: Shuffle>(s: S, pair: [S::$v; 2]) -> [S::$v; 2] {
                s.$split(pair)
            }
            #[inline(always)]
            fn v_join<S: Shuffle>(s: S, parts: [S::$v; 2]) -> [S::$v; 2] {
                s.$join(parts)
            }
            #[inline(always)]
            fn transpose<S: Shuffle>(s: S, tile: &mut [S::$v]) {
                s.$transpose(tile);
            }
            #[inline(always)]
            fn v_splat<S: Simd>(s: S, x: Self) -> S::$v {
                s.$splat(x)
            }
            #[inline(always)]
            fn v_add<S: Simd>(s: S, a: S::$v, b: S::$v) -> S::$v {
                s.$add(a, b)
            }
            #[inline(always)]
            fn v_sub<S: Simd>(s: S, a: S::$v, b: S::$v) -> S::$v {
                s.$sub(a, b)
            }
            #[inline(always)]
            fn v_mul<S: Simd>(s: S, a: S::$v, b: S::$v) -> S::$v {
                s.$mul(a, b)
            }
            #[inline(always)]
            fn v_mul_add<S: Simd>(s: S, a: S::$v, b: S::$v, c: S::$v) -> S::$v {
                s.$mul_add(a, b, c)
            }
            #[inline(always)]
            fn v_mul_sub<S: Simd>(s: S, a: S::$v, b: S::$v, c: S::$v) -> S::$v {
                s.$mul_sub(a, b, c)
            }
        }
    };
}
lane!(
    f32,
    f32s,
    as_simd_f32s,
    as_mut_simd_f32s,
    partial_load_f32s,
    partial_store_f32s,
    transpose_f32s,
    split_f32s,
    join_f32s,
    splat_f32s,
    add_f32s,
    sub_f32s,
    mul_f32s,
    mul_add_e_f32s,
    negate_mul_add_e_f32s
);
lane!(
    f64,
    f64s,
    as_simd_f64s,
    as_mut_simd_f64s,
    partial_load_f64s,
    partial_store_f64s,
    transpose_f64s,
    split_f64s,
    join_f64s,
    splat_f64s,
    add_f64s,
    sub_f64s,
    mul_f64s,
    mul_add_e_f64s,
    negate_mul_add_e_f64s
);

/// Code to run on the best vector registers of the machine.
pub(crate) trait Vectorized {
    fn run<S: Shuffle>(self, s: S);
}

/// [`Vectorized`] code for one instruction set.
struct Chosen<F, S>(F, S);

impl<F: Vectorized, S: Shuffle> pulp::NullaryFnOnce for Chosen<F, S> {
    type Output = ();
    #[inline(always)]
    fn call(self) {
        self.0.run(self.1);
    }
}

/// Runs code compiled for the instructions of `arch`.
pub(crate) fn dispatch(arch: Arch, code: impl Vectorized) {
    match arch {
        #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
        Arch::V4(s) => s.vectorize(Chosen(code, s)),
        #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
        Arch::V3(s) => s.vectorize(Chosen(code, s)),
        #[cfg(target_arch = "aarch64")]
        Arch::Neon(s) => s.vectorize(Chosen(code, s)),
        _ => code.run(pulp::Scalar),
    }
}

/// The real and imaginary parts of as many complex numbers as a register has lanes.
pub(crate) struct Z<T: Lane, S: Simd> {
    pub(crate) re: T::V<S>,
    pub(crate) im: T::V<S>,
}

impl<T: Lane, S: Simd> Clone for Z<T, S> {
    #[inline(always)]
    fn clone(&self) -> Self {
        *self
    }
}
impl<T: Lane, S: Simd> Copy for Z<T, S> {}

/// The arithmetic of an instruction set.
pub(crate) struct Ops<T, S>(pub(crate) S, pub(crate) PhantomData<T>);

impl<T, S: Copy> Clone for Ops<T, S> {
    #[inline(always)]
    fn clone(&self) -> Self {
        *self
    }
}
impl<T, S: Copy> Copy for Ops<T, S> {}

impl<T: Lane, S: Simd> Ops<T, S> {
    #[inline(always)]
    pub(crate) fn splat(self, x: T) -> T::V<S> {
        T::v_splat(self.0, x)
    }

    #[inline(always)]
    pub(crate) fn add(self, a: Z<T, S>, b: Z<T, S>) -> Z<T, S> {
        Z {
            re: T::v_add(self.0, a.re, b.re),
            im: T::v_add(self.0, a.im, b.im),
        }
    }

    #[inline(always)]
    pub(crate) fn sub(self, a: Z<T, S>, b: Z<T, S>) -> Z<T, S> {
        Z {
            re: T::v_sub(self.0, a.re, b.re),
            im: T::v_sub(self.0, a.im, b.im),
        }
    }

    /// `a + i b`.
    #[inline(always)]
    pub(crate) fn add_i(self, a: Z<T, S>, b: Z<T, S>) -> Z<T, S> {
        Z {
            re: T::v_sub(self.0, a.re, b.im),
            im: T::v_add(self.0, a.im, b.re),
        }
    }

    /// `a - i b`.
    #[inline(always)]
    pub(crate) fn sub_i(self, a: Z<T, S>, b: Z<T, S>) -> Z<T, S> {
        Z {
            re: T::v_add(self.0, a.re, b.im),
            im: T::v_sub(self.0, a.im, b.re),
        }
    }

    /// `a + x b` for real `x`.
    #[inline(always)]
    pub(crate) fn add_scaled(self, a: Z<T, S>, x: T::V<S>, b: Z<T, S>) -> Z<T, S> {
        Z {
            re: T::v_mul_add(self.0, x, b.re, a.re),
            im: T::v_mul_add(self.0, x, b.im, a.im),
        }
    }

    /// `a - x b` for real `x`.
    #[inline(always)]
    pub(crate) fn sub_scaled(self, a: Z<T, S>, x: T::V<S>, b: Z<T, S>) -> Z<T, S> {
        Z {
            re: T::v_mul_sub(self.0, x, b.re, a.re),
            im: T::v_mul_sub(self.0, x, b.im, a.im),
        }
    }

    /// `x a` for real `x`.
    #[inline(always)]
    pub(crate) fn scale(self, x: T::V<S>, a: Z<T, S>) -> Z<T, S> {
        Z {
            re: T::v_mul(self.0, x, a.re),
            im: T::v_mul(self.0, x, a.im),
        }
    }

    /// `a w` for the same complex `w` in every lane.
    #[inline(always)]
    pub(crate) fn rotate(self, a: Z<T, S>, [re, im]: [T; 2]) -> Z<T, S> {
        let (re, im) = (self.splat(re), self.splat(im));
        Z {
            re: T::v_mul_sub(self.0, a.im, im, T::v_mul(self.0, a.re, re)),
            im: T::v_mul_add(self.0, a.im, re, T::v_mul(self.0, a.re, im)),
        }
    }
}
