#!/bin/sh
# The device's side of an enrollment over EST (RFC 7030), with openssl and curl. ../README.md shows it at work.
#
# All that it knows is in one directory (-d, else $EST_DEVICE_DIR, else ./device), readable by its owner alone:
#   server        the address that operations are asked at: https://HOST:PORT/.well-known/est/LABEL
#   root.pem      the one certificate that is trusted
#   cacerts.pem   what /cacerts gave, and root.pem vouches for
#   credential    user name and password of a pairing, until they have been used
#   pending.key   a key that has no certificate yet; it stays the same however often the device has to ask
#   device.pem    certificate, the CA certificates to be sent with it, and key. One file, so that one rename replaces them
#                 together: there is no moment at which key and certificate do not fit
#
# Exit codes: 0 done; 1 refused, or wrong; 2 wrong usage; 75 not now (no network, or a person has yet to decide): ask again
set -eu
umask 077

dir=${EST_DEVICE_DIR:-device}

usage() {
  cat >&2 <<'USAGE'
usage: est-device.sh [-d DIRECTORY] COMMAND
  pair < QR-TEXT                      take server, code and fingerprint of the root from a pairing URI, and trust that root
  trust URL FINGERPRINT|ROOT.pem      the same without a code: SHA-256 of the root certificate in hexadecimal, or the root
  enroll [-s SUBJECT] [-u USER -p FILE] [-c CHAIN.pem -k KEY.pem] [-w SECONDS]
                                      ask for a certificate: with what `pair` took, with a user name and the password in a
                                      file (- is standard input), with a factory certificate, or with none of them.
                                      SUBJECT such as /CN=pump-17; without it the server says who the device is.
                                      While the answer is "later", ask again for SECONDS (3600)
  code                                make a code that the device can show, for a person to type who confirms it
  renew [-f] [-w SECONDS]             renew the certificate once two thirds of its time are over; -f: now
USAGE
  exit 2
}

say() { printf '%s\n' "est-device: $*" >&2; }
die() { say "$@"; exit 1; }
later() { say "$@"; exit 75; }

# --- trust -----------------------------------------------------------------------------------------------------------

# Nothing but the root that was given counts: no certificate of the system's own store.
verify() { openssl verify -CAfile "$dir/root.pem" -no-CApath -no-CAstore "$@" >/dev/null 2>"$work/error"; }

fingerprint_of() { openssl x509 -in "$1" -outform DER | openssl dgst -sha256 -r | cut -d ' ' -f 1; }

# Puts each certificate of a certs-only answer (RFC 7030 section 4.1.3) in a file of its own, 20 at most.
split_certificates() {
  rm -f "$work"/cert-*.pem
  tr -d '\r\n' < "$work/body" | openssl base64 -d -A |
    openssl pkcs7 -inform DER -print_certs -out "$work/all.pem" 2>"$work/error" ||
    die "the answer holds no certificates: $(cat "$work/error")"
  awk -v to="$work/cert-" '
    /-----BEGIN CERT/ { n++; on = 1 }
    on && n <= 20 { print > (to n ".pem") }
    /-----END CERT/ { on = 0 }' "$work/all.pem"
  [ -f "$work/cert-1.pem" ] || die 'the answer holds no certificate.'
}

# RFC 7030 section 4.1.1: from an answer that nobody vouches for, the one certificate of the fingerprint, and nothing else.
pin_root() {
  ask cacerts --insecure
  [ "$status" = 200 ] || refused
  split_certificates
  for each in "$work"/cert-*.pem; do
    [ "$(fingerprint_of "$each")" = "$1" ] || continue
    openssl x509 -in "$each" -out "$work/root.pem"
    mv -f "$work/root.pem" "$dir/root.pem"
    return
  done
  die "$server shows no root certificate with the fingerprint $1: it is not the server that was meant."
}

# What the CA is made of today, on a connection that the root vouches for.
fetch_authorities() {
  secrets=''
  ask cacerts
  [ "$status" = 200 ] || refused
  split_certificates
  : > "$work/cacerts.pem"
  for each in "$work"/cert-*.pem; do
    if verify "$each"; then openssl x509 -in "$each" >> "$work/cacerts.pem"; fi
  done
  mv -f "$work/cacerts.pem" "$dir/cacerts.pem"
}

# --- asking ----------------------------------------------------------------------------------------------------------

# ask OPERATION [OPTION OF CURL ...]: sets status; the answer is in $work/head and $work/body, and has a minute and 256 KiB.
# What must not be seen in the list of processes is in $secrets: lines of a curl configuration, for its standard input.
secrets=''
ask() {
  operation=$1
  shift
  : > "$work/head"
  : > "$work/body"
  code=0
  printf '%s\n' "$secrets" | (
    ulimit -c 0 && ulimit -f 512 || exit
    exec curl -q --silent --show-error --config - --proto '=https' --tlsv1.2 --connect-timeout 15 --max-time 60 \
      --cacert "$dir/root.pem" --capath "$work/none" --dump-header "$work/head" --output "$work/body" "$@" "$server/$operation"
  ) 2>"$work/error" || code=$?
  status=$(sed -n 's|^HTTP/[0-9.]* \([0-9][0-9][0-9]\).*|\1|p' "$work/head" | tail -n 1)
  case $code in
    0) ;;
    5 | 6 | 7 | 16 | 28 | 52 | 55 | 56) later "$server is out of reach: $(cat "$work/error")" ;;
    *) die "$server cannot be asked (curl ends with $code): $(cat "$work/error")" ;;
  esac
}

header() { tr -d '\r' < "$work/head" | awk -v name="$1:" 'tolower($1) == name { sub(/^[^:]*: */, ""); print; exit }'; }

# The server's own sentence, made harmless for a terminal, and the id under which its log has the rest.
explained() {
  sentence=$(head -c 500 "$work/body" | tr '\n' ' ' | tr -cd '[:print:]')
  [ "$status" != 401 ] || sentence='The credential was not accepted; only the log of the server says why.'
  id=$(header x-request-id | tr -cd '[:alnum:]-')
  case $sentence in
    *"$id"*) printf '%s: %s' "$status" "${sentence% }" ;;
    *) printf '%s: %s (request %s)' "$status" "$sentence" "$id" ;;
  esac
}

refused() { die "$server/$operation was refused with $(explained)"; }

quoted() { printf '%s' "$1" | sed 's/[\\"]/\\&/g'; }

# send OPERATION: the request in $work/request, as often as the server says "later", with the same key all the time.
send() {
  end=$(($(date +%s) + wait))
  while :; do
    ask "$1" --header 'Content-Type: application/pkcs10' --data-binary "@$work/request"
    case $status in
      200) return ;;
      202 | 503) ;;
      *) refused ;;
    esac
    pause=$(header retry-after)
    case $pause in '' | *[!0-9]* | ???????*) pause=60 ;; esac
    [ "$pause" -ge 1 ] || pause=1
    [ $(($(date +%s) + pause)) -le "$end" ] || later "$(explained) Ask again in $pause seconds."
    say "$(explained) Asking again in $pause seconds."
    sleep "$pause"
  done
}

# --- key, request, certificate ---------------------------------------------------------------------------------------

# For a renewal, or a device that has no certificate. By link(2) the first of two that run at once makes the key, and the
# other takes the same one.
pending_key() {
  key=$dir/pending.key
  [ -f "$key" ] && return
  openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$work/key" 2>"$work/error" ||
    die "no key was made: $(cat "$work/error")"
  ln "$work/key" "$key" 2>/dev/null || [ -f "$key" ]
}

# Who enrolls again does so with the key that it is known by: it may be all that the server knows it by.
enrolling_key() {
  [ -f "$dir/device.pem" ] || { pending_key; return; }
  key=$work/key
  openssl pkey -in "$dir/device.pem" -out "$key"
}

# make_request OPTION OF "openssl req" ...
make_request() {
  openssl req -new -key "$key" -outform DER -out "$work/request.der" "$@" 2>"$work/error" ||
    die "no request was made: $(cat "$work/error")"
  openssl base64 -in "$work/request.der" -out "$work/request"
}

# DER of an extension in hexadecimal: by its name where OpenSSL knows one, else by its number.
extension() {
  openssl x509 -in "$1" | openssl asn1parse | awk -v name=":$2" '
    found && /OCTET STRING/ { sub(/.*\[HEX DUMP\]:/, ""); print; exit }
    { text = $0; sub(/.*OBJECT *:/, ":", text); found = found || (text == name) }'
}

# Subject and names as they are in the certificate that is renewed (RFC 7030 section 4.2.2).
request_of_renewal() {
  names=$(extension "$dir/device.pem" 'X509v3 Subject Alternative Name')
  {
    printf '[req]\nprompt = no\nutf8 = yes\nstring_mask = utf8only\ndistinguished_name = dn\n[dn]\n'
    openssl x509 -in "$dir/device.pem" -noout -subject -nameopt utf8,sep_multiline,lname | sed 1d |
      sed -e 's/^ *//' -e 's/[\\"$]/\\&/g' -e 's/^\([A-Za-z]*\)=\(.*\)$/\1="\2"/' | awk '{ print NR "." $0 }'
  } > "$work/renewal.cnf"
  set -- -config "$work/renewal.cnf"
  if ! grep -q '^1\.' "$work/renewal.cnf"; then set -- "$@" -subj /; fi
  if [ -n "$names" ]; then set -- "$@" -addext "subjectAltName=DER:$names"; fi
  make_request "$@"
}

# Takes the answer's certificate into use once it is known to be good: until then all stays as it was.
install_certificate() {
  split_certificates
  openssl pkey -in "$key" -pubout -out "$work/public"
  leaf=''
  for each in "$work"/cert-*.pem; do
    openssl x509 -in "$each" -noout -pubkey | cmp -s - "$work/public" && cp "$each" "$work/leaf.pem" && leaf=yes
  done
  [ -n "$leaf" ] || die 'the answer holds no certificate for the key of this device.'
  fetch_authorities
  openssl x509 -in "$work/leaf.pem" -out "$work/device.pem"
  verify -untrusted "$dir/cacerts.pem" -purpose sslclient "$work/leaf.pem" ||
    die "the new certificate is not one to use: $(cat "$work/error")"
  # The certificates between it and the root, which a peer may not have: those by which alone it verifies.
  for each in "$work"/cert-*.pem; do
    [ "$(fingerprint_of "$each")" != "$(fingerprint_of "$dir/root.pem")" ] || continue
    if verify -untrusted "$each" "$work/leaf.pem"; then openssl x509 -in "$each" >> "$work/device.pem"; fi
  done
  cat "$key" >> "$work/device.pem"
  sync
  mv -f "$work/device.pem" "$dir/device.pem"
  rm -f "$dir/pending.key" "$dir/credential"
  openssl x509 -in "$dir/device.pem" -noout -subject -nameopt utf8,sep_comma_plus_space -enddate
}

# --- time ------------------------------------------------------------------------------------------------------------

# Seconds since 1970 of notBefore or notAfter, without a date program that could read it.
seconds_of() {
  openssl x509 -in "$dir/device.pem" -noout "-$1" | sed 's/.*=//' | awk '{
    month = (index("JanFebMarAprMayJunJulAugSepOctNovDec", $1) + 2) / 3
    split($3, clock, ":")
    year = $4 - (month <= 2)
    days = 365 * year + int(year / 4) - int(year / 100) + int(year / 400) + int((153 * ((month + 9) % 12) + 2) / 5) + $2 - 719469
    printf "%d\n", ((days * 24 + clock[1]) * 60 + clock[2]) * 60 + clock[3] }'
}

# Whether more than a third of the validity is left.
is_young() {
  start=$(seconds_of startdate)
  end=$(seconds_of enddate)
  [ $(((end - $(date +%s)) * 3)) -gt $((end - start)) ]
}

# --- commands --------------------------------------------------------------------------------------------------------

have_server() {
  [ -f "$dir/server" ] && [ -f "$dir/root.pem" ] || die "$dir knows no server yet: see pair and trust."
  server=$(cat "$dir/server")
}
have_certificate() { [ -f "$dir/device.pem" ] || die "$dir holds no certificate yet: see enroll."; }

is_server() {
  printf '%s\n' "$1" | grep -Eq '^https://([A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(:[0-9]{1,5})?/\.well-known/est(/[A-Za-z0-9._-]{1,63})?$' ||
    die 'a server is given as https://HOST:PORT/.well-known/est/LABEL; port and label can be left out.'
}

keep_server() { printf '%s\n' "$server" > "$work/server" && mv -f "$work/server" "$dir/server"; }

# est+pair://HOST[:PORT]/.well-known/est[/LABEL]?d=DEVICE&c=CODE&f=FINGERPRINT
pair() {
  text=$(head -c 600 | head -n 1 | tr -d '\r')
  printf '%s\n' "$text" | grep -Eq '^est\+pair://[^?#@]+\?d=[A-Za-z0-9._%-]+&c=[A-Za-z0-9*~$=]+&f=[A-Za-z0-9_-]{43}$' ||
    die 'this is no pairing URI: est+pair://HOST/.well-known/est/LABEL?d=...&c=...&f=...'
  server=https://${text#est+pair://}
  server=${server%%\?*}
  is_server "$server"
  query=${text#*\?d=}
  device=$(printf %s "${query%%&*}" | sed 's/%40/@/g')
  rest=${query#*&c=}
  pin_root "$(printf '%s=' "${text##*&f=}" | tr '_-' '/+' | openssl base64 -d -A | od -An -v -tx1 | tr -d ' \n')"
  fetch_authorities
  printf '%s\n%s\n' "$device" "${rest%%&*}" > "$work/credential"
  mv -f "$work/credential" "$dir/credential"
  keep_server
  say "$server is trusted by its root; enroll next."
}

trust() {
  [ $# = 2 ] || usage
  server=${1%/}
  is_server "$server"
  hex=$(printf %s "$2" | tr -d ':' | tr 'A-F' 'a-f')
  case $hex in
    *[!0-9a-f]*) openssl x509 -in "$2" -out "$work/root.pem" && mv -f "$work/root.pem" "$dir/root.pem" ;;
    *) [ ${#hex} = 64 ] || die 'a fingerprint is SHA-256: 64 hexadecimal digits.'
      pin_root "$hex" ;;
  esac
  fetch_authorities
  keep_server
  say "$server is trusted by its root; enroll next."
}

enroll() {
  subject=/ user='' password_file='' chain='' chain_key='' secrets='' wait=3600
  while getopts s:u:p:c:k:w: option; do
    case $option in
      s) subject=$OPTARG ;; u) user=$OPTARG ;; p) password_file=$OPTARG ;;
      c) chain=$OPTARG ;; k) chain_key=$OPTARG ;; w) wait=$OPTARG ;; *) usage ;;
    esac
  done
  have_server
  if [ -n "$password_file" ]; then
    password=$(if [ "$password_file" = - ]; then head -n 1; else head -n 1 "$password_file"; fi | tr -d '\r')
    secrets="user = \"$(quoted "$user:$password")\""
  elif [ -z "$chain" ] && [ -f "$dir/credential" ]; then
    secrets="user = \"$(quoted "$(sed -n 1p "$dir/credential"):$(sed -n 2p "$dir/credential")")\""
  fi
  if [ -n "$chain" ]; then
    secrets=$(printf '%s\ncert = "%s"\nkey = "%s"' "$secrets" "$(quoted "$chain")" "$(quoted "${chain_key:-$chain}")")
  fi
  enrolling_key
  make_request -subj "$subject"
  send simpleenroll
  install_certificate
}

# Ten random digits and Verhoeff's check digit, 4-3-4: a person who types it wrongly is told so. The digit is reckoned in the
# group of the symmetries of a pentagon.
code() {
  printf '%010d\n' $((0x$(openssl rand -hex 6) % 10000000000)) | awk '
    function product(a, b) { return a < 5 ? (a + b) % 5 + (b < 5 ? 0 : 5) : (a - b + 10) % 5 + (b < 5 ? 5 : 0) }
    {
      for (i = 1; i <= 10; i++) {
        turned = substr($0, 11 - i, 1)
        for (times = 1; times <= i; times++) turned = substr("1576283094", turned + 1, 1)
        check = product(check + 0, turned + 0)
      }
      $0 = $0 (check < 5 ? (5 - check) % 5 : check)
      print substr($0, 1, 4) "-" substr($0, 5, 3) "-" substr($0, 8)
    }'
}

renew() {
  force='' wait=3600
  while getopts fw: option; do
    case $option in f) force=yes ;; w) wait=$OPTARG ;; *) usage ;; esac
  done
  have_server
  have_certificate
  if [ -z "$force" ] && is_young; then return; fi
  secrets=$(printf 'cert = "%s"\nkey = "%s"' "$(quoted "$dir/device.pem")" "$(quoted "$dir/device.pem")")
  pending_key
  request_of_renewal
  send simplereenroll
  install_certificate
}

while getopts d: option; do
  case $option in d) dir=$OPTARG ;; *) usage ;; esac
done
shift $((OPTIND - 1))
[ $# -ge 1 ] || usage
command=$1
shift
OPTIND=1
mkdir -p "$dir"
work=$(mktemp -d "$dir/work.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
case $command in
  pair | trust | code | enroll | renew) "$command" "$@" ;;
  *) usage ;;
esac
