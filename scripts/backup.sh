#!/bin/sh
# Makes a verified backup of a running replica. For cron: silent and 0 when all is well, else one line and not 0.
#   scripts/backup.sh [directory] [url]      a file loggos-<time>.tar in the directory (default: backups)
set -eu
here=$(cd "$(dirname "$0")/.." && pwd)
directory=${1:-"$here/backups"}
url=${2:-${LOGGOS_URL:-http://127.0.0.1:8080}}
umask 077
mkdir -p "$directory"
# What went well goes nowhere; what did not comes on stderr.
exec "$here/bin/loggos.js" backup --url "$url" --to "$directory/loggos-$(date -u +%Y-%m-%dT%H%M%SZ).tar" >/dev/null
