//! Transposition of square tiles in vector registers.

#[cfg(target_arch = "x86")]
use std::arch::x86;
#[cfg(target_arch = "x86_64")]
use std::arch::x86_64 as x86;

use pulp::Simd;
#[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
use pulp::bytemuck::cast;
#[cfg(target_arch = "aarch64")]
use pulp::bytemuck::cast_slice_mut;

/// An instruction set with tiles of as many registers as a register has lanes.
pub(crate) trait Transpose: Simd {
    /// Asks for the cache line at an address, if there is an instruction for that.
    #[inline(always)]
    fn prefetch(self, _: *const i8) {}
    /// Exchanges lane `i` of register `j` with lane `j` of register `i`.
    fn transpose_f32s(self, tile: &mut [Self::f32s]);
    /// Exchanges lane `i` of register `j` with lane `j` of register `i`.
    fn transpose_f64s(self, tile: &mut [Self::f64s]);
}

impl Transpose for pulp::Scalar {
    #[inline(always)]
    fn transpose_f32s(self, _: &mut [f32]) {}
    #[inline(always)]
    fn transpose_f64s(self, _: &mut [f64]) {}
}

/// Exchanges the elements of a square tile pair by pair.
#[cfg(target_arch = "aarch64")]
#[inline(always)]
fn exchange<T>(tile: &mut [T], lanes: usize) {
    for i in 0..lanes {
        for j in 0..i {
            tile.swap(i * lanes + j, j * lanes + i);
        }
    }
}

#[cfg(target_arch = "aarch64")]
impl Transpose for pulp::aarch64::Neon {
    #[inline(always)]
    fn transpose_f32s(self, tile: &mut [Self::f32s]) {
        exchange::<f32>(cast_slice_mut(tile), Self::F32_LANES);
    }
    #[inline(always)]
    fn transpose_f64s(self, tile: &mut [Self::f64s]) {
        exchange::<f64>(cast_slice_mut(tile), Self::F64_LANES);
    }
}

/// Two pairs of rows `a`, `b` and `c`, `d` to four registers: number `i` has, in each quarter of
/// 128 bits, the element `i` of that quarter of the four rows.
///
/// A macro, as closures between the dispatcher and an intrinsic keep it from being inlined.
#[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
macro_rules! unpack {
    ($avx:ident, $low:ident, $high:ident, $low_pairs:ident, $high_pairs:ident, $rows:expr) => {{
        let [a, b, c, d] = $rows;
        let (a, b) = (cast(a), cast(b));
        let (c, d) = (cast(c), cast(d));
        let (ab, ab_high) = (cast($avx.$low(a, b)), cast($avx.$high(a, b)));
        let (cd, cd_high) = (cast($avx.$low(c, d)), cast($avx.$high(c, d)));
        [
            cast($avx.$low_pairs(ab, cd)),
            cast($avx.$high_pairs(ab, cd)),
            cast($avx.$low_pairs(ab_high, cd_high)),
            cast($avx.$high_pairs(ab_high, cd_high)),
        ]
    }};
}

/// Four registers of four quarters of 128 bits each, transposed.
#[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
macro_rules! quarters {
    ($avx:ident, $shuffle:ident, $rows:expr) => {{
        let [a, b, c, d] = $rows;
        let (ab, ab_high) = ($avx.$shuffle::<0x44>(a, b), $avx.$shuffle::<0xee>(a, b));
        let (cd, cd_high) = ($avx.$shuffle::<0x44>(c, d), $avx.$shuffle::<0xee>(c, d));
        [
            cast($avx.$shuffle::<0x88>(ab, cd)),
            cast($avx.$shuffle::<0xdd>(ab, cd)),
            cast($avx.$shuffle::<0x88>(ab_high, cd_high)),
            cast($avx.$shuffle::<0xdd>(ab_high, cd_high)),
        ]
    }};
}

/// AVX2.
#[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
impl Transpose for pulp::x86::V3 {
    #[inline(always)]
    fn prefetch(self, address: *const i8) {
        self.sse._mm_prefetch::<{ x86::_MM_HINT_T1 }>(address);
    }

    #[inline(always)]
    fn transpose_f32s(self, tile: &mut [Self::f32s]) {
        let avx = self.avx;
        let mut columns = [avx._mm256_setzero_ps(); 8];
        for group in [0, 4] {
            let rows = [
                tile[group],
                tile[group + 1],
                tile[group + 2],
                tile[group + 3],
            ];
            let quarters: [x86::__m256; 4] = unpack!(
                avx,
                _mm256_unpacklo_ps,
                _mm256_unpackhi_ps,
                _mm256_unpacklo_pd,
                _mm256_unpackhi_pd,
                rows
            );
            columns[group..group + 4].copy_from_slice(&quarters);
        }
        for i in 0..4 {
            let (a, b) = (columns[i], columns[4 + i]);
            tile[i] = cast(avx._mm256_permute2f128_ps::<0x20>(a, b));
            tile[4 + i] = cast(avx._mm256_permute2f128_ps::<0x31>(a, b));
        }
    }

    #[inline(always)]
    fn transpose_f64s(self, tile: &mut [Self::f64s]) {
        let avx = self.avx;
        let (a, b, c, d) = (cast(tile[0]), cast(tile[1]), cast(tile[2]), cast(tile[3]));
        let (ab, ab_high) = (avx._mm256_unpacklo_pd(a, b), avx._mm256_unpackhi_pd(a, b));
        let (cd, cd_high) = (avx._mm256_unpacklo_pd(c, d), avx._mm256_unpackhi_pd(c, d));
        tile[0] = cast(avx._mm256_permute2f128_pd::<0x20>(ab, cd));
        tile[1] = cast(avx._mm256_permute2f128_pd::<0x20>(ab_high, cd_high));
        tile[2] = cast(avx._mm256_permute2f128_pd::<0x31>(ab, cd));
        tile[3] = cast(avx._mm256_permute2f128_pd::<0x31>(ab_high, cd_high));
    }
}

/// AVX-512.
#[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
impl Transpose for pulp::x86::V4 {
    #[inline(always)]
    fn prefetch(self, address: *const i8) {
        self.sse._mm_prefetch::<{ x86::_MM_HINT_T1 }>(address);
    }

    #[inline(always)]
    fn transpose_f32s(self, tile: &mut [Self::f32s]) {
        let avx = self.avx512f;
        let mut columns = [avx._mm512_setzero_ps(); 16];
        for group in [0, 4, 8, 12] {
            let rows = [
                tile[group],
                tile[group + 1],
                tile[group + 2],
                tile[group + 3],
            ];
            let quarters: [x86::__m512; 4] = unpack!(
                avx,
                _mm512_unpacklo_ps,
                _mm512_unpackhi_ps,
                _mm512_unpacklo_pd,
                _mm512_unpackhi_pd,
                rows
            );
            columns[group..group + 4].copy_from_slice(&quarters);
        }
        for i in 0..4 {
            let rows = [columns[i], columns[4 + i], columns[8 + i], columns[12 + i]];
            let [a, b, c, d] = quarters!(avx, _mm512_shuffle_f32x4, rows);
            (tile[i], tile[4 + i], tile[8 + i], tile[12 + i]) = (a, b, c, d);
        }
    }

    #[inline(always)]
    fn transpose_f64s(self, tile: &mut [Self::f64s]) {
        let avx = self.avx512f;
        let mut columns = [avx._mm512_setzero_pd(); 8];
        for i in 0..4 {
            let (a, b) = (cast(tile[2 * i]), cast(tile[2 * i + 1]));
            columns[i] = avx._mm512_unpacklo_pd(a, b);
            columns[4 + i] = avx._mm512_unpackhi_pd(a, b);
        }
        for i in 0..2 {
            let rows = [
                columns[4 * i],
                columns[4 * i + 1],
                columns[4 * i + 2],
                columns[4 * i + 3],
            ];
            let [a, b, c, d] = quarters!(avx, _mm512_shuffle_f64x2, rows);
            (tile[i], tile[2 + i], tile[4 + i], tile[6 + i]) = (a, b, c, d);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check<S: Transpose>(simd: S) {
        let mut single: Vec<f32> = (0..S::F32_LANES * S::F32_LANES).map(|i| i as f32).collect();
        simd.transpose_f32s(S::as_mut_simd_f32s(&mut single).0);
        for (i, &x) in single.iter().enumerate() {
            let (row, lane) = (i / S::F32_LANES, i % S::F32_LANES);
            assert_eq!(x as usize, lane * S::F32_LANES + row);
        }
        let mut double: Vec<f64> = (0..S::F64_LANES * S::F64_LANES).map(|i| i as f64).collect();
        simd.transpose_f64s(S::as_mut_simd_f64s(&mut double).0);
        for (i, &x) in double.iter().enumerate() {
            let (row, lane) = (i / S::F64_LANES, i % S::F64_LANES);
            assert_eq!(x as usize, lane * S::F64_LANES + row);
        }
    }

    #[test]
    fn every_instruction_set_transposes() {
        check(pulp::Scalar);
        #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
        {
            pulp::x86::V3::try_new().into_iter().for_each(check);
            pulp::x86::V4::try_new().into_iter().for_each(check);
        }
        #[cfg(target_arch = "aarch64")]
        pulp::aarch64::Neon::try_new().into_iter().for_each(check);
    }
}
