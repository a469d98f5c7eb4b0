//! Two-dimensional real-to-complex transforms of the planes of constant x.
//!
//! Two real lines are transformed as the real and imaginary part of one complex line. The zero
//! and the Nyquist column of the half spectrum are transforms of real numbers in turn, and share
//! a complex column on their way along y. So every transform here is a complex one of full
//! length, whose lanes are all in use.

use adastra_core::Real;

use crate::lanes::{row, vectorized, width};
use crate::line::Line;
use crate::pool::Pool;

/// The plan for a plane of `(ny, nz)` cells.
pub(crate) struct RealPlane<T> {
    along_y: Line<T>,
    along_z: Line<T>,
    /// Blocks along z that hold the modes `iz < nz/2` of one y.
    z_blocks: usize,
    /// Where the modes `iz < nz/2` of the first of two lines are after [`separate`].
    first: Vec<usize>,
    /// Where those of the second line are.
    second: Vec<usize>,
    blocks: Pool<T>,
}

impl<T: Real> RealPlane<T> {
    pub(crate) fn new(ny: usize, nz: usize) -> Self {
        let (along_y, along_z) = (Line::new(ny), Line::new(nz));
        let half = nz / 2;
        let first = along_z.position[..half].to_vec();
        let mirror = |iz: usize| if iz == 0 { half } else { nz - iz };
        let second = (0..half).map(|iz| along_z.position[mirror(iz)]).collect();
        let z_blocks = half.div_ceil(width::<T>());
        let blocks = Pool::new(ny.max(nz) * row::<T>());
        Self {
            along_y,
            along_z,
            z_blocks,
            first,
            second,
            blocks,
        }
    }

    /// Numbers that hold the modes `iz < nz/2` of one y.
    pub(crate) fn line_len(&self) -> usize {
        self.z_blocks * row::<T>()
    }

    /// Numbers that hold the modes `iz = nz/2` of the plane.
    pub(crate) fn nyquist_len(&self) -> usize {
        self.along_y.n.div_ceil(width::<T>()) * row::<T>()
    }

    /// Transforms `cells`, `(ny, nz)` in C order, to the modes `iz < nz/2` in `main`, blocks
    /// along z, and `iz = nz/2` in `nyquist`, blocks along y.
    pub(crate) fn forward(&self, cells: &[T], main: &mut [T], nyquist: &mut [T]) {
        let (nz, line_len) = (self.along_z.n, self.line_len());
        let mut block = self.blocks.take();
        let lines = &mut block[..nz * row::<T>()];
        let groups = cells.chunks(row::<T>() * nz);
        for (cells, modes) in groups.zip(main.chunks_mut(row::<T>() * line_len)) {
            let pairs = (cells.len() / nz).div_ceil(2);
            let (first, second) = cells.split_at(pairs * nz);
            gather_real(first, second, nz, lines);
            self.along_z.kernel.forward(lines);
            separate(lines, &self.first, &self.second);
            let (first, second) = modes.split_at_mut(pairs * line_len);
            scatter_modes(lines, &self.first, line_len, first);
            scatter_modes(lines, &self.second, line_len, second);
        }
        let columns = &mut block[..self.along_y.n * row::<T>()];
        for start in (0..line_len).step_by(row::<T>()) {
            take_rows(main, line_len, start, &self.along_y.natural, columns);
            self.along_y.kernel.forward(columns);
            if start == 0 {
                split_nyquist(columns, &self.along_y.position, nyquist);
            }
            put_rows(
                columns,
                &self.along_y.order,
                T::one(),
                main,
                line_len,
                start,
            );
        }
    }

    /// Inverse of [`RealPlane::forward`], times `ny nz scale`; `main` is used up.
    pub(crate) fn inverse(&self, main: &mut [T], nyquist: &[T], scale: T, cells: &mut [T]) {
        let (nz, line_len) = (self.along_z.n, self.line_len());
        let mut block = self.blocks.take();
        let columns = &mut block[..self.along_y.n * row::<T>()];
        for start in (0..line_len).step_by(row::<T>()) {
            take_rows(main, line_len, start, &self.along_y.order, columns);
            if start == 0 {
                join_nyquist(columns, &self.along_y.order, nyquist);
            }
            self.along_y.kernel.inverse(columns);
            put_rows(columns, &self.along_y.natural, scale, main, line_len, start);
        }
        let lines = &mut block[..nz * row::<T>()];
        let groups = cells.chunks_mut(row::<T>() * nz);
        for (cells, modes) in groups.zip(main.chunks(row::<T>() * line_len)) {
            let pairs = (cells.len() / nz).div_ceil(2);
            let (first, second) = modes.split_at(pairs * line_len);
            gather_modes(first, &self.first, line_len, lines);
            gather_modes(second, &self.second, line_len, lines);
            combine(lines, &self.first, &self.second);
            self.along_z.kernel.inverse(lines);
            let (first, second) = cells.split_at_mut(pairs * nz);
            scatter_real(lines, nz, first, second);
        }
    }
}

vectorized! {
/// Row `i` of a block from the row `order[i]` of lines of `line_len` numbers, at `start`.
fn take_rows<'a, T>(
    main: &'a [T],
    line_len: usize,
    start: usize,
    order: &'a [usize],
    block: &'a mut [T],
) {
    for (to, &i) in block.chunks_exact_mut(row::<T>()).zip(order) {
        to.copy_from_slice(&main[i * line_len + start..][..row::<T>()]);
    }
}

/// Inverse of [`take_rows`], times `scale`.
fn put_rows<'a, T>(
    block: &'a [T],
    order: &'a [usize],
    scale: T,
    main: &'a mut [T],
    line_len: usize,
    start: usize,
) {
    for (from, &i) in block.chunks_exact(row::<T>()).zip(order) {
        let to = &mut main[i * line_len + start..][..row::<T>()];
        to.iter_mut().zip(from).for_each(|(to, &from)| *to = scale * from);
    }
}

/// Transposes up to [`width`] real lines each into the real and the imaginary parts of a block.
fn gather_real<'a, T>(first: &'a [T], second: &'a [T], n: usize, block: &'a mut [T]) {
    for (part, lines) in [(0, first), (width::<T>(), second)] {
        for (lane, line) in lines.chunks_exact(n).enumerate() {
            for (row, &x) in block.chunks_exact_mut(row::<T>()).zip(line) {
                row[part + lane] = x;
            }
        }
    }
}

/// Inverse of [`gather_real`].
fn scatter_real<'a, T>(block: &'a [T], n: usize, first: &'a mut [T], second: &'a mut [T]) {
    for (part, lines) in [(0, first), (width::<T>(), second)] {
        for (lane, line) in lines.chunks_exact_mut(n).enumerate() {
            for (row, x) in block.chunks_exact(row::<T>()).zip(line) {
                *x = row[part + lane];
            }
        }
    }
}

/// Takes the spectra `A` and `B` of two real lines out of the spectrum `Z = A + iB`:
/// `A_k = (Z_k + conj Z_{n-k})/2` to row `first[k]`, `B_k = (Z_k - conj Z_{n-k})/2i` to row
/// `second[k]`. The zero and Nyquist modes of either are real, and go into one complex number.
fn separate<'a, T>(block: &'a mut [T], first: &'a [usize], second: &'a [usize]) {
    let half = T::of(0.5);
    for (k, (&p, &q)) in first.iter().zip(second).enumerate() {
        let [(re_p, im_p), (re_q, im_q)] = two_rows(block, p, q);
        if k == 0 {
            im_p.swap_with_slice(re_q);
            continue;
        }
        for lane in 0..width::<T>() {
            let (p, q) = ((re_p[lane], im_p[lane]), (re_q[lane], im_q[lane]));
            (re_p[lane], im_p[lane]) = (half * (p.0 + q.0), half * (p.1 - q.1));
            (re_q[lane], im_q[lane]) = (half * (p.1 + q.1), half * (q.0 - p.0));
        }
    }
}

/// Inverse of [`separate`]: `Z_k = A_k + i B_k`, `Z_{n-k} = conj A_k + i conj B_k`.
fn combine<'a, T>(block: &'a mut [T], first: &'a [usize], second: &'a [usize]) {
    for (k, (&p, &q)) in first.iter().zip(second).enumerate() {
        let [(re_p, im_p), (re_q, im_q)] = two_rows(block, p, q);
        if k == 0 {
            im_p.swap_with_slice(re_q);
            continue;
        }
        for lane in 0..width::<T>() {
            let (a, b) = ((re_p[lane], im_p[lane]), (re_q[lane], im_q[lane]));
            (re_p[lane], im_p[lane]) = (a.0 - b.1, a.1 + b.0);
            (re_q[lane], im_q[lane]) = (a.0 + b.1, b.0 - a.1);
        }
    }
}

/// Transposes rows `at[iz]` of a block to lines of modes in blocks along z.
fn scatter_modes<'a, T>(block: &'a [T], at: &'a [usize], line_len: usize, lines: &'a mut [T]) {
    let width = width::<T>();
    for (lane, line) in lines.chunks_exact_mut(line_len).enumerate() {
        for (to, at) in line.chunks_exact_mut(2 * width).zip(at.chunks(width)) {
            let (re, im) = to.split_at_mut(width);
            for ((re, im), &at) in re.iter_mut().zip(im).zip(at) {
                let from = &block[at * 2 * width..][..2 * width];
                (*re, *im) = (from[lane], from[width + lane]);
            }
        }
    }
}

/// Inverse of [`scatter_modes`].
fn gather_modes<'a, T>(lines: &'a [T], at: &'a [usize], line_len: usize, block: &'a mut [T]) {
    let width = width::<T>();
    for (lane, line) in lines.chunks_exact(line_len).enumerate() {
        for (from, at) in line.chunks_exact(2 * width).zip(at.chunks(width)) {
            let (re, im) = from.split_at(width);
            for ((&re, &im), &at) in re.iter().zip(im).zip(at) {
                let to = &mut block[at * 2 * width..][..2 * width];
                (to[lane], to[width + lane]) = (re, im);
            }
        }
    }
}

}

/// Lane 0 holds `P = D + iN`, the transforms of two real columns: leaves `D` in its place and
/// puts `N`, the Nyquist column, into blocks along y.
#[inline(always)]
fn split_nyquist<T: Real>(block: &mut [T], position: &[usize], nyquist: &mut [T]) {
    let (width, row, half, n) = (width::<T>(), row::<T>(), T::of(0.5), position.len());
    for k in 0..=n / 2 {
        let mirror = (n - k) % n;
        let (p, q) = (position[k] * row, position[mirror] * row);
        let (re_p, im_p, re_q, im_q) = (block[p], block[p + width], block[q], block[q + width]);
        let (re, im) = (half * (re_p + re_q), half * (im_p - im_q));
        (block[p], block[p + width]) = (re, im);
        if mirror != k {
            (block[q], block[q + width]) = (re, -im);
        }
        let (re, im) = (half * (im_p + im_q), half * (re_q - re_p));
        for (k, im) in [(k, im), (mirror, -im)] {
            let at = k / width * row + k % width;
            (nyquist[at], nyquist[at + width]) = (re, im);
        }
    }
}

/// Inverse of [`split_nyquist`].
#[inline(always)]
fn join_nyquist<T: Real>(block: &mut [T], order: &[usize], nyquist: &[T]) {
    let (width, row) = (width::<T>(), row::<T>());
    for (to, &k) in block.chunks_exact_mut(row).zip(order) {
        let at = k / width * row + k % width;
        let (re, im) = (nyquist[at], nyquist[at + width]);
        to[0] -= im;
        to[width] += re;
    }
}

/// The real and imaginary parts of two different rows.
#[inline(always)]
fn two_rows<T>(block: &mut [T], p: usize, q: usize) -> [(&mut [T], &mut [T]); 2] {
    let (width, row) = (width::<T>(), row::<T>());
    let rows = block.get_disjoint_mut([p * row..(p + 1) * row, q * row..(q + 1) * row]);
    rows.expect("two different rows of the block")
        .map(|row| row.split_at_mut(width))
}
