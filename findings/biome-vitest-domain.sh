#!/usr/bin/env bash
# @biomejs/biome 2.5.15, seen on 2026-11-30.
#
# A linter rule about tests (noFocusedTests) reports a call of an ordinary function named `fit` in a file that is no test, as soon as the
# package's manifest names vitest anywhere, even as an optional peer. Without it the same file is clean. The manifest decides, not the file.
#
# Output:
#   without vitest: 0
#   with an optional peer: 1
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund @biomejs/biome@2.5.15
mkdir src
cat >src/layout.js <<'JS'
export function layout(fit, columns) {
  fit('width', () => columns)
}
JS
echo '{"linter":{"rules":{"recommended":true}}}' >biome.json
reported() { (npx biome lint src 2>&1 || true) | grep -c 'lint/suspicious/noFocusedTests' || true; }
{
  echo "without vitest: $(reported)"
  node -e '
    const manifest = require("./package.json")
    manifest.peerDependencies = { vitest: "*" }
    manifest.peerDependenciesMeta = { vitest: { optional: true } }
    require("fs").writeFileSync("package.json", JSON.stringify(manifest))'
  echo "with an optional peer: $(reported)"
} | tee out.txt
diff out.txt - <<'EXPECTED'
without vitest: 0
with an optional peer: 1
EXPECTED
