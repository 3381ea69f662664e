#!/bin/sh
# One database of a whole batch, analysed, and the report on standard output. What CodeQL says meanwhile goes to
# standard error.
#
#   codeql.sh CODEQL PYTHON TREE
set -eu
codeql=$1 python=$2 tree=$3
# Its extractor looks for a Python on PATH.
PATH="$(dirname "$python"):$PATH"
export PATH CODEQL_PYTHON="$python"

# --threads, --ram: as much as the sandbox lets it have, whatever the machine has.
"$codeql" database create /tmp/database --language=python --source-root="$tree" \
    --common-caches=/tmp/caches --threads=1 --ram=4096 --overwrite >&2
# --no-download: the queries are those of the bundle. The suite has the diagnostic queries that say which files
# were extracted whole.
"$codeql" database analyze /tmp/database python-security-extended.qls --format=sarifv2.1.0 \
    --output=/tmp/report.sarif --common-caches=/tmp/caches --threads=1 --ram=4096 --no-download >&2
cat /tmp/report.sarif
