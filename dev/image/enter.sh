#!/bin/sh
# Inside the new namespaces, as root: makes TREE the root, then becomes USER and the program. Nothing of it is seen outside.
#   enter.sh TREE USER:GROUP WORKDIR "HERE:THERE …" PROGRAM ARGS…
set -eu
tree=$1 user=$2 workdir=$3 folders=$4
shift 4
mount --make-rprivate /
mount --bind "$tree" "$tree"
mount -t tmpfs -o size=512m,mode=1777 tmpfs "$tree/tmp"
mount -t proc proc "$tree/proc"
mount -t tmpfs -o size=64k,mode=755 tmpfs "$tree/dev"
for device in null zero full random urandom; do
  : > "$tree/dev/$device"
  mount --bind "/dev/$device" "$tree/dev/$device"
done
for folder in $folders; do
  mkdir -p "$tree${folder##*:}"
  mount --bind -o ro "${folder%%:*}" "$tree${folder##*:}"
done
mount -o remount,bind,ro "$tree"
# The program becomes this process: PID 1 of the namespace, with nothing before it.
exec setpriv --no-new-privs \
  unshare --root="$tree" --wd="$workdir" --setgid "${user##*:}" --setuid "${user%%:*}" -- "$@"
