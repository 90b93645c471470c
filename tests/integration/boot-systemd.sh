#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Boots the real systemd as PID 1, in namespaces of its own that the caller made (mount, PID, cgroup, network, UTS,
# IPC):
#
#     boot-systemd.sh WORK DESTINATION BOOT-ID UID
#
# The root is an overlay of this machine's, whose changes stay in WORK/upper, with what DESTINATION holds of
# /usr/local, and with /run, /tmp and /dev of its own. Units are those of /usr/local and a few that are made here: none
# of this machine's own is known, so none starts. UID's user manager is started as lingering would.
set -e
work=$1 destination=$2 boot_id=$3 uid=$4
root=$work/root

mount --make-rprivate /
mkdir -p "$root" "$work/upper" "$work/work"
mount -t overlay -o "lowerdir=/,upperdir=$work/upper,workdir=$work/work" overlay "$root"
mkdir -p "$root/usr/local"
mount --bind "$destination/usr/local" "$root/usr/local"
mount -t proc proc "$root/proc"
mount -t sysfs -o ro sysfs "$root/sys"
mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
mount -t tmpfs -o mode=755 tmpfs "$root/run"
mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
mount -t tmpfs -o mode=755 tmpfs "$root/dev"
for name in null zero full random urandom tty; do
        touch "$root/dev/$name"
        mount --bind "/dev/$name" "$root/dev/$name"
done
mkdir "$root/dev/shm"
mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
echo "$boot_id" >"$root/run/boot_id"
mount --bind "$root/run/boot_id" "$root/proc/sys/kernel/random/boot_id"

rm -rf "$root/units"
mkdir -p "$root/units/multi-user.target.wants"
cd "$root/units"
for target in sysinit sockets shutdown; do
        printf '[Unit]\nDefaultDependencies=no\n' >"$target.target"
done
printf '[Unit]\nDefaultDependencies=no\nWants=sysinit.target sockets.target\n' >basic.target
printf '[Unit]\nDefaultDependencies=no\nWants=basic.target user-manager.service\n' >multi-user.target
# What 'systemctl enable bgtaskd' makes.
ln -s /usr/local/lib/systemd/system/bgtaskd.service multi-user.target.wants/
cat >user-manager.service <<END
[Service]
Type=notify
User=$uid
Group=$uid
Environment=XDG_RUNTIME_DIR=/run/user/$uid HOME=/home/user
UnsetEnvironment=SYSTEMD_UNIT_PATH
ExecStartPre=+install -d -o $uid -g $uid -m 0700 /run/user/$uid /home/user
ExecStart=/lib/systemd/systemd --user
Delegate=yes
KillMode=mixed
END

mkdir -p "$root/old"
cd "$root"
pivot_root . old
umount -l /old
echo booting
exec env -i container=bgtask PATH=/usr/sbin:/usr/bin:/sbin:/bin \
        SYSTEMD_UNIT_PATH=/units:/usr/local/lib/systemd/system \
        /lib/systemd/systemd --unit=multi-user.target --log-target=console --show-status=no
