#!/usr/bin/env bash
# The second pair, Node 24 and uWebSockets.js 20.69, where it belongs: makes a Debian 13 root, copies the project in, and proves by chroot
# that the server starts and answers HTTP and a WebSocket there. Root only; needs the network. Usage: debian13.sh [FOLDER]
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
debian=${1:-$root/.cache/debian-13}
# debootstrap cannot work in a path with a space.
[[ $debian != *' '* ]] || debian=${TMPDIR:-/tmp}/driftway-debian-13
port=${PORT:-7918}

if [[ $(id -u) != 0 ]]; then
  echo 'debian13.sh: run as root: chroot and debootstrap need it' >&2
  exit 1
fi

if [[ ! -e $debian/etc/debian_version ]]; then
  command -v debootstrap >/dev/null || apt-get install -qq -y --no-install-recommends debootstrap
  # The mirror that this machine uses, whichever it is.
  mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | grep -v security | head -n 1)
  rm -rf "$debian"
  debootstrap --variant=minbase trixie "$debian" "$mirror" >"$debian.log" 2>&1 || { tail -n 20 "$debian.log"; exit 1; }
fi

# The project as it is now, committed or not, into a path with a space.
copy="$debian/srv/a space/driftway"
rm -rf "$debian/srv" "$debian/opt/node"
mkdir -p "$copy" "$debian/opt/node"
git -C "$root" ls-files -z --cached --others --exclude-standard | (cd "$root" && xargs -0 -I{} sh -c '[ -e "$1" ] && printf "%s\0" "$1"' _ {}) |
  tar -C "$root" --null -T - -cf - | tar -C "$copy" -xf -

# Node 24 runs on an old glibc too; only uWebSockets.js does not. So the packages are installed from outside, by the user's npm.
npm install "node-linux-$(node -p process.arch)@24" --prefix "$debian/opt/node" --no-save --no-package-lock --ignore-scripts --loglevel=error
node24=$(ls -d "$debian"/opt/node/node_modules/node-linux-*/bin)
(cd "$copy" && PATH="$node24:$PATH" npm ci --ignore-scripts --loglevel=error)

# Replaces the shell it runs in, so that a signal to a background one reaches the program.
inside() {
  exec chroot "$debian" /usr/bin/env -i HOME=/root "PATH=${node24#"$debian"}:/usr/bin:/bin" LANG=C.UTF-8 "$@"
}

mkdir -p "$debian/proc"
mount -t proc proc "$debian/proc"
server=
cleanup() {
  [[ -z $server ]] || kill -TERM "$server" 2>/dev/null || true
  wait 2>/dev/null || true
  umount "$debian/proc"
}
trap cleanup EXIT

echo "Debian $(cat "$debian/etc/debian_version"), $(inside getconf GNU_LIBC_VERSION), Node $(inside node --version)"
inside sh -c "cd '/srv/a space/driftway' && exec node native/launch.mjs start --port $port --log-format json" >"$debian.server.log" 2>&1 &
server=$!
(inside node '/srv/a space/driftway/native/test/probe.mjs' "http://127.0.0.1:$port") || { tail -n 40 "$debian.server.log"; exit 1; }
echo "uWebSockets.js $(grep -o '"version": "[^"]*"' "$copy/node_modules/uws-node24/package.json")"
kill -TERM "$server"
code=0
wait "$server" || code=$?
server=
[[ $code == 0 ]] || { echo "the server ended with $code"; tail -n 40 "$debian.server.log"; exit 1; }
echo 'Debian 13: the server started, answered and stopped on Node 24'
