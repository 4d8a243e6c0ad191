/**
 * Checks of the machine and its limits: Node, SQLite, the native part, open files, memory, the clock. Reads only.
 */
import { existsSync, readdirSync } from 'node:fs';
import { chooseUws, currentHost } from '../../native/index.ts';
import { connectionsMaxOf } from '../open-files.ts';
import { fail, ok, readIfThere, sizeOf, warn } from './findings.ts';
import type { Check, Finding, Scene } from './types.ts';

/** The first SQLite without the WAL-reset bug (channels/store/README.md). */
const SQLITE_MIN = [3, 51, 3] as const;
/** Below it the server cannot even refuse in order; from the other on 50,000 sockets fit. */
const FILES_LEAST = 1_024;
const FILES_GOOD = 65_536;
/** The kernel's default up to Linux 5.3 was 128; since then it is 4,096. */
const BACKLOG_GOOD = 1_024;
const BACKLOG_BEST = 4_096;
/** The server starts with under 200 MB. */
const MEMORY_LEAST = 200 * 2 ** 20;
const MEMORY_GOOD = 512 * 2 ** 20;
/** When this was written: a clock before it is wrong for sure. */
const CLOCK_LEAST = Date.UTC(2026, 10, 21);
/** Programs that keep a clock right, by their names in /proc. */
const TIME_KEEPERS = ['chronyd', 'ntpd', 'openntpd', 'systemd-timesyn', 'ptp4l', 'VBoxService'];

/** The platform, Node's version and the C library, as uWebSockets.js needs them; SQLite as the store does. */
export const checkRuntime: Check = () => {
  const { node, sqlite = 'none' } = process.versions;
  const choice = chooseUws(currentHost());
  const parts = sqlite.split('.').map(Number);
  const differs = SQLITE_MIN.map((wanted, i) => (parts[i] ?? 0) - wanted).find((by) => by !== 0);
  return [
    choice.ok ? ok('node', `Node ${node}`) : fail('node', choice.message, 'start with npm start'),
    (differs ?? 0) >= 0
      ? ok('sqlite', `SQLite ${sqlite}`)
      : fail(
          'sqlite',
          `got SQLite ${sqlite}, wanted ${SQLITE_MIN.join('.')} or later`,
          'use a newer Node 22: npm start brings one along',
        ),
  ];
};

/** Open files: of the running server, else as a server started from here would have. */
export const checkOpenFiles: Check = ({ config, serverPid }) => {
  const limits = readIfThere(`/proc/${serverPid ?? 'self'}/limits`);
  if (limits === null) return [ok('nofile', 'this system does not say how many files may be open')];
  return [judgeOpenFiles(limits, config.gatewayThreads)];
};

/** The finding from the text of /proc/PID/limits. */
export function judgeOpenFiles(limits: string, gatewayThreads: number): Finding {
  const [, soft = 'unlimited', hard = 'unlimited'] =
    /^Max open files\s+(\d+|unlimited)\s+(\d+|unlimited)/m.exec(limits) ?? [];
  const most = connectionsMaxOf(gatewayThreads, limits) * gatewayThreads;
  const files = soft === 'unlimited' ? Number.POSITIVE_INFINITY : Number(soft);
  if (files >= FILES_GOOD) return ok('nofile', `${soft} open files`);
  const raise = hard === 'unlimited' || Number(hard) >= FILES_GOOD;
  const remedy = `${raise ? `ulimit -n ${FILES_GOOD} before the start` : 'raise the hard limit too (/etc/security/limits.conf)'}, LimitNOFILE=${FILES_GOOD} in a systemd unit, or --ulimit nofile=${FILES_GOOD} for a container`;
  const what = `${soft} open files: ${most} connections at most`;
  return files < FILES_LEAST ? fail('nofile', what, remedy) : warn('nofile', what, remedy);
}

/** Connections that the kernel keeps waiting while a gateway is busy: a reconnect storm needs room. */
export const checkBacklog: Check = () => {
  const text = readIfThere('/proc/sys/net/core/somaxconn');
  return text === null ? [] : [judgeBacklog(Number(text))];
};

/** The finding from net.core.somaxconn. */
export function judgeBacklog(most: number): Finding {
  const what = `${most} connections may wait to be accepted`;
  if (most >= BACKLOG_GOOD) return ok('backlog', what);
  return warn(
    'backlog',
    what,
    `sysctl -w net.core.somaxconn=${BACKLOG_BEST}, and in /etc/sysctl.conf`,
  );
}

/** Memory that the system, or the container, has left. */
export const checkMemory: Check = ({ serverPid }) => {
  const left = process.availableMemory();
  if (serverPid !== null) return [ok('memory', `${sizeOf(left)} available beside the server`)];
  const what = `${sizeOf(left)} available`;
  const remedy =
    'give the machine or the container 1 GiB; small GATEWAY_THREADS and SHARD_THREADS help';
  if (left < MEMORY_LEAST) return [fail('memory', what, remedy)];
  return [left < MEMORY_GOOD ? warn('memory', what, remedy) : ok('memory', what)];
};

/** Whether the clock can be right, and whether somebody keeps it so. Times of messages and lives of tokens hang on it. */
export const checkClock: Check = ({ clock }: Scene) => {
  const now = clock.now();
  const shown = new Date(now).toISOString();
  const remedy = 'set it, and install chrony or systemd-timesyncd';
  if (now < CLOCK_LEAST) return [fail('clock', `${shown} is in the past`, remedy)];
  const keeper = timeKeeper();
  if (keeper !== null) return [ok('clock', `${shown}, kept by ${keeper}`)];
  return [warn('clock', `${shown}, and nothing that keeps it right was found`, remedy)];
};

function timeKeeper(): string | null {
  if (existsSync('/run/systemd/timesync/synchronized')) return 'systemd-timesyncd';
  if (existsSync('/.dockerenv') || existsSync('/run/.containerenv'))
    return 'the host of this container';
  // ptp_kvm, hyperv and the like: a virtual machine whose host gives it the time.
  const names = processNames();
  return TIME_KEEPERS.find((keeper) => names.has(keeper)) ?? null;
}

function processNames(): ReadonlySet<string> {
  try {
    const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
    return new Set(pids.map((pid) => readIfThere(`/proc/${pid}/comm`)?.trim() ?? ''));
  } catch {
    return new Set(); // no /proc here
  }
}
