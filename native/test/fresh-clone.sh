#!/usr/bin/env bash
# A stranger's first minutes: clones the committed project into a path with a space, runs `npm start` twice, the second time with no
# registry to be reached, and stops it by SIGTERM to npm. Prints the times.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
work=$(mktemp -d)
copy="$work/a space/driftway"
port=${PORT:-7917}
trap 'rm -rf "$work"' EXIT

git clone -q "$root" "$copy"
cd "$copy"

round() {
  local started=$SECONDS
  npm start -- --port "$port" >"$work/log" 2>&1 &
  local npm=$!
  local probe=${1:-}
  while [[ ! -x $copy/.cache/node-22/bin/node && ! -d $copy/node_modules ]] && kill -0 $npm 2>/dev/null; do sleep 0.2; done
  local node
  node=$(ls "$copy"/.cache/node-*/bin/node 2>/dev/null | head -n 1 || true)
  "${node:-node}" native/test/probe.mjs "http://127.0.0.1:$port" || { cat "$work/log"; return 1; }
  echo "$probe: ready after $((SECONDS - started)) s"
  kill -TERM $npm
  local code=0
  wait $npm || code=$?
  [[ $code == 0 ]] || { echo "npm start ended with $code"; cat "$work/log"; return 1; }
  [[ ! -e data/server.pid && ! -e data/heart.pid ]] || { echo 'pid files were left behind'; return 1; }
}

round 'first start'
[[ $(stat -c %a data) == 700 && $(stat -c %a data/keys.json) == 600 ]] || { echo 'modes of the data folder are wrong'; exit 1; }
export npm_config_registry=http://127.0.0.1:9
round 'second start, no registry'
