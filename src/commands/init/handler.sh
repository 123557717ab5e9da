#!/bin/sh
# Called once for each event: the event as JSON on stdin, its names in EVENTBUS_* variables.
# Exit 0: handled. 75: not now, try again later. 65: reject to the dead-letter queue. Anything else: failed, retried.
set -eu
event=$(cat)
echo "$EVENTBUS_EVENT_NAME for $EVENTBUS_ENTITY_ID (receive $EVENTBUS_RECEIVE_COUNT): $event"
