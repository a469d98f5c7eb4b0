// Multiplication of modes. Tables hold numbers along x, then y, then z; nz counts the modes along
// z that are there, half of them for real fields.

// z_k *= scale response_k
KERNEL(filter)(complex *z, const real *response, real scale, u64 n) {
    EACH(i, n) {
        real factor = scale * response[i];
        z[i] = {factor * z[i].re, factor * z[i].im};
    }
}

// V_k = factor rho_k / k^2, V_0 = 0, with a table of the squares.
KERNEL(green)(complex *z, const real *squares, real factor, unsigned nx, unsigned ny, unsigned nz) {
    u64 n = (u64)nx * ny * nz;
    EACH(i, n) {
        place k = place_of(i, ny, nz);
        real square = squares[k.x] + squares[nx + k.y] + squares[nx + ny + k.z];
        real green = square > 0 ? factor / square : (real)0;
        z[i] = {green * z[i].re, green * z[i].im};
    }
}

// out_k = i factor k_axis z_k, added to what is there if `add`.
KERNEL(derivative)(complex *out, const complex *z, const real *wavenumbers, int axis, real factor,
                   int add, unsigned nx, unsigned ny, unsigned nz) {
    u64 n = (u64)nx * ny * nz;
    EACH(i, n) {
        place at = place_of(i, ny, nz);
        unsigned entry = axis == 0 ? at.x : axis == 1 ? nx + at.y : nx + ny + at.z;
        real k = factor * wavenumbers[entry];
        complex found = {-k * z[i].im, k * z[i].re};
        out[i] = add ? complex{out[i].re + found.re, out[i].im + found.im} : found;
    }
}
