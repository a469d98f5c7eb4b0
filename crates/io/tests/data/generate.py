"""Writes h5py.h5, stored.npz and deflated.npz, which tests/golden.rs reads.

Run by hand with h5py 3 and NumPy 2; every value follows from the formulas here.
"""

import h5py
import numpy as np

n = np.arange(24, dtype=np.float64).reshape(2, 3, 4)
z = np.exp(1j * n / 5)
arrays = {
    "f64": n / 3,
    "f32": (n / 3).astype(np.float32),
    "c128": z,
    "c64": z.astype(np.complex64),
    "i32": (n - 5).astype(np.int32),
    "u8": n.astype(np.uint8),
    "big_f64": (n / 3).astype(">f8"),
    "big_c64": z.astype(">c8"),
    "scalar": np.float64(2.5),
    "empty": np.zeros((0, 3)),
}

with h5py.File("h5py.h5", "w") as f:
    for name, array in arrays.items():
        f[f"group/{name}"] = array
        f[f"group/{name}"].attrs["units"] = "kpc"
    f.create_dataset("chunked", data=n / 3, chunks=(1, 2, 3), compression="gzip", shuffle=True)
    f["text"] = "not a number"
    f.attrs["note"] = "written by h5py"

np.savez("stored.npz", **arrays, column_major=np.asfortranarray(n / 3), text=np.array("no"))
np.savez_compressed("deflated.npz", **arrays)
