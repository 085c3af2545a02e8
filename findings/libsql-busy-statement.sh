#!/usr/bin/env bash
# libsql 0.5.29 (the synchronous driver for Node), seen on 2026-11-30.
#
# A prepared statement whose `run` fails with SQLITE_BUSY is not reset. While it exists, what its connection writes outside of a transaction
# is reported as done, and read back by the connection itself, but it is not committed: other connections do not see it, and none can
# write. After a failed `exec` nothing of that happens.
#
# Output:
#   after a failed exec: changes 1, seen by itself 1, by the other 1
#   after a failed run: SQLITE_BUSY, changes 1, seen by itself 1, by the other 0
#   the other writes: SQLITE_BUSY
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts libsql@0.5.29
cat >look.mjs <<'JS'
import Database from 'libsql'
const open = (path) => {
  const database = new Database(path)
  database.prepare('PRAGMA journal_mode = WAL').all()
  database.exec('CREATE TABLE IF NOT EXISTS t (n INTEGER)')
  return database
}
const codeOf = (work) => {
  try {
    work()
    return 'done'
  } catch (error) {
    return error.code
  }
}
const rows = (database) => database.prepare('SELECT count(*) AS rows FROM t').all()[0].rows
const whileLocked = (path, fail) => {
  const [one, other] = [open(path), open(path)]
  const write = one.prepare('INSERT INTO t VALUES (2)')
  const failing = one.prepare('INSERT INTO t VALUES (1)')
  other.exec('BEGIN IMMEDIATE')
  const code = codeOf(() => fail(one, failing))
  other.exec('ROLLBACK')
  const { changes } = write.run([])
  return { code, other, seen: `changes ${changes}, seen by itself ${rows(one)}, by the other ${rows(other)}` }
}
const script = whileLocked('exec.db', (one) => one.exec('BEGIN IMMEDIATE'))
console.log(`after a failed exec: ${script.seen}`)
const { code, other, seen } = whileLocked('run.db', (_, statement) => statement.run([]))
console.log(`after a failed run: ${code}, ${seen}`)
console.log('the other writes:', codeOf(() => other.exec('INSERT INTO t VALUES (3)')))
JS
node look.mjs | tee out.txt
diff out.txt - <<'EXPECTED'
after a failed exec: changes 1, seen by itself 1, by the other 1
after a failed run: SQLITE_BUSY, changes 1, seen by itself 1, by the other 0
the other writes: SQLITE_BUSY
EXPECTED
