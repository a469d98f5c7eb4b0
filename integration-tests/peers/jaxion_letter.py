"""Solves the letter of examples/letter with Jaxion 0.0.13 and optax's L-BFGS (zoom line search).

Prints the loss after every iteration, in f64, with Jaxion's own step (294 steps where adastra's
example takes 300). By hand: `jaxion_letter.py ITERATIONS`, in the environment of `peers.sh`.
"""

import io
import pathlib
import sys
import time
from contextlib import redirect_stdout

import jax

jax.config.update("jax_enable_x64", True)
import jax.numpy as jnp
import jaxion
import numpy as np
import optax
from PIL import Image

START = time.time()
BOX, CELLS = 20.0, 32
picture = pathlib.Path(__file__).parents[2] / "examples/letter/target.png"
# As adastra reads it: rows run from the top, x to the right.
target = jnp.asarray(np.asarray(Image.open(picture).convert("F")) / 255.0)[::-1].T
target = target / jnp.mean(target)

with redirect_stdout(io.StringIO()):
    sim = jaxion.Simulation(
        {
            "physics": {"hydro": False, "particles": True},
            "domain": {"box_size": BOX, "resolution_base": CELLS},
            "time": {"end": 1.0},
            "output": {"num_checkpoints": 1, "save": False},
            "particles": {"num_particles": 64, "particle_mass": 1e7},
        }
    )
centres = (jnp.arange(8) + 0.5) * BOX / 8
x, y = jnp.meshgrid(centres, centres, indexing="ij")
position = jnp.stack([x.ravel(), y.ravel(), jnp.full(64, BOX / 2)], axis=1)
psi = jnp.full((CELLS,) * 3, jnp.sqrt(1e5) + 0j)


def loss(velocity):
    state = dict(sim.state)
    state.update(t=0.0, psi=psi, pos=position, vel=velocity)
    density = jnp.mean(jnp.abs(sim._evolve(state)["psi"]) ** 2, axis=2)
    return jnp.mean((density / jnp.mean(density) - target) ** 2)


optimizer = optax.lbfgs(memory_size=10)
value_and_grad = optax.value_and_grad_from_state(loss)


@jax.jit
def iterate(velocity, state):
    value, gradient = value_and_grad(velocity, state=state)
    updates, state = optimizer.update(
        gradient, state, velocity, value=value, grad=gradient, value_fn=loss
    )
    return optax.apply_updates(velocity, updates), state, value


velocity = jnp.zeros((64, 3))
state = optimizer.init(velocity)
for i in range(int(sys.argv[1]) + 1):
    with redirect_stdout(io.StringIO()):
        velocity, state, value = iterate(velocity, state)
    print(f"{i} {float(value):.6f} {time.time() - START:.0f} s, {sim.nt} steps", flush=True)
