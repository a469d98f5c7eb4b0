//! Sweeps over particles next to the mesh: fast, and with the same bits for any number of threads.
//!
//! The *slab* of a particle is its lower cell along x: it touches the planes `slab` and
//! `slab + 1` alone. Many particles are sorted by slab first, so that a sweep works on planes that
//! stay in cache, whatever the order of the particles in memory.
//!
//! A deposit sums in an order that the particles alone determine. All even slabs touch different
//! planes, and so do all odd ones (their number is even: a mesh has an even number of cells). Each
//! mesh therefore receives, in this order,
//!
//! 1. the particles of even slabs, slab by slab in parallel, those of a slab by ascending index;
//! 2. the particles of odd slabs, likewise.
//!
//! A few particles are not sorted: a plain loop over those of even slabs and then over those of
//! odd ones keeps to the same order in every cell.

use adastra_core::Real;
use rayon::prelude::*;

use crate::arrays::each;
use crate::cic::{Cic, Cloud};

/// From this many particles on, sorting them pays.
const MANY: usize = 4096;
/// Particles that are sorted together: their indices fit 16 bits.
pub(crate) const SORTED: usize = 1 << 14;

/// Bytes of a cache line.
const LINE: usize = 64;

/// Particles in the order of their slabs, each with a payload.
pub(crate) struct Slabs<T, P> {
    cic: Cic<T>,
    chunks: Vec<Chunk<T, P>>,
}

/// Up to [`SORTED`] particles, slab by slab, those of a slab by ascending index.
struct Chunk<T, P> {
    particles: Vec<([T; 3], P)>,
    /// Index within the chunk of each particle in `particles`.
    index: Vec<u16>,
    /// Where each slab begins in `particles`, and the end of the last one; empty where the
    /// particles are few and in their own order.
    begin: Vec<u16>,
}

impl<T: Real, P: Copy + Default + Send + Sync> Slabs<T, P> {
    /// Sorts particles at `position`, three numbers each; `payload(i)` comes along.
    pub(crate) fn new(
        cic: &Cic<T>,
        position: &[T],
        payload: impl Fn(usize) -> P + Send + Sync,
    ) -> Self {
        Self::with_threshold(cic, position, payload, MANY)
    }

    fn with_threshold(
        cic: &Cic<T>,
        position: &[T],
        payload: impl Fn(usize) -> P + Send + Sync,
        many: usize,
    ) -> Self {
        let chunks = if position.len() / 3 < many {
            vec![Chunk::unsorted(position, payload)]
        } else {
            let chunks = position.par_chunks(3 * SORTED).enumerate();
            chunks
                .map(|(c, x)| Chunk::sorted(cic, x, |i| payload(c * SORTED + i)))
                .collect()
        };
        Self { cic: *cic, chunks }
    }

    /// `f(cloud, payload, corners)` of every particle, where `corners[k]` holds `fields[k]` at the
    /// particle's corners; for [`Results::each`].
    pub(crate) fn gather<const K: usize, R: Copy + Default + Send>(
        &self,
        fields: [&[T]; K],
        f: impl Fn(&Cloud<T>, &P, &[[T; 8]; K]) -> R + Send + Sync,
    ) -> Results<'_, T, P, R> {
        let fill = |particles: &[([T; 3], P)], results: &mut [R]| {
            for ((x, payload), result) in particles.iter().zip(results) {
                let cloud = self.cic.cloud(x);
                // A loop: an array's `map` is not always inlined.
                let mut corners = [[T::zero(); 8]; K];
                for k in 0..K {
                    corners[k] = self.cic.corners(&cloud, fields[k]);
                }
                *result = f(&cloud, payload, &corners);
            }
        };
        let mut chunks: Vec<Vec<R>> = self
            .chunks
            .iter()
            .map(|c| vec![R::default(); c.particles.len()])
            .collect();
        match &self.chunks[..] {
            [few] if !few.is_sorted() => fill(&few.particles, &mut chunks[0]),
            sorted => {
                let [slabs, ..] = self.cic.cells();
                let mut work: Vec<Vec<_>> = (0..slabs)
                    .map(|_| Vec::with_capacity(sorted.len()))
                    .collect();
                for (chunk, results) in sorted.iter().zip(&mut chunks) {
                    let mut rest = &mut results[..];
                    for (slab, work) in work.iter_mut().enumerate() {
                        let particles = chunk.of(slab);
                        let (these, others) = rest.split_at_mut(particles.len());
                        rest = others;
                        work.push((particles, these));
                    }
                }
                let plane_len = self.cic.plane_len();
                work.into_par_iter().enumerate().for_each(|(slab, work)| {
                    for field in fields {
                        for plane in [slab, (slab + 1) % slabs] {
                            warm(&field[plane * plane_len..][..plane_len]);
                        }
                    }
                    work.into_iter()
                        .for_each(|(particles, results)| fill(particles, results));
                });
            }
        }
        Results {
            slabs: self,
            chunks,
        }
    }

    /// Adds `values(cloud, payload)[k]` to the eight corners of every particle in mesh `k`.
    pub(crate) fn scatter<const K: usize>(
        &self,
        meshes: [&mut [T]; K],
        values: impl Fn(&Cloud<T>, &P) -> [[T; 8]; K] + Send + Sync,
    ) {
        match &self.chunks[..] {
            [few] if !few.is_sorted() => self.scatter_few(&few.particles, meshes, values),
            _ => self.scatter_sorted(meshes, values),
        }
    }

    fn scatter_few<const K: usize>(
        &self,
        particles: &[([T; 3], P)],
        mut meshes: [&mut [T]; K],
        values: impl Fn(&Cloud<T>, &P) -> [[T; 8]; K],
    ) {
        let plane_len = self.cic.plane_len();
        for parity in 0..2 {
            for (x, payload) in particles {
                if self.cic.slab(x[0]) % 2 != parity {
                    continue;
                }
                let cloud = self.cic.cloud(x);
                for (mesh, values) in meshes.iter_mut().zip(values(&cloud, payload)) {
                    for (plane, values) in cloud.plane.into_iter().zip(halves(&values)) {
                        add(&mut mesh[plane * plane_len..][..plane_len], &cloud, values);
                    }
                }
            }
        }
    }

    fn scatter_sorted<const K: usize>(
        &self,
        mut meshes: [&mut [T]; K],
        values: impl Fn(&Cloud<T>, &P) -> [[T; 8]; K] + Send + Sync,
    ) {
        let plane_len = self.cic.plane_len();
        for parity in 0..2 {
            // Planes (slab, slab + 1) of every mesh, for every slab of this parity.
            let mut pairs: Vec<Vec<&mut [T]>> = (0..self.cic.cells()[0] / 2)
                .map(|_| Vec::with_capacity(2 * K))
                .collect();
            for mesh in &mut meshes {
                let (before, from) = mesh.split_at_mut(parity * plane_len);
                let planes = from
                    .chunks_mut(plane_len)
                    .chain(before.chunks_mut(plane_len));
                for (i, plane) in planes.enumerate() {
                    pairs[i / 2].push(plane);
                }
            }
            pairs
                .into_par_iter()
                .enumerate()
                .for_each(|(pair, mut planes)| {
                    let planes = &mut planes[..2 * K];
                    planes.iter().for_each(|plane| warm(plane));
                    for chunk in &self.chunks {
                        for (x, payload) in chunk.of(2 * pair + parity) {
                            let cloud = self.cic.cloud(x);
                            let values = values(&cloud, payload);
                            for k in 0..K {
                                let [lower, upper] = halves(&values[k]);
                                add(planes[2 * k], &cloud, lower);
                                add(planes[2 * k + 1], &cloud, upper);
                            }
                        }
                    }
                });
        }
    }
}

/// Reads a number of every cache line in turn, which brings a plane into cache at the speed of
/// the memory's bandwidth. The particles of a slab touch it at random: without this, nearly every
/// one of them would wait for the memory's latency.
fn warm<T: Real>(plane: &[T]) {
    let lines = plane.iter().step_by(LINE / T::BYTES);
    std::hint::black_box(lines.fold(T::zero(), |sum, &x| sum + x));
}

/// The corners in the lower and in the upper plane.
#[inline(always)]
fn halves<T: Real>(v: &[T; 8]) -> [[T; 4]; 2] {
    [[v[0], v[1], v[2], v[3]], [v[4], v[5], v[6], v[7]]]
}

/// Adds the values of four corners to their plane.
#[inline(always)]
fn add<T: Real>(plane: &mut [T], cloud: &Cloud<T>, values: [T; 4]) {
    for corner in 0..4 {
        plane[cloud.within[corner]] += values[corner];
    }
}

impl<T: Real, P: Copy + Default> Chunk<T, P> {
    fn unsorted(position: &[T], payload: impl Fn(usize) -> P) -> Self {
        let particles = position.chunks_exact(3).enumerate();
        let particles: Vec<_> = particles
            .map(|(i, x)| ([x[0], x[1], x[2]], payload(i)))
            .collect();
        Self {
            index: (0..particles.len() as u16).collect(),
            particles,
            begin: Vec::new(),
        }
    }

    /// A counting sort, which keeps the order of equals.
    fn sorted(cic: &Cic<T>, position: &[T], payload: impl Fn(usize) -> P) -> Self {
        let slabs: Vec<u16> = position
            .chunks_exact(3)
            .map(|x| cic.slab(x[0]) as u16)
            .collect();
        let mut begin = vec![0u16; cic.cells()[0] + 1];
        for &slab in &slabs {
            begin[usize::from(slab) + 1] += 1;
        }
        for slab in 1..begin.len() {
            begin[slab] += begin[slab - 1];
        }
        let mut next = begin.clone();
        let mut index = vec![0; slabs.len()];
        let mut particles = vec![([T::zero(); 3], P::default()); slabs.len()];
        for (i, (x, &slab)) in position.chunks_exact(3).zip(&slabs).enumerate() {
            let next = &mut next[usize::from(slab)];
            particles[usize::from(*next)] = ([x[0], x[1], x[2]], payload(i));
            index[usize::from(*next)] = i as u16;
            *next += 1;
        }
        Self {
            particles,
            index,
            begin,
        }
    }

    fn is_sorted(&self) -> bool {
        !self.begin.is_empty()
    }

    fn of(&self, slab: usize) -> &[([T; 3], P)] {
        &self.particles[usize::from(self.begin[slab])..usize::from(self.begin[slab + 1])]
    }
}

/// One result per particle, in the order of the slabs.
pub(crate) struct Results<'a, T, P, R> {
    slabs: &'a Slabs<T, P>,
    chunks: Vec<Vec<R>>,
}

impl<T, P, R> Results<'_, T, P, R>
where
    T: Real,
    P: Sync,
    R: Copy + Send + Sync,
{
    /// Calls `f(output, i, result)` for every particle, where `i` counts from the first particle
    /// of `output`; `outputs` are those of [`SORTED`] particles each.
    pub(crate) fn each<O: Send>(
        &self,
        outputs: impl ExactSizeIterator<Item = O>,
        f: impl Fn(&mut O, usize, R) + Send + Sync,
    ) {
        let work = self.slabs.chunks.iter().zip(&self.chunks).zip(outputs);
        each(work, |((chunk, results), mut output)| {
            for (&i, &result) in chunk.index.iter().zip(results) {
                f(&mut output, usize::from(i), result);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use adastra_grid::Mesh;
    use proptest::prelude::*;
    use rand_xoshiro::Xoshiro256PlusPlus;
    use rand_xoshiro::rand_core::SeedableRng;

    use super::*;
    use crate::random::uniform;

    /// Deposits and readouts of `n` particles, unsorted and sorted.
    fn both<T: Real>(mesh: &Mesh, n: usize, seed: u64) -> [Vec<T>; 2] {
        let cic = Cic::<T>::new(mesh);
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
        let mut draw = |range: f64| T::of(range * uniform(&mut rng));
        // Also outside of the box, and crowded in its lowest corner.
        let position: Vec<T> = (0..3 * n)
            .map(|i| draw(if i % 6 < 3 { 0.1 } else { 3.0 }) * T::of(mesh.size()[i % 3]))
            .collect();
        let mass: Vec<T> = (0..n).map(|_| draw(1.0)).collect();
        let field: Vec<T> = (0..mesh.len()).map(|_| draw(1.0)).collect();
        [usize::MAX, 0].map(|many| {
            let slabs = Slabs::with_threshold(&cic, &position, |i| mass[i], many);
            let (mut a, mut b) = (field.clone(), field.clone());
            slabs.scatter([&mut a, &mut b], |cloud, &m| {
                [cloud.weights(m), cloud.weights_along(m, [m, T::one(), -m])]
            });
            let mut values = vec![T::zero(); n];
            let read = slabs.gather([&field], |cloud, &m, &[corners]| m * cloud.value(corners));
            let together = if many == 0 { SORTED } else { n.max(1) };
            read.each(values.chunks_mut(together), |values, i, value| {
                values[i] = value
            });
            [a, b, values].concat()
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn sorting_and_threads_leave_every_bit(
            half in prop::array::uniform3(1..6usize),
            n in prop_oneof![0..40usize, 16_300..16_500usize, 33_000..33_001usize],
            seed in any::<u64>(),
            threads in 1..6usize,
        ) {
            let mesh = Mesh::new(half.map(|n| 2 * n), [1.0, 2.5, 0.4]).unwrap();
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let [unsorted, sorted] = pool.install(|| both::<f64>(&mesh, n, seed));
            prop_assert_eq!(unsorted, sorted);
            let [unsorted, sorted] = pool.install(|| both::<f32>(&mesh, n, seed));
            prop_assert_eq!(unsorted, sorted);
        }
    }
}
