//! The scalar of a run: `f32` or `f64`.

use std::fmt::{Debug, Display, LowerExp};
use std::iter::Sum;

use num_traits::{Float, FloatConst, FromPrimitive, NumAssign, Signed};

mod sealed {
    pub trait Sealed {}
    impl Sealed for f32 {}
    impl Sealed for f64 {}
}

/// A real floating-point number, chosen once per run.
///
/// Sealed: exactly `f32` and `f64`. Physical parameters and time steps arrive as `f64` and are
/// converted with [`Real::of`] where they meet a field.
pub trait Real:
    Float
    + FloatConst
    + NumAssign
    + Signed
    + FromPrimitive
    + ndarray::ScalarOperand
    + Debug
    + Display
    + LowerExp
    + Default
    + Sum
    + Send
    + Sync
    + sealed::Sealed
    + 'static
{
    /// Name of the type as configurations and snapshots write it: `"f32"` or `"f64"`.
    const NAME: &'static str;
    /// Bytes of one number.
    const BYTES: usize = std::mem::size_of::<Self>();

    /// Rounds an `f64` to this type.
    fn of(x: f64) -> Self;

    /// Widens to `f64`, exactly.
    fn f64(self) -> f64;

    /// Appends the little-endian bytes.
    fn put(self, out: &mut Vec<u8>);

    /// Reads little-endian bytes; `bytes` holds exactly [`Real::BYTES`] of them.
    ///
    /// # Panics
    /// When `bytes` has another length.
    fn get(bytes: &[u8]) -> Self;
}

macro_rules! real {
    ($t:ty, $name:literal) => {
        impl Real for $t {
            const NAME: &'static str = $name;
            #[inline(always)]
            fn of(x: f64) -> Self {
                x as $t
            }
            #[inline(always)]
            fn f64(self) -> f64 {
                f64::from(self)
            }
            fn put(self, out: &mut Vec<u8>) {
                out.extend_from_slice(&self.to_le_bytes());
            }
            fn get(bytes: &[u8]) -> Self {
                let mut raw = [0; std::mem::size_of::<$t>()];
                raw.copy_from_slice(bytes);
                <$t>::from_le_bytes(raw)
            }
        }
    };
}
real!(f32, "f32");
real!(f64, "f64");
