#!/bin/sh
# Installs the npm packages of the lock file, if they are not installed already.
set -eu
stamp=node_modules/.installed-lock
if ! cmp -s package-lock.json "$stamp" 2>/dev/null; then
  echo 'Installing npm packages.'
  npm ci --no-audit --no-fund --loglevel=error
  cp package-lock.json "$stamp"
fi
