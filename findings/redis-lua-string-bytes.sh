#!/usr/bin/env bash
# Redis 7.0.15 (Debian 12), seen on 2026-11-30.
#
# A script pays for each byte of each text that passes through it, about 1.5 ns a byte on this machine: since 7.0
# the server's Lua computes the hash of a text from all of its characters, where Lua 5.1 looks at no more than 32 of them
# (https://github.com/redis/redis/pull/9449). A value that a script reads, changes and writes is hashed twice. Valkey has another
# hash for it (https://github.com/valkey-io/valkey/pull/1168).
#
# Output (the first two figures vary with the machine):
#   GET of 1 MB by a client: 252 us
#   GET of 1 MB inside a script that returns nothing: 2219 us
#   the script takes more than 4 times as long: yes
set -euo pipefail
folder=$(mktemp -d)
server=
cleanup() {
  [ -z "$server" ] || { kill "$server"; wait "$server" 2>/dev/null || true; }
  rm -rf "$folder"
}
trap cleanup EXIT
cd "$folder"
apt-get download -q redis-tools=5:7.0.15-1~deb12u10 libjemalloc2=5.3.0-1 liblzf1=3.6-3 >/dev/null
for package in ./*.deb; do dpkg -x "$package" root; done
lib=$(dirname "$(find "$PWD/root" -name 'libjemalloc.so.2')")
bin=root/usr/bin
ln -sf redis-check-rdb $bin/redis-server
export LD_LIBRARY_PATH=$lib
$bin/redis-server --unixsocket "$folder/socket" --port 0 --save '' --daemonize no >server.log &
server=$!
cli() { $bin/redis-cli -s "$folder/socket" "$@"; }
until cli ping >/dev/null 2>&1; do :; done
cli eval "redis.call('SET', 'value', string.rep('0123456789abcdef', 65536))" 0 >/dev/null
micros() { cli info commandstats | tr -d '\r' | sed -n "s/^cmdstat_$1:.*usec_per_call=\([0-9]*\).*/\1/p"; }
cli config resetstat >/dev/null
for _ in $(seq 50); do cli get value >/dev/null; done
direct=$(micros get)
cli config resetstat >/dev/null
for _ in $(seq 50); do cli eval "redis.call('GET', 'value')" 0 >/dev/null; done
scripted=$(micros eval)
echo "GET of 1 MB by a client: $direct us"
echo "GET of 1 MB inside a script that returns nothing: $scripted us"
[ "$scripted" -gt $((4 * direct)) ] || { echo 'the script takes more than 4 times as long: no'; exit 1; }
echo 'the script takes more than 4 times as long: yes'
