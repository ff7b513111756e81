#!/bin/sh
# Runs tests/gpu/run.sh on a machine without a GPU, with a stand-in for the
# driver: nodes that are /dev/null, a libcuda that counts to one, a procfs folder
# and programs that print what is looked for. All of it lies in a mount namespace
# of its own. It proves the script and all of Burrow's part, and no GPU.
#
# usage: tests/gpu/stand_in.sh
set -eu
if [ "${STAND_IN:-}" = "" ]; then
  STAND_IN=$(mktemp -d)
  export STAND_IN
  status=0
  unshare --mount --propagation=private "$0" "$@" || status=$?
  rm -rf "$STAND_IN"
  exit "$status"
fi
here=$(cd "$(dirname "$0")" && pwd)
version=580.159.04

# Nodes: /dev as it is, and more.
mkdir "$STAND_IN/dev"
mount -t tmpfs -o mode=755 stand-in "$STAND_IN/dev"
for path in /dev/*; do
  name=${path#/dev/}
  if [ -L "$path" ]; then
    cp -a "$path" "$STAND_IN/dev/"
  elif [ -d "$path" ]; then
    mkdir "$STAND_IN/dev/$name" && mount --rbind "$path" "$STAND_IN/dev/$name"
  elif [ -e "$path" ]; then
    touch "$STAND_IN/dev/$name" && mount --bind "$path" "$STAND_IN/dev/$name"
  fi
done
for name in nvidia0 nvidiactl nvidia-uvm nvidia-uvm-tools; do
  mknod -m 666 "$STAND_IN/dev/$name" c 1 3
done
mount --move "$STAND_IN/dev" /dev

# What the driver tells.
mount -t tmpfs stand-in /proc/driver
mkdir -p /proc/driver/nvidia/gpus/0000:00:05.0
echo "NVRM version: a stand-in for x86_64  $version  Release Build" \
  >/proc/driver/nvidia/version
echo "ModifyDeviceFiles: 1" >/proc/driver/nvidia/params
printf '%s\n' "Model: 		 NVIDIA Stand-in" "GPU UUID: 	 GPU-stand-in" \
  "Device Minor: 	 0" >/proc/driver/nvidia/gpus/0000:00:05.0/information

# The driver, on a read-only filesystem in an odd place.
mkdir -p "$STAND_IN/driver/bin" "$STAND_IN/driver/lib64" /usr/local/nvidia
for name in libcuda libnvidia-ml; do
  cc -shared -fPIC -Wl,-soname,$name.so.1 -o \
    "$STAND_IN/driver/lib64/$name.so.$version" "$here/stand_in/libcuda.c"
  ln -s "$name.so.$version" "$STAND_IN/driver/lib64/$name.so.1"
done
printf '#!/bin/sh\necho "GPU 0: NVIDIA Stand-in"\n' \
  >"$STAND_IN/driver/bin/nvidia-smi"
printf '#!/bin/sh\necho "vector_add: PASSED (50000 elements)"\n' \
  >"$STAND_IN/vector_add"
chmod +x "$STAND_IN/driver/bin/nvidia-smi" "$STAND_IN/vector_add"
mksquashfs "$STAND_IN/driver" "$STAND_IN/driver.img" >/dev/null
mount -t squashfs -o loop,ro "$STAND_IN/driver.img" /usr/local/nvidia
exec "$here/run.sh" "$@"
