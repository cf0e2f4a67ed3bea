#!/bin/sh
# Installs the Debian packages that are missing. Arguments: "run" (what the server needs) or "test" (what the tests need too).
# Without the right to install, prints the exact command and exits 1.
set -eu
case ${1:-run} in
  run) packages='softhsm2 openssl curl' ;;
  test) packages='softhsm2 openssl curl strongswan-pki libstrongswan-standard-plugins libbcpkix-java libbctls-java openjdk-17-jdk-headless p11-kit p11-kit-modules opensc libxml2-utils gnutls-bin nginx mosquitto mosquitto-clients python3-zeroconf' ;;
  *) echo "usage: $0 run|test" >&2; exit 2 ;;
esac

# pkcs11js is a native addon: npm compiles it, which takes a C++ compiler, make and Python.
command -v c++ >/dev/null 2>&1 || packages="$packages g++"
command -v make >/dev/null 2>&1 || packages="$packages make"
command -v python3 >/dev/null 2>&1 || packages="$packages python3"
# A JDK of another vendor serves as well as Debian's.
! command -v javac >/dev/null 2>&1 || packages=$(printf %s "$packages" | sed 's/openjdk-17-jdk-headless//')

missing=''
for package in $packages; do
  [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

run=''
if [ "$(id -u)" != 0 ]; then
  if command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then
    run='sudo'
  else
    echo "Bestow needs these Debian packages. Install them and start again:" >&2
    echo "  sudo apt-get update && sudo apt-get install -y --no-install-recommends$missing" >&2
    exit 1
  fi
fi
echo "Installing Debian packages:$missing"
export DEBIAN_FRONTEND=noninteractive
$run apt-get update -q >/dev/null
# shellcheck disable=SC2086 # a list of words is meant
$run apt-get install -y -q --no-install-recommends $missing >/dev/null
# Tests run an nginx and a Mosquitto of their own: the service that comes with a new one is not wanted.
for service in nginx mosquitto; do
  case "$missing " in *\ $service\ *)
    if [ -d /run/systemd/system ]; then $run systemctl disable --quiet --now $service; else $run service $service stop >/dev/null 2>&1 || true; fi ;;
  esac
done
