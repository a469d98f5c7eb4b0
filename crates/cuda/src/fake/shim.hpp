// CUDA C as C++: what the kernels' text needs to compile and run on a CPU, one thread at a time.

#pragma once

#include <cmath>
#include <cstddef>
#include <utility>

struct index3 {
    unsigned x, y, z;
};

// The kernel that runs now. One launch runs at a time.
extern index3 threadIdx, blockIdx, blockDim, gridDim;

// Lets the other threads of the block run up to here.
void wait_for_block();

#define __global__
#define __device__
#define __forceinline__ inline
#define __launch_bounds__(threads)
#define __align__(bytes) alignas(bytes)
// Blocks run one after another.
#define __shared__ static
#define __syncthreads() wait_for_block()

// exp(i pi x) with the turns taken off exactly, as the device's functions do.
inline void sincospi(double x, double *sin, double *cos) {
    double r = x - 2 * std::nearbyint(x / 2);
    *sin = std::sin(M_PI * r);
    *cos = std::cos(M_PI * r);
}

inline void sincospif(float x, float *sin, float *cos) {
    double s, c;
    sincospi(x, &s, &c);
    *sin = s;
    *cos = c;
}

template <class T> T atomicAdd(T *to, T value) {
    T before = *to;
    *to += value;
    return before;
}

// Calls a kernel with the arguments that a launch points to.
template <auto kernel> struct Call;
template <class... A, void (*kernel)(A...)> struct Call<kernel> {
    template <std::size_t... i> static void with(void **arguments, std::index_sequence<i...>) {
        kernel(*static_cast<A *>(arguments[i])...);
    }
    static void call(void **arguments) { with(arguments, std::index_sequence_for<A...>{}); }
};

struct Kernel {
    const char *name;
    void (*call)(void **);
    // Whether its threads wait for one another.
    bool block;
};
