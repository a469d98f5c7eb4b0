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

    /// The variable that the pressure is proportional to.
    const CARRIER: usize;
    /// The pressure over that variable.
    fn stiffness<N: Num>(c: N) -> N;
    fn stiffness_vjp<N: Num>(c: N, bar: N, c_bar: &mut N);
    fn sound<N: Num>(c: N, w: &[N; F]) -> N;
    /// `sound` is the speed of sound of `w`.
    fn sound_vjp<N: Num>(c: N, w: &[N; F], sound: N, bar: N, w_bar: &mut [N; F], c_bar: &mut N);

    #[inline(always)]
    fn pressure<N: Num>(c: N, w: &[N; F]) -> N {
        Self::stiffness(c) * w[Self::CARRIER]
    }

    #[inline(always)]
    fn pressure_vjp<N: Num>(c: N, w: &[N; F], bar: N, w_bar: &mut [N; F], c_bar: &mut N) {
        let of_carrier = &mut w_bar[Self::CARRIER];
        *of_carrier = Self::stiffness(c).mul_add(bar, *of_carrier);
        Self::stiffness_vjp(c, w[Self::CARRIER] * bar, c_bar);
    }

    /// Adds to the cotangents of the conserved variables what comes from that of the pressure; `w` is
    /// the primitive state.
    #[inline(always)]
    fn thermal_vjp<N: Num>(c: N, w: &[N; F], p_bar: N, u_bar: &mut [N; F], c_bar: &mut N) {
        if Self::ENERGY {
            let excess = c - c.constant(1.0);
            let lift = excess * p_bar;
            u_bar[F - 1] = u_bar[F - 1] + lift;
            for i in 1..4 {
                let kinetic = lift * w[i];
                u_bar[0] = (kinetic * c.constant(0.5)).mul_add(w[i], u_bar[0]);
                u_bar[i] = u_bar[i] - kinetic;
            }
            *c_bar = *c_bar + p_bar * w[F - 1] / excess;
        } else {
            u_bar[0] = Self::stiffness(c).mul_add(p_bar, u_bar[0]);
            Self::stiffness_vjp(c, w[0] * p_bar, c_bar);
        }
    }

    /// [`thermal_vjp`](Self::thermal_vjp), and what comes from the cotangent of the first velocity.
    #[inline(always)]
    fn normal_vjp<N: Num>(
        c: N,
        w: &[N; F],
        [v_bar, p_bar]: [N; 2],
        u_bar: &mut [N; F],
        c_bar: &mut N,
    ) {
        let momentum_bar = v_bar * (c.constant(1.0) / w[0]);
        u_bar[1] = u_bar[1] + momentum_bar;
        u_bar[0] = u_bar[0] - momentum_bar * w[1];
        Self::thermal_vjp(c, w, p_bar, u_bar, c_bar);
    }

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
        let inverse = c.constant(1.0) / w[0];
        let mut u_bar = *w_bar;
        let mut through_velocity = c.zero();
        for i in 1..4 {
            u_bar[i] = w_bar[i] * inverse;
            through_velocity = u_bar[i].mul_add(w[i], through_velocity);
        }
        u_bar[0] = u_bar[0] - through_velocity;
        if Self::ENERGY {
            u_bar[F - 1] = c.zero();
            Self::thermal_vjp(c, w, w_bar[F - 1], &mut u_bar, c_bar);
        }
        u_bar
    }
}

/// `P = c^2 rho`.
#[derive(Clone, Copy)]
pub(crate) struct IsothermalLaw;

impl Law<4> for IsothermalLaw {
    const CARRIER: usize = 0;

    #[inline(always)]
    fn stiffness<N: Num>(c: N) -> N {
        c * c
    }
    #[inline(always)]
    fn stiffness_vjp<N: Num>(c: N, bar: N, c_bar: &mut N) {
        *c_bar = (c + c).mul_add(bar, *c_bar);
    }
    #[inline(always)]
    fn sound<N: Num>(c: N, _: &[N; 4]) -> N {
        c
    }
    #[inline(always)]
    fn sound_vjp<N: Num>(_: N, _: &[N; 4], _: N, bar: N, _: &mut [N; 4], c_bar: &mut N) {
        *c_bar = *c_bar + bar;
    }
}

/// `P = (c - 1) rho e`, with `c` the adiabatic index.
#[derive(Clone, Copy)]
pub(crate) struct IdealLaw;

impl Law<5> for IdealLaw {
    const CARRIER: usize = 4;

    #[inline(always)]
    fn stiffness<N: Num>(c: N) -> N {
        c.constant(1.0)
    }
    #[inline(always)]
    fn stiffness_vjp<N: Num>(_: N, _: N, _: &mut N) {}
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
}
