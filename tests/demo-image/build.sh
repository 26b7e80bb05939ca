#!/usr/bin/env bash
# Builds the demo's root file system: one static program, and the few files that a container expects.
# usage: build.sh DIRECTORY
set -euo pipefail
directory=${1:?usage: build.sh DIRECTORY}
root=$(cd "$(dirname "$0")/../.." && pwd)
host=$(rustc -vV | sed -n 's/^host: //p')
export RUSTFLAGS='-C target-feature=+crt-static -C strip=symbols'
cargo build --quiet --manifest-path "$root/Cargo.toml" --package demo-image --profile release --target "$host" \
    --target-dir "${CARGO_TARGET_DIR:-$root/target}/demo"
rm -rf "$directory"
mkdir -p "$directory/etc" "$directory/tmp"
chmod 1777 "$directory/tmp"
cp "${CARGO_TARGET_DIR:-$root/target}/demo/$host/release/demo" "$directory/demo"
printf 'root:x:0:0:root:/:/demo\nnobody:x:65534:65534:nobody:/:/demo\n' >"$directory/etc/passwd"
printf 'root:x:0:\nnogroup:x:65534:\n' >"$directory/etc/group"
