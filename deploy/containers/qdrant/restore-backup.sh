#!/bin/sh
# Brings the collections of this pod's Qdrant back from a backup made by `info-assistant backup create`.
#
#   /restore-backup.sh [BACKUP]     by default the newest backup that was verified as good
#
# Where the backup is: BACKUP_URL where that is s3://BUCKET/PREFIX (with AWS_REGION, AWS_ACCESS_KEY_ID and
# AWS_SECRET_ACCESS_KEY; AWS_ENDPOINT_URL for another S3 than Amazon's), or BACKUP_BASE_URL, an http address
# below which the same files lie, or BACKUP_DIR, a mounted folder, by default /backups. But for a folder the
# BACKUP must be named; `info-assistant backup list` has the names. QDRANT_URL is this pod's own Qdrant, default
# http://127.0.0.1:6333, with QDRANT_API_KEY or QDRANT__SERVICE__API_KEY. A snapshot from S3 lies in TMPDIR for a while.
#
# Needs a shell and curl. Exit code: 0 all collections are back, 1 something is wrong, 2 Qdrant does not answer.
set -eu

url=${QDRANT_URL:-http://127.0.0.1:6333}
key=${QDRANT_API_KEY:-${QDRANT__SERVICE__API_KEY:-}}
folder=${BACKUP_DIR:-/backups}
base=${BACKUP_BASE_URL:-}
region=${AWS_REGION:-us-east-1}
signed=
case ${BACKUP_URL:-} in
s3://*)
    place=${BACKUP_URL#s3://}
    bucket=${place%%/*}
    prefix=${place#"$bucket"}
    base=${AWS_ENDPOINT_URL:+$AWS_ENDPOINT_URL/$bucket$prefix}
    base=${base:-https://$bucket.s3.$region.amazonaws.com$prefix}
    base=${base%/}
    signed=yes
    ;;
esac
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

# Copies a file of the backup to a place here. Keys go by standard input, as above.
fetch() {
    if [ -n "$signed" ]; then
        printf 'user = "%s:%s"\n' "${AWS_ACCESS_KEY_ID:-}" "${AWS_SECRET_ACCESS_KEY:-}" |
            curl --silent --show-error --fail --config - --aws-sigv4 "aws:amz:$region:s3" --output "$2" "$base/$1"
    elif [ -n "$base" ]; then
        curl --silent --show-error --fail --output "$2" "$base/$1"
    else
        cp "$folder/$1" "$2"
    fi
}

json() { qdrant "$1" "$2" --header 'content-type: application/json' --data "$3"; }

curl --silent --fail --max-time 5 --output /dev/null "$url/readyz" || fail 2 \
"Qdrant does not answer at $url, so nothing was restored. A restore in the pod needs Qdrant up: if the StatefulSet
was scaled to 0, scale it up first and run this before any scaling down; with Qdrant at 0, run the Job restore-objects."

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
[ -n "$base" ] || [ -f "$folder/$backup/manifest.json" ] || fail 1 "$folder/$backup is no complete backup."
fetch "$backup/qdrant/collections.tsv" "$table" || fail 1 "The list of snapshots of $backup cannot be fetched."
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
    if [ -n "$signed" ] ||
        ! json PUT "/collections/$collection/snapshots/recover?wait=true" "$body" > /dev/null 2>"$work/error"; then
        # A server that reads no files of others, and has no key to the bucket, is sent the file.
        [ -n "$signed" ] || [ -z "$base" ] || fail 1 "$collection was not restored: $(cat "$work/error")"
        snapshot=$work/snapshot
        fetch "$file" "$snapshot" || fail 1 "$collection was not restored: $file cannot be fetched."
        qdrant POST "/collections/$collection/snapshots/upload?wait=true&priority=snapshot&checksum=$sha256" \
            --form "snapshot=@$snapshot" > /dev/null || fail 1 "$collection was not restored."
        rm -f "$snapshot"
    fi
    json POST /collections/aliases \
        "{\"actions\": [{\"create_alias\": {\"collection_name\": \"$collection\", \"alias_name\": \"$alias\"}}]}" \
        > /dev/null
    await_count "$collection" "$points" ||
        fail 1 "$collection has $found points; the backup counted $points. Run it again, or take another backup."
done < "$mine"
say "Backup $backup is back in this Qdrant. Documents that came later are taken in again by themselves within a minute."
