"""Prints the table of `peers.sh`: adastra beside its peer, case by case."""

import json
import sys

rows = [json.loads(line) for line in open(sys.argv[1])]
key = lambda r: (r["case"], r["cells"], r["particles"], r["precision"], r["steps"])
peer = {key(r): r for r in rows if not r["code"].startswith("adastra")}
forward = {
    ("gas" if r["case"] == "gas" else "waves", *key(r)[1:4]): r["seconds"] / r["steps"]
    for r in rows
    if r["code"] == "adastra (forward)" and r["case"] in ("forward", "gas")
}
print("| case | cells | particles | precision | steps | schedule | adastra ms/step | peer ms/step | peer / adastra | forward runs |")
print("|---|---|---|---|---|---|---|---|---|---|")
for r in rows:
    if not r["code"].startswith("adastra"):
        continue
    p = peer.get(key(r))
    ours, theirs = r["seconds"] / r["steps"], p["seconds"] / p["steps"] if p else float("nan")
    base = ("gas" if r["case"] == "gas-gradient" else "waves", *key(r)[1:4])
    gradient = r["case"] in ("gradient", "letter", "gas-gradient")
    runs = ours / forward[base] if gradient and base in forward else None
    print(
        f"| {r['case']} | {r['cells']}^3 | {r['particles']} | {r['precision']} | {r['steps']} "
        f"| {r['code'][9:-1]} | {1e3 * ours:.3f} | {1e3 * theirs:.2f} | {theirs / ours:.1f} "
        f"| {'' if runs is None else f'{runs:.2f}'} |"
    )
letter = [r for r in rows if r["case"] == "letter"]
for r in letter:
    print(f"\n{r['code']} {r['precision']}: first gradient {r['from_process_start']:.2f} s after process start", end="")
print()
