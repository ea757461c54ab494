#!/usr/bin/env bash
# A program outside the tree finds the installed library, links to it and runs; our warnings are not
# forced on it.
set -uo pipefail
cd "$(dirname "$0")/../.."
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

step() {
  local name=$1
  shift
  if "$@" >"$folder/log" 2>&1; then
    echo "ok $name"
  else
    cat "$folder/log"
    echo "not ok $name"
    exit 1
  fi
}

scripts/build release || exit 1
step "cmake --install" cmake --install build/release --prefix "$folder/tree"
cp -r tests/install/outside "$folder/outside"
step "find_package(lastack) from outside" cmake -S "$folder/outside" -B "$folder/build" -G Ninja \
  -DCMAKE_PREFIX_PATH="$folder/tree" -DCMAKE_EXPORT_COMPILE_COMMANDS=ON
step "a program outside builds" cmake --build "$folder/build"
step "our warnings stay ours" bash -c "! grep -q Wconversion '$folder/build/compile_commands.json'"
step "the program runs" bash -c "[ \"\$('$folder/build/outside')\" = 0.1.0 ]"
step "examples/ builds outside the tree" cmake -S examples -B "$folder/examples" -G Ninja \
  -DCMAKE_PREFIX_PATH="$folder/tree"
step "an example runs" bash -c "ninja -C '$folder/examples' half_close && '$folder/examples/half_close'"
export PKG_CONFIG_PATH="$folder/tree/lib/pkgconfig"
step "pkg-config knows the version" bash -c "[ \"\$(pkg-config --modversion lastack)\" = 0.1.0 ]"
step "g++ with pkg-config's options builds both" bash -c "set -e
  for program in '$folder/outside/outside.cpp' examples/half_close.cpp; do
    g++ \$program -o '$folder/program' \$(pkg-config --cflags --libs lastack)
    '$folder/program'
  done"
share="$folder/tree/share"
step "man finds the pages" man -M "$share/man" lastack lastack-demo
# shellcheck disable=SC2016
step "bash completes the installed command" bash -c 'source "$1/bash-completion/completions/lastack"
  COMP_WORDS=(lastack demo half-close-) COMP_CWORD=2; _lastack; [ "${COMPREPLY[*]}" = half-close-wait ]' \
  bash "$share"
step "zsh and fish find theirs" ls "$share/zsh/site-functions/_lastack" \
  "$share/fish/vendor_completions.d/lastack.fish"
step "the installed command runs" bash -c "'$folder/tree/bin/lastack' --version | grep -q 0.1.0"
