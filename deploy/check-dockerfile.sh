#!/bin/sh
# Checks the Dockerfile where no Docker engine is at hand: runs its steps in clean roots, then initialises, serves and
# enrolls a device as its user. Needs root, Linux, openssl, curl, npm, debootstrap (apt-get install debootstrap) and the
# project's npm packages.
#
# The base image node:MAJOR-SUITE-slim is stood in for by a minimal Debian SUITE made with debootstrap, with the Node.js
# of the project's `node` package (its headers too) and this machine's npm in /usr/local. The roots reach Debian's
# mirror and the npm registry the way this machine does; another mirror can be named in DEBIAN_MIRROR. Layers, volumes,
# ports and the isolation of containers are not checked.
set -eu
cd "$(dirname "$0")/.."
context=$PWD

fail() {
  echo "check-dockerfile: $*" >&2
  exit 1
}
[ "$(id -u)" = 0 ] || fail 'must run as root: it makes roots and enters them.'
for tool in debootstrap chroot openssl curl npm; do
  command -v "$tool" >/dev/null 2>&1 || fail "$tool is missing (apt-get install $tool)."
done

# Waits until a command succeeds, at most half a minute.
wait_until() {
  tries=300
  until "$@"; do
    tries=$((tries - 1))
    [ "$tries" -gt 0 ] || return 1
    sleep 0.1
  done
}

work=$(mktemp -d)
server=''
clean_up() {
  [ -z "$server" ] || kill -KILL "$server" 2>/dev/null || true
  for root in "$work"/stages/*; do
    ! mountpoint -q "$root/proc" || umount "$root/proc" || umount -l "$root/proc"
  done
  rm -rf --one-file-system "$work"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
mkdir -m 0755 "$work/stages" "$work/context"
chmod 0755 "$work"

# One instruction a line, without comments.
awk '/^[[:space:]]*(#|$)/ { next } { held = held $0 } sub(/\\$/, "", held) { next } { print held; held = "" }' \
  Dockerfile >"$work/instructions"

# What .dockerignore lets through; this reads only the form "nothing, except".
[ "$(head -n 1 .dockerignore)" = '*' ] || fail '.dockerignore must begin with "*".'
sed 1d .dockerignore | while read -r line; do
  case $line in '!'*) cp -a "$context/${line#!}" "$work/context/" ;; *) fail ".dockerignore: $line" ;; esac
done

# The base image, made once. $1: its name.
make_base() {
  suite=$(expr "$1" : 'node:[0-9]*-\([a-z]*\)-slim$') || fail "there is no stand-in for the image $1."
  major=$(expr "$1" : 'node:\([0-9]*\)-')
  package=$(dirname "$(find node_modules/node node_modules/node-* -type d -path '*/include' 2>/dev/null | head -n 1)")
  case $("$package/bin/node" --version) in
    "v$major."*) ;;
    *) fail "the project's node package is not Node.js $major." ;;
  esac
  echo "== debootstrap $suite"
  debootstrap --variant=minbase "$suite" "$work/base" "${DEBIAN_MIRROR:-http://deb.debian.org/debian}" \
    >"$work/debootstrap.log" || { tail "$work/debootstrap.log"; fail 'debootstrap failed.'; }
  cp -RL "$package/bin" "$package/include" "$work/base/usr/local/"
  mkdir -p "$work/base/usr/local/lib/node_modules"
  cp -a "$(npm root --global 2>/dev/null)/npm" "$work/base/usr/local/lib/node_modules/"
  ln -s ../lib/node_modules/npm/bin/npm-cli.js "$work/base/usr/local/bin/npm"
  cp /etc/resolv.conf "$work/base/etc/resolv.conf"
  # A registry behind a CA of one's own: lent to the build only, outside what a package could install.
  [ ! -e /etc/ssl/certs/ca-certificates.crt ] || cp -L /etc/ssl/certs/ca-certificates.crt "$work/base/lent-ca.pem"
  npm config get registry 2>/dev/null >"$work/registry"
}

# Enters the current stage as Docker would: its user, variables and folder. $1: further variables; then the command.
enter() {
  variables=$1
  shift
  # shellcheck disable=SC2086 # lists of words are meant
  exec chroot --userspec="$user:" "$stage" env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    $variables $environment sh -c 'cd "$1" && shift && exec "$@"' enter "$folder" "$@"
}

run() {
  lent="HOME=/root NODE_EXTRA_CA_CERTS=/lent-ca.pem npm_config_registry=$(cat "$work/registry")"
  for name in http_proxy https_proxy no_proxy; do
    eval "value=\${$name:-}"
    [ -z "$value" ] || lent="$lent $name=$value"
  done
  (enter "$lent" sh -c "$1") </dev/null >"$work/run.log" 2>&1 || {
    cat "$work/run.log"
    fail "failed: RUN $1"
  }
}

# COPY [--from=STAGE] SOURCE... TARGET: folders are copied by what is in them.
copy() {
  from=$work/context
  case $1 in --from=*) from=$work/stages/${1#--from=}; shift ;; esac
  sources=''
  while [ $# -gt 1 ]; do sources="$sources $1"; shift; done
  case $1 in /*) target=$stage$1 ;; *) target=$stage$folder/$1 ;; esac
  for source in $sources; do
    if [ -d "$from/$source" ]; then
      mkdir -p "$target"
      cp -R --preserve=mode,links "$from/$source/." "$target"
    else
      case $target in */) mkdir -p "$target" ;; esac
      cp --preserve=mode "$from/$source" "$target"
    fi
  done
}

# The words of a JSON array of plain strings.
words() { printf %s "$1" | tr -d '[]"' | tr ',' ' '; }

count=0
while read -r instruction rest; do
  echo "$instruction $rest"
  case $instruction in
    FROM)
      [ -d "$work/base" ] || make_base "${rest%% *}"
      count=$((count + 1))
      case $rest in *' AS '*) name=${rest##* } ;; *) name=$count ;; esac
      stage=$work/stages/$name folder=/ user=root environment='' entrypoint='' arguments='' signal=TERM
      cp -a "$work/base" "$stage"
      mount -t proc proc "$stage/proc"
      ;;
    RUN) run "$rest" ;;
    # shellcheck disable=SC2086 # a list of words is meant
    COPY) copy $rest ;;
    WORKDIR) folder=$rest && mkdir -p "$stage$folder" ;;
    ENV) environment="$environment $rest" ;;
    USER) user=$rest ;;
    STOPSIGNAL) signal=${rest#SIG} ;;
    ENTRYPOINT) entrypoint=$(words "$rest") ;;
    CMD) arguments=$(words "$rest") ;;
    VOLUME) [ -d "$stage$rest" ] || fail "the volume $rest is no directory." ;;
    EXPOSE) ;;
    *) fail "this script does not know the instruction $instruction." ;;
  esac
done <"$work/instructions"

[ "$user" != root ] || fail 'the image runs as root.'
rm -f "$stage/lent-ca.pem"
# shellcheck disable=SC2086 # the entry point is a list of words
bestow() { (enter '' $entrypoint "$@") </dev/null; }
data=$stage$(printf %s "$environment" | tr ' ' '\n' | sed -n 's/^BESTOW_DATA=//p')

echo "== as $(enter '' id)"
! bestow serve --listen 127.0.0.1:0 >"$work/refused.log" 2>&1 || fail 'served without a data directory.'
bestow init --hostname est.example.com --endpoint mqtts://broker.example.com:8883
case $(stat -c %u "$data/bestow.yaml") in 0) fail 'the data directory holds files of root.' ;; esac

# shellcheck disable=SC2086 # both are lists of words
enter '' $entrypoint $arguments --listen 127.0.0.1:0 </dev/null >"$work/serve.log" 2>&1 &
server=$!
# Ended: gone, or a zombie until this script asks for its exit code.
ended() { case $(sed 's/.*) \(.\).*/\1/' "/proc/$server/stat" 2>/dev/null) in Z | '') true ;; *) false ;; esac; }
served() { grep -q 'EST is served' "$work/serve.log" || ended; }
wait_until served && ! ended || { cat "$work/serve.log"; fail 'the server did not start.'; }
url=https://localhost:$(sed 's/.*://' "$data/run/est.url")/.well-known/est

password=$(bestow otp create --device device-1 --json | sed -n 's/.*"password": *"\([^"]*\)".*/\1/p')
[ -n "$password" ] || fail 'no one-time password.'
cp "$data/ca/root.pem" "$work/root.pem"
cd "$work"
openssl ecparam -name prime256v1 -genkey -noout -out device.key
openssl req -new -key device.key -subj /CN=device-1 -outform DER | openssl base64 >request.b64
curl -sS --fail --max-time 30 --noproxy localhost --cacert root.pem "$url/cacerts" \
  | openssl base64 -d | openssl pkcs7 -inform DER -print_certs -out cacerts.pem
curl -sS --fail --max-time 30 --noproxy localhost --cacert root.pem -u "device-1:$password" \
  -H 'Content-Type: application/pkcs10' --data-binary @request.b64 "$url/simpleenroll" \
  | openssl base64 -d | openssl pkcs7 -inform DER -print_certs -out device.pem
openssl verify -CAfile cacerts.pem device.pem
openssl x509 -in device.pem -noout -subject -issuer -serial -enddate
cd "$context"

kill -s "$signal" "$server"
wait_until ended || { cat "$work/serve.log"; fail "the server goes on after SIG$signal."; }
status=0
wait "$server" || status=$?
server=''
[ "$status" = 0 ] || { cat "$work/serve.log"; fail "the server ended with $status on SIG$signal."; }
grep -q '"stopped"' "$work/serve.log" || fail 'the server did not say that it stopped.'
echo "The image builds, serves and stops on SIG$signal with exit code 0."
