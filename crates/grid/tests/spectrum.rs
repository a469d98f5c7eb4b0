//! Power spectra: against the definition, the box, the deposit, another code; and gradients.

use std::f64::consts::{PI, TAU};

use adastra_check as check;
use adastra_core::Operator;
use adastra_grid::{
    Bins, CrossSpectrumOf, Mesh, RealFft, SpectrumOf, cross_spectrum, power_spectrum,
};
use ndarray::{Array3, Zip};
use num_complex::Complex;
use proptest::prelude::*;

type Field = Array3<f64>;

fn meshes() -> impl Strategy<Value = Mesh> {
    let cells = (1..5usize, 1..10usize, 1..10usize).prop_map(|(x, y, z)| [2 * x, 2 * y, 2 * z]);
    let length = || check::log_uniform(0.1..100.0);
    (cells, [length(), length(), length()])
        .prop_map(|(cells, size)| Mesh::new(cells, size).unwrap())
}

fn fields() -> impl Strategy<Value = (Mesh, Field)> {
    meshes().prop_flat_map(|mesh| {
        let field = check::normal(mesh.shape(), 0.3, 1.0);
        (Just(mesh), field)
    })
}

fn pairs() -> impl Strategy<Value = (Mesh, Field, Field)> {
    fields().prop_flat_map(|(mesh, a)| {
        let b = check::normal(mesh.shape(), -1.0, 2.0);
        (Just(mesh), Just(a), b)
    })
}

/// Numbers in [0, 1) that integer arithmetic gives to any language alike.
fn hashed(n: usize) -> Field {
    let mut j = 0_u64;
    Array3::from_shape_simple_fn((n, n, n), || {
        let hash = (j * j * 40503 + j * 2654435761) % (1 << 32);
        j += 1;
        (hash >> 8) as f64 / f64::from(1 << 24)
    })
}

#[track_caller]
fn close(found: f64, expected: f64, tolerance: f64) {
    assert!(
        (found - expected).abs() <= tolerance * expected.abs(),
        "{found:e} for {expected:e}"
    );
}

/// `(|k|, a_k b_k^*)` of every mode of the full spectrum, by the definition of the transform.
fn all_modes(mesh: &Mesh, a: &Field, b: &Field) -> Vec<(f64, Complex<f64>)> {
    let roots = |n: usize| (0..n).map(move |j| Complex::cis(-TAU * j as f64 / n as f64));
    let roots = mesh.cells().map(|n| roots(n).collect::<Vec<_>>());
    let amplitude = |field: &Field, [mx, my, mz]: [usize; 3]| -> Complex<f64> {
        let [nx, ny, nz] = mesh.cells();
        let term = |((i, j, k), f): ((usize, usize, usize), &f64)| {
            roots[0][mx * i % nx] * roots[1][my * j % ny] * roots[2][mz * k % nz] * f
        };
        field.indexed_iter().map(term).sum()
    };
    let k = [0, 1, 2].map(|axis| mesh.wavenumbers(axis));
    let modes = ndarray::indices(mesh.shape()).into_iter();
    modes
        .map(|(x, y, z)| {
            let magnitude = (k[0][x].powi(2) + k[1][y].powi(2) + k[2][z].powi(2)).sqrt();
            let product = amplitude(a, [x, y, z]) * amplitude(b, [x, y, z]).conj();
            (magnitude, product)
        })
        .collect()
}

#[test]
fn bins_of_a_box_with_an_aspect_ratio_against_the_definition() {
    let mesh = Mesh::new([4, 6, 10], [3.0, 2.0, 11.0]).unwrap();
    let a = hashed(10).slice_move(ndarray::s![..4, ..6, ..]);
    let b = hashed(10).slice_move(ndarray::s![6.., 4.., ..]);
    let (auto, cross) = (
        power_spectrum(&mesh, &a).unwrap(),
        cross_spectrum(&mesh, &a, &b).unwrap(),
    );
    // Centred on multiples of the largest fundamental, that of the shortest side.
    let width = TAU / 2.0;
    let (squares, products) = (all_modes(&mesh, &a, &a), all_modes(&mesh, &a, &b));
    let mut found = 0;
    for bin in 0..40 {
        let inside = |k: f64| k > 0.0 && (k / width + 0.5 + 1e-8).floor() as usize == bin;
        let k: Vec<f64> = squares.iter().map(|m| m.0).filter(|&k| inside(k)).collect();
        if k.is_empty() {
            continue;
        }
        let modes = k.len() as f64;
        let scale = mesh.volume() / (mesh.len() * mesh.len()) as f64;
        let mean = |modes_of: &[(f64, Complex<f64>)]| {
            let inside = modes_of.iter().filter(|m| inside(m.0));
            scale * inside.map(|m| m.1.re).sum::<f64>() / modes
        };
        assert_eq!(auto.modes[found], k.len() as u64);
        close(auto.k[found], k.iter().sum::<f64>() / modes, 1e-13);
        close(auto.power[found], mean(&squares), 1e-12);
        assert!((cross.power[found] - mean(&products)).abs() < 1e-12 * auto.power[found]);
        found += 1;
    }
    assert_eq!(found, auto.power.len());
    assert_eq!((&auto.k, &auto.modes), (&cross.k, &cross.modes));
    // The modes of the longest side below half a width have a bin of their own.
    assert!(auto.k[0] < 0.5 * width && auto.modes[0] > 0);
}

#[test]
fn modes_of_one_wavenumber_share_a_bin() {
    // 3 = |(3, 0, 0)| = |(2, 2, 1)| fundamentals lies on an edge; both belong above it.
    let mesh = Mesh::new([8; 3], [0.7; 3]).unwrap();
    let w = TAU / 0.7;
    let bins = Bins::linear(0.0, w, 8).unwrap();
    let spectrum = SpectrumOf::<f64>::new(&mesh, bins).unwrap();
    let lattice = || {
        let range = || -4..4i32;
        range().flat_map(move |x| range().flat_map(move |y| range().map(move |z| [x, y, z])))
    };
    for bin in 0..7 {
        let inside = |n: &[i32; 3]| {
            let squared = n.iter().map(|n| n * n).sum::<i32>();
            squared > 0 && bin * bin <= squared && squared < (bin + 1) * (bin + 1)
        };
        let expected = lattice().filter(inside).count() as u64;
        let found = spectrum.k().iter().position(|k| {
            let k = k / w;
            f64::from(bin) <= k * (1.0 + 1e-9) && k < f64::from(bin + 1)
        });
        assert_eq!(
            found.map_or(0, |at| spectrum.modes()[at]),
            expected,
            "bin {bin}"
        );
    }
    let total: u64 = spectrum.modes().sum();
    assert_eq!(total, 8 * 8 * 8 - 1);
}

#[test]
fn a_plane_wave_fills_the_bin_of_its_wavenumber() {
    let mesh = Mesh::new([16, 8, 12], [20.0, 5.0, 3.0]).unwrap();
    let bins = Bins::logarithmic(0.1, 30.0, 20).unwrap();
    let spectrum = SpectrumOf::new(&mesh, bins).unwrap();
    for (n, nyquist) in [([3, 1, 0], false), ([0, 0, 5], false), ([0, 0, 6], true)] {
        let k: [f64; 3] = std::array::from_fn(|a| TAU * f64::from(n[a]) / mesh.size()[a]);
        let magnitude = k.iter().map(|k| k * k).sum::<f64>().sqrt();
        let wave = Array3::from_shape_fn(mesh.shape(), |(i, j, l)| {
            let dx = mesh.spacing();
            let phase = k[0] * i as f64 * dx[0] + k[1] * j as f64 * dx[1] + k[2] * l as f64 * dx[2];
            7.0 + 3.0 * phase.cos()
        });
        let found = spectrum.measure(&wave).unwrap();
        // The variance; the mean is in no bin.
        let variance = if nyquist { 9.0 } else { 4.5 };
        let total: f64 = Zip::from(&found.power)
            .and(&found.modes)
            .fold(0.0, |sum, p, &m| sum + p * m as f64);
        close(total / mesh.volume(), variance, 1e-12);
        let fullest = (0..found.power.len())
            .max_by(|&a, &b| found.power[a].total_cmp(&found.power[b]))
            .unwrap();
        close(
            found.power[fullest] * found.modes[fullest] as f64,
            total,
            1e-12,
        );
        // 20 logarithmic bins of a factor 300: edges a third apart.
        close(found.k[fullest], magnitude, 0.33);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn parseval((mesh, field) in fields()) {
        let spectrum = power_spectrum(&mesh, &field).unwrap();
        let mean = field.sum() / field.len() as f64;
        let variance = field.mapv(|f| (f - mean).powi(2)).sum() / field.len() as f64;
        let power = spectrum.power.iter().zip(&spectrum.modes).map(|(p, &m)| p * m as f64);
        close(power.sum::<f64>(), mesh.volume() * variance, 1e-12);
        prop_assert_eq!(spectrum.modes.sum(), mesh.len() as u64 - 1);
        prop_assert!(spectrum.k.iter().zip(spectrum.k.iter().skip(1)).all(|(a, b)| a < b));
    }

    #[test]
    fn lengths_scale((mesh, field) in fields()) {
        let [x, y, z] = mesh.size();
        let larger = Mesh::new(mesh.cells(), [8.0 * x, 8.0 * y, 8.0 * z]).unwrap();
        let (small, large) = (
            power_spectrum(&mesh, &field).unwrap(),
            power_spectrum(&larger, &field).unwrap(),
        );
        prop_assert_eq!(&small.modes, &large.modes);
        for bin in 0..small.k.len() {
            close(large.k[bin], small.k[bin] / 8.0, 1e-13);
            close(large.power[bin], small.power[bin] * 512.0, 1e-13);
        }
    }

    #[test]
    fn cross_spectra_are_bilinear_and_bounded((mesh, a, b) in pairs()) {
        let power = |a, b| cross_spectrum(&mesh, a, b).unwrap().power;
        let (aa, bb, ab) = (power(&a, &a), power(&b, &b), power(&a, &b));
        let own = power_spectrum(&mesh, &a).unwrap().power;
        let (back, scaled) = (power(&b, &a), power(&(&a * -2.0), &b));
        let sum = power_spectrum(&mesh, &(&a + &b)).unwrap().power;
        for bin in 0..ab.len() {
            let size = aa[bin] + bb[bin];
            close(aa[bin], own[bin], 1e-13);
            prop_assert!((ab[bin] - back[bin]).abs() <= 1e-13 * size);
            prop_assert!((scaled[bin] + 2.0 * ab[bin]).abs() <= 1e-13 * size);
            prop_assert!((sum[bin] - size - 2.0 * ab[bin]).abs() <= 1e-12 * size);
            prop_assert!(ab[bin].abs() <= (aa[bin] * bb[bin]).sqrt() * (1.0 + 1e-12));
        }
    }
}

#[test]
fn white_noise_has_the_same_power_in_any_box() {
    // The generator splitmix64; `hashed` is too regular to be white.
    let mut state = 0_u64;
    let noise = Array3::from_shape_simple_fn((48, 48, 48), || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    });
    let variance = noise.mapv(|f| (f - 0.5).powi(2)).sum() / noise.len() as f64;
    for size in [[1.0, 1.0, 1.0], [20.0, 20.0, 20.0], [20.0, 10.0, 2.5]] {
        let mesh = Mesh::new([48; 3], size).unwrap();
        let spectrum = power_spectrum(&mesh, &noise).unwrap();
        let expected = variance * mesh.cell_volume();
        for (power, &modes) in spectrum.power.iter().zip(&spectrum.modes) {
            // Each mode scatters by its own size; the mode and its image are one.
            let scatter = 5.0 * (2.0 / modes as f64).sqrt();
            close(*power, expected, scatter);
        }
        let last = spectrum.power.len() / 2;
        assert!(spectrum.modes[last] > 500, "a bin that says something");
    }
}

/// Jaxion 0.0.13, `radial_power_spectrum` of `hashed(16)` in a box of 10 kpc, f64. Its bins are
/// one *rad/kpc* wide and centred on the integers, whatever the box (right for a box of 2 pi),
/// and it weights them by `2 pi (2 pi b/L)^2 / dk^3`.
const JAXION: [f64; 9] = [
    0.0,
    0.09403587962141916,
    0.22750168760561768,
    1.3877362624091671,
    3.9319925725488605,
    5.307838576787239,
    8.076522236567023,
    10.425343601918415,
    9.199248802397284,
];
const JAXION_TOTAL: f64 = 167.51276611948293;

#[test]
fn agrees_with_jaxion_in_its_convention() {
    let (n, size) = (16, 10.0);
    let mesh = Mesh::new([n; 3], [size; 3]).unwrap();
    let field = hashed(n);
    let spectrum = SpectrumOf::new(&mesh, Bins::linear(0.5, 1.0, 8).unwrap()).unwrap();
    let found = spectrum.measure(&field).unwrap();
    let dk = TAU / size;
    for (b, power) in found.power.iter().enumerate() {
        let k = dk * (b + 1) as f64;
        close(2.0 * PI * k * k * power / dk.powi(3), JAXION[b + 1], 1e-12);
    }
    // Half the integral of the square, the mean included.
    let all = power_spectrum(&mesh, &field).unwrap();
    let variance = all.power.iter().zip(&all.modes).map(|(p, &m)| p * m as f64);
    let mean = field.sum() / field.len() as f64;
    let total = 0.5 * (variance.sum::<f64>() + mesh.volume() * mean * mean);
    close(total, JAXION_TOTAL, 1e-12);
}

#[test]
fn the_window_of_a_cloud_in_cell_deposit_is_undone() {
    let mesh = Mesh::new([8, 6, 10], [4.0, 9.0, 1.0]).unwrap();
    let dx = mesh.spacing();
    // A continuous wave cos(k.x + 0.3), sampled, and as a dense cloud of particles leaves it:
    // averaged over the triangular cloud of each cell (midpoint rule).
    let steps = 200;
    for n in [[1, 0, 0], [2, -1, 3], [0, 2, 4]] {
        let k: [f64; 3] = std::array::from_fn(|a| TAU * f64::from(n[a]) / mesh.size()[a]);
        let cloud: Vec<[f64; 2]> = (0..2 * steps)
            .map(|i| (f64::from(i) + 0.5) / f64::from(steps) - 1.0)
            .map(|s| [s, (1.0 - s.abs()) / f64::from(steps)])
            .collect();
        let average = |a: usize| -> f64 {
            let weighted = cloud.iter().map(|[s, w]| w * (k[a] * s * dx[a]).cos());
            weighted.sum()
        };
        let suppressed = average(0) * average(1) * average(2);
        let wave = Array3::from_shape_fn(mesh.shape(), |(i, j, l)| {
            let x = mesh.centre([i, j, l]);
            (k[0] * x[0] + k[1] * x[1] + k[2] * x[2] + 0.3).cos()
        });
        let deposit = &wave * suppressed;
        let plain = SpectrumOf::new(&mesh, Bins::fundamental(&mesh)).unwrap();
        let true_power = plain.measure(&wave).unwrap().power;
        let twice = plain.clone().without_cloud_in_cell_window(2);
        let once = plain.clone().without_cloud_in_cell_window(1);
        let restored = twice.measure(&deposit).unwrap().power;
        let crossed = once.measure_cross(&deposit, &wave).unwrap().power;
        let peak = true_power.fold(0.0, |a: f64, &b| a.max(b));
        for bin in 0..true_power.len() {
            assert!((restored[bin] - true_power[bin]).abs() < 1e-4 * peak);
            assert!((crossed[bin] - true_power[bin]).abs() < 1e-4 * peak);
        }
        let untouched = plain.clone().without_cloud_in_cell_window(0);
        assert_eq!(untouched.measure(&wave).unwrap().power, true_power);
    }
}

#[test]
fn gradient_of_power_spectrum() {
    check::tangent_of(fields(), |(mesh, x)| {
        let spectrum = SpectrumOf::new(&mesh, Bins::fundamental(&mesh)).unwrap();
        (spectrum, (), x)
    });
    // Modes outside of all bins, and a window.
    check::tangent_of(fields(), |(mesh, x)| {
        let k = TAU / mesh.size()[0];
        let bins = Bins::edges([0.9 * k, 1.4 * k, 3.0 * k]).unwrap();
        let spectrum = SpectrumOf::new(&mesh, bins).unwrap();
        (spectrum.without_cloud_in_cell_window(2), (), x)
    });
}

#[test]
fn gradient_of_cross_spectrum() {
    check::tangent_of(pairs(), |(mesh, a, b)| {
        let spectrum = SpectrumOf::new(&mesh, Bins::fundamental(&mesh)).unwrap();
        let spectrum = spectrum.without_cloud_in_cell_window(1);
        (CrossSpectrumOf::from(spectrum), (), (a, b))
    });
}

#[test]
fn f32_agrees_with_f64() {
    let mesh = Mesh::new([16; 3], [10.0, 20.0, 30.0]).unwrap();
    // Squares of these amplitudes overflow f32.
    let field64 = hashed(16) * 1e16;
    let field32 = field64.mapv(|f| f as f32);
    let bins = || Bins::fundamental(&mesh);
    let spectrum32 = SpectrumOf::<f32>::new(&mesh, bins()).unwrap();
    let spectrum64 = SpectrumOf::<f64>::new(&mesh, bins()).unwrap();
    let tol = check::Tolerances {
        precision: 1e-5,
        ..check::Tolerances::default()
    };
    check::check_precision_at(
        (&spectrum32, &(), &field32),
        (&spectrum64, &(), &field64),
        3,
        &tol,
    )
    .unwrap();
    let both32 = (field32.clone(), field32);
    let both64 = (field64.clone(), field64);
    let cross32 = CrossSpectrumOf::from(spectrum32);
    let cross64 = CrossSpectrumOf::from(spectrum64);
    check::check_precision_at((&cross32, &(), &both32), (&cross64, &(), &both64), 3, &tol).unwrap();
}

#[test]
fn same_bits_for_any_number_of_threads() {
    let mesh = Mesh::new([24; 3], [1.0, 2.0, 3.0]).unwrap();
    let field = hashed(24);
    let plan = RealFft::new(&mesh);
    let spectrum = SpectrumOf::new(&mesh, Bins::fundamental(&mesh))
        .unwrap()
        .with_plan(&plan);
    let with_threads = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
        let pool = pool.build().unwrap();
        pool.install(|| spectrum.measure(&field).unwrap().power)
    };
    let one = with_threads(1);
    for threads in [2, 3, 5, 8] {
        let bits = |power: &ndarray::Array1<f64>| power.mapv(f64::to_bits);
        assert_eq!(
            bits(&with_threads(threads)),
            bits(&one),
            "{threads} threads"
        );
    }
    // One transform each.
    assert_eq!(plan.transforms(), 5);
}

#[test]
fn bad_input_gives_errors() {
    let mesh = Mesh::new([8; 3], [1.0; 3]).unwrap();
    // Beyond the corner of the mesh.
    let far = Bins::edges([1e3, 2e3]).unwrap();
    let error = SpectrumOf::<f64>::new(&mesh, far).map(|_| ()).unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("first edge of the bins = 1000")
    );
    let (right, wrong) = (mesh.zeros::<f64>(), Array3::<f64>::zeros((8, 8, 6)));
    assert!(power_spectrum(&mesh, &wrong).is_err());
    assert!(cross_spectrum(&mesh, &right, &wrong).is_err());
    let spectrum = SpectrumOf::new(&mesh, Bins::fundamental(&mesh)).unwrap();
    let cross = CrossSpectrumOf::from(spectrum.clone());
    assert!(cross.apply(&(), (wrong, right.clone())).is_err());
    use adastra_core::Adjoint;
    let (power, saved) = spectrum.record(&(), right).unwrap();
    let short = power.slice_move(ndarray::s![1..]);
    let error = spectrum.vjp(&(), saved, short, &mut ()).unwrap_err();
    assert!(error.to_string().starts_with("cotangent of the spectrum"));
}
