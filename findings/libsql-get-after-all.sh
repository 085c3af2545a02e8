#!/usr/bin/env bash
# libsql 0.5.29 (the synchronous driver for Node), seen on 2026-11-30.
#
# The first `get` of a prepared statement that follows an `all` (or an `iterate` that was read to its end) of the same statement returns a row
# of the earlier parameters, not of its own. The second `get` is right, and so is an `all` after a `get`.
#
# Output:
#   get of 2 after all of 1: 1
#   get of 3 after that: 3
#   get of 2 after iterate of 1: 1
#   all of 2 after get of 1: 2 3
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts libsql@0.5.29
cat >look.mjs <<'JS'
import Database from 'libsql'
const database = new Database(':memory:')
database.exec('CREATE TABLE t (n INTEGER); INSERT INTO t VALUES (1), (2), (3)')
const make = () => database.prepare('SELECT n FROM t WHERE n >= ? ORDER BY n')
const used = make()
used.all([1])
console.log('get of 2 after all of 1:', used.get([2]).n)
console.log('get of 3 after that:', used.get([3]).n)
const iterated = make()
for (const _ of iterated.iterate([1]));
console.log('get of 2 after iterate of 1:', iterated.get([2]).n)
const fresh = make()
fresh.get([1])
console.log('all of 2 after get of 1:', fresh.all([2]).map(({ n }) => n).join(' '))
JS
node look.mjs | tee out.txt
diff out.txt - <<'EXPECTED'
get of 2 after all of 1: 1
get of 3 after that: 3
get of 2 after iterate of 1: 1
all of 2 after get of 1: 2 3
EXPECTED
