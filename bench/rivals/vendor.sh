#!/usr/bin/env bash
# Makes bench/rivals/vendor.tar.xz (git-ignored): tfjs and jax-js, one file each, for a machine without a registry.
# There, bench/h100.sh unpacks it; here, the rivals' scripts find bench/rivals/vendor/.
set -euo pipefail
cd "$(dirname "$0")"
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
cp package.json "$work/"
(cd "$work" && npm install --silent --no-audit --no-fund)
cat >"$work/tfjs.js" <<'JS'
export * from "@tensorflow/tfjs-core";
import "@tensorflow/tfjs-core/dist/public/chained_ops/register_all_chained_ops.js";
import "@tensorflow/tfjs-core/dist/register_all_gradients.js";
export * as webgpu from "@tensorflow/tfjs-backend-webgpu";
JS
echo 'export * from "@jax-js/jax";' >"$work/jax.js"
# Without `process`, tfjs takes itself for a page's: that is where it has WebGPU.
rm -rf vendor && mkdir vendor
for name in tfjs jax; do
  "$work/node_modules/.bin/esbuild" "$work/$name.js" --bundle --format=esm --platform=browser --minify-whitespace \
    --define:process=undefined --log-level=error --outfile="vendor/$name.js"
done
node -e '
  const version = (name) => require(process.argv[1] + "/node_modules/" + name + "/package.json").version;
  console.log(JSON.stringify({ tfjs: version("@tensorflow/tfjs-core"), "jax-js": version("@jax-js/jax") }));
' "$work" >vendor/versions.json
tar -cJf vendor.tar.xz vendor
du -sh vendor vendor.tar.xz
