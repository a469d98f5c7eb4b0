//! Equations of state as code: pressure, speed of sound, and the change of variables.
//!
//! Primitive variables are `w = (rho, v_x, v_y, v_z[, P])`, conserved ones
//! `u = (rho, rho v_x, rho v_y, rho v_z[, E])` with `E = P / (gamma - 1) + rho v^2 / 2`. An
//! equation of state has one parameter `c`: the speed of sound, or gamma. Names ending in `_bar`
//! are cotangents; every `_vjp` returns or adds to those of its inputs.

use crate::lane::Num;

/// An equation of state of a gas with `F` variables: 4 without, 5 with an energy.
pub(crate) trait Law<const F: usize>: Copy + Send + Sync + 'static {
    /// Whether the last variable is the pressure, or the energy.
    const ENERGY: bool = F == 5;

    fn pressure<N: Num>(c: N, w: &[N; F]) -> N;
    fn pressure_vjp<N: Num>(c: N, w: &[N; F], bar: N, w_bar: &mut [N; F], c_bar: &mut N);
    fn sound<N: Num>(c: N, w: &[N; F]) -> N;
    /// `sound` is the speed of sound of `w`.
    fn sound_vjp<N: Num>(c: N, w: &[N; F], sound: N, bar: N, w_bar: &mut [N; F], c_bar: &mut N);
    /// The difference of the pressure that belongs to a difference of the variables, divided by
    /// the density.
    fn force<N: Num>(c: N, w: &[N; F], difference: &[N; F], inverse: N) -> N;
    fn force_vjp<N: Num>(
        c: N,
        w: &[N; F],
        difference: &[N; F],
        inverse: N,
        bar: N,
        w_bar: &mut [N; F],
        difference_bar: &mut [N; F],
        c_bar: &mut N,
    );

    #[inline(always)]
    fn conserved<N: Num>(c: N, w: &[N; F]) -> [N; F] {
        let mut u = *w;
        let mut squares = w[0].zero();
        for i in 1..4 {
            u[i] = w[0] * w[i];
            squares = w[i].mul_add(w[i], squares);
        }
        if Self::ENERGY {
            let half = c.constant(0.5);
            u[F - 1] = w[F - 1] / (c - c.constant(1.0)) + half * w[0] * squares;
        }
        u
    }

    #[inline(always)]
    fn conserved_vjp<N: Num>(c: N, w: &[N; F], u_bar: &[N; F], w_bar: &mut [N; F], c_bar: &mut N) {
        let mut rho_bar = u_bar[0];
        for i in 1..4 {
            let mut momentum_bar = u_bar[i];
            let mut shared = u_bar[i];
            if Self::ENERGY {
                let lift = u_bar[F - 1] * w[i];
                momentum_bar = momentum_bar + lift;
                shared = lift.mul_add(c.constant(0.5), shared);
            }
            rho_bar = shared.mul_add(w[i], rho_bar);
            w_bar[i] = w[0].mul_add(momentum_bar, w_bar[i]);
        }
        w_bar[0] = w_bar[0] + rho_bar;
        if Self::ENERGY {
            let inverse = c.constant(1.0) / (c - c.constant(1.0));
            let p_bar = u_bar[F - 1] * inverse;
            w_bar[F - 1] = w_bar[F - 1] + p_bar;
            *c_bar = *c_bar - p_bar * inverse * w[F - 1];
        }
    }

    #[inline(always)]
    fn primitive<N: Num>(c: N, u: &[N; F]) -> [N; F] {
        let inverse = c.constant(1.0) / u[0];
        let mut w = *u;
        let mut twice = u[0].zero();
        for i in 1..4 {
            w[i] = u[i] * inverse;
            twice = u[i].mul_add(w[i], twice);
        }
        if Self::ENERGY {
            let thermal = u[F - 1] - twice * c.constant(0.5);
            w[F - 1] = (c - c.constant(1.0)) * thermal;
        }
        w
    }

    /// `w` is the primitive state, `w_bar` its cotangent.
    #[inline(always)]
    fn primitive_vjp<N: Num>(c: N, w: &[N; F], w_bar: &[N; F], c_bar: &mut N) -> [N; F] {
        let one = c.constant(1.0);
        let inverse = one / w[0];
        let mut u_bar = *w_bar;
        let mut lift = c.zero();
        if Self::ENERGY {
            lift = (c - one) * w_bar[F - 1];
            u_bar[F - 1] = lift;
            *c_bar = *c_bar + w_bar[F - 1] * w[F - 1] / (c - one);
        }
        let mut through_velocity = c.zero();
        for i in 1..4 {
            let momentum_bar = w_bar[i] * inverse;
            through_velocity = momentum_bar.mul_add(w[i], through_velocity);
            u_bar[i] = momentum_bar;
            if Self::ENERGY {
                let kinetic = lift * w[i];
                u_bar[0] = (kinetic * c.constant(0.5)).mul_add(w[i], u_bar[0]);
                u_bar[i] = u_bar[i] - kinetic;
            }
        }
        u_bar[0] = u_bar[0] - through_velocity;
        u_bar
    }
}

/// `P = c^2 rho`.
#[derive(Clone, Copy)]
pub(crate) struct IsothermalLaw;

impl Law<4> for IsothermalLaw {
    #[inline(always)]
    fn pressure<N: Num>(c: N, w: &[N; 4]) -> N {
        c * c * w[0]
    }
    #[inline(always)]
    fn pressure_vjp<N: Num>(c: N, w: &[N; 4], bar: N, w_bar: &mut [N; 4], c_bar: &mut N) {
        w_bar[0] = (c * c).mul_add(bar, w_bar[0]);
        *c_bar = ((c + c) * w[0]).mul_add(bar, *c_bar);
    }
    #[inline(always)]
    fn sound<N: Num>(c: N, _: &[N; 4]) -> N {
        c
    }
    #[inline(always)]
    fn sound_vjp<N: Num>(_: N, _: &[N; 4], _: N, bar: N, _: &mut [N; 4], c_bar: &mut N) {
        *c_bar = *c_bar + bar;
    }
    #[inline(always)]
    fn force<N: Num>(c: N, _: &[N; 4], difference: &[N; 4], inverse: N) -> N {
        c * c * inverse * difference[0]
    }
    #[inline(always)]
    fn force_vjp<N: Num>(
        c: N,
        _: &[N; 4],
        difference: &[N; 4],
        inverse: N,
        bar: N,
        w_bar: &mut [N; 4],
        difference_bar: &mut [N; 4],
        c_bar: &mut N,
    ) {
        let scaled = c * inverse * bar;
        difference_bar[0] = c.mul_add(scaled, difference_bar[0]);
        let product = scaled * difference[0];
        w_bar[0] = w_bar[0] - product * c * inverse;
        *c_bar = *c_bar + product + product;
    }
}

/// `P = (c - 1) rho e`, with `c` the adiabatic index.
#[derive(Clone, Copy)]
pub(crate) struct IdealLaw;

impl Law<5> for IdealLaw {
    #[inline(always)]
    fn pressure<N: Num>(_: N, w: &[N; 5]) -> N {
        w[4]
    }
    #[inline(always)]
    fn pressure_vjp<N: Num>(_: N, _: &[N; 5], bar: N, w_bar: &mut [N; 5], _: &mut N) {
        w_bar[4] = w_bar[4] + bar;
    }
    #[inline(always)]
    fn sound<N: Num>(c: N, w: &[N; 5]) -> N {
        (c * w[4] / w[0]).sqrt()
    }
    #[inline(always)]
    fn sound_vjp<N: Num>(c: N, w: &[N; 5], sound: N, bar: N, w_bar: &mut [N; 5], c_bar: &mut N) {
        // d ln c_s = (d ln gamma + d ln P - d ln rho) / 2.
        let half = bar * sound * c.constant(0.5);
        w_bar[4] = w_bar[4] + half / w[4];
        w_bar[0] = w_bar[0] - half / w[0];
        *c_bar = *c_bar + half / c;
    }
    #[inline(always)]
    fn force<N: Num>(_: N, _: &[N; 5], difference: &[N; 5], inverse: N) -> N {
        difference[4] * inverse
    }
    #[inline(always)]
    fn force_vjp<N: Num>(
        _: N,
        _: &[N; 5],
        difference: &[N; 5],
        inverse: N,
        bar: N,
        w_bar: &mut [N; 5],
        difference_bar: &mut [N; 5],
        _: &mut N,
    ) {
        let scaled = inverse * bar;
        difference_bar[4] = difference_bar[4] + scaled;
        w_bar[0] = w_bar[0] - scaled * inverse * difference[4];
    }
}
