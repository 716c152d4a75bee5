#!/bin/bash
# Fetches the secrets that Shardcast needs from Secret Manager into a directory in memory that only it can read. Each line of
# /etc/shardcast/secrets is a file's name and a secret's; the machine's own service account may read these and no others.
# Runs on Container-Optimized OS, which has curl and coreutils and no JSON parser.
set -euo pipefail

LIST=${LIST:-/etc/shardcast/secrets}
TARGET=${TARGET:-/run/shardcast/secrets}
OWNER=${OWNER:-10001:10001}
METADATA=${METADATA:-http://metadata.google.internal/computeMetadata/v1}
SECRET_MANAGER=${SECRET_MANAGER:-https://secretmanager.googleapis.com/v1}

ask() { curl --silent --show-error --fail --max-time 10 --retry "${RETRIES:-8}" --retry-delay 2 --retry-all-errors "$@"; }

# The text of one field of a flat JSON answer, which holds no quotes: a token, a project, base64.
field() { tr -d '\n' | sed -n "s/.*\"$1\" *: *\"\([^\"]*\)\".*/\1/p"; }

project=$(ask -H 'Metadata-Flavor: Google' "$METADATA/project/project-id")
token=$(ask -H 'Metadata-Flavor: Google' "$METADATA/instance/service-accounts/default/token" | field access_token)
[ -n "$token" ] || { echo "fetchSecrets: the metadata server gave no token" >&2; exit 1; }

umask 077
mkdir -p "$TARGET"
while read -r file secret; do
  [ -n "$file" ] || continue
  # The token goes by standard input, because others can see what a process was called with.
  answer=$(printf 'header = "Authorization: Bearer %s"\n' "$token" |
    ask --config - "$SECRET_MANAGER/projects/$project/secrets/$secret/versions/latest:access") ||
    { echo "fetchSecrets: $secret can not be read: is there a version, and may this machine's account read it?" >&2; exit 1; }
  field data <<< "$answer" | base64 --decode > "$TARGET/.$file"
  [ -s "$TARGET/.$file" ] || { echo "fetchSecrets: $secret is empty" >&2; exit 1; }
  chmod 0400 "$TARGET/.$file"
  mv "$TARGET/.$file" "$TARGET/$file"
done < "$LIST"
chmod 0500 "$TARGET"
chown -R "$OWNER" "$TARGET"
