#!/usr/bin/env bash
# Gets what the virtual-machine tests need (docs/vm-tests.md): QEMU and a few tools, installed with apt where they are
# missing, and Debian's kernel, which is unpacked into build-vm/ and never installed. What is there already stays as it is;
# to begin anew, or for a newer kernel: rm -r build-vm
#
#   scripts/vm-setup.sh                what most tests need
#   scripts/vm-setup.sh --noiommu      also VFIO modules with its no-IOMMU mode, which Debian leaves out; takes a minute
#   scripts/vm-setup.sh --newer-qemu   also the newest QEMU that Debian's backports have, with libraries of its own
set -euo pipefail
cd "$(dirname "$0")/.."
cache=$PWD/build-vm
guest=$PWD/test/vm/harness/guest

# What the guest needs to reach its root file system; all else is loaded from there.
root_modules=(virtio_pci 9p 9pnet_virtio overlay)

# need PACKAGE…: from apt, those that are not installed
need() {
  local missing
  # dpkg-query fails where it does not know a package at all.
  missing=$({ dpkg-query -W -f='${Package} ${Status}\n' "$@" 2>/dev/null || true; } |
    awk '/install ok installed/ {print $1}' | sort -u | comm -13 - <(printf '%s\n' "$@" | sort))
  [ -n "$missing" ] || return 0
  if [ "$(id -u)" != 0 ]; then
    echo "missing packages; run: sudo apt-get install --no-install-recommends" $missing >&2
    exit 1
  fi
  apt-get update -qq
  # shellcheck disable=SC2086 # a list of names
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
}

# unpack PACKAGE DIRECTORY: a package's files, without installing it
unpack() {
  local download
  download=$(mktemp -d)
  (cd "$download" && apt-get -qq -o APT::Sandbox::User=root download "$1")
  dpkg-deb -x "$download"/*.deb "$2"
  rm -r "$download"
}

# A step's results appear under their name once they are complete.
fresh() { rm -rf "$cache/$1.part" && mkdir -p "$cache/$1.part" && echo "$cache/$1.part"; }

unpack_kernel() {
  local part package release
  part=$(fresh kernel)
  package=$(apt-cache depends linux-image-amd64 | awk '/Depends: linux-image-/ {print $2; exit}')
  if [ -z "$package" ]; then
    echo 'apt knows no linux-image-amd64: the tests need Debian, with package lists (apt-get update)' >&2
    exit 1
  fi
  unpack "$package" "$part"
  release=$(ls "$part/lib/modules")
  depmod -b "$part" "$release"
  extract_vmlinux "$part/boot/vmlinuz-$release" "$part/vmlinux"
  echo "$release" >"$part/release"
  mv "$part" "$cache/kernel"
}

# extract_vmlinux VMLINUZ VMLINUX: QEMU starts an uncompressed kernel at once; to unpack itself, emulated, takes it 2 s.
# Where the payload lies is in the boot header (Documentation/x86/boot.rst: setup_sects, payload_offset, payload_length).
extract_vmlinux() {
  local sectors offset length payload
  sectors=$(od -An -tu1 -j $((0x1f1)) -N 1 "$1")
  read -r offset length < <(od -An -tu4 -j $((0x248)) -N 8 "$1")
  payload=$(mktemp)
  dd if="$1" of="$payload" bs=1M iflag=skip_bytes,count_bytes status=none \
    skip=$(((sectors + 1) * 512 + offset)) count="$length"
  # The unpacked size is appended to formats that do not tell it: four bytes that are not part of the stream.
  case $(od -An -tx1 -N 4 "$payload" | tr -d ' ') in
    1f8b*) gzip -dc "$payload" ;;
    fd377a58) head -c -4 "$payload" | xz -dc ;;
    28b52ffd) head -c -4 "$payload" | zstd -qdc ;;
    *) echo "$1 is compressed in a way that this script does not know" >&2; exit 1 ;;
  esac >"$2"
  rm "$payload"
}

build_initrd() {
  local part release module
  part=$(fresh initrd)
  release=$(cat "$cache/kernel/release")
  mkdir "$part"/{bin,modules,dev,proc,sys,lower,upper,root}
  cp "$(command -v busybox)" "$part/bin/busybox"
  cp "$guest/init.sh" "$part/init"
  chmod +x "$part/init"
  modprobe -d "$cache/kernel" -S "$release" --show-depends -a "${root_modules[@]}" | awk '!seen[$2]++ {print $2}' |
    while read -r module; do
      xz -dcqf "$module" >"$part/modules/$(basename "$module" .xz)"
      basename "$module" .xz >>"$part/modules/order"
    done
  (cd "$part" && find . | cpio --quiet -o -H newc) >"$part.cpio"
  mv "$part.cpio" "$cache/initrd.cpio"
  rm -r "$part"
}

# VFIO's modules once more, from the source of the very kernel, against its headers.
build_noiommu() {
  local part release version headers tree
  part=$(fresh noiommu)
  release=$(cat "$cache/kernel/release")
  version=$(cut -d. -f1,2 <<<"$release")
  for package in "linux-source-$version" "linux-kbuild-$version" "linux-headers-$release" \
    "linux-headers-${release%-amd64}-common"; do
    unpack "$package" "$part/packages"
  done
  headers=$part/packages/usr/src/linux-headers-$release
  sed -i "s#/usr/src/#$part/packages/usr/src/#" "$headers/Makefile"
  tar -C "$part" -xf "$part/packages/usr/src/linux-source-$version.tar.xz" --strip-components=1 \
    "linux-source-$version/drivers/vfio"
  tree=$part/drivers/vfio
  make -s -C "$headers" M="$tree" CONFIG_VFIO_NOIOMMU=y KCFLAGS=-DCONFIG_VFIO_NOIOMMU=1 modules >"$part/log" 2>&1 ||
    { tail -20 "$part/log" >&2; exit 1; }
  find "$tree" -name '*.ko' -exec mv -t "$part" {} +
  rm -r "$part/packages" "$part/drivers"
  mv "$part" "$cache/noiommu"
}

# Debian's stable release whose backports have the newer QEMU.
newer_release=trixie

# The newer QEMU and every library that it needs, C's included, as if for an empty system: what is installed here, of
# whatever release, neither helps nor hinders. It comes from where apt gets Debian's own packages, checked by Debian's keys.
unpack_newer_qemu() {
  local part apt mirror options deb
  part=$(fresh qemu)
  apt=$part/apt
  mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' 'Label: Debian' | head -n 1)
  if [ -z "$mirror" ]; then
    echo 'apt has no source of Debian packages, or no package lists (apt-get update)' >&2
    exit 1
  fi
  mkdir -p "$apt"/{lists,archives}/partial
  touch "$apt/status"
  for release in "$newer_release" "$newer_release-backports"; do
    echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $release main"
  done >"$apt/sources.list"
  options=(-qq -o APT::Sandbox::User=root -o Dir::State="$apt" -o Dir::State::status="$apt/status" -o Dir::Cache="$apt"
    -o Dir::Etc::sourcelist="$apt/sources.list" -o Dir::Etc::sourceparts=/dev/null
    -o Dir::Etc::preferencesparts=/dev/null)
  apt-get "${options[@]}" update
  apt-get "${options[@]}" install --yes --download-only --no-install-recommends -t "$newer_release-backports" \
    qemu-system-x86 >/dev/null
  for deb in "$apt"/archives/*.deb; do dpkg-deb -x "$deb" "$part"; done
  cp "$guest/../newer-qemu.sh" "$part/qemu-system-x86_64"
  chmod +x "$part/qemu-system-x86_64"
  rm -r "$apt"
  mv "$part" "$cache/qemu"
}

newer_qemu= noiommu=
for option in "$@"; do
  case $option in
    --newer-qemu) newer_qemu=yes ;;
    --noiommu) noiommu=yes ;;
    *) echo "unknown option $option; there are --newer-qemu and --noiommu" >&2; exit 2 ;;
  esac
done

need busybox-static cpio ethtool iproute2 kmod pciutils qemu-system-x86 tcpdump tcpreplay xz-utils zstd
mkdir -p "$cache"
[ -e "$cache/kernel" ] || unpack_kernel
[ "$cache/initrd.cpio" -nt "$guest/init.sh" ] || build_initrd
if [ "$noiommu" ] && [ ! -e "$cache/noiommu" ]; then
  need bc gcc make
  build_noiommu
fi
if [ "$newer_qemu" ] && [ ! -e "$cache/qemu" ]; then
  need debian-archive-keyring
  unpack_newer_qemu
fi
echo "ready: Linux $(cat "$cache/kernel/release")$([ -e "$cache/noiommu" ] && echo ', with no-IOMMU modules')"
[ ! -e "$cache/qemu" ] || "$cache/qemu/qemu-system-x86_64" --version | head -n 1
