"""Times Jaxion 0.0.13 on the cases of `peers.sh`; prints one JSON object per case.

Everything is warm: a first call compiles, the median of the later ones is reported, and the
compile time is reported beside it.
"""

import argparse
import io
import json
import statistics
import time
from contextlib import redirect_stdout

START = time.time()

parser = argparse.ArgumentParser()
parser.add_argument("case", choices=["forward", "gradient", "letter", "gas", "all", "gas-gradient"])
parser.add_argument("--cells", type=int, default=64)
parser.add_argument("--steps", type=int, default=10)
parser.add_argument("--particles", type=int, default=0)
parser.add_argument("--precision", choices=["f32", "f64"], default="f32")
parser.add_argument("--repeat", type=int, default=5)
args = parser.parse_args()

import jax

jax.config.update("jax_enable_x64", args.precision == "f64")
import jax.numpy as jnp
import jaxion

BOX = 20.0 if args.case == "letter" else 10.0


def simulation(cells, steps, particles, mass):
    m_per_hbar = 8.05478173e-56 * 1e-22 / 299792.458**2 / 1.71818134e-87
    dt = (m_per_hbar / 6.0) * (BOX / cells) ** 2
    with redirect_stdout(io.StringIO()):
        sim = jaxion.Simulation(
            {
                "physics": {
                    "quantum": not args.case.startswith("gas"),
                    "gravity": not args.case.startswith("gas"),
                    "hydro": args.case in ("gas", "all", "gas-gradient"),
                    "particles": particles > 0,
                },
                "hydro": {"sound_speed": 20.0},
                "domain": {"box_size": BOX, "resolution_base": cells},
                "time": {"end": steps * dt * (1.0 + 1e-6)},
                "output": {"num_checkpoints": 1, "save": False},
                "particles": {"num_particles": particles, "particle_mass": mass},
            }
        )
    assert sim.nt == steps, (sim.nt, steps)
    return sim


def wave(sim):
    k = 2.0 * jnp.pi / BOX
    x, y, z = sim.grid
    amplitude = 1.0 + 0.3 * jnp.cos(k * x + 0.1) + 0.2 * jnp.sin(k * y + 0.7) * jnp.cos(2 * k * z + 0.3)
    phase = 0.4 * jnp.sin(k * x + k * y + 0.2) + 0.3 * jnp.cos(k * z - k * x + 0.5)
    return jnp.sqrt(1e7) * amplitude * jnp.exp(1j * phase)


def stars(n):
    j = jnp.arange(1, n + 1)
    alpha = jnp.array([0.8191725133961645, 0.6710436067037893, 0.5497004779019703])
    position = BOX * jnp.mod(0.5 + j[:, None] * alpha, 1.0)
    velocity = 30.0 * jnp.stack([jnp.sin(1.0 * j), jnp.cos(2.0 * j), jnp.sin(3.0 * j + 0.5)], axis=1)
    return position, velocity


def lattice():
    centres = (jnp.arange(8) + 0.5) * BOX / 8
    x, y = jnp.meshgrid(centres, centres, indexing="ij")
    return jnp.stack([x.ravel(), y.ravel(), jnp.full(64, BOX / 2)], axis=1), jnp.zeros((64, 3))


def measure(call):
    start = time.time()
    jax.block_until_ready(call())
    first = time.time() - start
    first_result = time.time() - START
    times = []
    for _ in range(args.repeat):
        start = time.time()
        jax.block_until_ready(call())
        times.append(time.time() - start)
    return first, first_result, times


def quiet(function):
    def call(*a):
        with redirect_stdout(io.StringIO()):
            return function(*a)

    return call


if args.case == "letter":
    sim = simulation(32, args.steps, 64, 1e7)
    psi = jnp.full((32, 32, 32), jnp.sqrt(1e5) + 0j)
    position, velocity = lattice()
else:
    sim = simulation(args.cells, args.steps, args.particles, 1e7 * 64 / max(args.particles, 1))
    psi = wave(sim)
    position, velocity = stars(args.particles)


def gas(sim):
    k = 2.0 * jnp.pi / BOX
    x, y, z = (k * a for a in sim.grid)
    wave = 0.2 * jnp.sin(x + 0.3) * jnp.cos(y + 0.4) + 0.1 * jnp.cos(2 * z + y + 0.9)
    return {
        "rho": 0.15e7 * (1.0 + wave),
        "vx": 8 * jnp.sin(y + 0.2) + 3 * jnp.cos(x + 2 * z + 0.6),
        "vy": 6 * jnp.cos(z + 0.5) - 2 * jnp.sin(2 * x + y + 0.1),
        "vz": 5 * jnp.sin(x + 0.8) + 4 * jnp.cos(y + z + 1.1),
    }


def evolve(psi, velocity):
    state = dict(sim.state)
    state["t"] = 0.0
    if not args.case.startswith("gas"):
        state["psi"] = psi
    if args.case in ("gas", "all"):
        state.update(gas(sim))
    if args.particles or args.case == "letter":
        state["pos"] = position
        state["vel"] = velocity
    return sim._evolve(state)


def loss(psi, velocity):
    density = jnp.mean(jnp.abs(evolve(psi, velocity)["psi"]) ** 2, axis=2)
    target = 1.0 + 0.5 * jnp.cos(jnp.arange(density.shape[0]) * 0.3)[:, None]
    return jnp.mean((density / jnp.mean(density) - target) ** 2)


def real_loss(re, im, velocity):
    return loss(re + 1j * im, velocity)


def evolve_gas(fields):
    return sim._evolve({**sim.state, "t": 0.0, **fields})


def gas_loss(fields):
    return sum(jnp.sum(f**2) for f in evolve_gas(fields).values() if jnp.ndim(f) == 3)


forward = jax.jit(evolve)
if args.case == "gas":
    forward, fields = jax.jit(evolve_gas), gas(sim)
    call = quiet(lambda: forward(fields)["rho"])
elif args.case == "gas-gradient":
    gradient, fields = jax.jit(jax.value_and_grad(gas_loss)), gas(sim)
    call = quiet(lambda: gradient(fields))
elif args.case in ("forward", "all"):
    call = quiet(lambda: forward(psi, velocity)["psi"])
elif args.case == "gradient":
    gradient = jax.jit(jax.value_and_grad(real_loss, argnums=(0, 1)))
    call = quiet(lambda: gradient(psi.real, psi.imag, velocity))
else:
    gradient = jax.jit(jax.value_and_grad(loss, argnums=1))
    call = quiet(lambda: gradient(psi, velocity + 1.0))

first, first_result, times = measure(call)
row = {
    "code": f"jaxion {jaxion.__version__}" if hasattr(jaxion, "__version__") else "jaxion",
    "case": args.case,
    "cells": sim.resolution,
    "particles": int(position.shape[0]) if (args.particles or args.case == "letter") else 0,
    "precision": args.precision,
    "steps": args.steps,
    "seconds": statistics.median(times),
    "min": min(times),
    "max": max(times),
    "first_call": first,
    "from_process_start": first_result,
}
print(json.dumps(row))
