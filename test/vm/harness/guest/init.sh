#!/bin/busybox sh
# First process of a guest, in its initial RAM disk: makes the machine's own files its root, and hands over to the agent.
# The kernel leaves `agent`, `project` (the working tree) and `kernel` (the unpacked package), words of its command line, in
# the environment.
export PATH=/bin
/bin/busybox --install -s /bin
share_options=trans=virtio,version=9p2000.L,msize=512000

mount -t devtmpfs dev /dev
mount -t proc proc /proc
mount -t sysfs sys /sys
while read -r module; do insmod "/modules/$module"; done </modules/order

# The machine's / is read-only; what the guest writes lands in memory above it.
mount -t 9p -o "ro,cache=loose,$share_options" root /lower
mount -t tmpfs upper /upper
mkdir /upper/files /upper/work
mount -t overlay -o lowerdir=/lower,upperdir=/upper/files,workdir=/upper/work overlay /root

for directory in dev proc sys; do mount -o move "/$directory" "/root/$directory"; done
modules=/lib/modules/$(uname -r)
mkdir -p /root/dev/pts /root/dev/shm /root/dev/hugepages "/root$modules"
mount -t tmpfs run /root/run
mount -t devpts pts /root/dev/pts
mount -t tmpfs shm /root/dev/shm
mount -t hugetlbfs huge /root/dev/hugepages
mount -o bind "/root$kernel$modules" "/root$modules"
mkdir /root/run/ixy
mount -t 9p -o "cache=none,$share_options" share /root/run/ixy
ifconfig lo up

# An unprivileged user may read the working tree, wherever it lies.
directory=$project
while [ "$directory" != / ]; do
  chmod a+x "/root$directory"
  directory=$(dirname "$directory")
done

export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root
exec /bin/switch_root /root /bin/sh "$agent"
