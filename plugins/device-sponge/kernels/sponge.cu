// psi = exp(-dt s) psi
KERNEL(sponge)(complex *psi, const real *s, real dt, u64 n) {
    EACH(i, n) {
        real factor = exp(-dt * s[i]);
        psi[i] = {factor * psi[i].re, factor * psi[i].im};
    }
}

// bar = exp(-dt s) bar, s_bar -= dt Re(conj(bar) psi'), with psi' = exp(-dt s) psi.
KERNEL(sponge_vjp)(complex *bar, real *s_bar, const complex *psi, const real *s, real dt, u64 n) {
    EACH(i, n) {
        real factor = exp(-dt * s[i]);
        complex y = {factor * bar[i].re, factor * bar[i].im};
        s_bar[i] -= dt * (y.re * psi[i].re + y.im * psi[i].im);
        bar[i] = y;
    }
}
