#!/bin/sh
# An empty machine: a network and a file system of its own, which end with it. What it writes into /etc, /opt, /var/lib and /usr/local is in memory.
# unshare --net --mount --pid --fork machine.sh PROGRAM …: the program runs in it, as root. ROOT names this project's folder.
set -eu
ip link set lo up
# Nobody else is in this network: an address as of the public Internet, so that coturn relays to it.
ip link add outside type veth peer name nobody
ip addr add 45.45.45.45/24 dev outside
ip link set outside up
ip link set nobody up
mount --make-rprivate /
mount -t proc proc /proc
layers=$(mktemp -d)
mount -t tmpfs none "$layers"
for folder in etc opt var/lib usr/local; do
  name=$(echo "$folder" | tr / _)
  mkdir -p "$layers/$name.upper" "$layers/$name.work"
  mount -t overlay overlay -o "lowerdir=/$folder,upperdir=$layers/$name.upper,workdir=$layers/$name.work" "/$folder"
done
chmod 0755 "$layers"
mount -t tmpfs -o mode=0755 none /run
mkdir -p /opt/dlux-presence
mount --bind "$ROOT" /opt/dlux-presence
echo '45.45.45.45 vr.local' >>/etc/hosts
exec "$@"
