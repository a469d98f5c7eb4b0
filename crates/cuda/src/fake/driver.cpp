// A driver without a device, for tests: the functions of libcuda that this crate calls, on memory
// of the host. It checks what a real one would only punish: a context for every call, known streams
// and memory, writes past the end of an allocation, reads of memory that was never written (which
// holds NaN).

#include <ucontext.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "shim.hpp"

// Each precision in a namespace of its own, as the compiler of the device sees it.
#define real float
#define NAME(f) f##_f32
#define SINCOSPI sincospif
#define FMOD fmodf
namespace f32 {
#include "kernels.inc"
}
#undef real
#undef NAME
#undef SINCOSPI
#undef FMOD
#define real double
#define NAME(f) f##_f64
#define SINCOSPI sincospi
#define FMOD fmod
namespace f64 {
#include "kernels.inc"
}

// Written by the build: { "axpy_f32", Call<f32::axpy_f32>::call, false }, ...
static const Kernel kernels[] = {
#include "table.inc"
};

index3 threadIdx, blockIdx, blockDim, gridDim;

namespace {

std::recursive_mutex everything;

struct Module {
    std::string text;
};

std::map<uintptr_t, size_t> memory;
std::set<void *> streams, pinned;
size_t used = 0, total = size_t(1) << 30;
int contexts = 0;
thread_local bool current = false;
// The next call of this function fails with this code; a new order mends a lost device.
std::string failing;
int failure = 0;
int lost = 0;
long launches = 0;

const unsigned char END[32] = "the end of an allocation....";

int enter(const char *function, bool needs_context = true) {
    if (lost) return lost;
    if (failing == function) {
        failing.clear();
        // Faults of a kernel end the context.
        if (failure >= 700) lost = failure;
        return failure;
    }
    return needs_context && !current ? 201 : 0;
}

#define ENTER(...)                                                                                 \
    std::lock_guard<std::recursive_mutex> guard(everything);                                       \
    if (int code = enter(__func__ __VA_OPT__(, ) __VA_ARGS__)) return code;

bool inside(uintptr_t at, size_t bytes) {
    auto next = memory.upper_bound(at);
    if (next == memory.begin()) return false;
    auto found = std::prev(next);
    return at + bytes <= found->first + found->second;
}

bool intact() {
    for (auto [at, bytes] : memory)
        if (std::memcmp((void *)(at + bytes), END, sizeof END)) return false;
    return true;
}

// Threads that wait for one another are fibers.
constexpr size_t STACK = 64 << 10;
ucontext_t scheduler;
struct Fiber {
    ucontext_t at;
    bool done;
};
std::vector<Fiber> fibers;
std::vector<char> stacks;
const Kernel *running;
void **running_arguments;

void start() {
    running->call(running_arguments);
    fibers[threadIdx.x].done = true;
}

void run_block(unsigned threads) {
    fibers.resize(threads);
    stacks.resize(threads * STACK);
    for (unsigned i = 0; i < threads; i++) {
        Fiber &fiber = fibers[i];
        fiber.done = false;
        getcontext(&fiber.at);
        fiber.at.uc_stack.ss_sp = stacks.data() + i * STACK;
        fiber.at.uc_stack.ss_size = STACK;
        fiber.at.uc_link = &scheduler;
        makecontext(&fiber.at, start, 0);
    }
    for (bool some = true; some;) {
        some = false;
        for (unsigned i = 0; i < threads; i++) {
            if (fibers[i].done) continue;
            threadIdx = {i, 0, 0};
            swapcontext(&scheduler, &fibers[i].at);
            some = some || !fibers[i].done;
        }
    }
}

} // namespace

void wait_for_block() {
    swapcontext(&fibers[threadIdx.x].at, &scheduler);
}

extern "C" {

// For tests.
void fake_fail(const char *function, int code) {
    std::lock_guard<std::recursive_mutex> guard(everything);
    failing = function;
    failure = code;
    lost = 0;
}
void fake_memory(size_t bytes) {
    std::lock_guard<std::recursive_mutex> guard(everything);
    total = bytes;
}
size_t fake_used() {
    std::lock_guard<std::recursive_mutex> guard(everything);
    return used;
}
long fake_launches() {
    std::lock_guard<std::recursive_mutex> guard(everything);
    return launches;
}

int cuInit(unsigned) { return enter(__func__, false); }

int cuDriverGetVersion(int *version) {
    *version = 12040;
    return 0;
}

int cuGetErrorString(int code, const char **text) {
    // The driver has no text for codes that it does not know.
    *text = code < 900 ? "an error of the fake driver" : nullptr;
    return *text ? 0 : 1;
}

int cuDeviceGetCount(int *count) {
    ENTER(false)
    *count = 2;
    return 0;
}

int cuDeviceGet(int *device, int ordinal) {
    ENTER(false)
    if (ordinal < 0 || ordinal > 1) return 101;
    *device = ordinal;
    return 0;
}

int cuDeviceGetName(char *name, int length, int) {
    ENTER(false)
    std::strncpy(name, "Fake device", length);
    return 0;
}

int cuDeviceTotalMem_v2(size_t *bytes, int) {
    ENTER(false)
    *bytes = total;
    return 0;
}

int cuDeviceGetAttribute(int *value, int attribute, int) {
    ENTER(false)
    // Multiprocessors; compute capability 7.0.
    *value = attribute == 16 ? 4 : attribute == 75 ? 7 : 0;
    return 0;
}

int cuDevicePrimaryCtxRetain(void **context, int) {
    ENTER(false)
    contexts++;
    *context = &contexts;
    return 0;
}

int cuDevicePrimaryCtxRelease_v2(int) {
    ENTER(false)
    return contexts-- > 0 ? 0 : 201;
}

int cuCtxSetCurrent(void *context) {
    ENTER(false)
    if (context && (context != &contexts || contexts == 0)) return 201;
    current = context != nullptr;
    return 0;
}

int cuCtxSynchronize() {
    ENTER()
    return 0;
}

int cuStreamCreateWithPriority(void **stream, unsigned, int) {
    ENTER()
    *stream = std::malloc(1);
    streams.insert(*stream);
    return 0;
}

int cuStreamDestroy_v2(void *stream) {
    ENTER()
    if (!streams.erase(stream)) return 400;
    std::free(stream);
    return 0;
}

int cuStreamSynchronize(void *stream) {
    ENTER()
    if (!streams.count(stream)) return 400;
    if (!intact()) lost = 700;
    return lost;
}

int cuMemGetInfo_v2(size_t *free, size_t *all) {
    ENTER()
    *all = total;
    *free = used < total ? total - used : 0;
    return 0;
}

int cuMemAlloc_v2(uintptr_t *pointer, size_t bytes) {
    ENTER()
    if (bytes == 0) return 1;
    if (used + bytes > total) return 2;
    void *at = std::aligned_alloc(256, (bytes + sizeof END + 255) / 256 * 256);
    if (!at) return 2;
    std::memset(at, 0xff, bytes);
    std::memcpy((char *)at + bytes, END, sizeof END);
    memory[(uintptr_t)at] = bytes;
    used += bytes;
    *pointer = (uintptr_t)at;
    return 0;
}

int cuMemFree_v2(uintptr_t pointer) {
    ENTER()
    auto found = memory.find(pointer);
    if (found == memory.end()) return 1;
    if (!intact()) return lost = 700;
    used -= found->second;
    memory.erase(found);
    std::free((void *)pointer);
    return 0;
}

int cuMemAllocHost_v2(void **pointer, size_t bytes) {
    ENTER()
    if (bytes == 0) return 1;
    void *at = std::malloc(bytes);
    if (!at) return 2;
    std::memset(at, 0xff, bytes);
    pinned.insert(at);
    *pointer = at;
    return 0;
}

int cuMemFreeHost(void *pointer) {
    ENTER()
    if (!pinned.erase(pointer)) return 1;
    std::free(pointer);
    return 0;
}

int cuMemcpyHtoDAsync_v2(uintptr_t to, const void *from, size_t bytes, void *stream) {
    ENTER()
    if (!streams.count(stream) || !inside(to, bytes)) return 1;
    std::memcpy((void *)to, from, bytes);
    return 0;
}

int cuMemcpyDtoHAsync_v2(void *to, uintptr_t from, size_t bytes, void *stream) {
    ENTER()
    if (!streams.count(stream) || !inside(from, bytes)) return 1;
    std::memcpy(to, (void *)from, bytes);
    return 0;
}

int cuMemcpyDtoDAsync_v2(uintptr_t to, uintptr_t from, size_t bytes, void *stream) {
    ENTER()
    if (!streams.count(stream) || !inside(from, bytes) || !inside(to, bytes)) return 1;
    std::memmove((void *)to, (void *)from, bytes);
    return 0;
}

int cuMemsetD8Async(uintptr_t to, unsigned char value, size_t bytes, void *stream) {
    ENTER()
    if (!streams.count(stream) || !inside(to, bytes)) return 1;
    std::memset((void *)to, value, bytes);
    return 0;
}

int cuModuleLoadDataEx(void **module, const void *image, unsigned, void *, void *) {
    ENTER()
    std::string text((const char *)image);
    if (text.find(".version") == std::string::npos) return 218;
    *module = new Module{text};
    return 0;
}

int cuModuleUnload(void *module) {
    ENTER()
    delete (Module *)module;
    return 0;
}

int cuModuleGetFunction(const Kernel **function, void *module, const char *name) {
    ENTER()
    if (((Module *)module)->text.find(std::string(".entry ") + name + "(") == std::string::npos)
        return 500;
    for (const Kernel &kernel : kernels)
        if (!std::strcmp(kernel.name, name)) {
            *function = &kernel;
            return 0;
        }
    return 500;
}

int cuLaunchKernel(const Kernel *kernel, unsigned gx, unsigned gy, unsigned gz, unsigned bx,
                   unsigned by, unsigned bz, unsigned, void *stream, void **arguments, void **) {
    ENTER()
    if (!streams.count(stream)) return 400;
    if (gx == 0 || gy != 1 || gz != 1 || bx == 0 || bx > 1024 || by != 1 || bz != 1) return 1;
    launches++;
    running = kernel;
    running_arguments = arguments;
    gridDim = {gx, 1, 1};
    blockDim = {bx, 1, 1};
    for (unsigned block = 0; block < gx; block++) {
        blockIdx = {block, 0, 0};
        if (kernel->block) {
            run_block(bx);
            continue;
        }
        for (unsigned thread = 0; thread < bx; thread++) {
            threadIdx = {thread, 0, 0};
            kernel->call(arguments);
        }
    }
    return 0;
}

} // extern "C"
