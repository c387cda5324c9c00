#!/bin/sh
# Makes a new data directory from a backup; one that holds data is refused.
#   scripts/restore.sh file.tar directory [--dry-run]
set -eu
here=$(cd "$(dirname "$0")/.." && pwd)
if [ $# -lt 2 ]; then
  echo "usage: $0 file.tar directory [--dry-run]" >&2
  exit 2
fi
file=$1
data=$2
shift 2
exec "$here/bin/loggos.js" restore "$file" --data "$data" "$@"
