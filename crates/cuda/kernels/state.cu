// What states can do: scale and add, inner products, zeros.

// y += a x
KERNEL(axpy)(real *y, const real *x, real a, u64 n) {
    EACH(i, n) y[i] += a * x[i];
}

// y = a
KERNEL(fill)(real *y, real a, u64 n) {
    EACH(i, n) y[i] = a;
}

// y *= a
KERNEL(scale)(real *y, real a, u64 n) {
    EACH(i, n) y[i] *= a;
}

// part_b = the part of sum x y that block b has; the host adds the parts in order.
BLOCK_KERNEL(dot)(const real *x, const real *y, u64 n, double *part) {
    double sum = 0;
    EACH(i, n) sum += (double)x[i] * (double)y[i];
    sum = block_sum(sum);
    if (threadIdx.x == 0) part[blockIdx.x] = sum;
}

// part_b != 0 where block b has met NaN or infinity.
BLOCK_KERNEL(not_finite)(const real *x, u64 n, double *part) {
    double found = 0;
    EACH(i, n) if (!(x[i] - x[i] == (real)0)) found = 1;
    found = block_sum(found);
    if (threadIdx.x == 0) part[blockIdx.x] = found;
}
