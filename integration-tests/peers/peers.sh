#!/usr/bin/env bash
# Times adastra beside Jaxion 0.0.13, and its ideal gas beside astronomix 0.6, case by case in turn, on
# the same cores, warm. By hand, on a quiet machine; not part of the tests. Prints a table of medians
# and ratios.
#
#   integration-tests/peers/peers.sh          all cases (about 20 minutes on two cores)
#   integration-tests/peers/peers.sh quick    the small ones
#   integration-tests/peers/peers.sh gas      gas alone, with its gradient
#   integration-tests/peers/peers.sh ideal    ideal gas beside astronomix alone
set -euo pipefail
cd "$(dirname "$0")"
environment=${PEERS_ENVIRONMENT:-../../target/peers-python}
if [ ! -x "$environment/bin/python" ]; then
    python3 -m venv "$environment"
    "$environment/bin/pip" install --quiet -r requirements.txt
fi
cargo build --quiet --release -p adastra-integration-tests --bin adastra-peers
ours=${CARGO_TARGET_DIR:-../../target}/release/adastra-peers
results=$(mktemp)
both() {
    "$ours" "$@" >>"$results"
    case " $* " in
        *" gradient "* | *" letter "*) "$ours" "$@" --schedule reversible >>"$results" ;;
        *" gas-gradient "*) "$ours" "$@" --schedule checkpoint >>"$results" ;;
    esac
    "$environment/bin/python" jaxion_times.py "$@" 2>/dev/null >>"$results"
    tail -n 1 "$results" >&2
}
# An environment of its own, for the other versions of what both depend on.
beside_astronomix() {
    local own=${ASTRONOMIX_ENVIRONMENT:-../../target/astronomix-python}
    if [ ! -x "$own/bin/python" ]; then
        python3 -m venv "$own"
        "$own/bin/pip" install --quiet astronomix==0.6.0 jax==0.6.0
    fi
    for precision in f32 f64; do
        for size in "64 --steps 10" "128 --steps 4"; do
            # shellcheck disable=SC2086
            set -- gas-ideal --cells $size --repeat 3 --precision $precision
            "$ours" "$@" >>"$results"
            "$own/bin/python" astronomix_times.py "$@" 2>/dev/null >>"$results"
            tail -n 1 "$results" >&2
        done
    done
}
gas_alone() {
    both gas --cells 32 --steps 50 --repeat 3 --precision "$1"
    both gas --cells 64 --steps 10 --precision "$1"
    both gas --cells 128 --steps 4 --repeat 3 --precision "$1"
    both gas-gradient --cells 32 --steps 50 --repeat 3 --precision "$1"
}
if [ "${1:-}" = gas ]; then
    gas_alone f32
    gas_alone f64
    python3 table.py "$results"
    exit
fi
if [ "${1:-}" = ideal ]; then
    beside_astronomix
    python3 table.py "$results"
    exit
fi
for precision in f32 f64; do
    both forward --cells 64 --steps 10 --precision $precision
    both forward --cells 64 --steps 10 --particles 64 --precision $precision
    both gradient --cells 64 --steps 10 --precision $precision
    both forward --cells 128 --steps 4 --repeat 3 --precision $precision
    both forward --cells 32 --particles 64 --steps 300 --repeat 3 --precision $precision
    both letter --steps 300 --repeat 3 --precision $precision
    gas_alone $precision
    both all --cells 64 --particles 64 --steps 5 --repeat 3 --precision $precision
    both all --cells 128 --particles 64 --steps 2 --repeat 3 --precision $precision
done
if [ "${1:-}" != quick ]; then
    both gradient --cells 128 --steps 4 --repeat 3 --precision f32
    both forward --cells 256 --steps 2 --repeat 2 --precision f32
    both forward --cells 128 --steps 2 --particles 262144 --repeat 2 --precision f32
    beside_astronomix
fi
python3 table.py "$results"
