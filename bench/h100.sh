#!/usr/bin/env bash
# mpt and its rivals on one GPU machine, everything in one run of less than eight minutes.
#
# Here, once:   ../shared/device/pack.sh && bench/rivals/vendor.sh
# There:        bash bench/h100.sh         (carried along: .device and bench/rivals/vendor.tar.xz)
#
# Writes under $OUT: rivals.jsonl, bench-NET.json, trace-mlp.json, results.md, products.txt and log.txt; prints a short table last.
# Every part has a time limit of its own and none stops the others. NETS="mlp" measures one net; NO_TORCH=1 leaves
# PyTorch out; MINUTES bounds the whole.
set -u
cd "$(dirname "$0")/.."
OUT="${OUT:-bench/results/raw}"
mkdir -p "$OUT"
log="$OUT/log.txt"
results="$OUT/rivals.jsonl"
: >"$log"
: >"$results"
began=$SECONDS
deadline=$((began + ${MINUTES:-8} * 60 - 25))

if [ -f .device/up.sh ]; then . .device/up.sh; fi
if [ -f .device/hold_clocks.py ] && command -v nvidia-smi >/dev/null; then
  # Vulkan work alone leaves the card at idle clocks; an open CUDA context keeps them up.
  python3 .device/hold_clocks.py >>"$log" 2>&1 &
  clocks=$!
  trap 'kill $clocks 2>/dev/null' EXIT
  sleep 2
fi
[ -f bench/rivals/vendor.tar.xz ] && tar -xJf bench/rivals/vendor.tar.xz -C bench/rivals
export XDG_RUNTIME_DIR="${XDG_RUNTIME_DIR:-/tmp}" MPT_DEVICE="${MPT_DEVICE:-dawn}" PYTHONUNBUFFERED=1 NO_COLOR=1
deno="${DENO:-deno} run -A --no-check"

# part SECONDS NAME COMMAND…: its standard output goes to file descriptor 3, the rest to the log.
part() {
  local limit=$1 name=$2 left=$((deadline - SECONDS)) rc=0
  shift 2
  if [ "$left" -lt 8 ]; then
    echo "$name: no time left" | tee -a "$log"
    return 125
  fi
  [ "$left" -lt "$limit" ] && limit=$left
  local from=$SECONDS
  echo "== $name" >>"$log"
  timeout -k 5 "$limit" "$@" 2>>"$log" >&3 || rc=$?
  [ "$rc" = 124 ] || [ "$rc" = 137 ] && echo "$name: stopped after $limit s" >>"$log"
  printf '%-28s %3d s  rc %d\n' "$name" $((SECONDS - from)) "$rc" | tee -a "$log"
  return "$rc"
}

# rival SECONDS IMPLEMENTATION NET PRECISION COMMAND…: one line of results, or one that says why there is none.
rival() {
  local limit=$1 who=$2 net=$3 precision=$4 rc=0 why
  shift 4
  part "$limit" "$who $net $precision" "$@" 3>"$OUT/part.txt" || rc=$?
  if [ "$rc" = 0 ] && grep -q '^{' "$OUT/part.txt"; then
    grep '^{' "$OUT/part.txt" | tail -1 >>"$results"
  else
    case $rc in
      124 | 137) why="stopped after $limit s" ;;
      125) why="no time left" ;;
      *) why=$(awk '/^== /{text=""; next} {text=text $0 "\n"} END{printf "%s", text}' "$log" |
        grep -aE '(Error|Exception|error)\b.*: ' | head -1 | tr -d '"\\' | tr -cd '[:print:]' | cut -c1-160) ;;
    esac
    printf '{"implementation":"%s","net":"%s","precision":"%s","failed":"%s"}\n' "$who" "$net" "$precision" \
      "${why:-exit status $rc}" >>"$results"
  fi
  rm -f "$OUT/part.txt"
}

nets=${NETS:-mlp mlp4096 gpt}
for net in $nets; do
  rival 60 mpt "$net" mixed_f16 $deno bench/rivals/mpt.ts "$net" mixed_f16
  rival 60 mpt "$net" f32 $deno bench/rivals/mpt.ts "$net" f32
done
part 60 "mpt products" $deno bench/products.ts 3>"$OUT/products.txt"
if [ -z "${NO_TORCH:-}" ]; then
  rival 40 PyTorch limits limits python3 bench/rivals/pytorch.py limits limits
  for net in $nets; do
    for mode in graph amp f32; do rival 40 PyTorch "$net" $mode python3 bench/rivals/pytorch.py "$net" $mode; done
  done
fi
for net in $nets; do
  program="$OUT/$net.mpt"
  $deno bench/rivals/mpt.ts "$net" mixed_f16 --print >"$program" 2>>"$log"
  options=(--dims "$(sed -n '1s/.*--dims //p' "$program")" --json)
  [ "$net" = mlp ] && options+=(--profile "$OUT/trace-mlp.json")
  part 120 "mpt bench $net" $deno cli/main.ts bench "$program" "${options[@]}" 3>"$OUT/bench-$net.json"
  [ -s "$OUT/bench-$net.json" ] || rm -f "$OUT/bench-$net.json"
  rm -f "$program"
done
for net in $nets; do
  rival 45 jax-js "$net" f32 $deno bench/rivals/jaxjs.ts "$net" f32
  rival 45 jax-js "$net" f16 $deno bench/rivals/jaxjs.ts "$net" f16
  rival 45 tfjs "$net" f32 $deno bench/rivals/tfjs.ts "$net" f32
done
if [ -z "${NO_TORCH:-}" ]; then
  for net in $nets; do rival 90 PyTorch "$net" compile python3 bench/rivals/pytorch.py "$net" compile; done
fi

echo "all parts: $((SECONDS - began)) s" | tee -a "$log"
$deno bench/rivals/table.ts "$OUT" 2>>"$log"
