#!/bin/bash
# Proves Burrow's GPU containers on a machine with an NVIDIA GPU and its driver,
# and nothing else of NVIDIA's. Prints a line a check, and "N passed, N failed".
#
# usage: tests/gpu/run.sh            as root; .gpu/ comes from tests/gpu/pack.sh
#
# Every check has a deadline, and says why it failed. With OUT set, the whole
# transcript is kept in $OUT/transcript.txt. BURROW names another executable.
set -u
here=$(cd "$(dirname "$0")" && pwd)
packed=${GPU_PACKED:-$here/../../.gpu}
work=$(mktemp -d /tmp/burrow-gpu.XXXXXX)
chmod 755 "$work"
passed=0 failed=0
if [ -n "${OUT:-}" ]; then
  mkdir -p "$OUT"
  exec > >(tee "$OUT/transcript.txt") 2>&1
fi

say() { printf '%s\n' "$*"; }
indent() { sed 's/^/    /' | tail -n "${1:-25}"; }
ok() { passed=$((passed + 1)) && say "ok      $1"; }
not_ok() {
  failed=$((failed + 1))
  say "FAILED  $1"
  [ -z "${2:-}" ] || printf '%s\n' "$2" | indent
}

# A command, or a function of ours, with a deadline.
limited() {
  timeout -k 5 "${LIMIT:-90}" bash -c '"$@"' bash "$@"
}

# check NAME PATTERN COMMAND…: exits 0, and prints what PATTERN matches.
check() {
  local name=$1 pattern=$2 text status
  shift 2
  text=$(limited "$@" 2>&1)
  status=$?
  last=$text
  if [ $status -ne 0 ]; then
    [ $status -ne 124 ] && [ $status -ne 137 ] || text="$text (deadline)"
    not_ok "$name" "exit status $status: $text"
  elif ! grep -qE -- "$pattern" <<<"$text"; then
    not_ok "$name" "no /$pattern/ in: $text"
  else
    ok "$name"
  fi
}

# refuse NAME PATTERN COMMAND…: does not exit 0, and prints what PATTERN matches.
refuse() {
  local name=$1 pattern=$2 text status
  shift 2
  text=$(limited "$@" 2>&1)
  status=$?
  if [ $status -eq 0 ]; then
    not_ok "$name" "it worked: $text"
  elif ! grep -qE -- "$pattern" <<<"$text"; then
    not_ok "$name" "exit status $status, no /$pattern/ in: $text"
  else
    ok "$name"
  fi
}

clean() {
  "$burrow" --root "$work/state" list --quiet 2>/dev/null |
    while read -r id; do
      timeout 20 "$burrow" --root "$work/state" delete --force "$id"
    done
  awk -v top="$work/" 'index($5, top) == 1 {print $5}' /proc/self/mountinfo |
    sort -r | while read -r at; do umount -l "$at"; done
  rm -rf --one-file-system "$work"
}

finish() {
  say
  say "$passed passed, $failed failed"
  [ "$failed" -eq 0 ]
}

# --- What is unpacked -------------------------------------------------------
burrow=${BURROW:-$work/burrow}
trap clean EXIT
if [ "$(id -u)" -ne 0 ]; then
  not_ok "this is root" "run it with sudo"
  finish
  exit 1
fi
if [ -z "${BURROW:-}" ] && ! xz -dc "$packed/burrow.xz" >"$work/burrow"; then
  not_ok "the executable unpacks" "run tests/gpu/pack.sh first"
  finish
  exit 1
fi
chmod 755 "$burrow"
mkdir "$work/debian" "$work/state"
if ! tar -C "$work/debian" -xJf "$packed/debian.tar.xz"; then
  not_ok "the Debian root unpacks"
  finish
  exit 1
fi
[ ! -f "$packed/libseccomp.so.2" ] || ldconfig -p | grep -q libseccomp.so.2 || {
  mkdir "$work/lib"
  cp "$packed/libseccomp.so.2" "$work/lib/"
  export LD_LIBRARY_PATH=$work/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
  say "libseccomp: ours, the machine has none"
}

say "date:   $(date -u +%F)"
say "kernel: $(uname -r), glibc $(getconf GNU_LIBC_VERSION 2>&1 | cut -d' ' -f2)"
say "driver: $(head -n1 /proc/driver/nvidia/version 2>&1)"
say "burrow: $("$burrow" --version 2>&1 | tr '\n' ' ')"
say "cgroup: $(stat -fc %T /sys/fs/cgroup 2>&1)"
smi=$(command -v nvidia-smi || ls /usr/local/nvidia/bin/nvidia-smi 2>&-)
# It makes the nodes that are missing, and the driver look at its GPUs.
[ -z "$smi" ] || timeout 60 "$smi" -L 2>&1 | indent 8
model=$(sed -n 's/^Model:[[:space:]]*//p' /proc/driver/nvidia/gpus/*/information 2>&- |
  head -n1)
say "model:  ${model:-none}"
ls -ld /dev/nvidia* 2>&1 | indent 20
find -L /usr/local/nvidia -maxdepth 2 2>&- | indent 40
say

# --- Bundles ----------------------------------------------------------------
# bundle NAME ROOT ARGS: makes config.json; further settings by variables.
bundle() {
  local readonly=${READONLY:-false} user=${USER_ID:-0} more=${LINUX:-} caps
  local types='pid mount ipc uts network' space= t
  [ -z "${USERNS:-}" ] || types="$types user"
  for t in $types cgroup; do space="$space,{\"type\":\"$t\"}"; done
  caps='"CAP_CHOWN","CAP_DAC_OVERRIDE","CAP_MKNOD"'
  [ "$user" = 0 ] || caps=
  local maps='"uidMappings":[{"containerID":0,"hostID":100000,"size":65536}],
    "gidMappings":[{"containerID":0,"hostID":100000,"size":65536}],'
  [ -n "${USERNS:-}" ] || maps=
  mkdir -p "$work/bundle-$1"
  cat >"$work/bundle-$1/config.json" <<JSON
{
  "ociVersion": "1.2.0",
  "process": {
    "user": {"uid": $user, "gid": $user}, "cwd": "/", "args": $3,
    "env": ["PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
      "HOME=/home/user", "TERM=xterm"],
    "capabilities": {"bounding": [$caps], "effective": [$caps],
      "permitted": [$caps]},
    "noNewPrivileges": true
  },
  "root": {"path": "$2", "readonly": $readonly},
  "hostname": "gpu",
  "mounts": [
    {"destination": "/proc", "type": "proc", "source": "proc",
      "options": ["nosuid", "noexec", "nodev"]},
    {"destination": "/dev", "type": "tmpfs", "source": "tmpfs",
      "options": ["nosuid", "strictatime", "mode=755", "size=65536k"]},
    {"destination": "/dev/shm", "type": "tmpfs", "source": "shm",
      "options": ["nosuid", "noexec", "nodev", "mode=1777"]},
    {"destination": "/tmp", "type": "tmpfs", "source": "tmp",
      "options": ["nosuid", "mode=1777"]},
    {"destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup",
      "options": ["nosuid", "noexec", "nodev", "relatime", "ro"]}
  ],
  "linux": {
    $maps
    "namespaces": [${space#,}],
    "resources": {"devices": [{"allow": false, "access": "rwm"}]
      ${RESOURCES:-}},
    "cgroupsPath": "/burrow-gpu/$1"
    $more
  }
}
JSON
}

# container NAME [OPTION…]: runs the bundle.
container() {
  local name=$1
  shift
  "$burrow" --root "$work/state" run "$@" --bundle "$work/bundle-$name" "gpu-$name"
}
gpu() {
  local name=$1
  shift
  container "$name" --cdi-spec-dir "$work/cdi" --device nvidia.com/gpu=0 "$@"
}
export -f container gpu
export work burrow
shell() { printf '["sh", "-c", "%s"]' "$1"; }
# A root of its own: hooks write in it.
fresh() {
  rm -rf "${work:?}/root-$1"
  cp -a "$work/debian" "$work/root-$1"
  printf '%s' "$work/root-$1"
}

# --- cdi generate -----------------------------------------------------------
check "cdi generate finds the GPU and its driver" "nvidia.com/gpu=0" \
  "$burrow" cdi generate --output "$work/cdi/nvidia.com-gpu.json"
printf '%s\n' "$last" | indent
check "cdi validate accepts what was generated" "valid" \
  "$burrow" cdi validate "$work/cdi/nvidia.com-gpu.json"
check "cdi list names the GPU by index, UUID and all" "gpu=all" \
  "$burrow" cdi list --cdi-spec-dir "$work/cdi"
check "the UUID is among them" "gpu=GPU-" \
  "$burrow" cdi list --cdi-spec-dir "$work/cdi"
printf '%s\n' "$last" | indent
[ -z "${OUT:-}" ] || cp "$work/cdi/nvidia.com-gpu.json" "$OUT/" 2>&-

# --- The program ------------------------------------------------------------
nvcc=$(command -v nvcc || ls /usr/local/cuda/bin/nvcc 2>&-)
if [ -n "$nvcc" ]; then
  LIMIT=240 check "nvcc builds the vector addition here" "" \
    "$nvcc" -O2 -gencode arch=compute_90,code=sm_90 \
    -Xcompiler -static-libgcc,-static-libstdc++ \
    -o "$work/vector_add" "$here/vector_add.cu"
fi
[ -z "${STAND_IN:-}" ] || cp "$STAND_IN/vector_add" "$work/vector_add"
if [ -x "$work/vector_add" ]; then
  cp "$work/vector_add" "$work/debian/test/vector_add"
else
  say "        the packed vector_add is used: ${nvcc:-no nvcc here}"
fi
leftover=$(find "$work/debian" -iname '*nvidia*' -o -name 'libcuda.so*' | head -n3)
[ -z "$leftover" ] && ok "the Debian root has no file of NVIDIA's" ||
  not_ok "the Debian root has no file of NVIDIA's" "$leftover"

# everything NAME: the whole of what a GPU container does, in one bundle.
script='nvidia-smi -L && nvidia-smi && /test/libcuda_probe && /test/vector_add'
wanted='vector_add: PASSED \(50000 elements\)'

# --- A writable root --------------------------------------------------------
bundle plain "$(fresh plain)" '["nvidia-smi"]'
check "nvidia-smi runs by its name, and prints the GPU" \
  "${model#NVIDIA }" gpu plain
printf '%s\n' "$last" | indent 30
bundle plain "$work/root-plain" '["/test/vector_add"]'
check "a vector addition passes" "$wanted" gpu plain
bundle plain "$work/root-plain" '["ldconfig", "-p"]'
check "the loader's cache has libcuda.so.1" "libcuda\.so\.1 .* => /" gpu plain
printf '%s\n' "$last" | grep -E 'libcuda|libnvidia-ml' | indent 8
bundle plain "$work/root-plain" '["/test/libcuda_probe"]'
check "dlopen(libcuda.so.1) works without LD_LIBRARY_PATH" \
  "libcuda: [1-9][0-9]* GPUs" gpu plain
bundle plain "$work/root-plain" "$(shell \
  'd=$(dirname $(ldconfig -p | sed -n s/.*libcuda.so.1.*=..//p | head -n1)); readlink $d/libcuda.so; readlink $d/libcuda.so.1')"
check "libcuda.so leads to libcuda.so.1, and that to the driver's" \
  "^libcuda\.so\.1$" gpu plain
printf '%s\n' "$last" | indent 4
again() {
  find "$work/root-plain" | sort >"$work/before"
  gpu plain && find "$work/root-plain" | sort | diff "$work/before" -
}
export -f again
check "a further start leaves no further file" "" again
bundle plain "$work/root-plain" "$(shell \
  'grep ModifyDeviceFiles /proc/driver/nvidia/params')"
check "the driver's tools may make no nodes" "ModifyDeviceFiles: 0" gpu plain
bundle plain "$work/root-plain" "$(shell 'echo $NVIDIA_VISIBLE_DEVICES; ls /dev')"
check "the environment of the CDI file is there" "^void$" gpu plain

# --- Every kind of container ------------------------------------------------
READONLY=true bundle readonly "$(fresh readonly)" "$(shell "$script")"
check "all of it with root.readonly" "$wanted" gpu readonly

mkdir "$work/bound"
mount --bind "$work/debian" "$work/bound" &&
  mount -o remount,bind,ro "$work/bound"
bundle bound "$work/bound" "$(shell "$script")"
check "all of it on a root that is bound read-only" "$wanted" gpu bound

# image KIND MAKER…: mounts an image of the root at $work/KIND.
image() {
  local kind=$1
  shift
  local tools=$work/debian/test/image loader
  loader=$(ls "$work"/debian/lib64/ld-linux-x86-64.so.2)
  mkdir -p "$work/$kind"
  (
    unset LD_LIBRARY_PATH
    timeout 120 "$loader" --library-path "$tools:$work/debian/usr/lib/x86_64-linux-gnu" \
      "$tools/$1" "${@:2}" >"$work/$kind.log" 2>&1
  ) || { tail -n3 "$work/$kind.log" && return 1; }
  modprobe "$kind" 2>/dev/null
  grep -qw "$kind" /proc/filesystems || { say "this kernel has no $kind" && return 1; }
  # Without loop devices, EROFS takes the file itself since Linux 6.12.
  mount -t "$kind" -o loop,ro "$work/$kind.img" "$work/$kind" 2>&1 ||
    mount -t "$kind" -o ro "$work/$kind.img" "$work/$kind" 2>&1
}
if text=$(image erofs mkfs.erofs "$work/erofs.img" "$work/debian"); then
  bundle erofs "$work/erofs" "$(shell "$script")"
  check "all of it on an EROFS root" "$wanted" gpu erofs
else
  not_ok "all of it on an EROFS root" "$text"
fi
if text=$(image squashfs mksquashfs "$work/debian" "$work/squashfs.img" -noappend -comp gzip); then
  bundle squashfs "$work/squashfs" "$(shell "$script")"
  check "all of it on a squashfs root" "$wanted" gpu squashfs
else
  not_ok "all of it on a squashfs root" "$text"
fi

# What covers a part of /proc keeps user namespaces from a procfs of their own.
[ -z "${STAND_IN:-}" ] || umount /proc/driver
root=$(fresh userns)
chown -R 100000:100000 "$root"
USERNS=1 bundle userns "$root" "$(shell "cat /proc/self/uid_map && $script")"
check "all of it in a user namespace" "$wanted" gpu userns

USER_ID=1000 bundle user "$(fresh user)" "$(shell "id -u && $script")"
check "all of it as a user without privileges" "$wanted" gpu user

if [ -f "$packed/seccomp.json" ]; then
  LINUX=",\"seccomp\": $(cat "$packed/seccomp.json")" \
    bundle seccomp "$(fresh seccomp)" \
    "$(shell "grep ^Seccomp: /proc/self/status && $script")"
  check "all of it under the default seccomp profile" "$wanted" gpu seccomp
  grep -q 'Seccomp:.*2' <<<"$last" && ok "the filter is on" ||
    not_ok "the filter is on" "$last"
else
  not_ok "all of it under the default seccomp profile" "none was packed"
fi

for name in one two; do
  bundle "$name" "$(fresh $name)" "$(shell "$script && sleep 2 && $script")"
done
both() {
  gpu one >"$work/one.log" 2>&1 &
  local first=$!
  gpu two >"$work/two.log" 2>&1 &
  wait $! && wait $first && grep -hc PASSED "$work/one.log" "$work/two.log"
}
export -f both
check "two containers at once" "^2$" bash -c both
for way in always never; do
  bundle "$way" "$(fresh $way)" "$(shell "$script")"
  check "all of it with --native-hooks=$way" "$wanted" \
    gpu "$way" --native-hooks "$way"
done
for name in all $(sed -n 's/.*"name": "\(GPU-[^"]*\)".*/\1/p' "$work/cdi/nvidia.com-gpu.json" 2>&- | head -n1); do
  bundle byname "$(fresh byname)" '["/test/libcuda_probe"]'
  check "the GPU by the name \"$name\"" "libcuda: [1-9]" container byname \
    --cdi-spec-dir "$work/cdi" --device "nvidia.com/gpu=$name"
done
bundle injected "$(fresh injected)" "$(shell "$script")"
check "cdi inject --in-place edits the bundle" "" "$burrow" cdi inject \
  --cdi-spec-dir "$work/cdi" --device nvidia.com/gpu=0 --in-place \
  "$work/bundle-injected"
cp "$work/bundle-injected/config.json" "${OUT:-$work}/injected.json" 2>&-
check "the edited bundle runs without further options" "$wanted" container injected
if hook=$(command -v nvidia-cdi-hook || ls "$packed/nvidia-cdi-hook" 2>&-); then
  check "cdi generate names NVIDIA's own hook" "" "$burrow" cdi generate \
    --hook-path "$hook" --output "$work/cdi-nvidia/gpu.json"
  bundle theirs "$(fresh theirs)" "$(shell "$script")"
  check "all of it with NVIDIA's own hooks" "$wanted" container theirs \
    --cdi-spec-dir "$work/cdi-nvidia" --device nvidia.com/gpu=0
else
  say "        NVIDIA's own hooks are not here: not tried"
fi

# --- Without the device -----------------------------------------------------
bundle none "$(fresh none)" "$(shell 'ls /dev')"
check "without --device no GPU is in /dev" "null" container none
grep -q nvidia <<<"$last" && not_ok "no node of NVIDIA's is in /dev" "$last" ||
  ok "no node of NVIDIA's is in /dev"
bundle none "$work/root-none" '["nvidia-smi"]'
refuse "without --device there is no nvidia-smi" "not found" container none
bundle none "$work/root-none" '["/test/libcuda_probe"]'
refuse "without --device there is no libcuda" "libcuda.so.1" container none
minor=$(sed -n 's/^Device Minor:[[:space:]]*//p' /proc/driver/nvidia/gpus/*/information 2>&- | head -n1)
bundle none "$work/root-none" "$(shell \
  "mknod /tmp/gpu c 195 ${minor:-0} && echo made && cat /tmp/gpu")"
refuse "opening the GPU fails even after mknod" "made" container none
refuse "and it fails because it is not permitted" "not permitted" container none
bundle none "$work/root-none" "$(shell \
  "mknod /tmp/ctl c 195 255; cat /tmp/ctl")"
refuse "so does opening the driver's control node" "not permitted" container none

# --- Limits, of cgroup v2 ----------------------------------------------------
[ "$(stat -fc %T /sys/fs/cgroup)" = cgroup2fs ] &&
  ok "this machine has pure cgroup v2" ||
  not_ok "this machine has pure cgroup v2" "the limits below need it"
RESOURCES=',"memory": {"limit": 67108864, "swap": 67108864}' \
  bundle memory "$work/root-none" "$(shell \
  'cat /sys/fs/cgroup/memory.max; head -c 300m /dev/zero | tail -c 250m | wc -c; grep ^oom_kill /sys/fs/cgroup/memory.events')"
check "memory.max acts" "^oom_kill [1-9]" container memory
RESOURCES=',"pids": {"limit": 12}' bundle pids "$work/root-none" "$(shell \
  'for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16; do sleep 2 & done; wait')"
text=$(limited container pids 2>&1)
grep -qiE 'fork' <<<"$text" && ok "pids.max acts" || not_ok "pids.max acts" "$text"
RESOURCES=',"cpu": {"quota": 20000, "period": 100000}' bundle cpu \
  "$work/root-none" "$(shell \
  'timeout 2 sh -c \"while :; do :; done\"; cat /sys/fs/cgroup/cpu.max; grep nr_throttled /sys/fs/cgroup/cpu.stat')"
check "cpu.max acts" "^nr_throttled [1-9]" container cpu
RESOURCES=',"memory": {"limit": 8589934592}, "pids": {"limit": 200}, "cpu": {"quota": 400000, "period": 100000}' \
  bundle limited "$(fresh limited)" "$(shell "$script")"
check "the GPU works under limits" "$wanted" gpu limited

# --- Times ------------------------------------------------------------------
# times NAME COMMAND…: the median of nine runs, in milliseconds.
times() {
  local name=$1 all= start text
  shift
  for _ in 1 2 3 4 5 6 7 8 9; do
    start=$(date +%s%N)
    if ! text=$(limited "$@" 2>&1); then
      say "time    $name: it fails"
      printf '%s\n' "$text" | indent 3
      return
    fi
    all="$all $((($(date +%s%N) - start) / 10000))"
  done
  say "time    $name: $(printf '%s\n' $all | sort -n | sed -n '5s/..$/.& ms/p')"
}
say
bundle time "$(fresh time)" '["true"]'
times "run true, no device" container time
times "run true, the GPU, built-in hooks in process" gpu time
times "run true, the GPU, a process for each hook" gpu time --native-hooks never
rm -f "$work/trace"
timeout 60 "$burrow" --root "$work/state" --trace "$work/trace" run \
  --cdi-spec-dir "$work/cdi" --device nvidia.com/gpu=0 \
  --bundle "$work/bundle-time" gpu-trace >/dev/null 2>&1
# Each hook by itself, in microseconds.
sed -n 's/.*"name":"\([a-z-]*\)","args":.*"us":\([0-9]*\)}$/\2 us  \1/p' \
  "$work/trace" 2>&- | indent 8
if command -v runc >/dev/null; then
  times "runc: the GPU, a process for each hook" \
    runc --root "$work/state-runc" run --bundle "$work/bundle-injected" gpu-runc
fi
finish
