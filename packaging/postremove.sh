#!/bin/sh
# After a removal: forget the unit. The user stays, since files may be its own.
set -e
if [ -d /run/systemd/system ]; then
  systemctl daemon-reload
fi
