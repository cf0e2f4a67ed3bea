#!/bin/sh
# npm run fuzz -- MINUTES [SEED]: looks for messages that break a parser or an operation, for as long as that. A finding is printed
# with the message, shrunk, and with the seed of fast-check, which begins the same search again.
set -eu
cd "$(dirname "$0")/.."
minutes=${1:-10}
[ $# -lt 2 ] || export FUZZ_SEED="$2"
# Two files run side by side, and each takes its share: of 100 seconds so divided, the last is over after 60.
export FUZZ_SECONDS=$((minutes * 100))
# shellcheck disable=SC2046 # a list of words is meant
exec node_modules/.bin/node --test --test-concurrency=2 $(find test/fuzz -name '*.test.ts' | sort)
