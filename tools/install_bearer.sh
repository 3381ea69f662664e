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
mkdir -p "$1"
folder=$(cd "$1" && pwd)
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT

found=$(GOSUMDB=off GOFLAGS=-modcacherw go mod download -json "github.com/bearer/bearer@$VERSION")
value() { printf '%s\n' "$found" | sed -n "s/^[[:space:]]*\"$1\": \"\(.*\)\",\{0,1\}\$/\1/p"; }
[ "$(value Sum)" = "$SUM" ] || { printf 'bearer %s has the sum %s, not %s\n' "$VERSION" "$(value Sum)" "$SUM" >&2; exit 1; }
cp -r "$(value Dir)" "$work/source"
chmod -R u+w "$work/source"
cd "$work/source"
build=github.com/bearer/bearer/cmd/bearer/build
go build -trimpath -ldflags "-X $build.Version=${VERSION#v} -X $build.CommitSHA=none" -o "$folder/bearer" ./cmd/bearer
"$folder/bearer" version
