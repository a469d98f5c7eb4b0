// Particles on a mesh: cloud-in-cell deposit and readout (Hockney & Eastwood 1988, 5-3-1), kick and
// drift, with their adjoints. Positions and velocities have three numbers a particle.

struct mesh_box {
    unsigned cells[3];
    real size[3];
    real per_spacing[3];
};

// x moved by whole box lengths into [0, size).
static __device__ __forceinline__ real wrapped(real x, real size) {
    if (x >= 0 && x < size) return x;
    real rest = FMOD(x, size);
    if (rest < 0) rest += size;
    return rest >= size ? (real)0 : rest;
}

struct cloud {
    // Corners are numbered 4 a + 2 b + c, with a, b, c one for the upper cell along x, y, z.
    u64 cell[8];
    real share[3][2];
};

static __device__ cloud cloud_at(const real *x, mesh_box box) {
    cloud c;
    unsigned at[3][2];
    for (int d = 0; d < 3; d++) {
        unsigned n = box.cells[d];
        // s + 1, which is positive: truncation is the floor.
        real s = wrapped(x[d], box.size[d]) * box.per_spacing[d] + (real)0.5;
        // A conversion of NaN gives a number outside, so that it must be kept inside.
        int i = s >= 0 && s <= (real)n + 1 ? (int)s : 0;
        real share = s - (real)i;
        unsigned upper = (unsigned)i < n ? (unsigned)i : n;
        at[d][0] = upper == 0 ? n - 1 : upper - 1;
        at[d][1] = upper == n ? 0 : upper;
        c.share[d][0] = (real)1 - share;
        c.share[d][1] = share;
    }
    for (int corner = 0; corner < 8; corner++) {
        u64 row = (u64)at[0][corner / 4] * box.cells[1] + at[1][corner / 2 % 2];
        c.cell[corner] = row * box.cells[2] + at[2][corner % 2];
    }
    return c;
}

static __device__ __forceinline__ real weight(const cloud &c, int corner) {
    return c.share[0][corner / 4] * (c.share[1][corner / 2 % 2] * c.share[2][corner % 2]);
}

// The derivative of the interpolated field with respect to the position.
static __device__ void gradient(const cloud &c, const real *f, mesh_box box, real *out) {
    for (int d = 0; d < 3; d++) {
        int step = d == 0 ? 4 : d == 1 ? 2 : 1;
        int e = d == 0 ? 1 : 0, g = d == 2 ? 1 : 2;
        int e_step = e == 0 ? 4 : 2, g_step = g == 1 ? 2 : 1;
        real sum = 0;
        for (int b = 0; b < 2; b++)
            for (int a = 0; a < 2; a++) {
                int low = b * e_step + a * g_step;
                sum += c.share[e][b] * (c.share[g][a] * (f[low + step] - f[low]));
            }
        out[d] = box.per_spacing[d] * sum;
    }
}

// rho += factor m w, where the number of particle i is m[stride i + offset].
KERNEL(deposit)(real *rho, const real *x, const real *m, unsigned stride, unsigned offset,
                real factor, mesh_box box, u64 n) {
    EACH(i, n) {
        cloud c = cloud_at(x + 3 * i, box);
        real value = factor * m[(u64)stride * i + offset];
        for (int corner = 0; corner < 8; corner++)
            atomicAdd(rho + c.cell[corner], value * weight(c, corner));
    }
}

// part_b = the part of sum |m| that block b has.
BLOCK_KERNEL(sum_abs)(const real *m, unsigned stride, unsigned offset, u64 n, double *part) {
    double sum = 0;
    EACH(i, n) {
        double value = (double)m[(u64)stride * i + offset];
        sum += value < 0 ? -value : value;
    }
    sum = block_sum(sum);
    if (threadIdx.x == 0) part[blockIdx.x] = sum;
}

// The units in a number one: a power of two, such that `factor` times the sum of the parts is at
// most 2^61 units.
KERNEL(units)(double *units, const double *part, unsigned parts, real factor) {
    if (blockIdx.x != 0 || threadIdx.x != 0) return;
    double sum = 0;
    for (unsigned i = 0; i < parts; i++) sum += part[i];
    double most = fabs((double)factor) * sum;
    // NaN and infinity become NaN in every cell.
    double exponent = floor(60 - log2(most));
    *units = most == 0 ? 1.0 : exp2(exponent > 1000 ? 1000.0 : exponent);
}

// As `deposit`, onto integers in the units of `units`: their sum has no order.
KERNEL(deposit_units)(u64 *rho, const double *units, const real *x, const real *m, unsigned stride,
                      unsigned offset, real factor, mesh_box box, u64 n) {
    EACH(i, n) {
        cloud c = cloud_at(x + 3 * i, box);
        real value = factor * m[(u64)stride * i + offset];
        for (int corner = 0; corner < 8; corner++)
            atomicAdd(rho + c.cell[corner],
                      (u64)llrint((double)(value * weight(c, corner)) * *units));
    }
}

// rho += the integers
KERNEL(from_units)(real *rho, const u64 *integers, const double *units, u64 n) {
    EACH(i, n) rho[i] += (real)((double)(i64)integers[i] / *units);
}

// value_i += f(x_i)
KERNEL(readout)(real *value, const real *f, const real *x, mesh_box box, u64 n) {
    EACH(i, n) {
        cloud c = cloud_at(x + 3 * i, box);
        real sum = 0;
        for (int corner = 0; corner < 8; corner++) sum += weight(c, corner) * f[c.cell[corner]];
        value[i] += sum;
    }
}

// x_bar += factor m grad f, value_bar += factor f: the adjoint of a deposit, and with a null
// value_bar that of a readout to its positions.
KERNEL(gather_vjp)(real *x_bar, real *value_bar, const real *f, const real *x, const real *m,
                   real factor, mesh_box box, u64 n) {
    EACH(i, n) {
        cloud c = cloud_at(x + 3 * i, box);
        real corners[8], slope[3], sum = 0;
        for (int corner = 0; corner < 8; corner++) {
            corners[corner] = f[c.cell[corner]];
            sum += weight(c, corner) * corners[corner];
        }
        gradient(c, corners, box, slope);
        for (int d = 0; d < 3; d++) x_bar[3 * i + d] += factor * m[i] * slope[d];
        if (value_bar) value_bar[i] += factor * sum;
    }
}

// v += dt a(x)
KERNEL(kick_particles)(real *v, const real *x, const real *ax, const real *ay, const real *az,
                       real dt, mesh_box box, u64 n) {
    EACH(i, n) {
        cloud c = cloud_at(x + 3 * i, box);
        real sum[3] = {0, 0, 0};
        for (int corner = 0; corner < 8; corner++) {
            real w = weight(c, corner);
            u64 cell = c.cell[corner];
            sum[0] += w * ax[cell];
            sum[1] += w * ay[cell];
            sum[2] += w * az[cell];
        }
        for (int d = 0; d < 3; d++) v[3 * i + d] += dt * sum[d];
    }
}

// x_bar += dt (da/dx)^T v_bar, and with `undo` v -= dt a(x).
KERNEL(kick_particles_vjp)(real *x_bar, real *v, const real *v_bar, const real *x, const real *ax,
                           const real *ay, const real *az, real dt, int undo, mesh_box box, u64 n) {
    EACH(i, n) {
        cloud c = cloud_at(x + 3 * i, box);
        real pull[3], corners[8], slope[3], sum[3] = {0, 0, 0};
        for (int d = 0; d < 3; d++) pull[d] = dt * v_bar[3 * i + d];
        for (int corner = 0; corner < 8; corner++) {
            real w = weight(c, corner);
            u64 cell = c.cell[corner];
            real a[3] = {ax[cell], ay[cell], az[cell]};
            // A gradient is linear in the field: the one of the weighted sum does for all three.
            corners[corner] = pull[0] * a[0] + pull[1] * a[1] + pull[2] * a[2];
            for (int d = 0; d < 3; d++) sum[d] += w * a[d];
        }
        gradient(c, corners, box, slope);
        for (int d = 0; d < 3; d++) {
            x_bar[3 * i + d] += slope[d];
            if (undo) v[3 * i + d] -= dt * sum[d];
        }
    }
}

// x = wrapped(x + dt v)
KERNEL(drift_particles)(real *x, const real *v, real dt, mesh_box box, u64 n) {
    EACH(i, 3 * n) {
        unsigned d = i % 3;
        real size = d == 0 ? box.size[0] : d == 1 ? box.size[1] : box.size[2];
        x[i] = wrapped(x[i] + dt * v[i], size);
    }
}

// part_b = the largest |v| of block b along x; then those along y, and along z.
BLOCK_KERNEL(fastest)(const real *v, u64 n, double *part) {
    double most[3] = {0, 0, 0};
    EACH(i, n) for (int d = 0; d < 3; d++) most[d] = larger(most[d], fabs((double)v[3 * i + d]));
    for (int d = 0; d < 3; d++) {
        double of_block = block_largest(most[d]);
        if (threadIdx.x == 0) part[d * gridDim.x + blockIdx.x] = of_block;
    }
}
