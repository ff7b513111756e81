#!/bin/sh
# Packs into .gpu/ what tests/gpu/run.sh needs on a machine that has a GPU and
# nothing of ours: the executable, a small Debian root with its probes, a
# seccomp profile, and the library that compiles it. Under 50 MiB in all.
#
# usage: tests/gpu/pack.sh [EXECUTABLE]   (default: dist/burrow)
#
# Needs: ./compile.sh, the Debian fixture of the test command, xz, cc; and, for
# the read-only images, mkfs.erofs and mksquashfs, which are packed too.
set -eu
cd "$(dirname "$0")/../.."
burrow=${1:-dist/burrow}
root=.cache/fixtures/debian
out=.gpu
profile=/usr/share/containers/seccomp.json

fail() {
  echo "pack.sh: $*" >&2
  exit 1
}
[ -x "$burrow" ] || fail "no \"$burrow\": run ./compile.sh"
[ -x "$root/bin/sh" ] || fail "no \"$root\": run the test command once"
mkdir -p "$out"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# The executable, only when it is another: xz takes a minute.
sum=$(sha256sum <"$burrow")
if [ ! -f "$out/burrow.xz" ] || [ "$sum" != "$(cat "$out/burrow.sha256" 2>&-)" ]
then
  xz -9 -T0 -c "$burrow" >"$work/burrow.xz"
  mv "$work/burrow.xz" "$out/burrow.xz"
  echo "$sum" >"$out/burrow.sha256"
fi

# A Debian without what no program needs to run.
mkdir "$work/root"
tar -C "$root" -c \
  --exclude='./dev/*' --exclude='./var/lib/apt' --exclude='./var/cache' \
  --exclude='./var/lib/dpkg' --exclude='./var/log' \
  --exclude='./usr/share/doc' --exclude='./usr/share/man' \
  --exclude='./usr/share/locale' --exclude='./usr/share/info' \
  --exclude='./usr/share/zoneinfo' --exclude='./usr/share/perl*' \
  --exclude='./usr/share/bash-completion' --exclude='./usr/share/debconf' \
  --exclude='./usr/lib/*/perl*' --exclude='./usr/bin/perl*' \
  --exclude='./usr/lib/apt' --exclude='./usr/bin/apt*' \
  --exclude='./usr/lib/*/libapt-*' --exclude='./usr/lib/*/gconv' \
  --exclude='./usr/lib/*/libdb-*' --exclude='./usr/lib/dpkg' \
  --exclude='./usr/bin/dpkg*' --exclude='./usr/lib/locale' \
  --exclude='./usr/lib/systemd' --exclude='./usr/lib/udev' \
  --exclude='./usr/share/keyrings' --exclude='./usr/share/i18n' \
  . | tar -C "$work/root" -x
mkdir -p "$work/root/var/log" "$work/root/test" "$work/root/home/user"
chmod 1777 "$work/root/home/user"

# Probes, built against this Debian's libraries.
for source in tests/gpu/*.c; do
  name=$(basename "$source" .c)
  cc -O1 -Wall -Wextra -o "$work/root/test/$name" "$source" -ldl
done

# What makes read-only images, with its libraries, run by the root's loader.
mkdir "$work/root/test/image"
for tool in mkfs.erofs mksquashfs; do
  path=$(command -v "$tool") || {
    echo "pack.sh: no $tool, left out" >&2
    continue
  }
  cp "$path" "$work/root/test/image/"
  ldd "$path" | sed -n 's/.* => \(\/[^ ]*\) .*/\1/p' |
    xargs -I{} cp -Ln {} "$work/root/test/image/"
done

# Should nvcc be missing there, and be here.
if command -v nvcc >/dev/null 2>&1 &&
  nvcc -O2 -gencode arch=compute_90,code=sm_90 -o "$work/vector_add" \
    tests/gpu/vector_add.cu 2>"$work/nvcc.log"
then
  cp "$work/vector_add" "$work/root/test/vector_add"
else
  echo "pack.sh: no nvcc here: it must be there" >&2
fi

tar -C "$work/root" -c --numeric-owner --sort=name . | xz -9 -T0 >"$work/root.xz"
mv "$work/root.xz" "$out/debian.tar.xz"

# The default seccomp profile of engines, as they make it for root without
# further capabilities; and the library that compiles it.
if [ -f "$profile" ]; then
  dist/deno run -A --no-check tests/gpu/seccomp.ts "$profile" \
    >"$out/seccomp.json"
fi
library=$(ldconfig -p | sed -n 's/.*libseccomp\.so\.2 .* => //p' | head -n1)
[ -z "$library" ] || cp -L "$library" "$out/libseccomp.so.2"

du -k "$out"/* | sort -n
kib=$(du -sk "$out" | cut -f1)
[ "$kib" -lt 51200 ] || fail "$kib KiB are more than travels"
echo "packed $kib KiB in $out"
