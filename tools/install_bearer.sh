#!/usr/bin/env bash
# Builds Bearer from its source, which the Go toolchain fetches, into FOLDER/bearer. Needs Go and a C compiler.
#
#     tools/install_bearer.sh FOLDER
#
# Bearer and its rules are under the Elastic licence and no part of fumehood: whoever runs this brings them. Its module has no /v2 in
# its path, so the last version that Go can name is one of version 1. The source is checked against the sum below, whatever
# checksum database is to be had, and all that it needs against the sums in it.
set -euo pipefail

VERSION=v1.51.1
SUM=h1:lmJA0/dMYyrNrkx/jz9NdhoaHVSNYgCkEdMiLJqETKk=

[ $# -eq 1 ] || { sed -n '2,4p' "$0" >&2; exit 2; }
tools=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
mkdir -p "$1"
folder=$(cd "$1" && pwd)
. "$tools/go_source.sh" github.com/bearer/bearer "$VERSION" "$SUM"
build=github.com/bearer/bearer/cmd/bearer/build
go build -trimpath -ldflags "-X $build.Version=${VERSION#v} -X $build.CommitSHA=none" -o "$folder/bearer" ./cmd/bearer
"$folder/bearer" version
