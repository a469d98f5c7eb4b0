// Wave dark matter: density, kick and drift, with their adjoints.
//
//   psi' = exp(-i phi) psi,  phi = a (V + V_si),  V_si = rho (c1 + c2 rho),  rho = |psi|^2
//
// Angles are counted in quarter turns, phi = (pi/2) t with t = turns (V + V_si), so that their
// reduction is exact.

static __device__ __forceinline__ complex quarter_turns(real t) {
    complex z;
    SINCOSPI((real)0.5 * t, &z.im, &z.re);
    return z;
}

static __device__ __forceinline__ real norm(complex z) {
    return z.re * z.re + z.im * z.im;
}

// rho = factor |psi|^2, added to what is there if `add`.
KERNEL(density)(real *rho, const complex *psi, real factor, int add, u64 n) {
    EACH(i, n) {
        real found = factor * norm(psi[i]);
        rho[i] = add ? rho[i] + found : found;
    }
}

// psi_bar += 2 factor rho_bar psi
KERNEL(density_vjp)(complex *psi_bar, const complex *psi, const real *rho_bar, real factor, u64 n) {
    EACH(i, n) {
        real twice = (factor + factor) * rho_bar[i];
        complex y = psi_bar[i], z = psi[i];
        psi_bar[i] = {y.re + twice * z.re, y.im + twice * z.im};
    }
}

// psi = exp(-i phi) psi
KERNEL(kick)(complex *psi, const real *v, real turns, real c1, real c2, u64 n) {
    EACH(i, n) {
        complex z = psi[i];
        real rho = norm(z);
        psi[i] = times(z, quarter_turns(-turns * (v[i] + rho * (c1 + c2 * rho))));
    }
}

// part_b = the largest |V + V_si| of block b.
BLOCK_KERNEL(largest_potential)(const complex *psi, const real *v, real c1, real c2, u64 n,
                                double *part) {
    double most = 0;
    EACH(i, n) {
        real rho = norm(psi[i]);
        most = larger(most, fabs((double)(v[i] + rho * (c1 + c2 * rho))));
    }
    most = block_largest(most);
    if (threadIdx.x == 0) part[blockIdx.x] = most;
}

// Pulls y = psi_bar back through the kick, given psi before it or, with `undo`, after it: then psi
// is set back too. With y = exp(i phi) y',
//
//   phi_bar = Im(conj(y) psi),  V_bar += a phi_bar,  psi_bar = y + 2 a c1 s phi_bar psi,
//
// s = 1 + slope rho; parts: sum phi_bar (V + V_si), sum phi_bar rho s.
BLOCK_KERNEL(kick_vjp)(complex *psi, const real *v, complex *psi_bar, real *v_bar, real turns,
                       real a, real c1, real c2, real slope, int undo, u64 n, double *part) {
    double potential = 0, interaction = 0;
    EACH(i, n) {
        complex z = psi[i];
        real rho = norm(z);
        real total = v[i] + rho * (c1 + c2 * rho);
        complex back = quarter_turns(turns * total);
        if (undo) {
            z = times(z, back);
            psi[i] = z;
        }
        complex y = times(psi_bar[i], back);
        real phi_bar = z.im * y.re - z.re * y.im;
        v_bar[i] += a * phi_bar;
        real s = (real)1 + slope * rho;
        real rho_bar = (a + a) * c1 * s * phi_bar;
        psi_bar[i] = {y.re + rho_bar * z.re, y.im + rho_bar * z.im};
        potential += (double)phi_bar * (double)total;
        interaction += (double)phi_bar * (double)(rho * s);
    }
    potential = block_sum(potential);
    interaction = block_sum(interaction);
    if (threadIdx.x == 0) {
        part[blockIdx.x] = potential;
        part[gridDim.x + blockIdx.x] = interaction;
    }
}

// exp(-+ i theta) of the mode k, from a table along each axis: x, then y, then z.
static __device__ __forceinline__ complex phase(const complex64 *table, place k, unsigned nx,
                                                unsigned ny, int back) {
    complex64 a = table[k.x], b = table[nx + k.y], c = table[nx + ny + k.z];
    complex ab = {(real)(a.re * b.re - a.im * b.im), (real)(a.re * b.im + a.im * b.re)};
    complex turn = times(ab, {(real)c.re, (real)c.im});
    if (back) turn.im = -turn.im;
    return turn;
}

// psi_k = scale exp(-i theta_k) psi_k, or exp(i theta_k) with `back`.
KERNEL(drift)(complex *psi, const complex64 *table, real scale, int back, unsigned nx, unsigned ny,
              unsigned nz) {
    u64 n = (u64)nx * ny * nz;
    EACH(i, n) {
        complex z = times(psi[i], phase(table, place_of(i, ny, nz), nx, ny, back));
        psi[i] = {scale * z.re, scale * z.im};
    }
}

// Pulls y = psi_bar back through the drift, both in modes: y turns back, and with `undo` so does
// psi. parts: sum theta_k Im(conj(y_k) psi_k); where psi is the wave before the drift, y is turned
// back first, as a common phase drops out of the product.
BLOCK_KERNEL(drift_vjp)(complex *psi, complex *psi_bar, const complex64 *table, const double *theta,
                        real scale, int undo, unsigned nx, unsigned ny, unsigned nz, double *part) {
    u64 n = (u64)nx * ny * nz;
    double sum = 0;
    EACH(i, n) {
        place k = place_of(i, ny, nz);
        complex turn = phase(table, k, nx, ny, 1);
        complex z = psi[i], y = times(psi_bar[i], turn);
        if (undo) {
            z = times(z, turn);
            psi[i] = {scale * z.re, scale * z.im};
        }
        sum += (theta[k.x] + theta[nx + k.y] + theta[nx + ny + k.z]) *
               ((double)y.re * (double)z.im - (double)y.im * (double)z.re);
        psi_bar[i] = {scale * y.re, scale * y.im};
    }
    sum = block_sum(sum);
    if (threadIdx.x == 0) part[blockIdx.x] = sum;
}
