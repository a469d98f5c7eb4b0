//! Pictures: what is drawn where, and PNG files of every kind.
#![cfg(feature = "picture")]

use std::path::{Path, PathBuf};

use adastra_io::Error;
use adastra_io::picture::{ColorMap, Curve, Figure, Map, Plot, Scale, read_png};
use ndarray::{Array2, array};
use png::{BitDepth, ColorType};

/// Writes a PNG from its samples.
fn png_of(path: &Path, size: (u32, u32), color: ColorType, depth: BitDepth, samples: &[u8]) {
    let mut encoder = png::Encoder::new(std::fs::File::create(path).unwrap(), size.0, size.1);
    encoder.set_color(color);
    encoder.set_depth(depth);
    if color == ColorType::Indexed {
        encoder.set_palette(vec![0, 0, 0, 255, 255, 255]);
    }
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(samples).unwrap();
    writer.finish().unwrap();
}

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }
    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }
}

#[test]
fn the_top_row_of_a_png_has_the_largest_y() {
    let folder = Folder::new();
    let path = folder.path("a.png");
    // 3 wide, 2 high: the top row is 0, 51, 102.
    let samples = [0, 51, 102, 153, 204, 255];
    png_of(
        &path,
        (3, 2),
        ColorType::Grayscale,
        BitDepth::Eight,
        &samples,
    );
    let image = read_png(&path).unwrap();
    assert_eq!(image, array![[0.6, 0.0], [0.8, 0.2], [1.0, 0.4]]);
}

#[test]
fn every_kind_of_png_becomes_luminance() {
    let folder = Folder::new();
    let path = folder.path("a.png");
    let read = |color, depth, samples: &[u8]| {
        png_of(&path, (2, 1), color, depth, samples);
        let image = read_png(&path).unwrap();
        assert_eq!(image.dim(), (2, 1));
        [image[[0, 0]], image[[1, 0]]]
    };
    let close = |found: [f64; 2], expected: [f64; 2]| {
        let ok = found
            .iter()
            .zip(expected)
            .all(|(a, b)| (a - b).abs() < 1e-12);
        assert!(ok, "{found:?} {expected:?}");
    };
    use BitDepth::{Eight, One, Sixteen};
    close(
        read(ColorType::Rgb, Eight, &[255, 0, 0, 0, 255, 0]),
        [0.2126, 0.7152],
    );
    close(
        read(ColorType::Rgb, Eight, &[255, 255, 255, 0, 0, 255]),
        [1.0, 0.0722],
    );
    close(
        read(ColorType::Rgba, Eight, &[255, 255, 255, 51, 0, 0, 0, 255]),
        [0.2, 0.0],
    );
    close(
        read(ColorType::GrayscaleAlpha, Eight, &[255, 255, 255, 0]),
        [1.0, 0.0],
    );
    close(
        read(ColorType::Grayscale, Sixteen, &[0xff, 0xff, 0x33, 0x33]),
        [1.0, 0.2],
    );
    close(read(ColorType::Grayscale, One, &[0b0100_0000]), [0.0, 1.0]);
    close(read(ColorType::Indexed, One, &[0b1000_0000]), [1.0, 0.0]);
}

#[test]
fn damaged_and_foreign_pictures_are_errors() {
    let folder = Folder::new();
    let path = folder.path("a.png");
    let samples: Vec<u8> = (0..=255).collect();
    png_of(
        &path,
        (16, 16),
        ColorType::Grayscale,
        BitDepth::Eight,
        &samples,
    );
    let whole = std::fs::read(&path).unwrap();
    for len in 0..whole.len() {
        std::fs::write(&path, &whole[..len]).unwrap();
        let error = read_png(&path).unwrap_err();
        assert!(error.to_string().contains("a.png"), "{len}: {error}");
    }
    for offset in 0..whole.len() {
        for change in [0x01, 0x80, 0xff] {
            let mut bytes = whole.clone();
            bytes[offset] ^= change;
            std::fs::write(&path, &bytes).unwrap();
            if let Ok(image) = read_png(&path) {
                assert!(image.iter().all(|v| (0.0..=1.0).contains(v)));
            }
        }
    }
    std::fs::write(&path, "P2 2 2 255 0 0 0 0").unwrap();
    let error = read_png(&path).unwrap_err();
    assert!(
        error.to_string().ends_with("a.png is not a PNG picture"),
        "{error}"
    );
    assert!(matches!(
        read_png(folder.path("none.png")),
        Err(Error::Io { action: "read", .. })
    ));
}

/// A header of 13 bytes can claim any size.
#[test]
fn huge_pictures_are_refused_before_memory_is_taken() {
    let folder = Folder::new();
    let path = folder.path("a.png");
    for (width, height) in [(1 << 30, 1 << 30), (100_000, 100_000), (4096, 4096)] {
        png_of(&path, (1, 1), ColorType::Grayscale, BitDepth::Eight, &[0]);
        let mut bytes = std::fs::read(&path).unwrap();
        let header = [u32::to_be_bytes(width), u32::to_be_bytes(height)].concat();
        bytes[16..24].copy_from_slice(&header);
        let mut crc = flate2::Crc::new();
        crc.update(&bytes[12..29]);
        bytes[29..33].copy_from_slice(&crc.sum().to_be_bytes());
        std::fs::write(&path, &bytes).unwrap();
        let error = read_png(&path).unwrap_err();
        assert!(
            matches!(error, Error::TooLarge { .. } | Error::Png { .. }),
            "{error}"
        );
    }
}

/// Draws, reads the PNG back, and returns it with rows from the top as a person sees it.
fn drawn(figure: &Figure) -> Array2<f64> {
    let folder = Folder::new();
    let path = folder.path("figure.png");
    figure.save(&path).unwrap();
    let image = read_png(&path).unwrap();
    assert!(
        image.nrows().is_multiple_of(2) && image.ncols().is_multiple_of(2),
        "video encoders want even sizes"
    );
    image
}

#[test]
fn a_map_puts_x_to_the_right_and_y_upwards() {
    // Four quadrants of their own grey: 0 and 1/3 below, 2/3 and 1 above.
    let values = array![[0.0, 2.0], [1.0, 3.0]];
    let map = Map::new(values).color_map(ColorMap::Grey).range(0.0, 3.0);
    let image = drawn(&Figure::new().panel(map));
    let (width, height) = image.dim();
    // The map starts at the left edge and spans the height but for the margins.
    let side = height as f64 - 32.0;
    let at = |u: f64, v: f64| image[[(16.0 + u * side) as usize, (16.0 + v * side) as usize]];
    assert!(width > height);
    for (u, v, expected) in [
        (0.2, 0.2, 0.0),
        (0.8, 0.2, 1.0 / 3.0),
        (0.2, 0.8, 2.0 / 3.0),
        (0.8, 0.8, 1.0),
    ] {
        assert!(
            (at(u, v) - expected).abs() < 0.01,
            "({u}, {v}): {}",
            at(u, v)
        );
    }
}

#[test]
fn an_extent_sets_the_proportions() {
    let image = drawn(&Figure::new().panel(Map::new(Array2::eye(4)).extent(20.0, 10.0, "kpc")));
    let square = drawn(&Figure::new().panel(Map::new(Array2::eye(4)).extent(20.0, 20.0, "kpc")));
    // Up to the width of a digit at the colour bar, the widths are equal.
    assert!(image.nrows().abs_diff(square.nrows()) < 16);
    let difference = square.ncols() - image.ncols();
    assert!((280..330).contains(&difference), "{difference}");
}

#[test]
fn the_label_of_a_flat_map_is_not_cut() {
    let map = Map::new(Array2::eye(4)).extent(20.0, 2.0, "kpc");
    let image = drawn(&Figure::new().panel(map.label("surface density [Msun/kpc^2]")));
    let background = image[[0, 0]];
    for edge in [0, image.ncols() - 1] {
        assert!(image.column(edge).iter().all(|&x| x == background));
    }
}

#[test]
fn frames_of_a_movie_have_one_size() {
    let frame = |factor: f64| {
        let values = Array2::from_shape_fn((8, 8), |(i, j)| factor * (1 + i * j) as f64);
        let map = Map::new(values)
            .range(1.0, 1e4)
            .scale(Scale::Logarithmic)
            .note("t = 1");
        drawn(&Figure::new().panel(map)).dim()
    };
    assert_eq!(frame(1.0), frame(37.5));
}

/// Pixels of the first curve's colour, the only ones with much more blue than red.
fn first_curve(path: &Path) -> Vec<(f64, f64)> {
    let decoder = png::Decoder::new(std::io::BufReader::new(std::fs::File::open(path).unwrap()));
    let mut reader = decoder.read_info().unwrap();
    let mut rgb = vec![0; reader.output_buffer_size().unwrap()];
    let width = reader.next_frame(&mut rgb).unwrap().width as usize;
    let pixels = rgb.chunks_exact(3).enumerate();
    let blue = pixels.filter(|(_, p)| p[2] > p[0].saturating_add(150));
    blue.map(|(i, _)| ((i % width) as f64, (i / width) as f64))
        .collect()
}

#[test]
fn a_curve_is_where_its_numbers_say() {
    let folder = Folder::new();
    let path = folder.path("plot.png");
    let mut middles = Vec::new();
    for scale in [Scale::Linear, Scale::Logarithmic] {
        for y in [1e1, 1e2, 1e3] {
            let plot = Plot::new().scales(Scale::Linear, scale).x_range(0.0, 2.0);
            let plot = plot
                .y_range(1e1, 1e3)
                .curve(Curve::new([(0.5, y), (1.0, y)]));
            Figure::new().panel(plot).save(&path).unwrap();
            let pixels = first_curve(&path);
            let (left, right) = pixels.iter().fold((f64::MAX, 0.0_f64), |(low, high), p| {
                (low.min(p.0), high.max(p.0))
            });
            // A quarter of the axis, which is 684 pixels long.
            assert!((right - left - 171.0).abs() < 4.0, "{left} {right}");
            middles.push(pixels.iter().map(|p| p.1).sum::<f64>() / pixels.len() as f64);
        }
    }
    let share = |i: usize| (middles[0] - middles[i]) / (middles[0] - middles[2]);
    let log = |i: usize| (middles[3] - middles[3 + i]) / (middles[3] - middles[5]);
    assert!((share(1) - 90.0 / 990.0).abs() < 0.01, "{}", share(1));
    assert!((log(1) - 0.5).abs() < 0.01, "{}", log(1));
}

#[test]
fn everything_at_once_can_be_drawn() {
    let mut values = Array2::from_shape_fn((37, 21), |(i, j)| (i as f64 - 9.0) * j as f64);
    values[[3, 4]] = f64::NAN;
    values[[5, 6]] = f64::INFINITY;
    let mut figure = Figure::new().columns(2).title("Σ [Msun/kpc^2]");
    let maps = [
        ColorMap::Inferno,
        ColorMap::Magma,
        ColorMap::Viridis,
        ColorMap::Cividis,
        ColorMap::Grey,
        ColorMap::BlueRed,
    ];
    for (i, color_map) in maps.into_iter().enumerate() {
        let scale = if i % 2 == 0 {
            Scale::Linear
        } else {
            Scale::Logarithmic
        };
        let map = Map::new(values.clone())
            .color_map(color_map)
            .scale(scale)
            .smooth(i > 2);
        figure = figure.panel(
            map.title("x")
                .label("y")
                .note("z")
                .points([[1.0, 2.0], [-9.0, 1e9]]),
        );
    }
    for (x, y) in [(1e-300, 1e300), (-1.0, -1.0), (0.0, 0.0), (5e8, 5e8 + 1.0)] {
        let curve = Curve::new([(x, y), (f64::NAN, 1.0), (y, x)])
            .label("a")
            .markers();
        let plot = Plot::new()
            .curve(curve.clone())
            .curve(curve.scatter().dashed());
        figure = figure.panel(plot.title("t").labels("x", "y"));
    }
    let log = Plot::new().scales(Scale::Logarithmic, Scale::Logarithmic);
    figure = figure.panel(log.curve(Curve::new([(0.0, 1.0), (1.0, -1.0), (2.0, 2.0)])));
    figure = figure.panel(Map::new(Array2::from_elem((3, 3), 7.0)));
    let image = drawn(&figure);
    assert!(image.iter().any(|v| *v < 0.2) && image.iter().any(|v| *v == 1.0));
}

#[test]
fn arrays_larger_than_the_picture_are_averaged() {
    // Alternating cells have a mean of one half everywhere.
    let values = Array2::from_shape_fn((4096, 2), |(i, _)| (i % 2) as f64);
    let map = Map::new(values)
        .color_map(ColorMap::Grey)
        .extent(2.0, 1.0, "kpc");
    let image = drawn(&Figure::new().panel(map));
    let middle = image[[image.nrows() / 3, image.ncols() / 2]];
    assert!((middle - 0.5).abs() < 0.01, "{middle}");
}

#[test]
fn what_cannot_be_drawn_is_an_error() {
    let folder = Folder::new();
    let path = folder.path("figure.png");
    let plot = || Plot::new().title("loss");
    let map = |values| Map::new(values).title("map");
    let negative = map(Array2::from_elem((2, 2), -1.0)).scale(Scale::Logarithmic);
    let two = Array2::eye(2);
    for (figure, expected) in [
        (Figure::new(), "figure: it has no panels"),
        (
            Figure::new().panel(map(Array2::zeros((0, 4)))),
            "map: the array is empty",
        ),
        (
            Figure::new().panel(map(Array2::from_elem((2, 2), f64::NAN))),
            "no number is finite",
        ),
        (
            Figure::new().panel(negative),
            "no number is finite and above 0",
        ),
        (
            Figure::new().panel(map(two.clone()).range(2.0, 1.0)),
            "ascending",
        ),
        (
            Figure::new().panel(map(two.clone()).range(0.0, 1.0).scale(Scale::Logarithmic)),
            "above 0",
        ),
        (
            Figure::new().panel(map(two.clone()).extent(0.0, 1.0, "kpc")),
            "extent",
        ),
        (
            Figure::new().panel(map(two.clone()).extent(100.0, 1.0, "kpc")),
            "20 times",
        ),
        (Figure::new().panel(plot()), "loss: no curve has a point"),
        (
            Figure::new().panel(plot().y_range(1.0, 1.0).curve(Curve::new([(0.0, 1.0)]))),
            "loss: an axis range",
        ),
        (
            Figure::new().panel(plot().curve(Curve::new([(f64::NAN, 1.0)]))),
            "no curve",
        ),
    ] {
        let error = figure.save(&path).unwrap_err();
        assert!(matches!(error, Error::Draw { .. }), "{error}");
        assert!(error.to_string().contains(expected), "{error}");
        assert!(!path.exists());
    }
    let missing = folder.path("missing").join("figure.png");
    let error = Figure::new().panel(map(two)).save(&missing).unwrap_err();
    assert!(
        matches!(
            error,
            Error::Io {
                action: "write",
                ..
            }
        ),
        "{error}"
    );
}
