#!/usr/bin/env bash
# How long a cold release build of the models takes, beside one of oci-spec: each in an empty target
# directory, one after the other, with the sources fetched before.
#
#   benches/cold-build.sh [ROUNDS]
set -euo pipefail
cd "$(dirname "$0")/.."
rounds=${1:-1}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# A package that asks for nothing but the given dependency.
package() {
    mkdir -p "$work/$1/src"
    printf '[package]\nname = "%s"\nedition = "2024"\n[dependencies]\n%s\n[workspace]\n' "$1" "$2" >"$work/$1/Cargo.toml"
    : >"$work/$1/src/lib.rs"
    cp Cargo.lock "$work/$1/"
    cargo fetch -q --manifest-path "$work/$1/Cargo.toml"
}

# The seconds and the processor seconds of one build.
build() {
    rm -rf "$work/target"
    TIMEFORMAT="$1: %R s, %U s of processor time"
    time CARGO_INCREMENTAL=0 cargo build -q --release --offline --manifest-path "$work/$1/Cargo.toml" --target-dir "$work/target"
}

package models "oci-image = { path = \"$PWD/oci-image\", default-features = false }"
package models-zstd "oci-image = { path = \"$PWD/oci-image\" }"
package oci-spec 'oci-spec = "0.10"'
for ((round = 0; round < rounds; round++)); do
    build models
    build models-zstd
    build oci-spec
done
