#!/usr/bin/env bash
# PostgreSQL 15.18 (Debian 12, with llvmjit), seen on 2026-11-30.
#
# `SET enable_seqscan = off` does not forbid a plan: it adds 10^10 to its cost. Where there is no other way, the plan is used, and its
# cost is above jit_above_cost, jit_inline_above_cost and jit_optimize_above_cost: the server compiles it with every optimization. A query
# that reads ten rows then takes a few thousand times as long, each time. `SET jit = off` avoids it.
#
# Output (times vary with the machine):
#   ten rows: 0.067 ms, compiled: no
#   ten rows, sequential scans off: 324.201 ms, compiled: yes
#   ten rows, sequential scans and compilation off: 0.063 ms, compiled: no
set -euo pipefail
folder=$(mktemp -d)
server=
cleanup() {
  [ -z "$server" ] || { kill -INT "$server"; wait "$server" 2>/dev/null || true; }
  rm -rf "$folder"
}
trap cleanup EXIT
cd "$folder"
chmod 755 "$folder"
apt-get download -q postgresql-15=15.18-0+deb12u1 postgresql-client-15=15.18-0+deb12u1 libpq5 libllvm14=1:14.0.6-12 libicu72 libxml2 \
  libldap-2.5-0 libsasl2-2 libgssapi-krb5-2 libkrb5-3 libk5crypto3 libkrb5support0 libkeyutils1 libz3-4 libedit2 libbsd0 libreadline8 \
  >/dev/null 2>&1
for package in ./*.deb; do dpkg -x "$package" root; done
bin=$folder/root/usr/lib/postgresql/15/bin
export LD_LIBRARY_PATH=$folder/root/usr/lib/$(uname -m)-linux-gnu
# The server refuses to run as root.
as=()
if [ "$(id -u)" = 0 ]; then
  as=(setpriv --reuid=65534 --regid=65534 --clear-groups)
  chown -R 65534:65534 "$folder"
fi
"${as[@]}" "$bin/initdb" -D "$folder/data" -U someone -A trust --no-sync >/dev/null
"${as[@]}" "$bin/postgres" -D "$folder/data" -k "$folder" -c listen_addresses= >server.log 2>&1 &
server=$!
sql() { "$bin/psql" -h "$folder" -U someone -d postgres -qAtX "$@"; }
until sql -c 'SELECT 1' >/dev/null 2>&1; do kill -0 "$server"; sleep 0.1; done
sql -c 'CREATE TABLE ten AS SELECT n FROM generate_series(1, 10) AS n'
# look WORDS SETTINGS: time and compilation of one statement.
look() {
  local plan took
  plan=$(sql -c "$2 EXPLAIN (ANALYZE) SELECT count(*) FROM ten WHERE n % 2 = 0")
  took=$(sed -n 's/^Execution Time: //p' <<<"$plan")
  if grep -q '^JIT:' <<<"$plan"; then compiled=yes; else compiled=no; fi
  echo "$1: $took, compiled: $compiled"
}
look 'ten rows' ''
[ "$compiled" = no ]
look 'ten rows, sequential scans off' 'SET enable_seqscan = off;'
[ "$compiled" = yes ]
look 'ten rows, sequential scans and compilation off' 'SET enable_seqscan = off; SET jit = off;'
[ "$compiled" = no ]
