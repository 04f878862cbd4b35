#!/bin/sh
# After an installation or upgrade: the user and the unit. An upgrade restarts a
# service that runs, so that it is the new one; an installation starts nothing.
set -e
if command -v systemd-sysusers >/dev/null 2>&1; then
  systemd-sysusers kafka-import-bridge.conf
fi
if [ -d /run/systemd/system ]; then
  systemctl daemon-reload
  systemctl try-restart kafka-import-bridge.service
fi
