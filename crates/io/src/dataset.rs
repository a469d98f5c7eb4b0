//! Arrays whose kind is known only when a file is read.

use adastra_core::{FieldRef, Real};
use ndarray::ArrayD;
use num_complex::Complex;

/// The kind of number in a [`Dataset`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// 32-bit real numbers.
    F32,
    /// 64-bit real numbers.
    F64,
    /// Pairs of 32-bit real numbers.
    Complex32,
    /// Pairs of 64-bit real numbers.
    Complex64,
    /// Integers, read into 64 bits.
    I64,
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::F32 => "f32",
            Self::F64 => "f64",
            Self::Complex32 => "complex f32",
            Self::Complex64 => "complex f64",
            Self::I64 => "integers",
        })
    }
}

impl Kind {
    /// The kind of a real array of `T`.
    pub fn real<T: Real>() -> Self {
        if T::BYTES == 4 { Self::F32 } else { Self::F64 }
    }

    /// The kind of a complex array of `T`.
    pub fn complex<T: Real>() -> Self {
        if T::BYTES == 4 {
            Self::Complex32
        } else {
            Self::Complex64
        }
    }
}

/// An array of any rank, row-major, of one of the kinds that files hold.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Dataset {
    /// 32-bit real numbers.
    F32(ArrayD<f32>),
    /// 64-bit real numbers.
    F64(ArrayD<f64>),
    /// Pairs of 32-bit real numbers.
    Complex32(ArrayD<Complex<f32>>),
    /// Pairs of 64-bit real numbers.
    Complex64(ArrayD<Complex<f64>>),
    /// Integers.
    I64(ArrayD<i64>),
}

impl Dataset {
    /// What it holds.
    pub fn kind(&self) -> Kind {
        match self {
            Self::F32(_) => Kind::F32,
            Self::F64(_) => Kind::F64,
            Self::Complex32(_) => Kind::Complex32,
            Self::Complex64(_) => Kind::Complex64,
            Self::I64(_) => Kind::I64,
        }
    }

    /// Lengths of the axes; empty for a scalar.
    pub fn shape(&self) -> &[usize] {
        match self {
            Self::F32(a) => a.shape(),
            Self::F64(a) => a.shape(),
            Self::Complex32(a) => a.shape(),
            Self::Complex64(a) => a.shape(),
            Self::I64(a) => a.shape(),
        }
    }

    /// The numbers as reals of type `T`, rounded where `T` is narrower; none for complex numbers.
    pub fn to_real<T: Real>(&self) -> Option<ArrayD<T>> {
        match self {
            Self::F32(a) => Some(a.mapv(|x| T::of(x.into()))),
            Self::F64(a) => Some(a.mapv(T::of)),
            Self::I64(a) => Some(a.mapv(|x| T::of(x as f64))),
            Self::Complex32(_) | Self::Complex64(_) => None,
        }
    }

    /// The numbers as complex numbers over `T`, rounded where `T` is narrower; reals get a zero
    /// imaginary part.
    pub fn to_complex<T: Real>(&self) -> ArrayD<Complex<T>> {
        let zero = T::zero();
        match self {
            Self::F32(a) => a.mapv(|x| Complex::new(T::of(x.into()), zero)),
            Self::F64(a) => a.mapv(|x| Complex::new(T::of(x), zero)),
            Self::I64(a) => a.mapv(|x| Complex::new(T::of(x as f64), zero)),
            Self::Complex32(a) => a.mapv(|z| Complex::new(T::of(z.re.into()), T::of(z.im.into()))),
            Self::Complex64(a) => a.mapv(|z| Complex::new(T::of(z.re), T::of(z.im))),
        }
    }
}

macro_rules! from_array {
    ($($variant:ident $t:ty),+) => {
        $(impl From<ArrayD<$t>> for Dataset {
            fn from(array: ArrayD<$t>) -> Self {
                Self::$variant(array)
            }
        })+
    };
}
from_array!(F32 f32, F64 f64, Complex32 Complex<f32>, Complex64 Complex<f64>, I64 i64);

impl<T: Real> From<FieldRef<'_, T>> for Dataset {
    fn from(field: FieldRef<'_, T>) -> Self {
        // T is f32 or f64, and either conversion is exact for the type it names.
        match (field, T::BYTES) {
            (FieldRef::Real(a), 4) => Self::F32(a.mapv(|x| x.f64() as f32)),
            (FieldRef::Real(a), _) => Self::F64(a.mapv(T::f64)),
            (FieldRef::Complex(a), 4) => {
                Self::Complex32(a.mapv(|z| Complex::new(z.re.f64() as f32, z.im.f64() as f32)))
            }
            (FieldRef::Complex(a), _) => {
                Self::Complex64(a.mapv(|z| Complex::new(z.re.f64(), z.im.f64())))
            }
        }
    }
}
