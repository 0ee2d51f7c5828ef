#!/usr/bin/env bash
# Contractions on a card's matrix units: 50 random shapes against f64, then the time of single products by every
# tiling, and cuBLAS's figures. About two minutes.
#
# Here, once:   ../shared/device/pack.sh
# There:        bash bench/h100_units.sh     (carried along: .device)
#
# Logs under $OUT: tests.txt, products.txt, cublas.json. NO_TORCH=1 leaves PyTorch out.
set -u
cd "$(dirname "$0")/.."
OUT="${OUT:-bench/results/raw}"
mkdir -p "$OUT"
if [ -f .device/up.sh ]; then . .device/up.sh; fi
export XDG_RUNTIME_DIR="${XDG_RUNTIME_DIR:-/tmp}" NO_COLOR=1
deno="${DENO:-deno}"
if [ -f .device/hold_clocks.py ] && command -v nvidia-smi >/dev/null; then
  python3 .device/hold_clocks.py >/dev/null 2>&1 &
  clocks=$!
  trap 'kill $clocks 2>/dev/null' EXIT
  sleep 2
fi

MPT_TEST_DEVICE="${TEST_DEVICE:-hardware}" timeout -k 5 300 "$deno" test -A --no-check tests/gpu/kernels_matrix_test.ts \
  tests/gpu/kernels_matmul_test.ts >"$OUT/tests.txt" 2>&1
echo "tests: rc $?"
grep -aE ' \.\.\. |differ|MPT_TEST_SEED|passed' "$OUT/tests.txt" | cut -c1-300 | head -40
MPT_DEVICE="${GPU_DEVICE:-dawn}" timeout -k 5 200 "$deno" run -A --no-check bench/products.ts --tilings 2>&1 |
  tee "$OUT/products.txt"
if [ -z "${NO_TORCH:-}" ]; then
  timeout -k 5 90 python3 bench/rivals/pytorch.py limits limits 2>&1 | tail -1 | tee "$OUT/cublas.json"
fi
