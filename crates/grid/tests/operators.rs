//! Spectral operators: plane waves, gradients at random meshes, precision, bad input.

use std::f64::consts::TAU;

use adastra_check as check;
use adastra_core::{Adjoint, Fields, Operator, Real, Tangent};
use adastra_grid::{
    ComplexDerivative, ComplexLaplacian, Derivative, Fft, Filter, ForwardFft, Gradient, InverseFft,
    InverseLaplacian, Laplacian, Mesh, Poisson, PoissonSolve, RealFft,
};
use ndarray::Array3;
use num_complex::Complex;
use proptest::prelude::*;

type Field = Array3<f64>;
type ComplexField = Array3<Complex<f64>>;

/// Boxes of any aspect ratio, cells of any shape; long enough for several blocks of modes.
fn meshes() -> impl Strategy<Value = Mesh> {
    let cells = || (1..5usize, 1..10usize, 1..10usize).prop_map(|(x, y, z)| [2 * x, 2 * y, 2 * z]);
    let length = || check::log_uniform(0.1..100.0);
    (cells(), [length(), length(), length()])
        .prop_map(|(cells, size)| Mesh::new(cells, size).unwrap())
}

fn real_fields() -> impl Strategy<Value = (Mesh, Field)> {
    meshes().prop_flat_map(|mesh| {
        let field = check::normal(mesh.shape(), 0.3, 1.0);
        (Just(mesh), field)
    })
}

fn complex_fields() -> impl Strategy<Value = (Mesh, ComplexField)> {
    meshes().prop_flat_map(|mesh| {
        let field = check::complex(mesh.shape(), 1.0);
        (Just(mesh), field)
    })
}

/// A mesh of different cells and lengths along each axis.
fn mesh() -> Mesh {
    Mesh::new([8, 12, 18], [3.0, 5.0, 2.0]).unwrap()
}

/// The wavenumber of the mode `n`, in rad/kpc.
fn wavenumber(mesh: &Mesh, n: [i32; 3]) -> [f64; 3] {
    std::array::from_fn(|a| TAU * f64::from(n[a]) / mesh.size()[a])
}

fn norm_squared(k: [f64; 3]) -> f64 {
    k.iter().map(|k| k * k).sum()
}

/// `f(k.x + 0.4)` at the cell centres.
fn wave<A>(mesh: &Mesh, k: [f64; 3], f: impl Fn(f64) -> A) -> Array3<A> {
    Array3::from_shape_fn(mesh.shape(), |(i, j, l)| {
        let x = mesh.centre([i, j, l]);
        f(0.4 + k[0] * x[0] + k[1] * x[1] + k[2] * x[2])
    })
}

#[track_caller]
fn close(found: &Field, expected: &Field, size: f64) {
    assert_eq!(found.dim(), expected.dim());
    for (at, (found, expected)) in found.iter().zip(expected).enumerate() {
        assert!(
            (found - expected).abs() <= 1e-12 * size,
            "cell {at}: {found} for {expected}"
        );
    }
}

#[track_caller]
fn close_complex(found: &ComplexField, expected: &ComplexField, size: f64) {
    close(&found.mapv(|z| z.re), &expected.mapv(|z| z.re), size);
    close(&found.mapv(|z| z.im), &expected.mapv(|z| z.im), size);
}

const MODES: [[i32; 3]; 6] = [
    [1, 0, 0],
    [0, 1, 0],
    [0, 0, 1],
    [3, -5, 8],
    [-2, 4, 3],
    [0, 0, 0],
];

#[test]
fn derivatives_of_plane_waves() {
    let mesh = mesh();
    let gradient = Gradient::<f64>::new(&mesh);
    for n in MODES {
        let k = wavenumber(&mesh, n);
        let size = 1.0 + norm_squared(k).sqrt();
        let field = wave(&mesh, k, f64::cos);
        let (x, y, z) = gradient.apply(&(), field.clone()).unwrap();
        for (axis, component) in [x, y, z].into_iter().enumerate() {
            let expected = wave(&mesh, k, |phase| -k[axis] * phase.sin());
            close(&component, &expected, size);
            let derivative = Derivative::new(&mesh, axis).unwrap();
            close(
                &derivative.apply(&(), field.clone()).unwrap(),
                &expected,
                size,
            );

            let derivative = ComplexDerivative::new(&mesh, axis).unwrap();
            let psi = wave(&mesh, k, Complex::cis);
            let expected = psi.mapv(|z| Complex::i() * k[axis] * z);
            close_complex(&derivative.apply(&(), psi).unwrap(), &expected, size);
        }
    }
}

#[test]
fn laplacians_of_plane_waves() {
    let mesh = mesh();
    // What amplifies the rounding of the other modes.
    let largest = norm_squared(mesh.spacing().map(|dx| std::f64::consts::PI / dx));
    for n in MODES {
        let k = wavenumber(&mesh, n);
        let squared = norm_squared(k);
        let field = wave(&mesh, k, f64::cos);
        let laplacian = Laplacian::new(&mesh).apply(&(), field.clone()).unwrap();
        close(&laplacian, &field.mapv(|f| -squared * f), largest);

        let psi = wave(&mesh, k, Complex::cis);
        let laplacian = ComplexLaplacian::new(&mesh).apply(&(), psi.clone());
        let expected = psi.mapv(|z| -squared * z);
        close_complex(&laplacian.unwrap(), &expected, largest);

        // The mean has no inverse: it is dropped.
        let inverse = if squared > 0.0 { -1.0 / squared } else { 0.0 };
        let solved = InverseLaplacian::new(&mesh).apply(&(), field.clone());
        close(&solved.unwrap(), &field.mapv(|f| inverse * f), 1.0);
        let four_pi_g = 5.4e-5;
        let solved = PoissonSolve::new(&mesh, four_pi_g).unwrap();
        let potential = solved.apply(&(), &field * 1e7).unwrap();
        let scale = four_pi_g * 1e7;
        close(&potential, &field.mapv(|f| scale * inverse * f), scale);
    }
}

#[test]
fn the_nyquist_mode_has_a_laplacian_but_no_derivative() {
    let mesh = mesh();
    for axis in 0..3 {
        let alternating = Array3::from_shape_fn(mesh.shape(), |(i, j, k)| {
            if [i, j, k][axis] % 2 == 0 { 1.0 } else { -1.0 }
        });
        let k = std::f64::consts::PI / mesh.spacing()[axis];
        let zero = mesh.zeros::<f64>();
        let derivative = Derivative::new(&mesh, axis).unwrap();
        close(
            &derivative.apply(&(), alternating.clone()).unwrap(),
            &zero,
            k,
        );
        let laplacian = Laplacian::new(&mesh).apply(&(), alternating.clone());
        close(&laplacian.unwrap(), &(&alternating * -(k * k)), k * k);

        let psi = alternating.mapv(|f| Complex::new(f, -2.0 * f));
        let derivative = ComplexDerivative::new(&mesh, axis).unwrap();
        let none = derivative.apply(&(), psi).unwrap();
        close_complex(&none, &mesh.zeros_complex(), k);
    }
}

#[test]
fn filters_multiply_waves_by_their_response() {
    let mesh = mesh();
    let radius = 0.3;
    let response = |k: f64| 1.0 / (1.0 + k);
    let own = Filter::new(&mesh, response).unwrap();
    let gaussian = Filter::gaussian(&mesh, radius).unwrap();
    for n in MODES {
        let k = wavenumber(&mesh, n);
        let magnitude = norm_squared(k).sqrt();
        let sharp = Filter::low_pass(&mesh, magnitude).unwrap();
        let below = Filter::low_pass(&mesh, 0.999 * magnitude).unwrap();
        let cases = [
            (&own, response(magnitude)),
            (&gaussian, (-0.5 * norm_squared(k) * radius * radius).exp()),
            (&sharp, 1.0),
            (&below, if magnitude > 0.0 { 0.0 } else { 1.0 }),
        ];
        for (filter, response) in cases {
            let field = wave(&mesh, k, f64::cos);
            let expected = &field * response;
            close(&filter.apply(&(), field).unwrap(), &expected, 1.0);
            let psi = wave(&mesh, k, Complex::cis);
            let expected = psi.mapv(|z| z * response);
            let filtered = filter.complex().apply(&(), psi).unwrap();
            close_complex(&filtered, &expected, 1.0);
        }
    }
}

#[test]
fn a_low_pass_keeps_all_modes_of_one_wavenumber() {
    // Permutations of (1, 2, 3) fundamentals round differently.
    let mesh = Mesh::new([8; 3], [0.7; 3]).unwrap();
    let magnitude = norm_squared(wavenumber(&mesh, [1, 2, 3])).sqrt();
    let filter = Filter::low_pass(&mesh, magnitude).unwrap();
    for n in [[1, 2, 3], [2, 3, 1], [3, 1, 2], [1, 3, 2], [-3, 2, 1]] {
        let field = wave(&mesh, wavenumber(&mesh, n), f64::cos);
        close(&filter.apply(&(), field.clone()).unwrap(), &field, 1.0);
    }
}

#[test]
fn transforms_follow_the_convention() {
    let mesh = mesh();
    let n = [3, -5, 8];
    let psi = wave(&mesh, wavenumber(&mesh, n), Complex::cis);
    let spectrum = ForwardFft::new(&mesh).apply(&(), psi.clone()).unwrap();
    let mut expected = mesh.zeros_complex::<f64>();
    // The phase is that of the first cell centre.
    expected[[3, 12 - 5, 8]] = psi[[0, 0, 0]] * mesh.len() as f64;
    close_complex(&spectrum, &expected, mesh.len() as f64);
    let back = InverseFft::new(&mesh).apply(&(), spectrum).unwrap();
    close_complex(&back, &psi, 1.0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn the_divergence_of_a_gradient_is_the_laplacian((mesh, field) in real_fields()) {
        // Without Nyquist modes, which have no derivative.
        let lowest = (0..3).map(|a| std::f64::consts::PI / mesh.spacing()[a]);
        let lowest = lowest.fold(f64::INFINITY, f64::min);
        let field = Filter::low_pass(&mesh, 0.999 * lowest).unwrap().apply(&(), field).unwrap();
        let gradient = Gradient::new(&mesh);
        let (components, saved) = gradient.record(&(), field.clone()).unwrap();
        let minus_divergence = gradient.vjp(&(), saved, components, &mut ()).unwrap();
        let laplacian = Laplacian::new(&mesh).apply(&(), field.clone()).unwrap();
        let size = (1.0 + lowest * lowest) * 10.0;
        close(&-minus_divergence, &laplacian, size);
        let mean = field.sum() / field.len() as f64;
        let back = InverseLaplacian::new(&mesh).apply(&(), laplacian).unwrap();
        close(&back, &(field - mean), 100.0);
    }
}

/// One property for each operator on real fields.
fn real_property<O>(build: impl Fn(&Mesh) -> O)
where
    O: Tangent<f64, In = Field, Params = ()> + Adjoint<f64>,
    O::Out: Fields<f64>,
{
    check::tangent_of(real_fields(), |(mesh, x)| (build(&mesh), (), x));
}

/// One property for each operator on complex fields.
fn complex_property<O>(build: impl Fn(&Mesh) -> O)
where
    O: Tangent<f64, In = ComplexField, Params = ()> + Adjoint<f64>,
    O::Out: Fields<f64>,
{
    check::tangent_of(complex_fields(), |(mesh, x)| (build(&mesh), (), x));
}

#[test]
fn gradient_of_derivative() {
    (0..3).for_each(|axis| real_property(|mesh| Derivative::new(mesh, axis).unwrap()));
}

#[test]
fn gradient_of_gradient() {
    real_property(Gradient::new);
}

#[test]
fn gradient_of_laplacian() {
    real_property(Laplacian::new);
}

#[test]
fn gradient_of_inverse_laplacian() {
    real_property(InverseLaplacian::new);
}

#[test]
fn gradient_of_poisson_solve() {
    real_property(|mesh| PoissonSolve::new(mesh, 5.4e-5).unwrap());
}

#[test]
fn gradient_of_filter() {
    real_property(|mesh| Filter::gaussian(mesh, 0.2 * mesh.size()[0]).unwrap());
    real_property(|mesh| Filter::low_pass(mesh, 2.5 * TAU / mesh.size()[2]).unwrap());
}

#[test]
fn gradient_of_complex_derivative() {
    (0..3).for_each(|axis| complex_property(|mesh| ComplexDerivative::new(mesh, axis).unwrap()));
}

#[test]
fn gradient_of_complex_laplacian() {
    complex_property(ComplexLaplacian::new);
}

#[test]
fn gradient_of_complex_filter() {
    complex_property(|mesh| {
        Filter::gaussian(mesh, 0.2 * mesh.size()[0])
            .unwrap()
            .complex()
    });
}

#[test]
fn gradient_of_transforms() {
    complex_property(ForwardFft::new);
    complex_property(InverseFft::new);
    check::reversible_of(complex_fields(), |(mesh, x)| {
        (ForwardFft::new(&mesh), (), x)
    });
    check::reversible_of(complex_fields(), |(mesh, x)| {
        (InverseFft::new(&mesh), (), x)
    });
}

#[track_caller]
fn same_in_f32<A, B>(op: &A, x: &A::In, op64: &B, x64: &B::In)
where
    A: Adjoint<f32, Params = ()>,
    A::In: Fields<f32>,
    A::Out: Fields<f32>,
    B: Adjoint<f64, Params = ()>,
    B::In: Fields<f64>,
    B::Out: Fields<f64>,
{
    let tol = check::Tolerances {
        precision: 1e-5,
        ..check::Tolerances::default()
    };
    check::check_precision_at((op, &(), x), (op64, &(), x64), 7, &tol).unwrap();
}

#[test]
fn f32_agrees_with_f64() {
    fn real<T: Real>() -> Array3<T> {
        Array3::from_shape_fn(mesh().shape(), |(i, j, k)| {
            T::of(((i * i + 3 * j * k + k * k) as f64).sin())
        })
    }
    fn complex<T: Real>() -> Array3<Complex<T>> {
        real().mapv(|f: T| Complex::new(f, f * f - f))
    }
    let mesh = &mesh();
    let (x, x64) = (&real(), &real());
    same_in_f32(
        &Derivative::new(mesh, 1).unwrap(),
        x,
        &Derivative::new(mesh, 1).unwrap(),
        x64,
    );
    same_in_f32(&Gradient::new(mesh), x, &Gradient::new(mesh), x64);
    same_in_f32(&Laplacian::new(mesh), x, &Laplacian::new(mesh), x64);
    same_in_f32(
        &InverseLaplacian::new(mesh),
        x,
        &InverseLaplacian::new(mesh),
        x64,
    );
    let (solve, solve64) = (
        PoissonSolve::new(mesh, 5.4e-5),
        PoissonSolve::new(mesh, 5.4e-5),
    );
    same_in_f32(&solve.unwrap(), x, &solve64.unwrap(), x64);
    let (filter, filter64) = (
        Filter::gaussian(mesh, 0.2).unwrap(),
        Filter::gaussian(mesh, 0.2).unwrap(),
    );
    same_in_f32(&filter, x, &filter64, x64);

    let (x, x64) = (&complex(), &complex());
    same_in_f32(&filter.complex(), x, &filter64.complex(), x64);
    same_in_f32(
        &ComplexDerivative::new(mesh, 2).unwrap(),
        x,
        &ComplexDerivative::new(mesh, 2).unwrap(),
        x64,
    );
    same_in_f32(
        &ComplexLaplacian::new(mesh),
        x,
        &ComplexLaplacian::new(mesh),
        x64,
    );
    same_in_f32(&ForwardFft::new(mesh), x, &ForwardFft::new(mesh), x64);
    same_in_f32(&InverseFft::new(mesh), x, &InverseFft::new(mesh), x64);
}

#[test]
fn shared_plans_count_all_transforms() {
    let mesh = mesh();
    let poisson = Poisson::new(&mesh, 1.0);
    let plan: &RealFft<f64> = poisson.fft();
    let field = wave(&mesh, wavenumber(&mesh, [1, 1, 1]), f64::cos);
    let own = Laplacian::new(&mesh).apply(&(), field.clone()).unwrap();
    let shared = Laplacian::new(&mesh).with_plan(plan);
    assert_eq!(shared.apply(&(), field.clone()).unwrap(), own);
    assert_eq!(plan.transforms(), 2);
    let gradient = Gradient::new(&mesh).with_plan(plan);
    gradient.apply(&(), field.clone()).unwrap();
    assert_eq!(plan.transforms(), 6);
    PoissonSolve::from(poisson.clone())
        .apply(&(), field)
        .unwrap();
    assert_eq!(plan.transforms(), 8);

    let plan: Fft<f64> = Fft::new(mesh.cells());
    let psi = mesh.zeros_complex();
    ComplexLaplacian::new(&mesh)
        .with_plan(&plan)
        .apply(&(), psi.clone())
        .unwrap();
    ForwardFft::new(&mesh)
        .with_plan(&plan)
        .apply(&(), psi)
        .unwrap();
    assert_eq!(plan.transforms(), 3);
}

#[test]
#[should_panic(expected = "another mesh")]
fn a_plan_for_another_mesh_is_refused() {
    let other = Mesh::new([4; 3], [1.0; 3]).unwrap();
    let _ = Laplacian::<f64>::new(&mesh()).with_plan(&RealFft::new(&other));
}

#[test]
fn bad_input_gives_errors() {
    let mesh = mesh();
    let wrong = || Array3::<f64>::zeros((8, 12, 16));
    let error = Laplacian::new(&mesh).apply(&(), wrong()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "field of Laplacian: shape [8, 12, 16], expected [8, 12, 18]"
    );
    let right = mesh.zeros();
    let gradient = Gradient::new(&mesh);
    let bar = (right.clone(), wrong(), right);
    assert!(gradient.vjp(&(), (), bar, &mut ()).is_err());
    let psi = Array3::<Complex<f64>>::zeros((8, 12, 16));
    assert!(ForwardFft::new(&mesh).apply(&(), psi).is_err());

    let message = |error: adastra_core::Error| error.to_string();
    let error = Derivative::<f64>::new(&mesh, 3).map(|_| ()).unwrap_err();
    assert_eq!(message(error), "axis = 3: must be 0, 1 or 2");
    assert!(ComplexDerivative::<f64>::new(&mesh, 3).is_err());
    for bad in [-1.0, f64::NAN, f64::INFINITY] {
        assert!(Filter::<f64>::gaussian(&mesh, bad).is_err(), "{bad}");
        assert!(Filter::<f64>::low_pass(&mesh, bad).is_err(), "{bad}");
    }
    let error = Filter::<f64>::new(&mesh, |k| 1.0 / k)
        .map(|_| ())
        .unwrap_err();
    assert!(message(error).starts_with("response of the filter = inf"));
    assert!(Filter::<f32>::new(&mesh, |_| 1e300).is_err());
    assert!(PoissonSolve::<f64>::new(&mesh, f64::NAN).is_err());
}

#[test]
fn fields_in_another_memory_order_are_the_same_fields() {
    let mesh = mesh();
    let field = wave(&mesh, wavenumber(&mesh, [1, 2, 3]), f64::cos);
    let mut fortran = field.t().as_standard_layout().into_owned();
    fortran.swap_axes(0, 2);
    assert!(!fortran.is_standard_layout());
    assert_eq!(fortran, field);
    let laplacian = Laplacian::new(&mesh);
    assert_eq!(
        laplacian.apply(&(), fortran).unwrap(),
        laplacian.apply(&(), field).unwrap()
    );
}
