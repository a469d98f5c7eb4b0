//! Deposit with the same bits for any number of threads.
//!
//! The *slab* of a particle is its lower cell along x; what it deposits falls onto the planes
//! `slab` and `slab + 1`. All even slabs touch different planes, and so do all odd ones (their
//! number is even on a periodic mesh of an even number of cells). Each mesh therefore receives,
//! in this order,
//!
//! 1. the particles of even slabs, slab by slab in parallel, those of a slab by ascending index;
//! 2. the particles of odd slabs, likewise.
//!
//! This fixes the order of the sum in every cell. A few particles are deposited by a plain loop
//! that keeps to it: first all of even slabs, then all of odd ones.

use adastra_core::Real;
use rayon::prelude::*;

use crate::cic::{Cic, Cloud};

/// From this many particles on, sorting them into slabs pays.
const MANY: usize = 4096;
/// Particles that are sorted together: their indices fit 16 bits.
const SORTED: usize = 1 << 14;

/// Adds `values(i, cloud)[k]` to the eight corners of particle `i` in mesh `k`.
///
/// `position` holds three numbers per particle, each mesh all its cells.
pub(crate) fn scatter<T: Real, const K: usize>(
    cic: &Cic<T>,
    position: &[T],
    meshes: [&mut [T]; K],
    values: impl Fn(usize, &Cloud<T>) -> [[T; 8]; K] + Sync,
) {
    if position.len() / 3 < MANY {
        serial(cic, position, meshes, values);
    } else {
        parallel(cic, position, meshes, values);
    }
}

fn serial<T: Real, const K: usize>(
    cic: &Cic<T>,
    position: &[T],
    mut meshes: [&mut [T]; K],
    values: impl Fn(usize, &Cloud<T>) -> [[T; 8]; K],
) {
    let plane_len = cic.plane_len();
    for parity in 0..2 {
        for (i, x) in position.chunks_exact(3).enumerate() {
            if cic.slab(x[0]) % 2 != parity {
                continue;
            }
            let cloud = cic.cloud(x);
            for (mesh, values) in meshes.iter_mut().zip(values(i, &cloud)) {
                for (plane, values) in cloud.plane.into_iter().zip(values.chunks_exact(4)) {
                    add(&mut mesh[plane * plane_len..][..plane_len], &cloud, values);
                }
            }
        }
    }
}

fn parallel<T: Real, const K: usize>(
    cic: &Cic<T>,
    position: &[T],
    mut meshes: [&mut [T]; K],
    values: impl Fn(usize, &Cloud<T>) -> [[T; 8]; K] + Sync,
) {
    let slabs = cic.cells()[0];
    let lists: Vec<Slabs> =
        position.par_chunks(3 * SORTED).map(|chunk| Slabs::sort(cic, chunk)).collect();
    for parity in 0..2 {
        // Planes (slab, slab + 1) of every mesh, for every slab of this parity.
        let mut pairs: Vec<Vec<&mut [T]>> =
            (0..slabs / 2).map(|_| Vec::with_capacity(2 * K)).collect();
        for mesh in &mut meshes {
            let (before, from) = mesh.split_at_mut(parity * cic.plane_len());
            let planes = from.chunks_mut(cic.plane_len()).chain(before.chunks_mut(cic.plane_len()));
            for (i, plane) in planes.enumerate() {
                pairs[i / 2].push(plane);
            }
        }
        pairs.into_par_iter().enumerate().for_each(|(pair, mut planes)| {
            let slab = 2 * pair + parity;
            for (chunk, list) in lists.iter().enumerate() {
                for &i in list.of(slab) {
                    let i = chunk * SORTED + usize::from(i);
                    let cloud = cic.cloud(&position[3 * i..3 * i + 3]);
                    let values = values(i, &cloud);
                    let values = values.iter().flat_map(|values| values.chunks_exact(4));
                    for (plane, values) in planes.iter_mut().zip(values) {
                        add(plane, &cloud, values);
                    }
                }
            }
        });
    }
}

/// Adds the values of four corners to their plane.
#[inline(always)]
fn add<T: Real>(plane: &mut [T], cloud: &Cloud<T>, values: &[T]) {
    for (&cell, &value) in cloud.within.iter().zip(values) {
        plane[cell] += value;
    }
}

/// The particles of a chunk, slab by slab, those of a slab by ascending index.
struct Slabs {
    order: Vec<u16>,
    /// Where each slab begins in `order`, and the end of the last one.
    begin: Vec<u16>,
}

impl Slabs {
    /// A counting sort, which keeps the order of equals.
    fn sort<T: Real>(cic: &Cic<T>, position: &[T]) -> Self {
        let slabs: Vec<u16> =
            position.chunks_exact(3).map(|x| cic.slab(x[0]) as u16).collect();
        let mut begin = vec![0u16; cic.cells()[0] + 1];
        for &slab in &slabs {
            begin[usize::from(slab) + 1] += 1;
        }
        for slab in 1..begin.len() {
            begin[slab] += begin[slab - 1];
        }
        let mut next = begin.clone();
        let mut order = vec![0; slabs.len()];
        for (i, &slab) in slabs.iter().enumerate() {
            let next = &mut next[usize::from(slab)];
            order[usize::from(*next)] = i as u16;
            *next += 1;
        }
        Self { order, begin }
    }

    fn of(&self, slab: usize) -> &[u16] {
        &self.order[usize::from(self.begin[slab])..usize::from(self.begin[slab + 1])]
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

    fn deposits<T: Real>(mesh: &Mesh, n: usize, seed: u64) -> [Vec<T>; 2] {
        let cic = Cic::<T>::new(mesh);
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
        let mut draw = |range: f64| T::of(range * uniform(&mut rng));
        // Also outside of the box, and crowded in its lowest corner.
        let position: Vec<T> = (0..3 * n)
            .map(|i| draw(if i % 6 < 3 { 0.1 } else { 3.0 }) * T::of(mesh.size()[i % 3]))
            .collect();
        let mass: Vec<T> = (0..n).map(|_| draw(1.0)).collect();
        let before: Vec<T> = (0..mesh.len()).map(|_| draw(1.0)).collect();
        let values = |i: usize, cloud: &Cloud<T>| [cloud.weights(mass[i]), cloud.weights(T::one())];
        let run = |scatter: fn(&Cic<T>, &[T], [&mut [T]; 2], _)| {
            let mut meshes = [before.clone(), before.clone()];
            let [a, b] = &mut meshes;
            scatter(&cic, &position, [a, b], &values);
            meshes.concat()
        };
        [run(serial), run(parallel)]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn the_parallel_path_gives_the_bits_of_the_serial_one(
            half in prop::array::uniform3(1..6usize),
            n in prop_oneof![0..40usize, 16_300..16_500usize, 33_000..33_001usize],
            seed in any::<u64>(),
            threads in 1..6usize,
        ) {
            let mesh = Mesh::new(half.map(|n| 2 * n), [1.0, 2.5, 0.4]).unwrap();
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let [serial, parallel] = pool.install(|| deposits::<f64>(&mesh, n, seed));
            prop_assert_eq!(serial, parallel);
            let [serial, parallel] = pool.install(|| deposits::<f32>(&mesh, n, seed));
            prop_assert_eq!(serial, parallel);
        }
    }
}
