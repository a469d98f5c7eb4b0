"""Times the scheme of Odisseo (https://github.com/vepe99/Odisseo) in plain JAX; prints one JSON
object per case. Odisseo is not on the package index, so its formulas are written out here: all
separations as an array of shape (n, n, 3), the NFW and Miyamoto-Nagai accelerations in closed
form, and velocity Verlet in a `lax.scan`. Unlike Odisseo, nothing stops the gradient at the
separations, so that the derivative is the right one.

Everything is warm: a first call compiles, the median of the later ones is reported, and the
compile time is reported beside it. Compare with `cargo bench -p adastra-nbody`.
"""

import argparse
import json
import statistics
import time

parser = argparse.ArgumentParser()
parser.add_argument("case", choices=["force", "vjp", "particles", "cluster"])
parser.add_argument("--particles", type=int, default=1000)
parser.add_argument("--steps", type=int, default=100)
parser.add_argument("--precision", choices=["f32", "f64"], default="f64")
parser.add_argument("--gradient", action="store_true", help="value and gradient of the run")
parser.add_argument("--repeat", type=int, default=5)
args = parser.parse_args()

import jax

jax.config.update("jax_enable_x64", args.precision == "f64")
import jax.numpy as jnp
import numpy as np

N = args.particles
FRACTION = np.outer(np.arange(N), [0.618034, 0.754877, 0.569840]) % 1.0 - 0.5
POSITION = jnp.asarray(FRACTION + np.array([10.0, 0.0, 5.0]))
VELOCITY = jnp.asarray(FRACTION + np.array([0.0, 150.0, 0.0]))
MASS = jnp.full(N, 1e5 / N)
G = 4.30241002e-6
SOFTENING = 0.05
GALAXY = jnp.array([4.37e11, 16.0, 6.8e10, 3.0, 0.28])
DT = 1e-3


def pairs(x, m):
    d = x[None, :, :] - x[:, None, :]
    s2 = jnp.sum(d * d, axis=-1) + SOFTENING**2
    return G * jnp.sum(m[None, :, None] * d * (s2**-1.5)[:, :, None], axis=1)


def galaxy(p, x):
    m_nfw, r_s, m_disk, a, b = p
    r = jnp.sqrt(jnp.sum(x * x, axis=-1, keepdims=True))
    s = r / r_s
    halo = -G * m_nfw * (jnp.log1p(s) - s / (1 + s)) * x / r**3
    q = jnp.sqrt(x[:, 2] ** 2 + b**2)
    k = -G * m_disk * (x[:, 0] ** 2 + x[:, 1] ** 2 + (a + q) ** 2) ** -1.5
    disk = jnp.stack([k * x[:, 0], k * x[:, 1], k * x[:, 2] * (a + q) / q], axis=1)
    return halo + disk


def run(p, x, v, self_gravity):
    def acceleration(x):
        return galaxy(p, x) + (pairs(x, MASS) if self_gravity else 0.0)

    def step(state, _):
        x, v, a = state
        x = x + DT * v + 0.5 * DT**2 * a
        b = acceleration(x)
        return (x, v + 0.5 * DT * (a + b), b), None

    (x, v, _), _ = jax.lax.scan(step, (x, v, acceleration(x)), length=args.steps)
    return x, v


def value(p, x, v, self_gravity):
    x, v = run(p, x, v, self_gravity)
    return 0.5 * (jnp.sum(x * x) + jnp.sum(v * v))


if args.case == "force":
    function, inputs = jax.jit(pairs), (POSITION, MASS)
elif args.case == "vjp":
    pull = lambda x, m, w: jax.vjp(pairs, x, m)[1](w)
    function, inputs = jax.jit(pull), (POSITION, MASS, VELOCITY)
else:
    self_gravity = args.case == "cluster"
    forward = lambda p, x, v: run(p, x, v, self_gravity)
    both = jax.value_and_grad(lambda p, x, v: value(p, x, v, self_gravity), argnums=(0, 1, 2))
    function, inputs = jax.jit(both if args.gradient else forward), (GALAXY, POSITION, VELOCITY)

start = time.perf_counter()
jax.block_until_ready(function(*inputs))
compiled = time.perf_counter() - start
times = []
for _ in range(args.repeat):
    start = time.perf_counter()
    jax.block_until_ready(function(*inputs))
    times.append(time.perf_counter() - start)
seconds = statistics.median(times)
result = vars(args) | {"seconds": seconds, "compile_seconds": compiled}
if args.case in ("force", "vjp"):
    result["pairs_per_second"] = N * N / seconds
else:
    result["seconds_per_step"] = seconds / args.steps
print(json.dumps(result))
