// What every kernel of this folder starts with; compile.py puts it before each source.
//
// The compiler defines `real` as float or double and NAME(f) as f_f32 or f_f64. There are no
// includes, so that nothing but the compiler is needed; the same text compiles as C++ for tests.

typedef unsigned long long u64;
typedef long long i64;

struct __align__(2 * sizeof(real)) complex {
    real re, im;
};

// A complex number in double precision, whatever `real` is: where factors meet, their product is
// rounded once.
struct __align__(16) complex64 {
    double re, im;
};

// Threads of a block.
#define BLOCK 256

#define KERNEL(name) extern "C" __global__ void __launch_bounds__(BLOCK) NAME(name)
// A kernel whose threads wait for one another.
#define BLOCK_KERNEL(name) KERNEL(name)

// All indices below n, shared out among the threads of the grid.
#define EACH(i, n)                                                                                 \
    for (u64 i = (u64)blockIdx.x * BLOCK + threadIdx.x; i < (n); i += (u64)gridDim.x * BLOCK)

// Adds up one number of each thread of a block in a fixed order; every thread gets the sum.
static __device__ double block_sum(double value) {
    __shared__ double parts[BLOCK];
    parts[threadIdx.x] = value;
    __syncthreads();
    for (unsigned half = BLOCK / 2; half > 0; half /= 2) {
        if (threadIdx.x < half) parts[threadIdx.x] += parts[threadIdx.x + half];
        __syncthreads();
    }
    double sum = parts[0];
    __syncthreads();
    return sum;
}

// The larger of two numbers, or NaN if one is.
static __device__ __forceinline__ double larger(double a, double b) {
    return b > a || b != b ? b : a;
}

// The largest of one number of each thread of a block, NaN if there is one; every thread gets it.
static __device__ double block_largest(double value) {
    __shared__ double parts[BLOCK];
    parts[threadIdx.x] = value;
    __syncthreads();
    for (unsigned half = BLOCK / 2; half > 0; half /= 2) {
        if (threadIdx.x < half)
            parts[threadIdx.x] = larger(parts[threadIdx.x], parts[threadIdx.x + half]);
        __syncthreads();
    }
    double most = parts[0];
    __syncthreads();
    return most;
}

static __device__ __forceinline__ complex times(complex a, complex b) {
    return {a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re};
}

// The place (x, y, z) of element `i` of an array whose last axes have the lengths ny and nz.
struct place {
    unsigned x, y, z;
};

static __device__ __forceinline__ place place_of(u64 i, unsigned ny, unsigned nz) {
    if (i >> 32) {
        u64 row = i / nz;
        return {(unsigned)(row / ny), (unsigned)(row % ny), (unsigned)(i % nz)};
    }
    // Division of 32 bits is several times as fast.
    unsigned at = (unsigned)i, row = at / nz, x = row / ny;
    return {x, row - x * ny, at - row * nz};
}
