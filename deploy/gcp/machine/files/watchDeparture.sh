#!/bin/bash
# Ends Shardcast in order as soon as this machine is to go: by then the balancer sends it nobody new, but it would cut the
# clients that are left at the end of its draining time. So they are sent away before that, spread over the drain time.
# The group says that the machine is to go (rollout, scale-in, repair); the metadata server says that it is preempted.
set -uo pipefail

METADATA=${METADATA:-http://metadata.google.internal/computeMetadata/v1}
COMPUTE=${COMPUTE:-https://compute.googleapis.com/compute/v1}
SYSTEMCTL=${SYSTEMCTL:-systemctl}
EVERY_SECONDS=${EVERY_SECONDS:-5}
# The group is asked less often: all machines of a project share a quota.
GROUP_EVERY=${GROUP_EVERY:-2}

metadata() { curl --silent --show-error --fail --max-time 3 -H 'Metadata-Flavor: Google' "$METADATA/$1"; }
field() { tr -d '\n' | sed -n "s/.*\"$1\" *: *\"\([^\"]*\)\".*/\1/p"; }

# What the group does to this machine, such as NONE or DELETING.
action() {
  local token
  token=$(metadata instance/service-accounts/default/token | field access_token) || return 1
  printf 'header = "Authorization: Bearer %s"\n' "$token" |
    curl --silent --show-error --fail --max-time 10 --config - --request POST --header 'Content-Length: 0' \
      "$COMPUTE/$group/listManagedInstances?maxResults=500&fields=managedInstances(instance,currentAction)" |
    tr -d ' \n' | tr '{' '\n' | grep -F "/instances/$name\"" | sed -n 's/.*"currentAction":"\([A-Z_]*\)".*/\1/p'
}

until name=$(metadata instance/name) && group=$(metadata instance/attributes/created-by); do sleep "$EVERY_SECONDS"; done

leave() {
  echo "watchDeparture: $1: Shardcast ends in order"
  # A second word would kill it at once, so this is said once.
  exec "$SYSTEMCTL" stop shardcast.service
}

trouble=""
for ((turn = 0; ; turn++)); do
  [ "$(metadata instance/preempted 2> /dev/null)" = TRUE ] && leave "this machine is preempted"
  if ((turn % GROUP_EVERY == 0)); then
    if now=$(action); then
      trouble=""
      case "$now" in
        DELETING | RECREATING | RESTARTING | ABANDONING | STOPPING | SUSPENDING) leave "the group is $now this machine" ;;
      esac
    elif [ -z "$trouble" ]; then
      trouble=said
      echo "watchDeparture: the group can not be asked; asking on" >&2
    fi
  fi
  sleep "$EVERY_SECONDS"
done
