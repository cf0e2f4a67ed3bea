#!/bin/sh
# npm start: from a fresh clone to a serving EST server. What is in place already is left as it is.
set -eu
cd "$(dirname "$0")/.."
data=${BESTOW_DATA:-./data}
sh scripts/system-packages.sh run
sh scripts/npm-packages.sh
if [ ! -e "$data/bestow.yaml" ]; then
  echo "Setting up a CA for trials in $data."
  bin/bestow init --data "$data" --endpoint mqtts://broker.example:8883
fi
echo "Starting the server on $data."
exec bin/bestow serve --data "$data" --walk
