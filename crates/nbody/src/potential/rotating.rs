//! A potential that turns about the z axis: a bar.

use std::sync::Arc;

use super::term::{Here, Points, PointsMut, Pulled, Setting, Term};
use super::{Allowed, Parameter};

/// The potential of a frame that is turned by `angle + pattern_speed * time` about the z axis,
/// counterclockwise. Its two parameters follow those of the potential.
pub(super) struct Rotating(pub(super) Arc<dyn Term>);

const PATTERN_SPEED: Parameter = Parameter {
    name: "pattern_speed",
    unit: "km/s/kpc",
    allowed: Allowed::Finite,
};
const ANGLE: Parameter = Parameter {
    name: "angle",
    unit: "rad",
    allowed: Allowed::Finite,
};

/// Columns of numbers.
type Columns = [Vec<f64>; 3];

fn views(columns: &Columns) -> Points<'_> {
    columns.each_ref().map(Vec::as_slice)
}

fn views_mut(columns: &mut Columns) -> PointsMut<'_> {
    columns.each_mut().map(Vec::as_mut_slice)
}

fn zeros(x: Points<'_>) -> Columns {
    x.map(|x| vec![0.0; x.len()])
}

/// A rotation about the z axis, by its cosine and sine.
#[derive(Clone, Copy)]
struct Turn {
    cos: f64,
    sin: f64,
}

impl Turn {
    fn at(p: &[f64], time: f64) -> Self {
        let [speed, angle] = [p[p.len() - 2], p[p.len() - 1]];
        let (sin, cos) = (angle + speed * time).sin_cos();
        Self { cos, sin }
    }

    fn back(self) -> Self {
        let Self { cos, sin } = self;
        Self { cos, sin: -sin }
    }

    fn of(self, [x, y, z]: [f64; 3]) -> [f64; 3] {
        let Self { cos, sin } = self;
        [cos * x - sin * y, sin * x + cos * y, z]
    }

    fn all(self, x: Points<'_>) -> Columns {
        let mut turned = zeros(x);
        self.add_to(x, &mut views_mut(&mut turned));
        turned
    }

    fn add_to(self, x: Points<'_>, sum: &mut PointsMut<'_>) {
        for i in 0..x[0].len() {
            let turned = self.of(x.map(|x| x[i]));
            (0..3).for_each(|k| sum[k][i] += turned[k]);
        }
    }
}

impl Rotating {
    fn inner<'a>(&self, p: &'a [f64]) -> &'a [f64] {
        &p[..p.len() - 2]
    }
}

impl Term for Rotating {
    fn name(&self) -> &'static str {
        self.0.name()
    }

    fn parameters(&self) -> Vec<Parameter> {
        let mut parameters = self.0.parameters();
        parameters.extend([PATTERN_SPEED, ANGLE]);
        parameters
    }

    fn point(&self, at: Setting, p: &[f64], x: [f64; 3]) -> (f64, [f64; 3], [[f64; 3]; 3]) {
        let turn = Turn::at(p, at.time);
        let (phi, slope, hessian) = self.0.point(at, self.inner(p), turn.back().of(x));
        // R H R^T: rows, then columns.
        let rows = hessian.map(|row| turn.of(row));
        let column = |j: usize| turn.of(std::array::from_fn(|i| rows[i][j]));
        let columns: [[f64; 3]; 3] = std::array::from_fn(column);
        let hessian = std::array::from_fn(|i| std::array::from_fn(|j| columns[j][i]));
        (phi, turn.of(slope), hessian)
    }

    fn accelerate(&self, Here { at, p, x }: Here<'_>, mut a: PointsMut<'_>) {
        let turn = Turn::at(p, at.time);
        let x = turn.back().all(x);
        let mut inner = zeros(views(&x));
        let here = Here {
            at,
            p: self.inner(p),
            x: views(&x),
        };
        self.0.accelerate(here, views_mut(&mut inner));
        turn.add_to(views(&inner), &mut a);
    }

    /// With a = R a'(R^T x) and J the derivative of a rotation, the cotangent of the angle is
    /// `w'.J a' - x'_bar.J x'`.
    fn pull_back(&self, Here { at, p, x }: Here<'_>, w: Points<'_>, pulled: Pulled<'_>) {
        let Pulled {
            mut a,
            mut x_bar,
            at_bar,
            p_bar,
        } = pulled;
        let turn = Turn::at(p, at.time);
        let (x, w) = (turn.back().all(x), turn.back().all(w));
        let (mut inner, mut inner_bar) = (zeros(views(&x)), zeros(views(&x)));
        let last = p.len() - 2;
        let here = Here {
            at,
            p: self.inner(p),
            x: views(&x),
        };
        let within = Pulled {
            a: views_mut(&mut inner),
            x_bar: views_mut(&mut inner_bar),
            at_bar: &mut *at_bar,
            p_bar: &mut p_bar[..last],
        };
        self.0.pull_back(here, views(&w), within);
        turn.add_to(views(&inner), &mut a);
        turn.add_to(views(&inner_bar), &mut x_bar);
        let mut angle_bar = 0.0;
        for i in 0..x[0].len() {
            angle_bar += w[1][i] * inner[0][i] - w[0][i] * inner[1][i];
            angle_bar -= inner_bar[1][i] * x[0][i] - inner_bar[0][i] * x[1][i];
        }
        at_bar.time += p[last] * angle_bar;
        p_bar[last] += at.time * angle_bar;
        p_bar[last + 1] += angle_bar;
    }

    fn push_forward(
        &self,
        Here { at, p, x }: Here<'_>,
        d: Here<'_>,
        mut a: PointsMut<'_>,
        mut da: PointsMut<'_>,
    ) {
        let turn = Turn::at(p, at.time);
        let last = p.len() - 2;
        let dangle = d.p[last + 1] + d.p[last] * at.time + p[last] * d.at.time;
        let (x, mut dx) = (turn.back().all(x), turn.back().all(d.x));
        for i in 0..x[0].len() {
            dx[0][i] += dangle * x[1][i];
            dx[1][i] -= dangle * x[0][i];
        }
        let (mut inner, mut dinner) = (zeros(views(&x)), zeros(views(&x)));
        let here = Here {
            at,
            p: self.inner(p),
            x: views(&x),
        };
        let d = Here {
            at: d.at,
            p: &d.p[..last],
            x: views(&dx),
        };
        self.0
            .push_forward(here, d, views_mut(&mut inner), views_mut(&mut dinner));
        for i in 0..x[0].len() {
            dinner[0][i] -= dangle * inner[1][i];
            dinner[1][i] += dangle * inner[0][i];
        }
        turn.add_to(views(&inner), &mut a);
        turn.add_to(views(&dinner), &mut da);
    }
}
