#!/usr/bin/env python3
"""Compiles the kernels of this folder to PTX, with NVRTC and nothing else.

    pip install nvidia-cuda-nvrtc-cu12==12.4.127
    python3 compile.py [FOLDER]            writes NAME.f32.ptx and NAME.f64.ptx beside each NAME.cu
    python3 compile.py --check [FOLDER]    compiles and compares; exit code 3 without NVRTC

FOLDER holds the sources of a plugin; without it those of this folder are meant.

The first line of each file holds a hash of what it was made of, which a test of the crate compares.
PTX of CUDA 12.4 loads on drivers 550 and newer.
"""

import ctypes
import importlib.util
import pathlib
import sys

FOLDER = pathlib.Path(__file__).resolve().parent
PRECISIONS = {
    "f32": ("float", "sincospif", "fmodf"),
    "f64": ("double", "sincospi", "fmod"),
}
OPTIONS = ["--gpu-architecture=compute_70", "--std=c++17", "--diag-suppress=177"]
VERSION = (12, 4)


def library():
    """NVRTC of the wheel, or of the system."""
    names = []
    try:
        spec = importlib.util.find_spec("nvidia.cuda_nvrtc")
    except ModuleNotFoundError:
        spec = None
    if spec is not None:
        for place in spec.submodule_search_locations:
            # The helper library is found only where it is open already.
            for helper in pathlib.Path(place, "lib").glob("libnvrtc-builtins.so.*"):
                ctypes.CDLL(str(helper), ctypes.RTLD_GLOBAL)
            names += sorted(pathlib.Path(place, "lib").glob("libnvrtc.so.12"))
    for name in [*map(str, names), "libnvrtc.so.12"]:
        try:
            found = ctypes.CDLL(name)
        except OSError:
            continue
        major, minor = ctypes.c_int(), ctypes.c_int()
        found.nvrtcVersion(ctypes.byref(major), ctypes.byref(minor))
        if (major.value, minor.value) == VERSION:
            return found
    return None


def definitions(precision):
    real, sincospi, fmod = PRECISIONS[precision]
    return (
        f"#define real {real}\n#define NAME(f) f##_{precision}\n"
        f"#define SINCOSPI {sincospi}\n#define FMOD {fmod}\n"
    )


def source(path, precision):
    return definitions(precision) + (FOLDER / "prelude.cuh").read_text() + path.read_text()


def fnv1a(text):
    value = 0xCBF29CE484222325
    for byte in text.encode():
        value = (value ^ byte) * 0x100000001B3 % 2**64
    return value


def compiled(nvrtc, path, precision):
    text = source(path, precision)
    program = ctypes.c_void_p()
    name = path.name.encode()
    made = nvrtc.nvrtcCreateProgram(ctypes.byref(program), text.encode(), name, 0, None, None)
    assert made == 0, f"nvrtcCreateProgram: {made}"
    options = (ctypes.c_char_p * len(OPTIONS))(*(option.encode() for option in OPTIONS))
    code = nvrtc.nvrtcCompileProgram(program, len(OPTIONS), options)
    size = ctypes.c_size_t()
    nvrtc.nvrtcGetProgramLogSize(program, ctypes.byref(size))
    log = ctypes.create_string_buffer(size.value)
    nvrtc.nvrtcGetProgramLog(program, log)
    if log.value.strip():
        print(log.value.decode(), file=sys.stderr)
    if code != 0:
        sys.exit(f"{path.name} in {precision}: NVRTC code {code}")
    nvrtc.nvrtcGetPTXSize(program, ctypes.byref(size))
    ptx = ctypes.create_string_buffer(size.value)
    nvrtc.nvrtcGetPTX(program, ptx)
    nvrtc.nvrtcDestroyProgram(ctypes.byref(program))
    head = f"// {path.stem} {precision}, source {fnv1a(text):016x}, NVRTC 12.4, {OPTIONS[0]}\n"
    return head + ptx.value.decode()


def main():
    nvrtc = library()
    if nvrtc is None:
        print("no NVRTC 12.4: pip install nvidia-cuda-nvrtc-cu12==12.4.127", file=sys.stderr)
        sys.exit(3)
    folders = [pathlib.Path(given) for given in sys.argv[1:] if given != "--check"]
    sources = [path for folder in folders or [FOLDER] for path in sorted(folder.glob("*.cu"))]
    for path in sources:
        for precision in PRECISIONS:
            ptx = compiled(nvrtc, path, precision)
            target = path.with_suffix(f".{precision}.ptx")
            if "--check" not in sys.argv[1:]:
                target.write_text(ptx)
            elif not target.exists() or target.read_text() != ptx:
                sys.exit(f"{target.name} is not what {path.name} compiles to: run compile.py")


if __name__ == "__main__":
    main()
