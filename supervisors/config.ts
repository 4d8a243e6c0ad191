/**
 * Owns the configuration: one schema for every setting of api.md, its defaults, ranges and relations, and the table in
 * README.md. Read once at start on the server's main thread, frozen, and passed down as plain data; nothing else reads the
 * environment.
 */
import { availableParallelism } from 'node:os';
import { resolve } from 'node:path';
import { z } from 'zod';
import { host, int, origin, origins, type Row, readableFile, row } from './config-schema.ts';
import {
  ENV_PREFIX,
  envName,
  type RawSetting,
  readSettings,
  type Sources,
} from './config-source.ts';
import { splitVoice, VOICE_ROWS, type VoiceConfig, voiceFaults } from './config-voice.ts';
import { nearest } from './nearest.ts';
import { readTraceSettings, type TraceSettings } from './tracing/settings.ts';

/** Slot numbers are 0 to 63 and every thread with entities or sockets has one; eight are for the rest. */
const THREADS_MAX = 56;
const DAY_S = 86_400;

/** Every setting but CONFIG, which only says where to look. The order is the table's. */
const ROWS = {
  host: row(
    host(),
    '127.0.0.1',
    'a host name or address',
    'address to listen on; 0.0.0.0 lets others in',
  ),
  port: row(
    int(0, 65_535),
    '7000',
    'an integer from 0 to 65535',
    'one port for WebSocket, REST, web client and metrics; 0 takes a free one',
  ),
  tlsCert: row(
    readableFile(),
    '-',
    'the path of a readable PEM file',
    'certificate chain: https and wss on the same port, together with TLS_KEY; reread on SIGHUP',
  ),
  tlsKey: row(readableFile(), '-', 'the path of a readable PEM file', 'private key of TLS_CERT'),
  publicUrl: row(
    origin(),
    'from host and port',
    'an http or https URL without a path',
    'used in invite links, CORS and the allowed Origin list',
  ),
  corsOrigins: row(
    origins(),
    '-',
    'http or https origins separated by commas',
    'further origins that browsers may use this server from',
  ),
  dataDir: row(
    z.string().min(1),
    './data',
    'the path of a folder',
    'database, keys and pid files; created with mode 0700',
  ),
  gatewayThreads: row(
    int(1, 48),
    'by cores',
    'an integer from 1 to 48',
    'threads with sockets: 1 up to 2 cores, above that 60 % of the cores',
  ),
  shardThreads: row(
    int(1, 32),
    'by cores',
    'an integer from 1 to 32',
    'threads with channels and guilds: the cores that gateways leave, at least 1',
  ),
  registration: row(
    z.enum(['open', 'invite', 'closed']),
    'open',
    'open, invite or closed',
    'who may make an account',
  ),
  limits: row(
    z.enum(['public', 'trusted']),
    'public',
    'public or trusted',
    'trusted: rate and connection-count limits times 10,000, for load tests and private networks',
  ),
  accessTokenTtlS: row(
    int(10, 7 * DAY_S),
    '900',
    'an integer from 10 to 604800',
    'life of access tokens in seconds',
  ),
  refreshTokenTtlS: row(
    int(10, 3650 * DAY_S),
    '2592000',
    'an integer from 10 to 315360000',
    'life of refresh tokens in seconds, at least that of access tokens',
  ),
  tokenAlg: row(
    z.enum(['EdDSA', 'ES256', 'RS256']),
    'EdDSA',
    'EdDSA, ES256 or RS256',
    'algorithm of new signing keys',
  ),
  replayMax: row(
    int(1, 100_000),
    '5000',
    'an integer from 1 to 100000',
    'events replayed per stream after a reconnect',
  ),
  stopTimeoutMs: row(
    int(100, 600_000),
    '10000',
    'an integer from 100 to 600000',
    'longest time in ms that a stop may take',
  ),
  heart: row(
    z.enum(['on', 'off']),
    'on',
    'on or off',
    'parent process that restarts the server after a crash',
  ),
  admin: row(
    z.enum(['auto', 'on', 'off']),
    'auto',
    'auto, on or off',
    'admin socket on the public port (/admin, tokens with the scope admin); auto: where HOST is a loopback address. DATA_DIR/admin.sock is always there',
  ),
  chaosEnabled: row(
    z.enum(['on', 'off']),
    'off',
    'on or off',
    'on: operators may break parts of this server on purpose (driftway chaos)',
  ),
  logLevel: row(
    z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']),
    'info',
    'trace, debug, info, warn, error, fatal or silent',
    'least level that is logged',
  ),
  logFormat: row(
    z.enum(['auto', 'json', 'pretty']),
    'auto',
    'auto, json or pretty',
    'auto: pretty on a terminal, JSON otherwise',
  ),
  ...VOICE_ROWS,
  natsUrl: row(
    z.url(),
    '-',
    'a URL',
    'cluster mode when all three are set (not in this version)',
    true,
  ),
  mongoUrl: row(z.url(), '-', 'a URL', 'cluster mode, see NATS_URL', true),
  redisUrl: row(z.url(), '-', 'a URL', 'cluster mode, see NATS_URL', true),
} as const;

type Rows = typeof ROWS;
type Key = keyof Rows;
type Given = { -readonly [K in Key]?: z.output<Rows[K]['schema']> };
type Optional = 'tlsCert' | 'tlsKey' | 'natsUrl' | 'mongoUrl' | 'redisUrl';

/** The checked configuration: plain data, frozen. Absent optional settings are null; paths are absolute. */
export type Config = {
  readonly [K in Exclude<Key, Optional | keyof typeof VOICE_ROWS>]: z.output<Rows[K]['schema']>;
} & { readonly [K in Optional]: string | null } & {
  readonly voice: VoiceConfig;
  /** True when the person gave PUBLIC_URL; false when it was derived from host and port. */
  readonly publicUrlGiven: boolean;
  /** From OpenTelemetry's own variables. */
  readonly tracing: TraceSettings;
};

/** The configuration, or a text for stderr (several lines when several things are wrong); exit code 2 then. */
export type ConfigResult =
  | { readonly ok: true; readonly config: Config }
  | { readonly ok: false; readonly message: string };

/** All camelCase keys, for flags. */
export const CONFIG_KEYS: readonly string[] = [...Object.keys(ROWS), 'config'];

/** What `--help` says about a key. */
export function describeKey(key: string): {
  readonly meaning: string;
  readonly defaultText: string;
} {
  if (key === 'config') return CONFIG_ROW;
  return ROWS[key as Key];
}

const CONFIG_ROW = {
  defaultText: './driftway.config.json',
  allowed: 'the path of a JSON file',
  meaning: 'file with settings under their camelCase names; the environment wins',
};

/**
 * Reads, checks and completes the configuration. `cores` is for tests; default this machine's.
 * Opens nothing but the configuration file; checks that the TLS files can be read.
 */
export function loadConfig(sources: Sources, cores: number = availableParallelism()): ConfigResult {
  const raw = readSettings(sources);
  if (!raw.ok) return { ok: false, message: raw.message };
  const faults: string[] = [];
  const given: Record<string, unknown> = {};
  for (const setting of raw.settings.values()) {
    if (setting.key === 'config' && setting.from !== 'file') continue;
    if (!Object.hasOwn(ROWS, setting.key)) faults.push(unknownKey(setting));
    else check(setting, sources.cwd, given, faults);
  }
  if (faults.length === 0) faults.push(...relationFaults(given as Given, cores));
  if (faults.length > 0) return { ok: false, message: faults.join('\n') };
  const tracing = readTraceSettings(sources.env);
  return { ok: true, config: complete(given as Given, sources.cwd, cores, tracing) };
}

/** The configuration with the port that was really taken, where PORT is 0. */
export function withPort(config: Config, port: number): Config {
  const publicUrl = config.publicUrlGiven
    ? config.publicUrl
    : urlOf(config.host, port, config.tlsCert !== null);
  return Object.freeze({ ...config, port, publicUrl });
}

/** Gateway and shard threads for a number of cores (architecture.md): 1 and 1 up to two cores, then 60 % gateways. */
export function threadsFor(cores: number): { readonly gateways: number; readonly shards: number } {
  if (cores <= 2) return { gateways: 1, shards: 1 };
  const gateways = Math.min(Math.round(cores * 0.6), 32);
  return { gateways, shards: Math.min(Math.max(1, cores - gateways), THREADS_MAX - 32) };
}

/** The table of settings for README.md, in Markdown. */
export function renderConfigTable(): string {
  const lines = ['| name | default | allowed | meaning |', '|---|---|---|---|'];
  for (const [key, { defaultText, allowed, meaning }] of [
    ...Object.entries(ROWS),
    ['config', CONFIG_ROW] as const,
  ]) {
    const shown =
      defaultText === '-' || defaultText.includes(' ') ? defaultText : `\`${defaultText}\``;
    lines.push(`| \`${envName(key)}\` | ${shown} | ${allowed} | ${meaning} |`);
  }
  return lines.join('\n');
}

function check(
  setting: RawSetting,
  cwd: string,
  given: Record<string, unknown>,
  faults: string[],
): void {
  const { schema, allowed, secret } = ROWS[setting.key as Key] as Row<z.ZodType>;
  const value =
    isPath(setting.key) && typeof setting.value === 'string'
      ? resolve(cwd, setting.value)
      : setting.value;
  const parsed = schema.safeParse(value);
  if (parsed.success) given[setting.key] = parsed.data;
  else {
    const shown = secret ? 'a value not shown here' : JSON.stringify(setting.value)?.slice(0, 200);
    faults.push(`${setting.origin}: got ${shown}, wanted ${allowed}`);
  }
}

const PATHS: ReadonlySet<string> = new Set([
  'dataDir',
  'tlsCert',
  'tlsKey',
  'turnSecretFile',
  'mediaWorkerBin',
]);

function isPath(key: string): boolean {
  return PATHS.has(key);
}

function unknownKey({ key, origin, from }: RawSetting): string {
  // The value stays unsaid: a setting that we do not know may be a secret.
  const guess = nearest(key, from === 'file' ? Object.keys(ROWS) : CONFIG_KEYS);
  const named = from === 'env' ? `${ENV_PREFIX}${envName(guess)}` : guess;
  return `${origin}: unknown key, wanted a known one; the nearest is ${named}`;
}

function relationFaults(given: Given, cores: number): string[] {
  const name = (key: Key) => `${ENV_PREFIX}${envName(key)}`;
  const faults = voiceFaults({ port: DEFAULTS.port, ...given }, name, cores);
  if ((given.tlsCert === undefined) !== (given.tlsKey === undefined)) {
    const [set, missing] =
      given.tlsCert === undefined
        ? (['tlsKey', 'tlsCert'] as const)
        : (['tlsCert', 'tlsKey'] as const);
    faults.push(
      `${name(set)}: got "${given[set]}" without ${name(missing)}, wanted both or neither`,
    );
  }
  const access = given.accessTokenTtlS ?? DEFAULTS.accessTokenTtlS;
  const refresh = given.refreshTokenTtlS ?? DEFAULTS.refreshTokenTtlS;
  if (refresh < access) {
    faults.push(
      `${name('refreshTokenTtlS')}: got ${refresh}, wanted at least ${name('accessTokenTtlS')}, which is ${access}`,
    );
  }
  const derived = threadsFor(cores);
  const threads =
    (given.gatewayThreads ?? derived.gateways) + (given.shardThreads ?? derived.shards);
  if (threads > THREADS_MAX) {
    faults.push(
      `${name('gatewayThreads')} and ${name('shardThreads')}: got ${threads} together, wanted at most ${THREADS_MAX}`,
    );
  }
  for (const key of ['natsUrl', 'mongoUrl', 'redisUrl'] as const) {
    if (given[key] === undefined) continue;
    // Starting alone when a cluster was asked for would lose data that belongs to the cluster.
    faults.push(`${name(key)}: got a value, wanted none: this version has no cluster mode yet`);
  }
  return faults;
}

const DEFAULTS = {
  host: '127.0.0.1',
  port: 7000,
  corsOrigins: [] as string[],
  registration: 'open',
  limits: 'public',
  accessTokenTtlS: 900,
  refreshTokenTtlS: 2_592_000,
  tokenAlg: 'EdDSA',
  replayMax: 5000,
  stopTimeoutMs: 10_000,
  heart: 'on',
  admin: 'auto',
  chaosEnabled: 'off',
  logLevel: 'info',
  logFormat: 'auto',
  tlsCert: null,
  tlsKey: null,
  natsUrl: null,
  mongoUrl: null,
  redisUrl: null,
} as const;

function complete(given: Given, cwd: string, cores: number, tracing: TraceSettings): Config {
  const host = given.host ?? DEFAULTS.host;
  const port = given.port ?? DEFAULTS.port;
  const derived = threadsFor(cores);
  const { rest, voice } = splitVoice(given, cores);
  return Object.freeze({
    ...DEFAULTS,
    dataDir: resolve(cwd, './data'),
    publicUrl: urlOf(host, port, given.tlsCert !== undefined),
    gatewayThreads: derived.gateways,
    shardThreads: derived.shards,
    ...rest,
    voice,
    publicUrlGiven: given.publicUrl !== undefined,
    tracing,
    corsOrigins: Object.freeze(given.corsOrigins ?? []) as string[],
  });
}

function urlOf(host: string, port: number, tls: boolean): string {
  const anywhere = host === '0.0.0.0' || host === '::';
  // A zone (fe80::1%eth0) is this machine's own name for an interface: no part of a URL.
  const bare = host.split('%')[0] ?? host;
  const shown = anywhere ? 'localhost' : bare.includes(':') ? `[${bare}]` : bare;
  return new URL(`${tls ? 'https' : 'http'}://${shown}:${port}`).origin;
}
