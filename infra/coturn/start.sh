#!/bin/sh
# Starts coturn with the certificate that Caddy has, gives it each new one, and tells it its outer address where it is behind a NAT.
#   TURN_SECRET       shared with the servers
#   TURN_NAME         the public name: whose certificate, and whose address (SITE)
#   CERTIFICATES      where Caddy keeps certificates; none for no TLS
#   TURN_EXTERNAL_IP  auto (what TURN_STUN sees, else the address of TURN_NAME), none, or PUBLIC[/PRIVATE]
#   TURN_STUN         host:port of a STUN server elsewhere, to be told the outer address by
#   TURN_USER         whom coturn runs as, where this is root (nobody)
#   TURN_RUN          a folder for this alone (/run/turn)
#   TURN_LOOK         seconds between looks for a new certificate (60; 2 until there is a first one)
# What follows goes to turnserver.
set -u
umask 077
run=${TURN_RUN:-/run/turn}
conf=$(dirname "$0")/turnserver.conf
user=${TURN_USER:-nobody}
name=${TURN_NAME:-${SITE:-}}
: "${TURN_SECRET:?set TURN_SECRET}"
mkdir -p "$run"

own() { [ "$(id -u)" != 0 ] || chown "$user" "$@"; }
own "$run"

# The newest of Caddy's certificates for the name: each authority has a folder of its own.
newest() {
  [ -n "${CERTIFICATES:-}" ] && [ -n "$name" ] || return 1
  # shellcheck disable=SC2012
  ls -t "$CERTIFICATES"/*/"$name"/"$name".crt 2>/dev/null | head -n 1
}
# 0 where it is another than before.
take() {
  cert=$(newest) || return 1
  [ -n "$cert" ] && [ -s "$cert" ] && [ -s "${cert%.crt}.key" ] || return 1
  cmp -s "$cert" "$run/cert.pem" && return 1
  cp "${cert%.crt}.key" "$run/key.new" && cp "$cert" "$run/cert.new" || return 1
  own "$run/key.new" "$run/cert.new"
  mv "$run/key.new" "$run/key.pem" && mv "$run/cert.new" "$run/cert.pem"
}

local_addresses() { awk '/32 host LOCAL/ { print last } { last = $2 }' /proc/net/fib_trie | sort -u; }
outer() {
  case ${TURN_EXTERNAL_IP:-auto} in
    none) return ;;
    auto) ;;
    *) echo "$TURN_EXTERNAL_IP"; return ;;
  esac
  public=
  if [ -n "${TURN_STUN:-}" ]; then
    public=$(turnutils_stunclient -p "${TURN_STUN##*:}" "${TURN_STUN%:*}" 2>/dev/null |
      sed -n 's/.*reflexive addr: *\([0-9.]*\):.*/\1/p' | head -n 1)
  fi
  if [ -z "$public" ] && [ -n "$name" ]; then
    public=$(getent ahostsv4 "$name" | awk 'NR == 1 { print $1 }')
  fi
  [ -n "$public" ] || return
  # An address of this machine needs no other.
  local_addresses | grep -qxF "$public" && return
  private=$(ip -4 route get "$public" 2>/dev/null | sed -n 's/.* src \([0-9.]*\).*/\1/p')
  [ -n "$private" ] || private=$(hostname -I 2>/dev/null | awk '{ print $1 }')
  echo "$public${private:+/$private}"
}

child=
pausing=
start() {
  {
    cat "$conf"
    echo "static-auth-secret=$TURN_SECRET"
    echo "pidfile=$run/pid"
    echo "userdb=$run/db"
    if [ -s "$run/cert.pem" ]; then
      echo "cert=$run/cert.pem"
      echo "pkey=$run/key.pem"
    else
      echo "no-tls"
      echo "no-dtls"
    fi
    found=$(outer)
    [ -z "$found" ] || echo "external-ip=$found"
    if [ "$(id -u)" = 0 ]; then
      echo "proc-user=$user"
      echo "proc-group=$(id -gn "$user")"
    fi
  } >"$run/turnserver.conf"
  own "$run/turnserver.conf"
  # coturn opens it as root before it becomes the user, and would make a file that the user can't open.
  [ -e "$run/db" ] || : >"$run/db"
  own "$run/db"
  turnserver -c "$run/turnserver.conf" "$@" &
  child=$!
}
# Not until the pause is over: whoever stops a container waits ten seconds and then kills it.
stop() {
  for one in $child $pausing; do kill "$one" 2>/dev/null; done
  wait
  exit 0
}
trap stop TERM INT
trap : ALRM

rm -f "$run/cert.pem" "$run/key.pem"
take
start "$@"
while kill -0 "$child" 2>/dev/null; do
  pause=${TURN_LOOK:-60}
  # Caddy gets its first certificate while this starts: until it is there it is looked for often.
  [ -s "$run/cert.pem" ] || [ -z "${CERTIFICATES:-}" ] || [ -n "${TURN_LOOK:-}" ] || pause=2
  {
    # Whoever ends the pause ends its sleep, which would outlive this script.
    trap 'kill "$!"; exit' TERM
    sleep "$pause" &
    wait "$!"
    kill -ALRM $$
  } 2>/dev/null &
  pausing=$!
  # Until the pause is over or coturn has ended, whichever comes first: whoever started this starts it again.
  wait "$child"
  kill "$pausing" 2>/dev/null
  had=$([ -s "$run/cert.pem" ] && echo yes)
  take || continue
  if [ -n "$had" ]; then
    # coturn reads its certificate anew, and nobody's relay ends.
    kill -USR2 "$child"
  else
    kill "$child"
    wait "$child"
    start "$@"
  fi
done
wait "$child"
