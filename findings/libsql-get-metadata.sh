#!/usr/bin/env bash
# libsql 0.5.29 (the synchronous driver for Node), seen on 2026-11-30.
#
# A row that `get` returns has one field more than the statement selects, `_metadata` with the time it took; the rows of `all` have not. So a row
# that is spread, compared or written as JSON differs with the method that read it, and each time.
#
# Output:
#   get: n _metadata
#   all: n
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
console.log('get:', Object.keys(make().get([1])).join(' '))
console.log('all:', Object.keys(make().all([1])[0]).join(' '))
JS
node look.mjs | tee out.txt
diff out.txt - <<'EXPECTED'
get: n _metadata
all: n
EXPECTED
