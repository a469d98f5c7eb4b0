"""Times astronomix 0.6 on the ideal-gas cases of `peers.sh`; prints one JSON object per case.

The scheme is the nearest to ours: finite volumes in three dimensions, unsplit, second order, with the
minmod limiter and the HLL flux, steps of fixed length, periodic. Unsplit, it knows Runge-Kutta steps
alone: two evaluations of the fluxes where ours takes a half step by prediction. Everything is warm: a
first call compiles, and the median of the later ones is reported.
"""

import argparse
import io
import json
import statistics
import time
from contextlib import redirect_stdout

START = time.time()

parser = argparse.ArgumentParser()
parser.add_argument("case", choices=["gas-ideal"])
parser.add_argument("--cells", type=int, default=64)
parser.add_argument("--steps", type=int, default=10)
parser.add_argument("--precision", choices=["f32", "f64"], default="f32")
parser.add_argument("--repeat", type=int, default=5)
args = parser.parse_args()

import jax

jax.config.update("jax_enable_x64", args.precision == "f64")
import astronomix as ax
import jax.numpy as jnp
from astronomix.option_classes.simulation_config import (
    RK2_SSP,
    UNSPLIT,
    BoundarySettings,
    BoundarySettings1D,
)

BOX = 10.0
dx = BOX / args.cells
dt = 0.01 * dx  # as in adastra-peers
periodic = BoundarySettings1D(ax.PERIODIC_BOUNDARY, ax.PERIODIC_BOUNDARY)
config = ax.SimulationConfig(
    dimensionality=3,
    box_size=BOX,
    num_cells=args.cells,
    boundary_settings=BoundarySettings(periodic, periodic, periodic),
    limiter=ax.MINMOD,
    riemann_solver=ax.HLL,
    split=UNSPLIT,
    time_integrator=RK2_SSP,
    fixed_timestep=True,
    num_timesteps=args.steps,
)
params = ax.SimulationParams(gamma=5.0 / 3.0, t_end=args.steps * dt)
variables = ax.get_registered_variables(config)
k = 2.0 * jnp.pi / BOX
centres = (jnp.arange(args.cells) + 0.5) * dx
x, y, z = jnp.meshgrid(k * centres, k * centres, k * centres, indexing="ij")
wave = 0.2 * jnp.sin(x + 0.3) * jnp.cos(y + 0.4) + 0.1 * jnp.cos(2 * z + y + 0.9)
with redirect_stdout(io.StringIO()):
    state = ax.construct_primitive_state(
        config=config,
        registered_variables=variables,
        density=0.15e7 * (1.0 + wave),
        velocity_x=8.0 * jnp.sin(y + 0.2) + 3.0 * jnp.cos(x + 2 * z + 0.6),
        velocity_y=6.0 * jnp.cos(z + 0.5) - 2.0 * jnp.sin(2 * x + y + 0.1),
        velocity_z=5.0 * jnp.sin(x + 0.8) + 4.0 * jnp.cos(y + z + 1.1),
        gas_pressure=0.15e7 * 240.0 * jnp.ones_like(x),
    )
    config = ax.finalize_config(config, state.shape)


def once():
    with redirect_stdout(io.StringIO()):
        end = ax.time_integration(state, config, params, variables)
    return jax.block_until_ready(end)


begin = time.time()
end = once()
first, from_start = time.time() - begin, time.time() - START
times = []
for _ in range(args.repeat):
    begin = time.time()
    once()
    times.append(time.time() - begin)
print(
    json.dumps(
        {
            "code": "astronomix 0.6",
            "case": args.case,
            "cells": args.cells,
            "particles": 0,
            "precision": args.precision,
            "steps": args.steps,
            "seconds": statistics.median(times),
            "min": min(times),
            "max": max(times),
            "first_call": first,
            "from_process_start": from_start,
            "value": float(end[0, 0, 0, 0]),
        }
    )
)
