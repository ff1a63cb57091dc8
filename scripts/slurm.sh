#!/bin/sh
# A Slurm of one node on this machine, for tests and trials: slurmctld, slurmd and munge, without systemd, as root.
#   apt-get install --no-install-recommends slurm-wlm munge slurm-client
#   sh scripts/slurm.sh up        starts it, with two GPUs that are only names; writes /etc/slurm
#   sh scripts/slurm.sh down      stops it and removes what it wrote
# SLURM_HOME is where it keeps its state (default: a folder below TMPDIR or /tmp).
set -eu
home=${SLURM_HOME:-${TMPDIR:-/tmp}/lengen-slurm}
mark="# by scripts/slurm.sh of lengen"

stop() {  # a daemon by the file of its process number
    if [ -f "$1" ]; then
        kill "$(cat "$1")" 2>/dev/null || true
        for _ in 1 2 3 4 5 6 7 8 9 10; do kill -0 "$(cat "$1" 2>/dev/null || echo 0)" 2>/dev/null && sleep 0.5 || break; done
        rm -f "$1"
    fi
}

up() {
    if [ -f /etc/slurm/slurm.conf ] && ! grep -q "$mark" /etc/slurm/slurm.conf; then
        echo "there is a Slurm here already: /etc/slurm/slurm.conf is not of this script" >&2; exit 1
    fi
    mkdir -p "$home/state" "$home/spool" "$home/log" /run/munge /etc/slurm
    chown munge: /run/munge
    munge -n >/dev/null 2>&1 || runuser -u munge -- /usr/sbin/munged --pid-file="/run/munge/munged.pid"
    touch "$home/gpu0" "$home/gpu1"
    printf '%s\nName=gpu File=%s/gpu[0-1]\n' "$mark" "$home" > /etc/slurm/gres.conf
    host=$(hostname -s)
    cat > /etc/slurm/slurm.conf <<EOF
$mark
ClusterName=local
SlurmctldHost=$host(127.0.0.1)
SlurmUser=root
AuthType=auth/munge
# a requeued job waits as long as its credential lives
AuthInfo=cred_expire=5
# containers rarely allow control groups: limits are planned with, not enforced
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
ReturnToService=2
SlurmctldPidFile=$home/slurmctld.pid
SlurmdPidFile=$home/slurmd.pid
SlurmdSpoolDir=$home/spool
StateSaveLocation=$home/state
SlurmctldLogFile=$home/log/slurmctld.log
SlurmdLogFile=$home/log/slurmd.log
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
DefMemPerCPU=1000
GresTypes=gpu
KillWait=5
AccountingStorageType=accounting_storage/none
NodeName=$host NodeAddr=127.0.0.1 CPUs=$(nproc) RealMemory=4000 Gres=gpu:2 State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP
EOF
    slurmctld; slurmd
    for _ in $(seq 40); do
        sinfo --noheader --format=%t 2>/dev/null | grep -qE 'idle|mix|alloc' && exit 0
        sleep 0.5
    done
    echo "Slurm did not start: see $home/log" >&2; exit 1
}

down() {
    if ! grep -qs "$mark" /etc/slurm/slurm.conf; then exit 0; fi  # what runs here is not of this script
    stop "$home/slurmd.pid"; stop "$home/slurmctld.pid"; stop /run/munge/munged.pid
    for each in slurm.conf gres.conf; do
        if grep -qs "$mark" "/etc/slurm/$each"; then rm "/etc/slurm/$each"; fi
    done
    rm -rf "$home"
}

case "${1-}" in
    up|down) "$1" ;;
    *) echo "sh scripts/slurm.sh up|down" >&2; exit 2 ;;
esac
