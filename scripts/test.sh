#!/bin/sh
# npm test: installs what the tests need, checks types, form and layers, runs all tests and prints the coverage.
# Arguments: test files to run instead of all.
set -eu
cd "$(dirname "$0")/.."
sh scripts/system-packages.sh test
sh scripts/npm-packages.sh
npm run --silent check
# The tests start many processes: each finds its modules compiled. Of coverage, branches are counted a little less exactly.
NODE_COMPILE_CACHE="$PWD/node_modules/.cache/compiled"
export NODE_COMPILE_CACHE
# shellcheck disable=SC2046 # a list of words is meant
[ $# -gt 0 ] || set -- $(find . -name node_modules -prune -o -name '*.test.ts' -print | sort)
exec node_modules/.bin/node --test --test-concurrency=2 --test-timeout=300000 --experimental-test-coverage \
  --test-coverage-include='ca/**' --test-coverage-include='enrollment/**' --test-coverage-include='server/**' \
  --test-coverage-include='hsm/**' --test-coverage-include='storage/**' --test-coverage-include='cli/**' \
  --test-coverage-exclude='**/*.test.ts' "$@"
