#!/usr/bin/env bash
# Builds gosec from its source, which the Go toolchain fetches, into FOLDER/gosec. Needs Go, then and when it scans.
#
#     tools/install_gosec.sh FOLDER
#
# gosec is under the Apache licence; it is brought, and not shipped, since it is of no use without Go. The source is checked
# against the sum below, whatever checksum database is to be had, and all that it needs against the sums in it.
set -euo pipefail

VERSION=v2.30.0
SUM=h1:67aF6LHa7SAL6QEc4es857GrXTT50gUqmrl0XPhtDx0=

[ $# -eq 1 ] || { sed -n '2,4p' "$0" >&2; exit 2; }
tools=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
mkdir -p "$1"
folder=$(cd "$1" && pwd)
. "$tools/go_source.sh" github.com/securego/gosec/v2 "$VERSION" "$SUM"
CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X main.Version=$VERSION" -o "$folder/gosec" ./cmd/gosec
"$folder/gosec" -version
