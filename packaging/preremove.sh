#!/bin/sh
# Before a removal, not before an upgrade: deb passes "remove", rpm 0.
set -e
if [ -d /run/systemd/system ]; then
  case "$1" in
  remove | 0) systemctl disable --now kafka-import-bridge.service ;;
  esac
fi
