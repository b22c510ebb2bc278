#!/usr/bin/env bash
# Makes the Secrets that the manifests name. A copy of this with your values belongs into a vault, never into git;
# with a secrets operator, make Secrets of these names and keys. Values that are random here are made for you,
# anew at each run: run it once.
set -euo pipefail
namespace=pubsec-info-assistant

secret() { # NAME KEY=VALUE…, made or changed
  local name=$1
  shift
  kubectl create secret generic "$name" --namespace "$namespace" --dry-run=client --output yaml "${@/#/--from-literal=}" |
    kubectl apply --filename -
}
random() { head -c 32 /dev/urandom | base64 | tr '+/' '-_' | tr -d '='; }

# Letters, digits, - and _ only: the password of Redis stands in a URL.
secret redis "password=$(random)"
secret qdrant "api-key=$(random)" "read-only-api-key=$(random)"
secret frontend "session-secret=$(random)" # oidc-client-secret=… for AUTH=oidc
# secret object-storage access-key-id=… secret-access-key=…   # not with an identity of the workload
# secret providers openai-api-key=… anthropic-api-key=…       # either, both or none: then answers quote
# secret incident SLACK_BOT_TOKEN=… INCIDENT_BACKEND_KEY=…      # whoever is to be told; docs/incidents.md names them
