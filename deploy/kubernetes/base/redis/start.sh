#!/bin/sh
# Starts a server of Redis, and keeps it behind whoever leads.
#
# The rule is docs/decisions/0020's: a replicated key holds an epoch, the backends raise it at a primary that was not
# the one before, and the highest epoch leads. So `REPLICAOF NO ONE` on a replica is all that a promotion takes: the
# old primary and the other replicas follow within some seconds, also when they come back later, and a restart
# of all at once finds everybody as they were.
set -eu

self=${HOSTNAME:?the name of the pod}
service=${REDIS_SERVICE:?the headless service}
servers=${REDIS_SERVERS:?how many servers there are}
password=${REDISCLI_AUTH:?the password}
data=${REDIS_DATA:-/data}
run=${REDIS_RUN:-/run/redis}
config=${REDIS_CONFIG:-/config/redis.conf}
every=${REDIS_LOOK_SECONDS:-5}
noted="$data/leader"

host() { echo "$1.$service"; }

ask() { # HOST COMMAND… prints the answer, or nothing
  who=$1
  shift
  timeout 2 redis-cli -h "$who" -p 6379 "$@" 2>/dev/null || true
}

epoch_of() { # HOST prints the epoch in its data, 0 where there is none
  found=$(ask "$1" HGET info-assistant:leader epoch)
  case $found in '' | *[!0-9]*) echo 0 ;; *) echo "$found" ;; esac
}

leader() { # EPOCH prints another primary with a higher epoch, the highest of them
  best='' highest=$1 number=0
  while [ "$number" -lt "$servers" ]; do
    other="${self%-*}-$number"
    number=$((number + 1))
    [ "$other" != "$self" ] || continue
    [ "$(ask "$(host "$other")" ROLE | head -n 1)" = master ] || continue
    epoch=$(epoch_of "$(host "$other")")
    [ "$epoch" -gt "$highest" ] && best=$other highest=$epoch
  done
  echo "$best"
}

note() { # WHOM-I-FOLLOW EPOCH, whole or not at all
  printf '%s %s\n' "$1" "$2" >"$noted.new" && mv "$noted.new" "$noted"
}

look() { # for ever: follow who leads, and note it for the next start
  while sleep "$every"; do
    [ "$(ask localhost PING)" = PONG ] || continue
    epoch=$(epoch_of localhost)
    best=$(leader "$epoch")
    [ -z "$best" ] || ask localhost REPLICAOF "$(host "$best")" 6379 >&2
    follows=$(ask localhost ROLE | sed -n '1s/^master$/nobody/p;2p' | head -n 1)
    case $follows in
      nobody) note nobody "$epoch" || true ;;
      ?*) note "${follows%%.*}" "$epoch" || true ;;
    esac
  done
}

follows='' epoch=-1
[ ! -f "$noted" ] || read -r follows epoch <"$noted"
if [ -z "$follows" ]; then
  # The very first start: the first server leads.
  [ "${self##*-}" = 0 ] && follows=nobody || follows="${self%-*}-0"
fi
best=$(leader "$epoch")
[ -z "$best" ] || follows=$best

umask 077
{
  cat "$config"
  echo "requirepass $password"
  echo "masterauth $password"
  echo "replica-announce-ip $(host "$self")"
  [ "$follows" = nobody ] || echo "replicaof $(host "$follows") 6379"
} >"$run/redis.conf"

look &
exec "${REDIS_START:-redis-server}" "$run/redis.conf"
