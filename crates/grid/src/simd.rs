//! Arithmetic on vector registers, generic over the scalar and the instruction set.

use std::marker::PhantomData;

use adastra_core::Real;
use pulp::Simd;

/// A scalar with vector registers: exactly `f32` and `f64`.
pub(crate) trait Lane: Real {
    /// A register of an instruction set.
    type V<S: Simd>: Copy;
    /// The registers of an aligned slice.
    fn vectors<S: Simd>(slice: &mut [Self]) -> &mut [Self::V<S>];
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
    ($t:ty, $v:ident, $vectors:ident, $splat:ident, $add:ident, $sub:ident, $mul:ident,
     $mul_add:ident, $mul_sub:ident) => {
        impl Lane for $t {
            type V<S: Simd> = S::$v;
            #[inline(always)]
            fn vectors<S: Simd>(slice: &mut [Self]) -> &mut [S::$v] {
                S::$vectors(slice).0
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
    as_mut_simd_f32s,
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
    as_mut_simd_f64s,
    splat_f64s,
    add_f64s,
    sub_f64s,
    mul_f64s,
    mul_add_e_f64s,
    negate_mul_add_e_f64s
);

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
