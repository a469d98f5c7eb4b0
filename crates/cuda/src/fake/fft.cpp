// A cuFFT of plain sums, for tests: the five functions that this crate calls, for one array of
// three axes.

#include <cmath>
#include <complex>
#include <cstddef>
#include <mutex>
#include <vector>

namespace {

using Complex = std::complex<double>;

enum Type { R32 = 0, R64 = 1, C32 = 4, C64 = 5 };

struct Plan {
    size_t n[3];
    Type in, out;
    bool made, stream;
};

std::mutex everything;
std::vector<Plan> plans;

// Transforms lines of length n whose elements lie `stride` apart.
void lines(std::vector<Complex> &data, size_t n, size_t stride, int sign) {
    std::vector<Complex> roots(n), line(n);
    for (size_t i = 0; i < n; i++) {
        // Near zero the angle has most digits.
        double turn = i <= n / 2 ? double(i) / n : double(i) / n - 1;
        roots[i] = std::polar(1.0, sign * 2 * M_PI * turn);
    }
    for (size_t first = 0; first < data.size(); first++) {
        if (first / stride % n != 0) continue;
        for (size_t k = 0; k < n; k++) {
            Complex sum = 0;
            for (size_t j = 0; j < n; j++) sum += data[first + j * stride] * roots[j * k % n];
            line[k] = sum;
        }
        for (size_t k = 0; k < n; k++) data[first + k * stride] = line[k];
    }
}

double at(const void *data, size_t i, bool wide) {
    return wide ? ((const double *)data)[i] : ((const float *)data)[i];
}

void set(void *data, size_t i, bool wide, double value) {
    if (wide)
        ((double *)data)[i] = value;
    else
        ((float *)data)[i] = value;
}

} // namespace

extern "C" {

int cufftCreate(int *handle) {
    std::lock_guard<std::mutex> guard(everything);
    plans.push_back({});
    *handle = int(plans.size());
    return 0;
}

int cufftDestroy(int handle) {
    std::lock_guard<std::mutex> guard(everything);
    if (handle < 1 || handle > int(plans.size())) return 1;
    plans[handle - 1].made = false;
    return 0;
}

int cufftSetStream(int handle, void *stream) {
    std::lock_guard<std::mutex> guard(everything);
    if (handle < 1 || handle > int(plans.size())) return 1;
    plans[handle - 1].stream = stream != nullptr;
    return 0;
}

int cufftXtMakePlanMany(int handle, int rank, long long *n, long long *, long long, long long,
                        int in, long long *, long long, long long, int out, long long batch,
                        size_t *work, int execution) {
    std::lock_guard<std::mutex> guard(everything);
    if (handle < 1 || handle > int(plans.size())) return 1;
    if (rank != 3 || batch != 1 || execution != (in == R32 || in == C32 ? C32 : C64)) return 4;
    Plan &plan = plans[handle - 1];
    for (int d = 0; d < 3; d++) plan.n[d] = n[d];
    plan.in = Type(in);
    plan.out = Type(out);
    plan.made = true;
    *work = 0;
    return 0;
}

int cufftXtExec(int handle, void *in, void *out, int direction) {
    std::lock_guard<std::mutex> guard(everything);
    if (handle < 1 || handle > int(plans.size())) return 1;
    Plan plan = plans[handle - 1];
    if (!plan.made || !plan.stream) return 1;
    auto [nx, ny, nz] = plan.n;
    size_t n = nx * ny * nz, half = nz / 2 + 1;
    bool wide = plan.in == R64 || plan.in == C64;
    bool real_in = plan.in == R32 || plan.in == R64, real_out = plan.out == R32 || plan.out == R64;
    std::vector<Complex> data(n);
    for (size_t i = 0; i < n; i++) {
        size_t x = i / (ny * nz), y = i / nz % ny, z = i % nz;
        if (real_in) {
            data[i] = at(in, i, wide);
        } else if (!real_out) {
            data[i] = {at(in, 2 * i, wide), at(in, 2 * i + 1, wide)};
        } else if (z < half) {
            size_t k = (x * ny + y) * half + z;
            data[i] = {at(in, 2 * k, wide), at(in, 2 * k + 1, wide)};
        } else {
            size_t k = ((nx - x) % nx * ny + (ny - y) % ny) * half + (nz - z);
            data[i] = {at(in, 2 * k, wide), -at(in, 2 * k + 1, wide)};
        }
    }
    int sign = real_in ? -1 : real_out ? 1 : direction;
    lines(data, nz, 1, sign);
    lines(data, ny, nz, sign);
    lines(data, nx, ny * nz, sign);
    // A transform to real numbers spoils its input, as the library's does.
    if (real_out)
        for (size_t k = 0; k < nx * ny * half; k++) set(in, 2 * k, wide, 1e30);
    for (size_t i = 0; i < n; i++) {
        size_t z = i % nz, row = i / nz;
        if (real_out) {
            set(out, i, wide, data[i].real());
        } else if (!real_in || z < half) {
            size_t k = real_in ? row * half + z : i;
            set(out, 2 * k, wide, data[i].real());
            set(out, 2 * k + 1, wide, data[i].imag());
        }
    }
    return 0;
}

} // extern "C"
