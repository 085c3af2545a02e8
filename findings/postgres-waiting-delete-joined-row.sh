#!/usr/bin/env bash
# PostgreSQL 15.18 (Debian 12), seen on 2026-11-30.
#
# In READ COMMITTED, a DELETE that waited for another transaction checks the row's new version again, but only beside the joined row that
# its old version had matched. A row of `USING` that matches the new version is not looked for: a delete "of either value" removes nothing when
# the value changes from the one to the other meanwhile, though the row matches before, after and at every moment between. Comparing with
# a list in one joined row removes it.
#
# Output:
#   joined with a row for each value: 0 deleted
#   joined with one row that lists both: 1 deleted
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
apt-get download -q postgresql-15=15.18-0+deb12u1 postgresql-client-15=15.18-0+deb12u1 libpq5 libicu72 libxml2 \
  libldap-2.5-0 libsasl2-2 libgssapi-krb5-2 libkrb5-3 libk5crypto3 libkrb5support0 libkeyutils1 libreadline8 \
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
"${as[@]}" "$bin/postgres" -D "$folder/data" -k "$folder" -c listen_addresses= -c jit=off >server.log 2>&1 &
server=$!
sql() { "$bin/psql" -h "$folder" -U someone -d postgres -qAtX "$@"; }
until sql -c 'SELECT 1' >/dev/null 2>&1; do kill -0 "$server"; sleep 0.1; done
# race STATEMENT: how many rows it deletes if the value changes from a to b while it waits.
race() {
  sql -c "DROP TABLE IF EXISTS mark; CREATE TABLE mark (key text PRIMARY KEY, value text); INSERT INTO mark VALUES ('k', 'a')" 2>/dev/null
  rm -f change && mkfifo change
  sql <change &
  local other=$!
  exec 9>change
  echo "BEGIN; UPDATE mark SET value = 'b';" >&9
  until [ "$(sql -c "SELECT count(*) FROM pg_stat_activity WHERE state = 'idle in transaction'")" = 1 ]; do sleep 0.05; done
  sql -c "WITH gone AS ($1 RETURNING 1) SELECT count(*) FROM gone" >deleted &
  local waiting=$!
  until [ "$(sql -c "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")" = 1 ]; do sleep 0.05; done
  echo 'COMMIT;' >&9
  exec 9>&-
  wait "$other" "$waiting"
  cat deleted
}
rows=$(race "DELETE FROM mark USING (VALUES ('k', 'a'), ('k', 'b')) AS given (key, value) WHERE mark.key = given.key AND mark.value = given.value")
list=$(race "DELETE FROM mark USING (VALUES ('k', ARRAY['a', 'b'])) AS given (key, vals) WHERE mark.key = given.key AND mark.value = ANY (given.vals)")
echo "joined with a row for each value: $rows deleted"
echo "joined with one row that lists both: $list deleted"
[ "$rows" = 0 ] && [ "$list" = 1 ]
