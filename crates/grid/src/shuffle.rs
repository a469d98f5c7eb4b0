//! Shuffles: transposition of square tiles of registers, and complex numbers to real and imaginary
//! parts and back.

#[cfg(target_arch = "x86")]
use std::arch::x86;
#[cfg(target_arch = "x86_64")]
use std::arch::x86_64 as x86;

use pulp::Simd;
#[cfg(any(target_arch = "x86", target_arch = "x86_64", target_arch = "aarch64"))]
use pulp::bytemuck::cast;
#[cfg(target_arch = "aarch64")]
use pulp::bytemuck::cast_slice_mut;

/// An instruction set with tiles of as many registers as a register has lanes.
pub(crate) trait Shuffle: Simd {
    /// Asks for the cache line at an address, if there is an instruction for that.
    #[inline(always)]
    fn prefetch(self, _: *const i8) {}
    /// Exchanges lane `i` of register `j` with lane `j` of register `i`.
    fn transpose_f32s(self, tile: &mut [Self::f32s]);
    /// Exchanges lane `i` of register `j` with lane `j` of register `i`.
    fn transpose_f64s(self, tile: &mut [Self::f64s]);
    /// The real and imaginary parts of complex numbers that fill two registers.
    fn split_f32s(self, pair: [Self::f32s; 2]) -> [Self::f32s; 2];
    /// The real and imaginary parts of complex numbers that fill two registers.
    fn split_f64s(self, pair: [Self::f64s; 2]) -> [Self::f64s; 2];
    /// Inverse of [`Shuffle::split_f32s`].
    fn join_f32s(self, parts: [Self::f32s; 2]) -> [Self::f32s; 2];
    /// Inverse of [`Shuffle::split_f64s`].
    fn join_f64s(self, parts: [Self::f64s; 2]) -> [Self::f64s; 2];
}

impl Shuffle for pulp::Scalar {
    #[inline(always)]
    fn transpose_f32s(self, _: &mut [f32]) {}
    #[inline(always)]
    fn transpose_f64s(self, _: &mut [f64]) {}
    #[inline(always)]
    fn split_f32s(self, pair: [f32; 2]) -> [f32; 2] {
        pair
    }
    #[inline(always)]
    fn split_f64s(self, pair: [f64; 2]) -> [f64; 2] {
        pair
    }
    #[inline(always)]
    fn join_f32s(self, parts: [f32; 2]) -> [f32; 2] {
        parts
    }
    #[inline(always)]
    fn join_f64s(self, parts: [f64; 2]) -> [f64; 2] {
        parts
    }
}

#[cfg(target_arch = "aarch64")]
impl Shuffle for pulp::aarch64::Neon {
    #[inline(always)]
    fn transpose_f32s(self, tile: &mut [Self::f32s]) {
        let elements: &mut [[f32; 4]] = cast_slice_mut(tile);
        for i in 0..4 {
            for j in 0..i {
                (elements[i][j], elements[j][i]) = (elements[j][i], elements[i][j]);
            }
        }
    }
    #[inline(always)]
    fn transpose_f64s(self, tile: &mut [Self::f64s]) {
        let elements: &mut [[f64; 2]] = cast_slice_mut(tile);
        (elements[0][1], elements[1][0]) = (elements[1][0], elements[0][1]);
    }
    #[inline(always)]
    fn split_f32s(self, pair: [Self::f32s; 2]) -> [Self::f32s; 2] {
        let [[a, b, c, d], [e, f, g, h]]: [[f32; 4]; 2] = cast(pair);
        cast([[a, c, e, g], [b, d, f, h]])
    }
    #[inline(always)]
    fn split_f64s(self, pair: [Self::f64s; 2]) -> [Self::f64s; 2] {
        let [[a, b], [c, d]]: [[f64; 2]; 2] = cast(pair);
        cast([[a, c], [b, d]])
    }
    #[inline(always)]
    fn join_f32s(self, parts: [Self::f32s; 2]) -> [Self::f32s; 2] {
        let [[a, c, e, g], [b, d, f, h]]: [[f32; 4]; 2] = cast(parts);
        cast([[a, b, c, d], [e, f, g, h]])
    }
    #[inline(always)]
    fn join_f64s(self, parts: [Self::f64s; 2]) -> [Self::f64s; 2] {
        self.split_f64s(parts)
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
impl Shuffle for pulp::x86::V3 {
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

    #[inline(always)]
    fn split_f32s(self, [a, b]: [Self::f32s; 2]) -> [Self::f32s; 2] {
        let (avx, avx2) = (self.avx, self.avx2);
        let re = avx._mm256_shuffle_ps::<0x88>(cast(a), cast(b));
        let im = avx._mm256_shuffle_ps::<0xdd>(cast(a), cast(b));
        [
            cast(avx2._mm256_permute4x64_pd::<0xd8>(cast(re))),
            cast(avx2._mm256_permute4x64_pd::<0xd8>(cast(im))),
        ]
    }

    #[inline(always)]
    fn split_f64s(self, [a, b]: [Self::f64s; 2]) -> [Self::f64s; 2] {
        let (avx, avx2) = (self.avx, self.avx2);
        let re = avx._mm256_unpacklo_pd(cast(a), cast(b));
        let im = avx._mm256_unpackhi_pd(cast(a), cast(b));
        [
            cast(avx2._mm256_permute4x64_pd::<0xd8>(re)),
            cast(avx2._mm256_permute4x64_pd::<0xd8>(im)),
        ]
    }

    #[inline(always)]
    fn join_f32s(self, [re, im]: [Self::f32s; 2]) -> [Self::f32s; 2] {
        let avx = self.avx;
        let a = avx._mm256_unpacklo_ps(cast(re), cast(im));
        let b = avx._mm256_unpackhi_ps(cast(re), cast(im));
        [
            cast(avx._mm256_permute2f128_ps::<0x20>(a, b)),
            cast(avx._mm256_permute2f128_ps::<0x31>(a, b)),
        ]
    }

    #[inline(always)]
    fn join_f64s(self, [re, im]: [Self::f64s; 2]) -> [Self::f64s; 2] {
        let avx = self.avx;
        let a = avx._mm256_unpacklo_pd(cast(re), cast(im));
        let b = avx._mm256_unpackhi_pd(cast(re), cast(im));
        [
            cast(avx._mm256_permute2f128_pd::<0x20>(a, b)),
            cast(avx._mm256_permute2f128_pd::<0x31>(a, b)),
        ]
    }
}

/// AVX-512.
#[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
impl Shuffle for pulp::x86::V4 {
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

    #[inline(always)]
    fn split_f32s(self, [a, b]: [Self::f32s; 2]) -> [Self::f32s; 2] {
        let avx = self.avx512f;
        let re = cast([
            0_i32, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30,
        ]);
        let im = cast([
            1_i32, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31,
        ]);
        [
            cast(avx._mm512_permutex2var_ps(cast(a), re, cast(b))),
            cast(avx._mm512_permutex2var_ps(cast(a), im, cast(b))),
        ]
    }

    #[inline(always)]
    fn split_f64s(self, [a, b]: [Self::f64s; 2]) -> [Self::f64s; 2] {
        let avx = self.avx512f;
        let re = cast([0_i64, 2, 4, 6, 8, 10, 12, 14]);
        let im = cast([1_i64, 3, 5, 7, 9, 11, 13, 15]);
        [
            cast(avx._mm512_permutex2var_pd(cast(a), re, cast(b))),
            cast(avx._mm512_permutex2var_pd(cast(a), im, cast(b))),
        ]
    }

    #[inline(always)]
    fn join_f32s(self, [re, im]: [Self::f32s; 2]) -> [Self::f32s; 2] {
        let avx = self.avx512f;
        let low = cast([0_i32, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23]);
        let high = cast([
            8_i32, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31,
        ]);
        [
            cast(avx._mm512_permutex2var_ps(cast(re), low, cast(im))),
            cast(avx._mm512_permutex2var_ps(cast(re), high, cast(im))),
        ]
    }

    #[inline(always)]
    fn join_f64s(self, [re, im]: [Self::f64s; 2]) -> [Self::f64s; 2] {
        let avx = self.avx512f;
        let low = cast([0_i64, 8, 1, 9, 2, 10, 3, 11]);
        let high = cast([4_i64, 12, 5, 13, 6, 14, 7, 15]);
        [
            cast(avx._mm512_permutex2var_pd(cast(re), low, cast(im))),
            cast(avx._mm512_permutex2var_pd(cast(re), high, cast(im))),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check<S: Shuffle>(simd: S) {
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

    fn check_split<S: Shuffle>(simd: S) {
        let numbers: Vec<f32> = (0..2 * S::F32_LANES).map(|i| i as f32).collect();
        let registers = S::as_simd_f32s(&numbers).0;
        let pair = [registers[0], registers[1]];
        let parts = simd.split_f32s(pair);
        let flat: &[f32] = pulp::bytemuck::cast_slice(&parts);
        for (i, &x) in flat.iter().enumerate() {
            assert_eq!(x as usize, 2 * (i % S::F32_LANES) + i / S::F32_LANES);
        }
        let back = simd.join_f32s(parts);
        assert_eq!(pulp::bytemuck::cast_slice::<_, f32>(&back), numbers);

        let numbers: Vec<f64> = (0..2 * S::F64_LANES).map(|i| i as f64).collect();
        let registers = S::as_simd_f64s(&numbers).0;
        let pair = [registers[0], registers[1]];
        let parts = simd.split_f64s(pair);
        let flat: &[f64] = pulp::bytemuck::cast_slice(&parts);
        for (i, &x) in flat.iter().enumerate() {
            assert_eq!(x as usize, 2 * (i % S::F64_LANES) + i / S::F64_LANES);
        }
        let back = simd.join_f64s(parts);
        assert_eq!(pulp::bytemuck::cast_slice::<_, f64>(&back), numbers);
    }

    #[test]
    fn every_instruction_set_splits_and_joins() {
        check_split(pulp::Scalar);
        #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
        {
            pulp::x86::V3::try_new().into_iter().for_each(check_split);
            pulp::x86::V4::try_new().into_iter().for_each(check_split);
        }
        #[cfg(target_arch = "aarch64")]
        pulp::aarch64::Neon::try_new()
            .into_iter()
            .for_each(check_split);
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
