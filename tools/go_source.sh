# For tools/install_*.sh: a Go module's source, checked against its sum whatever checksum database is to be had, in a folder of
# its own that goes away with the shell that asked. All that the module needs is checked against the sums in it.
#
#     . tools/go_source.sh MODULE VERSION SUM        the shell is in the source then

work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
found=$(GOSUMDB=off GOFLAGS=-modcacherw go mod download -json "$1@$2")
value() { printf '%s\n' "$found" | sed -n "s/^[[:space:]]*\"$1\": \"\(.*\)\",\{0,1\}\$/\1/p"; }
[ "$(value Sum)" = "$3" ] || { printf '%s %s has the sum %s, not %s\n' "$1" "$2" "$(value Sum)" "$3" >&2; exit 1; }
cp -r "$(value Dir)" "$work/source"
chmod -R u+w "$work/source"
cd "$work/source"
