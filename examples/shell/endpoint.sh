#!/bin/sh
# From the certificate to the broker: reads the endpoints out of the certificate that est-device.sh brought, and connects
# to the first that accepts it. ../README.md shows it at work. Exit codes as those of est-device.sh.
set -eu
umask 077

# The arc of the endpoint extension: `.1` is the extension, `.2` the access method of Subject Information Access.
arc=${EST_ENDPOINT_ARC:-2.25.167961711462897340840238540640387591537}
dir=${EST_DEVICE_DIR:-device}

usage() {
  cat >&2 <<'USAGE'
usage: endpoint.sh [-d DIRECTORY] COMMAND
  show                 whose certificate it is, until when it is valid, and the endpoints in it
  connect              connect to the first endpoint that accepts the certificate, and print it
  publish TOPIC TEXT   publish there, with mosquitto_pub
USAGE
  exit 2
}

say() { printf '%s\n' "endpoint: $*" >&2; }
die() { say "$@"; exit 1; }

# In order of preference: of the extension (SEQUENCE OF IA5String), else of Subject Information Access.
endpoints() {
  at=$(openssl x509 -in "$dir/device.pem" | openssl asn1parse | awk -v name=":$arc.1" '
    found && /OCTET STRING/ { sub(/^ */, ""); sub(/:.*/, ""); print; exit }
    { text = $0; sub(/.*OBJECT *:/, ":", text); found = found || (text == name) }')
  if [ -n "$at" ]; then
    openssl x509 -in "$dir/device.pem" | openssl asn1parse -strparse "$at" | sed -n 's/.*IA5STRING *://p'
  else
    openssl x509 -in "$dir/device.pem" -noout -ext subjectInfoAccess 2>/dev/null | sed -n "s/^ *$arc\\.2 - URI://p"
  fi
}

# Sets scheme, host and port.
split_endpoint() {
  scheme=${1%%://*}
  rest=${1#*://}
  rest=${rest%%/*}
  port=${rest##*:}
  host=${rest%:*}
  case $port in '' | *[!0-9]*)
    host=$rest
    case $scheme in mqtts) port=8883 ;; *) port=443 ;; esac ;;
  esac
  host=${host#\[}
  host=${host%\]}
}

# connect_to ENDPOINT: a TLS connection with the certificate, on which the server's name and chain are verified. With TLS 1.3
# the server says only afterwards that it does not accept the client, so a broker is asked for its CONNACK (MQTT 5).
connect_to() {
  split_endpoint "$1"
  case $host in
    *:*) set -- -connect "[$host]:$port" -noservername -verify_ip "$host" ;;
    *[!0-9.]*) set -- -connect "$host:$port" -servername "$host" -verify_hostname "$host" ;;
    *) set -- -connect "$host:$port" -noservername -verify_ip "$host" ;;
  esac
  set -- s_client "$@" -verify_return_error -CAfile "$dir/root.pem" -no-CApath -no-CAstore \
    -cert "$dir/device.pem" -key "$dir/device.pem" -cert_chain "$dir/device.pem"
  if [ "$scheme" = mqtts ]; then
    # CONNECT with clean start, 60 seconds and no name; DISCONNECT. The broker then closes, and s_client ends.
    printf '\020\015\000\004MQTT\005\002\000\074\000\000\000\340\000' |
      timeout 30 openssl "$@" -quiet 2>"$work/error" | head -c 4 | od -An -tx1 | tr -d ' \n' > "$work/connack"
    case $(cat "$work/connack") in
      20????00) return ;;
      20*) printf 'CONNACK %s\n' "$(cat "$work/connack")" > "$work/error" ;;
    esac
    return 1
  fi
  timeout 30 openssl "$@" </dev/null >"$work/out" 2>"$work/error"
}

# Sets endpoint to the first that accepts the device.
find_endpoint() {
  endpoints > "$work/endpoints"
  [ -s "$work/endpoints" ] || die 'the certificate names no endpoint.'
  while read -r endpoint; do
    if connect_to "$endpoint"; then return; fi
    say "$endpoint: $(grep -v '^depth=\|^verify return' "$work/error" | head -n 3 | tr '\n' ' ' | tr -cd '[:print:]')"
  done < "$work/endpoints"
  say 'no endpoint accepts the connection.'
  exit 75
}

show() {
  openssl x509 -in "$dir/device.pem" -noout -subject -nameopt utf8,sep_comma_plus_space -enddate
  endpoints | sed 's/^/endpoint=/'
}

connect() {
  find_endpoint
  printf '%s\n' "$endpoint"
}

publish() {
  [ $# = 2 ] || usage
  find_endpoint
  timeout 30 mosquitto_pub -V mqttv5 -q 1 -h "$host" -p "$port" --cafile "$dir/root.pem" \
    --cert "$dir/device.pem" --key "$dir/device.pem" -t "$1" -m "$2" >"$work/error" 2>&1 || die "$endpoint: $(cat "$work/error")"
  # mosquitto_pub says what the broker refused, and ends well all the same.
  [ ! -s "$work/error" ] || die "$endpoint: $(cat "$work/error")"
}

while getopts d: option; do
  case $option in d) dir=$OPTARG ;; *) usage ;; esac
done
shift $((OPTIND - 1))
[ $# -ge 1 ] || usage
command=$1
shift
case $command in show | connect | publish) ;; *) usage ;; esac
[ -f "$dir/device.pem" ] || die "$dir holds no certificate yet: see est-device.sh."
work=$(mktemp -d "$dir/work.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
"$command" "$@"
