#!/usr/bin/env bash
# libsql 0.5.29 (the synchronous driver for Node), seen on 2026-11-30.
#
# A whole JavaScript number is bound as REAL, not as INTEGER, though SQLite tells the two apart: whole division in SQL becomes division with a
# fraction, and a literal in the same statement does not. A BigInt is bound as INTEGER.
#
# Output:
#   number real 1.5
#   bigint integer 1
#   literal integer 1
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts libsql@0.5.29
cat >look.mjs <<'JS'
import Database from 'libsql'
const database = new Database(':memory:')
const bound = database.prepare('SELECT typeof(?1) AS kind, ?1 / 1000 AS value')
const show = (name, { kind, value }) => console.log(`${name} ${kind} ${value}`)
show('number', bound.get(1500))
show('bigint', bound.get(1500n))
show('literal', database.prepare('SELECT typeof(1500) AS kind, 1500 / 1000 AS value').get())
JS
node look.mjs | tee out.txt
diff out.txt - <<'EXPECTED'
number real 1.5
bigint integer 1
literal integer 1
EXPECTED
