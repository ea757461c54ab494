#!/usr/bin/env bash
# Everything in examples/ builds outside the tree against an installed lastack, under a user's strict
# warnings, and does what it says. The echo servers need root, for their TUN device.
set -uo pipefail
cd "$(dirname "$0")/../.."
folder=$(mktemp -d)
server=
cleanup() {
  [ -n "$server" ] && kill "$server" 2>/dev/null
  rm -rf "$folder"
}
trap cleanup EXIT
failed=0

check() {
  local name=$1
  shift
  if "$@" >"$folder/log" 2>&1; then
    echo "ok $name"
  else
    cat "$folder/log"
    echo "not ok $name"
    failed=1
  fi
}

echoes() {
  "$folder/build/$1" laexample 10.79.0.2/24 10.79.0.1/24 >"$folder/out" &
  server=$!
  for _ in $(seq 100); do
    grep -q ready "$folder/out" && break
    sleep 0.05
  done
  head -c 3000000 /dev/urandom >"$folder/sent"
  python3 - "$folder/sent" <<'END'
import socket
import sys
import threading

sent = open(sys.argv[1], "rb").read()
with socket.create_connection(("10.79.0.2", 7), timeout=20) as s:
    def send():
        s.sendall(sent)
        s.shutdown(socket.SHUT_WR)
    threading.Thread(target=send).start()
    got = bytearray()
    while piece := s.recv(65536):
        got += piece
sys.exit(0 if got == sent else 1)
END
  local answer=$?
  kill -INT "$server" && wait "$server"
  local ended=$?
  server=
  [ $answer = 0 ] && [ $ended = 0 ] && ! ip link show laexample 2>/dev/null
}

scripts/build release || exit 1
check "install" cmake --install build/release --prefix "$folder/tree"
cp -r examples "$folder/examples"
check "examples: find_package(lastack)" cmake -S "$folder/examples" -B "$folder/build" -G Ninja \
  -DCMAKE_PREFIX_PATH="$folder/tree" \
  -DCMAKE_CXX_FLAGS="-Wall -Wextra -Wconversion -Wpedantic -Werror"
check "examples: all build" cmake --build "$folder/build"
check "examples/half_close ends in TIME_WAIT" "$folder/build/half_close"
for example in callbacks half_close_in_c beast_http tls; do
  check "examples/$example ends well" "$folder/build/$example"
done
for example in echo_server coroutines; do
  check "examples/$example echoes to the kernel" echoes "$example"
done
export LASTACK_LIBRARY="$folder/tree/lib/liblastack-c.so.0" PYTHONPATH=bindings/python PYTHONDONTWRITEBYTECODE=1
check "examples/half_close.py ends in TIME_WAIT" python3 "$folder/examples/half_close.py"
exit $failed
