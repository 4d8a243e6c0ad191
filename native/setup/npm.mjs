/**
 * Owns every call of the user's npm: finding it, running it with a chosen Node, and turning its failures into one sentence.
 * Runs in the launcher process. Never names a registry: whatever the user's npm is set to is used.
 */
import { spawn } from 'node:child_process';
import { existsSync, realpathSync } from 'node:fs';
import { basename, delimiter, dirname, join } from 'node:path';
import { SetupError } from './say.mjs';

const QUIET = ['--no-fund', '--no-audit', '--no-update-notifier', '--loglevel=error'];
// npm waits 10 s and more between its tries by default; a person who is offline wants to know sooner.
const RETRIES = [
  '--fetch-retries=2',
  '--fetch-retry-mintimeout=1000',
  '--fetch-retry-maxtimeout=5000',
];
const OUTPUT_KEPT = 20_000;
const UNREACHABLE =
  /ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|EHOSTUNREACH|ERR_SOCKET_TIMEOUT|ENOTCACHED/;

/** Runs `npm ...args` in `cwd` with the Node at `nodePath`; rejects with a SetupError that names `what` was being done. */
export async function runNpm({ nodePath, cwd, args, what }) {
  const cli = findNpm();
  const env = { ...process.env, PATH: `${dirname(nodePath)}${delimiter}${process.env.PATH ?? ''}` };
  const { code, output } = await collect(nodePath, [cli, ...args, ...QUIET, ...RETRIES], {
    cwd,
    env,
  });
  if (code === 0) return;
  if (UNREACHABLE.test(output)) {
    throw new SetupError(
      `${what}: the npm registry cannot be reached; connect to the network once, or point npm at a registry or proxy that can be (npm config set registry URL), and run this again`,
    );
  }
  throw new SetupError(`${what}: npm failed (exit code ${code}):\n${output.trim()}`);
}

/** The path of npm's own script, so that it can be run by a Node of our choice. */
function findNpm() {
  const candidates = [process.env.npm_execpath, ...onPath(), ...besideNode()];
  for (const candidate of candidates) {
    if (!candidate || !existsSync(candidate)) continue;
    const real = realpathSync(candidate);
    if (basename(real) === 'npm-cli.js') return real;
    const beside = join(dirname(real), 'node_modules', 'npm', 'bin', 'npm-cli.js');
    if (existsSync(beside)) return beside;
  }
  throw new SetupError(
    'npm was not found: install it (on Debian: apt install npm) and run this again',
  );
}

function onPath() {
  return (process.env.PATH ?? '')
    .split(delimiter)
    .filter(Boolean)
    .map((folder) => join(folder, 'npm'));
}

function besideNode() {
  return [join(dirname(process.execPath), '..', 'lib', 'node_modules', 'npm', 'bin', 'npm-cli.js')];
}

function collect(command, args, options) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    const keep = (chunk) => {
      output = (output + chunk).slice(-OUTPUT_KEPT);
    };
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    child.once('error', reject);
    child.once('close', (code) => resolve({ code: code ?? 1, output }));
  });
}
