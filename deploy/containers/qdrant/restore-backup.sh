#!/bin/sh
# Brings the collections of this pod's Qdrant back from a backup made by `info-assistant backup create`.
#
#   /restore-backup.sh [BACKUP]     by default the newest backup that was verified as good
#
# Where the backup is: BACKUP_DIR (a mounted folder, default /backups), or BACKUP_BASE_URL, an http address
# below which the same files lie; with an address the BACKUP must be named. QDRANT_URL is this pod's own
# Qdrant, default http://127.0.0.1:6333, with QDRANT_API_KEY or QDRANT__SERVICE__API_KEY.
#
# Needs a shell and curl. Exit code: 0 all collections are back, 1 something is wrong, 2 Qdrant does not answer.
set -eu

url=${QDRANT_URL:-http://127.0.0.1:6333}
key=${QDRANT_API_KEY:-${QDRANT__SERVICE__API_KEY:-}}
folder=${BACKUP_DIR:-/backups}
base=${BACKUP_BASE_URL:-}
backup=${1:-}
tab=$(printf '\t')

say() { printf '%s\n' "$*" >&2; }
fail() { code=$1; shift; say "$*"; exit "$code"; }

# Calls Qdrant; prints the body, fails on an error status. The key goes by standard input, so that no list of
# processes shows it.
qdrant() {
    method=$1 path=$2
    shift 2
    printf 'header = "api-key: %s"\n' "$key" |
        curl --silent --show-error --fail --config - --request "$method" "$@" "$url$path"
}

json() { qdrant "$1" "$2" --header 'content-type: application/json' --data "$3"; }

curl --silent --fail --max-time 5 --output /dev/null "$url/readyz" || fail 2 \
"Qdrant does not answer at $url, so nothing was restored. A restore in the pod needs Qdrant up: if the StatefulSet
was scaled to 0, scale it up first and run this before any scaling down; with Qdrant at 0, run the restore Job."

if [ -z "$backup" ]; then
    [ -z "$base" ] || fail 1 "Name the backup: files behind an address cannot be listed."
    for record in "$folder"/*/verified.json; do
        [ -f "$record" ] && [ -f "${record%verified.json}manifest.json" ] || continue
        # Names begin with their time, so that the last one is the newest.
        if grep -q '"good": true' "$record"; then backup=$(basename "$(dirname "$record")"); fi
    done
    [ -n "$backup" ] || fail 1 "No verified backup lies in $folder. Name one, or run \`info-assistant backup verify\`."
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
table=$work/collections.tsv
if [ -n "$base" ]; then
    curl --silent --show-error --fail --output "$table" "$base/$backup/qdrant/collections.tsv" ||
        fail 1 "$base/$backup/qdrant/collections.tsv cannot be fetched."
else
    [ -f "$folder/$backup/manifest.json" ] || fail 1 "$folder/$backup is no complete backup."
    cp "$folder/$backup/qdrant/collections.tsv" "$table"
fi
[ -s "$table" ] || fail 1 "Backup $backup has no snapshots. Run \`info-assistant restore\` instead."

# Each peer has snapshots of its own; with one peer in the backup they are this one's.
me=$(hostname)
peers=$(cut -f1 "$table" | sort -u | wc -l)
mine=$work/mine.tsv
if [ "$peers" -eq 1 ]; then
    cp "$table" "$mine"
else
    grep "^[a-z]*://$me[.:/]" "$table" > "$mine" ||
        fail 1 "Backup $backup has no snapshots of $me; it has those of: $(cut -f1 "$table" | sort -u | tr '\n' ' ')"
fi

# In a cluster the other peers take over what this one is given, so a look right after it may be too early.
await_count() {
    tries=30
    while :; do
        found=$(json POST "/collections/$1/points/count" '{"exact": true}' |
            sed -n 's/.*"count": *\([0-9][0-9]*\).*/\1/p')
        [ "$found" = "$2" ] && return 0
        tries=$((tries - 1))
        [ "$tries" -gt 0 ] || return 1
        sleep 1
    done
}

while IFS=$tab read -r _ alias collection points sha256 file; do
    say "$alias: $collection, $points points …"
    if [ -n "$base" ]; then location=$base/$file; else location=file://$folder/$file; fi
    body="{\"location\": \"$location\", \"priority\": \"snapshot\", \"checksum\": \"$sha256\"}"
    if ! json PUT "/collections/$collection/snapshots/recover?wait=true" "$body" > /dev/null 2>"$work/error"; then
        # A server that reads no files of others is sent the file.
        [ -z "$base" ] || fail 1 "$collection was not restored: $(cat "$work/error")"
        qdrant POST "/collections/$collection/snapshots/upload?wait=true&priority=snapshot&checksum=$sha256" \
            --form "snapshot=@$folder/$file" > /dev/null || fail 1 "$collection was not restored."
    fi
    json POST /collections/aliases \
        "{\"actions\": [{\"create_alias\": {\"collection_name\": \"$collection\", \"alias_name\": \"$alias\"}}]}" \
        > /dev/null
    await_count "$collection" "$points" ||
        fail 1 "$collection has $found points; the backup counted $points. Run it again, or take another backup."
done < "$mine"
say "Backup $backup is back in this Qdrant. Documents that came later are taken in again by themselves within a minute."
