//! Scalars with vector registers, and the dispatch to the best instruction set of the machine.

use std::marker::PhantomData;

use adastra_core::Real;
use pulp::bytemuck::{Pod, cast_slice};
use pulp::{Arch, Simd};

/// An instruction set with a fast approximation of the reciprocal square root, or an exact one.
pub(crate) trait Rsqrt: Simd {
    /// `1 / sqrt(x)` with a relative error below 2^-14, infinity at zero.
    fn rsqrt_f32s(self, x: Self::f32s) -> Self::f32s;
    /// `1 / sqrt(x)` with a relative error below 2^-14, infinity at zero.
    fn rsqrt_f64s(self, x: Self::f64s) -> Self::f64s;
}

macro_rules! exact {
    ($name:ident, $v:ident, $splat:ident, $div:ident, $sqrt:ident) => {
        #[inline(always)]
        fn $name(self, x: Self::$v) -> Self::$v {
            self.$div(self.$splat(1.0), self.$sqrt(x))
        }
    };
}

impl Rsqrt for pulp::Scalar {
    exact!(rsqrt_f32s, f32s, splat_f32s, div_f32s, sqrt_f32s);
    exact!(rsqrt_f64s, f64s, splat_f64s, div_f64s, sqrt_f64s);
}

#[cfg(target_arch = "aarch64")]
impl Rsqrt for pulp::aarch64::Neon {
    exact!(rsqrt_f32s, f32s, splat_f32s, div_f32s, sqrt_f32s);
    exact!(rsqrt_f64s, f64s, splat_f64s, div_f64s, sqrt_f64s);
}

#[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
impl Rsqrt for pulp::x86::V3 {
    /// Twelve bits, and a Newton step.
    #[inline(always)]
    fn rsqrt_f32s(self, x: Self::f32s) -> Self::f32s {
        let y: Self::f32s = pulp::cast(self.avx._mm256_rsqrt_ps(pulp::cast(x)));
        let half = self.mul_f32s(self.splat_f32s(0.5), self.mul_f32s(x, y));
        let slope = self.negate_mul_add_e_f32s(half, y, self.splat_f32s(1.5));
        self.mul_f32s(y, slope)
    }
    exact!(rsqrt_f64s, f64s, splat_f64s, div_f64s, sqrt_f64s);
}

#[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
impl Rsqrt for pulp::x86::V4 {
    #[inline(always)]
    fn rsqrt_f32s(self, x: Self::f32s) -> Self::f32s {
        pulp::cast(self.avx512f._mm512_rsqrt14_ps(pulp::cast(x)))
    }
    #[inline(always)]
    fn rsqrt_f64s(self, x: Self::f64s) -> Self::f64s {
        pulp::cast(self.avx512f._mm512_rsqrt14_pd(pulp::cast(x)))
    }
}

/// A bound of e = 1 - x y^2, where y approximates 1/sqrt(x) to 2^-14.
const E: f64 = 1.0 / 8192.0;

/// A scalar with vector registers: exactly `f32` and `f64`.
pub(crate) trait Lane: Real + Pod {
    /// A register of an instruction set.
    type V<S: Simd>: Copy + Pod;
    /// A squared distance so far that its inverse powers vanish, yet whose reciprocal does not.
    const FAR: Self;
    /// Lanes of a register.
    fn lanes<S: Simd>() -> usize {
        size_of::<Self::V<S>>() / size_of::<Self>()
    }
    /// The lanes of registers.
    fn unpacked<S: Simd>(v: &[Self::V<S>]) -> &[Self] {
        cast_slice(v)
    }
    /// The whole registers of a slice.
    fn vectors<S: Simd>(slice: &[Self]) -> &[Self::V<S>];
    fn v_splat<S: Simd>(s: S, x: Self) -> Self::V<S>;
    fn v_add<S: Simd>(s: S, a: Self::V<S>, b: Self::V<S>) -> Self::V<S>;
    fn v_sub<S: Simd>(s: S, a: Self::V<S>, b: Self::V<S>) -> Self::V<S>;
    fn v_mul<S: Simd>(s: S, a: Self::V<S>, b: Self::V<S>) -> Self::V<S>;
    /// `a b + c`, in one instruction where there is one.
    fn v_mul_add<S: Simd>(s: S, a: Self::V<S>, b: Self::V<S>, c: Self::V<S>) -> Self::V<S>;
    /// `c - a b`, in one instruction where there is one.
    fn v_mul_sub<S: Simd>(s: S, a: Self::V<S>, b: Self::V<S>, c: Self::V<S>) -> Self::V<S>;
    /// `if_equal` where the pair `ab` is equal, `otherwise` elsewhere.
    fn v_select_equal<S: Simd>(
        s: S,
        ab: [Self::V<S>; 2],
        if_equal: Self::V<S>,
        otherwise: Self::V<S>,
    ) -> Self::V<S>;
    /// An approximation of `1 / sqrt(x)`.
    fn v_rsqrt<S: Rsqrt>(s: S, x: Self::V<S>) -> Self::V<S>;
    /// `(1 - e)^(-1/2) - 1` for `|e| <= E`, to rounding.
    fn excess<S: Simd>(s: S, e: Self::V<S>) -> Self::V<S>;
    /// `(1 - e)^(-3/2) - 1` for `|e| <= E`, to rounding.
    fn excess_of_cube<S: Simd>(s: S, e: Self::V<S>) -> Self::V<S>;
}

macro_rules! lane {
    ($t:ty, $far:literal, $v:ident, $vectors:ident, $splat:ident, $add:ident, $sub:ident,
     $mul:ident, $mul_add:ident, $mul_sub:ident, $equal:ident, $select:ident, $rsqrt:ident,
     $excess:expr, $cube:expr) => {
        impl Lane for $t {
            type V<S: Simd> = S::$v;
            const FAR: Self = $far;
            #[inline(always)]
            fn vectors<S: Simd>(slice: &[Self]) -> &[S::$v] {
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
            #[inline(always)]
            fn v_select_equal<S: Simd>(
                s: S,
                [a, b]: [S::$v; 2],
                if_equal: S::$v,
                otherwise: S::$v,
            ) -> S::$v {
                s.$select(s.$equal(a, b), if_equal, otherwise)
            }
            #[inline(always)]
            fn v_rsqrt<S: Rsqrt>(s: S, x: S::$v) -> S::$v {
                s.$rsqrt(x)
            }
            #[inline(always)]
            fn excess<S: Simd>(s: S, e: S::$v) -> S::$v {
                series::<Self, S>(s, &$excess, e)
            }
            #[inline(always)]
            fn excess_of_cube<S: Simd>(s: S, e: S::$v) -> S::$v {
                series::<Self, S>(s, &$cube, e)
            }
        }
    };
}

/// `c[0] e + c[1] e^2 + ...`
#[inline(always)]
fn series<T: Lane, S: Simd>(s: S, c: &[T], e: T::V<S>) -> T::V<S> {
    let mut sum = T::v_splat(s, c[c.len() - 1]);
    for &c in c[..c.len() - 1].iter().rev() {
        sum = T::v_mul_add(s, sum, e, T::v_splat(s, c));
    }
    T::v_mul(s, sum, e)
}

// Binomial series. That of f64 stops after e^3, and carries the term of e^4 as E^2 e^2, which
// halves the bound of the error and leaves it at a rounding error.
lane!(
    f32,
    1e36,
    f32s,
    as_simd_f32s,
    splat_f32s,
    add_f32s,
    sub_f32s,
    mul_f32s,
    mul_add_e_f32s,
    negate_mul_add_e_f32s,
    equal_f32s,
    select_f32s,
    rsqrt_f32s,
    [0.5],
    [1.5]
);
lane!(
    f64,
    1e300,
    f64s,
    as_simd_f64s,
    splat_f64s,
    add_f64s,
    sub_f64s,
    mul_f64s,
    mul_add_e_f64s,
    negate_mul_add_e_f64s,
    equal_f64s,
    select_f64s,
    rsqrt_f64s,
    [0.5, 3.0 / 8.0 + 35.0 / 128.0 * E * E, 5.0 / 16.0],
    [1.5, 15.0 / 8.0 + 315.0 / 128.0 * E * E, 35.0 / 16.0]
);

/// Code to run on the best vector registers of the machine.
pub(crate) trait Vectorized {
    fn run<S: Rsqrt>(self, s: S);
}

/// [`Vectorized`] code for one instruction set.
struct Chosen<F, S>(F, S);

impl<F: Vectorized, S: Rsqrt> pulp::NullaryFnOnce for Chosen<F, S> {
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

/// The arithmetic of an instruction set on three-vectors of registers.
pub(crate) struct Ops<T, S>(pub(crate) S, PhantomData<T>);

impl<T, S: Copy> Clone for Ops<T, S> {
    #[inline(always)]
    fn clone(&self) -> Self {
        *self
    }
}
impl<T, S: Copy> Copy for Ops<T, S> {}

impl<T: Lane, S: Rsqrt> Ops<T, S> {
    #[inline(always)]
    pub(crate) fn new(s: S) -> Self {
        Self(s, PhantomData)
    }
    #[inline(always)]
    pub(crate) fn splat(self, x: f64) -> T::V<S> {
        T::v_splat(self.0, T::of(x))
    }
    #[inline(always)]
    pub(crate) fn mul(self, a: T::V<S>, b: T::V<S>) -> T::V<S> {
        T::v_mul(self.0, a, b)
    }
    #[inline(always)]
    pub(crate) fn add(self, a: T::V<S>, b: T::V<S>) -> T::V<S> {
        T::v_add(self.0, a, b)
    }
    #[inline(always)]
    pub(crate) fn mul_add(self, a: T::V<S>, b: T::V<S>, c: T::V<S>) -> T::V<S> {
        T::v_mul_add(self.0, a, b, c)
    }
    #[inline(always)]
    pub(crate) fn mul_sub(self, a: T::V<S>, b: T::V<S>, c: T::V<S>) -> T::V<S> {
        T::v_mul_sub(self.0, a, b, c)
    }
    #[inline(always)]
    pub(crate) fn minus(self, a: [T::V<S>; 3], b: [T::V<S>; 3]) -> [T::V<S>; 3] {
        std::array::from_fn(|k| T::v_sub(self.0, a[k], b[k]))
    }
    #[inline(always)]
    pub(crate) fn dot(self, a: [T::V<S>; 3], b: [T::V<S>; 3]) -> T::V<S> {
        self.mul_add(a[2], b[2], self.mul_add(a[1], b[1], self.mul(a[0], b[0])))
    }
    /// `sum += f a`.
    #[inline(always)]
    pub(crate) fn add_scaled(self, sum: &mut [T::V<S>], f: T::V<S>, a: [T::V<S>; 3]) {
        for (sum, a) in sum.iter_mut().zip(a) {
            *sum = self.mul_add(f, a, *sum);
        }
    }
    /// An approximation y of `1 / sqrt(x)`, its square, and `1 - x y^2`.
    #[inline(always)]
    fn guess(self, x: T::V<S>) -> [T::V<S>; 3] {
        let y = T::v_rsqrt(self.0, x);
        let square = self.mul(y, y);
        [y, square, self.mul_sub(x, square, self.splat(1.0))]
    }
    /// `1 / sqrt(x)`, to rounding.
    #[inline(always)]
    pub(crate) fn rsqrt(self, x: T::V<S>) -> T::V<S> {
        let [y, _, e] = self.guess(x);
        self.mul_add(y, T::excess(self.0, e), y)
    }
    /// `m / sqrt(x)^3`, to rounding.
    #[inline(always)]
    pub(crate) fn over_cube(self, m: T::V<S>, x: T::V<S>) -> T::V<S> {
        let [y, square, e] = self.guess(x);
        let cube = self.mul(self.mul(m, y), square);
        self.mul_add(cube, T::excess_of_cube(self.0, e), cube)
    }
}
