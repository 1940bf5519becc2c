#!/bin/sh
# What the container starts: folder, secrets and migrations first, in a process of their own, then the server.
# `exec` makes the server process 1, so that SIGTERM reaches it and it stops gracefully.
set -eu
python -m deploy.prepared 2>/dev/null || flask prepare
exec python -m homechat.server
