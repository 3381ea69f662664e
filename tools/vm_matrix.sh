#!/usr/bin/env bash
# Runs fumehood on other kernels: boots Debian's kernels in a virtual machine with a small Debian, and runs
# `fumehood doctor`, checks of the limits and the hostile corpus there, once a mode.
#
#   tools/vm_matrix.sh [--binary FILE] [--work FOLDER] [--time-factor N] [--only NAME]... KERNEL MODE...
#
# KERNEL: a series (6.1, 6.12, 5.10; Debian's newest cloud kernel of it) or a `.deb` with a kernel.
# MODE: words joined by dots; the first two are needed.
#   control groups   v2 | v1 | hybrid | none
#   user             root | delegated (an ordinary user with a group of its own) | plain (one without)
#   no-landlock      boot without Landlock
#   no-clone         kernel.unprivileged_userns_clone=0
#   no-userns        user.max_user_namespaces=0
#   no-attack        leave the hostile corpus out
#   limits-only      of the corpus, only the programs that exhaust something
# Several modes run one after the other, each in a machine of its own. Results: WORK/results/KERNEL/MODE/,
# and one line a mode on standard output; the exit code is 0 when all is as it must be.
#
# Needs root (debootstrap), the Debian mirror, and: qemu-system-x86 debootstrap e2fsprogs cpio xz-utils python3.
# Uses KVM where it can. Without it the machine is 10 to 20 times slower, and one mode takes half an hour.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
mirror=${FUMEHOOD_VM_MIRROR:-http://deb.debian.org}
binary=$here/../target/release/fumehood
work=$here/../target/vm
factor=
only=()

fail() { printf 'vm_matrix: %s\n' "$*" >&2; exit 2; }
say() { printf '%s %s\n' "$(date +%H:%M:%S)" "$*" >&2; }

while [[ ${1-} == --* ]]; do
    [ $# -ge 2 ] || fail "$1 needs a value"
    case $1 in
        --binary) binary=$2 ;;
        --work) work=$2 ;;
        --time-factor) factor=$2 ;;
        --only) only+=("$2") ;;
        *) fail "no such option: $1" ;;
    esac
    shift 2
done
[ $# -ge 2 ] || fail "KERNEL and MODE are needed; see the head of this file"
kernel=$1
shift
[ -x "$binary" ] || fail "$binary is missing: cargo build --release"
for tool in qemu-system-x86_64 debootstrap mke2fs cpio xz python3 dpkg-deb apt-get; do
    command -v "$tool" >/dev/null || PATH=$PATH:/usr/sbin:/sbin command -v "$tool" >/dev/null || fail "$tool is missing"
done
PATH=$PATH:/usr/sbin:/sbin
mkdir -p "$work"
work=$(cd "$work" && pwd)
# A /dev/kvm without hardware behind it boots no ordinary kernel.
if [ -w /dev/kvm ] && grep -qE '^flags.* (vmx|svm)( |$)' /proc/cpuinfo; then machine=(-accel kvm -cpu host); slow=1
else machine=(-accel tcg,thread=multi -cpu max); slow=15
fi
factor=${factor:-$slow}

# Debian's package lists, apart from those of this host.
apt_options() {
    local apt=$work/apt keyring=/usr/share/keyrings/debian-archive-keyring.gpg suite
    mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial"
    {
        for suite in bullseye bookworm; do
            echo "deb [signed-by=$keyring] $mirror/debian $suite main"
            echo "deb [signed-by=$keyring] $mirror/debian-security $suite-security main"
        done
    } >"$apt/sources.list"
    options=(-qq -o "Dir::Etc::sourcelist=$apt/sources.list" -o Dir::Etc::sourceparts=/dev/null
        -o "Dir::State::lists=$apt/lists" -o "Dir::Cache=$apt/cache" -o Dir::State::status=/dev/null
        -o APT::Sandbox::User=root)
}

# The kernel, unpacked: its folder in $kernel_root.
kernel_root=
unpack_kernel() {
    local package=$kernel name
    if [[ $kernel != *.deb ]]; then
        apt_options
        [ -n "$(find "$work/apt/lists" -name '*_Packages*' -mmin -720)" ] || apt-get "${options[@]}" update
        name=$(apt-cache "${options[@]}" pkgnames "linux-image-$kernel." |
            grep -E '[0-9]-cloud-amd64$' | sort -V | tail -1)
        [ -n "$name" ] || fail "Debian has no cloud kernel $kernel"
        (cd "$work" && apt-get "${options[@]}" download "$name")
        package=$(find "$work" -maxdepth 1 -name "${name}_*.deb" | sort -V | tail -1)
    fi
    kernel_root=$work/kernels/$(basename "$package" .deb)
    [ -e "$kernel_root/boot" ] || { mkdir -p "$kernel_root" && dpkg-deb -x "$package" "$kernel_root"; }
}

# The small Debian, as a disk: made once.
make_disk() {
    [ -e "$work/disk.img" ] && return
    say "making a small Debian"
    rm -rf --one-file-system "$work/root"
    # In mounts of its own: debootstrap mounts /proc, which must not stay behind on this host.
    unshare -m debootstrap --variant=minbase --include=python3,perl,procps,busybox-static \
        bookworm "$work/root" "$mirror/debian" >"$work/debootstrap.log" 2>&1 || fail "debootstrap: see $work/debootstrap.log"
    rm -rf "$work/root/var/cache/apt" "$work/root/var/lib/apt/lists"
    mkdir -p "$work/root/payload" "$work/root/results"
    mke2fs -q -q -t ext4 -d "$work/root" "$work/disk.part" 1G
    mv "$work/disk.part" "$work/disk.img"
}

# What finds the disk, and brings fumehood and the mode along.
make_initramfs() {
    local mode=$1 stage=$2 module found
    rm -rf "$stage"
    mkdir -p "$stage"/{bin,dev,proc,root,modules,payload}
    cp "$work/root/bin/busybox" "$stage/bin/busybox"
    for module in virtio virtio_ring virtio_pci_modern_dev virtio_pci_legacy_dev virtio_pci virtio_blk overlay; do
        found=$(find "$kernel_root/lib/modules" -name "$module.ko*" | head -1)
        case $found in
            '') continue ;;
            *.xz) xz -dc "$found" >"$stage/modules/$module.ko" ;;
            *) cp "$found" "$stage/modules/$module.ko" ;;
        esac
        echo "$module" >>"$stage/modules/order"
    done
    cp "$here/vm/guest.sh" "$stage/payload/guest.sh"
    cp "$binary" "$stage/payload/fumehood"
    printf '%s\n' "$mode" >"$stage/payload/mode"
    printf '%s\n' "$factor" >"$stage/payload/factor"
    printf '%s\n' "${only[@]}" >"$stage/payload/only"
    cat >"$stage/init" <<'INIT'
#!/bin/busybox sh
/bin/busybox mount -t devtmpfs dev /dev
# Which module needs which differs between kernels, so that each is tried until the disks are there.
until [ -b /dev/vda ] && [ -b /dev/vdb ]; do
    while read -r module; do /bin/busybox insmod "/modules/$module.ko" 2>/dev/null; done </modules/order
    /bin/busybox usleep 100000
done
/bin/busybox mount -t ext4 /dev/vda /root
/bin/busybox cp -r /payload /root/
exec /bin/busybox switch_root /root /bin/sh /payload/guest.sh
INIT
    chmod 755 "$stage/init" "$stage/payload/fumehood" "$stage/payload/guest.sh"
    (cd "$stage" && find . | cpio --quiet -o -H newc | gzip -1) >"$stage.gz"
}

run_mode() {
    local mode=$1 folder lsm=landlock,lockdown,yama,integrity,apparmor,bpf
    folder=$work/results/$(basename "$kernel_root")/$mode
    rm -rf "$folder"
    mkdir -p "$folder"
    [[ .$mode. == *.no-landlock.* ]] && lsm=lockdown,yama,integrity,apparmor,bpf
    make_initramfs "$mode" "$folder/stage"
    truncate -s 64M "$folder/results.img"
    say "$(basename "$kernel_root"): $mode: boots"
    timeout "${FUMEHOOD_VM_TIMEOUT:-5400}" qemu-system-x86_64 "${machine[@]}" -smp 2 -m 3072 -nodefaults \
        -no-user-config -display none -no-reboot -serial "file:$folder/console" \
        -kernel "$kernel_root"/boot/vmlinuz-* -initrd "$folder/stage.gz" \
        -append "console=ttyS0 quiet panic=-1 no_timer_check lsm=$lsm" \
        -drive "file=$work/disk.img,format=raw,if=virtio,snapshot=on" \
        -drive "file=$folder/results.img,format=raw,if=virtio" </dev/null \
        || say "$mode: the machine did not end well; see $folder/console"
    tar -xf "$folder/results.img" -C "$folder" 2>/dev/null || say "$mode: no results; see $folder/console"
    rm -rf "$folder/stage" "$folder/stage.gz" "$folder/results.img"
    python3 "$here/vm/judge.py" "$folder" "$(basename "$kernel_root")" "$mode"
}

unpack_kernel
make_disk
bad=0
for mode in "$@"; do
    run_mode "$mode" || bad=1
done
exit "$bad"
