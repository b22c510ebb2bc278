#!/bin/bash
# Starts a peer of Qdrant's cluster. A peer that knows its cluster ignores what it is told here; an empty one, also
# an empty qdrant-0, joins through any other peer that answers, and only where none does qdrant-0 begins a cluster.
set -euo pipefail

self=${HOSTNAME:?the name of the pod}
service=${QDRANT_SERVICE:?the headless service}
peers=${QDRANT_PEERS:?how many peers there are}
start=${QDRANT_START:-./entrypoint.sh}
uri="http://${self}.${service}:6335"

for ((number = 0; number < peers; number++)); do
  other="${self%-*}-${number}"
  [ "$other" != "$self" ] || continue
  if curl -fsS -o /dev/null --max-time 2 "http://${other}.${service}:6333/readyz" 2>/dev/null; then
    exec "$start" --bootstrap "http://${other}.${service}:6335" --uri "$uri"
  fi
done

if [ "${self##*-}" = 0 ]; then
  exec "$start" --uri "$uri"
fi
exec "$start" --bootstrap "http://${self%-*}-0.${service}:6335" --uri "$uri"
