/**
 * Owns running Driftway's own programs with the chosen Node: their environment, their signals and their exit codes.
 * Runs in the launcher process, which stays as the parent until the program has ended.
 */
import { spawn } from 'node:child_process';
import { delimiter, dirname, join } from 'node:path';

// npm repeats a terminal's Ctrl-C within a few ms (both it and we get it from the terminal): not a second wish.
const ECHO_MS = 300;
const KILL_AFTER_MS = 500;
const PARENT_POLL_MS = 1_000;
const NO_WARNING = '--disable-warning=ExperimentalWarning';

/** The environment of everything the launcher starts: our Node first on PATH, compiled code cached, no experimental noise. */
export function environment(root, node) {
  const options = process.env.NODE_OPTIONS ?? '';
  return {
    ...process.env,
    PATH: `${dirname(node.path)}${delimiter}${process.env.PATH ?? ''}`,
    NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE ?? join(root, '.cache', 'compile'),
    NODE_OPTIONS: options.includes(NO_WARNING) ? options : `${options} ${NO_WARNING}`.trim(),
  };
}

/** Runs a command that shares our terminal; resolves with its exit code. */
export function runTool({ node, cwd, env, args }) {
  const child = spawn(node.path, args, { cwd, env, stdio: 'inherit' });
  // The terminal's Ctrl-C reaches the child by itself; only a signal sent to us alone has to be passed on.
  process.on('SIGINT', () => {
    if (!process.stdin.isTTY) child.kill('SIGINT');
  });
  process.on('SIGTERM', () => child.kill('SIGTERM'));
  return exitOf(child);
}

/**
 * Runs the server's heart in a process group of its own, so that a terminal's Ctrl-C reaches the launcher only, and passes
 * wishes to stop over the IPC channel. When the launcher is killed, the channel closes and the heart stops by itself.
 */
export function runHeart({ node, env, args }) {
  const child = spawn(node.path, args, {
    env,
    detached: true,
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  let askedAt = null;
  let killing = false;
  const tell = (type) => {
    if (child.connected) child.send({ type }, () => undefined);
  };
  const stop = () => {
    const now = performance.now();
    if (askedAt === null) {
      askedAt = now;
      tell('stop');
    } else if (now - askedAt > ECHO_MS && !killing) {
      killing = true;
      tell('kill');
      setTimeout(() => killGroup(child), KILL_AFTER_MS).unref();
    }
  };
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);
  // A closed terminal is a wish to stop; without one SIGHUP keeps its meaning for servers: reread what can be reread.
  process.on('SIGHUP', () => (process.stdout.isTTY ? stop() : tell('reload')));
  watchNpm(() => tell('stop'));
  return exitOf(child);
}

/**
 * npm killed with SIGKILL cannot tell us: its child is then adopted by another process. The child is this launcher, since the
 * scripts of package.json say `exec`: a shell between the two would not pass signals on.
 */
function watchNpm(onGone) {
  if (!process.env.npm_lifecycle_event) return;
  const parent = process.ppid;
  const poll = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(poll);
    onGone();
  }, PARENT_POLL_MS);
  poll.unref();
}

function killGroup(child) {
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch {
    return; // gone already
  }
}

function exitOf(child) {
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code, signal) =>
      resolve(code ?? (signal === 'SIGINT' ? 130 : signal === 'SIGTERM' ? 143 : 137)),
    );
  });
}
