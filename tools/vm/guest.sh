#!/bin/sh
# The whole of a virtual machine's work: sets up the host that the mode names, runs fumehood, hands the results
# over on the second disk, and ends the machine. Process 1 of that machine; see tools/vm_matrix.sh.
PATH=/usr/sbin:/usr/bin:/sbin:/bin
export PATH LANG=C.UTF-8
mode=$(cat /payload/mode)
factor=$(cat /payload/factor)
user=61234

has() { case ".$mode." in *".$1."*) return 0 ;; *) return 1 ;; esac; }

finish() {
    tar -cf /dev/vdb -C /results .
    sync
    echo "end of $mode" >/dev/console
    busybox reboot -f
    sleep 60
}
trap finish EXIT

mount -t devtmpfs dev /dev
mkdir -p /dev/shm /dev/pts
mount -t tmpfs -o mode=1777 shm /dev/shm
mount -t devpts devpts /dev/pts
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t tmpfs -o mode=1777 tmp /tmp
mount -t tmpfs -o mode=755 run /run
mount --make-rshared /
ln -sf /proc/self/fd /dev/fd
chmod 755 / /payload
busybox ip link set lo up
hostname virtual
exec </dev/null >/dev/console 2>&1

cgroup_v1() {
    for name in memory pids cpuacct; do
        mkdir -p "/sys/fs/cgroup/$name"
        mount -t cgroup -o "$name" cgroup "/sys/fs/cgroup/$name"
    done
}
if has v2; then
    mount -t cgroup2 cgroup2 /sys/fs/cgroup
elif has v1 || has hybrid; then
    mount -t tmpfs -o mode=755 cgroup /sys/fs/cgroup
    cgroup_v1
    if has hybrid; then
        mkdir /sys/fs/cgroup/unified
        mount -t cgroup2 cgroup2 /sys/fs/cgroup/unified
    fi
fi
has no-clone && echo 0 >/proc/sys/kernel/unprivileged_userns_clone
has no-userns && echo 0 >/proc/sys/user/max_user_namespaces

# As a mode's user, in a fresh group of its own where it has one: what `systemd-run --scope -p Delegate=yes` gives.
scopes=0
as_user() {
    if has delegated; then
        scopes=$((scopes + 1))
        group=/sys/fs/cgroup/scope-$scopes
        mkdir "$group"
        echo '+memory +pids' >/sys/fs/cgroup/cgroup.subtree_control
        chown "$user:$user" "$group" "$group"/cgroup.procs "$group"/cgroup.subtree_control "$group"/cgroup.threads
        sh -c 'echo $$ >"$0"/cgroup.procs; user=$1; shift
            exec setpriv --reuid "$user" --regid "$user" --clear-groups "$@"' "$group" "$user" "$@"
    elif has plain; then
        setpriv --reuid "$user" --regid "$user" --clear-groups "$@"
    else
        "$@"
    fi
}
# Runs fumehood and keeps its output and exit code under a name.
keep() {
    name=$1
    shift
    echo "$mode: $name ..."
    as_user /payload/fumehood "$@" >"/results/$name.out" 2>"/results/$name.err"
    echo $? >"/results/$name.code"
    echo "$mode: $name: $(cat "/results/$name.code"), $(cut -d. -f1 /proc/uptime) s"
}

# The same for a program in the sandbox, with time enough for a slow machine.
bounded() {
    name=$1
    shift
    keep "$name" exec --cpu-seconds 300 --wall-seconds 600 "$@"
}

{
    uname -a
    cat /proc/cmdline /sys/kernel/security/lsm 2>/dev/null
    grep cgroup /proc/self/mounts
    for file in kernel/unprivileged_userns_clone user/max_user_namespaces; do
        echo "$file = $(cat /proc/sys/$file 2>&1)"
    done
} >/results/host.txt
mount -t securityfs none /sys/kernel/security && cat /sys/kernel/security/lsm >>/results/host.txt
cat /results/host.txt

keep doctor doctor
keep doctor-json doctor --json
keep exec exec -- /bin/echo hello
has no-landlock && keep given-up exec --give-up landlock -- /bin/echo hello
if [ "$(cat /results/exec.code)" = 0 ]; then
    # Memory: a known amount, to be seen as the peak; too much in one process, in several, and in files.
    bounded memory-peak --memory-mib 512 -- /usr/bin/python3 -I -S -c \
        'import time; x = bytearray(200 << 20); time.sleep(1)'
    bounded memory-over --memory-mib 100 -- /usr/bin/perl -e '$x = "a" x (200 << 20); sleep 1; print "alive"'
    bounded memory-many --memory-mib 100 -- /usr/bin/perl -e \
        'for (1..4) { if (!fork) { $x = "a" x (40 << 20); sleep 60; exit } } sleep 60; print "alive"'
    bounded memory-files --memory-mib 100 -- /bin/sh -c \
        'head -c 60M /dev/zero >/tmp/a; head -c 60M /dev/zero >/tmp/b; echo alive'
    bounded processes --processes 8 -- /usr/bin/perl -e \
        'for (1..32) { $p = fork; if (!defined $p) { sleep 2; last } if (!$p) { sleep 20; exit } } print "alive"'
    # Everything of a job ends with it.
    keep killed exec --wall-seconds 3 -- /usr/bin/perl -e \
        'for (1..5) { if (!fork) { setpgrp; sleep 7777; exit } } sleep 7777'
    pgrep -f 'sleep 7777' >/results/left.out
    # The group into which fumehood itself moved stays until that of its user goes.
    find /sys/fs/cgroup -name 'fumehood-*' ! -name '*-supervisor' >/results/groups.out
    # A second run of one scope: the first has moved into a group below it.
    as_user sh -c '/payload/fumehood exec -- /bin/true >/dev/null && /payload/fumehood exec -- /bin/true' \
        >/results/again.out 2>/results/again.err
    echo $? >/results/again.code
fi
if ! has no-attack && [ "$(cat /results/exec.code)" = 0 ]; then
    set -- doctor --attack --json --time-factor "$factor"
    has limits-only && set -- "$@" --only exhaustion
    while read -r name; do
        [ -n "$name" ] && set -- "$@" --only "$name"
    done </payload/only
    keep attack "$@"
fi
