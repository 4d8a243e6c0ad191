/**
 * Owns where settings come from: flags, the environment and the configuration file, in this order of precedence. Knows no
 * setting by name and checks no value (config.ts does); tiny, because the heart reads its own switch through it.
 * Main thread of the heart and of the server, at start only.
 */
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

/** Prefix of every environment variable of ours. */
export const ENV_PREFIX = 'DRIFTWAY_';
const TEST_PREFIX = 'DRIFTWAY_TEST_';
const FILE_NAME = 'driftway.config.json';

/** Where settings are looked for. `flags` by camelCase key, as given on the command line. */
export interface Sources {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly flags: Readonly<Record<string, string>>;
  /** Folder that relative paths start from. */
  readonly cwd: string;
}

/** One setting as found: `origin` is how a person would name it (`DRIFTWAY_PORT`, `--port`, `port in FILE`). */
export interface RawSetting {
  readonly key: string;
  readonly value: unknown;
  readonly origin: string;
  readonly from: 'flag' | 'env' | 'file';
}

/** All settings found, by key, or one sentence about a file that cannot be read. */
export type RawSettings =
  | { readonly ok: true; readonly settings: ReadonlyMap<string, RawSetting> }
  | { readonly ok: false; readonly message: string };

/** `accessTokenTtlS` as `ACCESS_TOKEN_TTL_S`. */
export function envName(key: string): string {
  return key.replace(/[A-Z]/g, (capital) => `_${capital}`).toUpperCase();
}

/** `accessTokenTtlS` as `access-token-ttl-s`. */
export function flagName(key: string): string {
  return envName(key).toLowerCase().replaceAll('_', '-');
}

/** `ACCESS_TOKEN_TTL_S` or `access-token-ttl-s` as `accessTokenTtlS`. */
export function keyName(name: string): string {
  return name
    .toLowerCase()
    .replace(/[_-]+([a-z0-9])/g, (_all, first: string) => first.toUpperCase());
}

/** This process's own sources, the environment included: the only place that reads it for the server. */
export function processSources(flags: Readonly<Record<string, string>>): Sources {
  return { env: process.env, flags, cwd: process.cwd() };
}

/** Reads all sources. An empty environment variable counts as not set. */
export function readSettings(sources: Sources): RawSettings {
  const file = readFile(sources);
  if (!file.ok) return file;
  const settings = new Map<string, RawSetting>();
  for (const [key, value] of Object.entries(file.values)) {
    settings.set(key, { key, value, origin: `${key} in ${file.path}`, from: 'file' });
  }
  for (const [name, value] of Object.entries(sources.env)) {
    if (!name.startsWith(ENV_PREFIX) || name.startsWith(TEST_PREFIX)) continue;
    if (value === undefined || value === '') continue;
    const key = keyName(name.slice(ENV_PREFIX.length));
    settings.set(key, { key, value, origin: name, from: 'env' });
  }
  for (const [key, value] of Object.entries(sources.flags)) {
    settings.set(key, { key, value, origin: `--${flagName(key)}`, from: 'flag' });
  }
  return { ok: true, settings };
}

/**
 * One setting, unchecked; undefined when it is not set or the file cannot be read (the server, which checks, says so).
 */
export function peekSetting(sources: Sources, key: string): string | undefined {
  const raw = readSettings(sources);
  const value = raw.ok ? raw.settings.get(key)?.value : undefined;
  return typeof value === 'string' ? value : undefined;
}

/** The flags in `argv` as far as they can be told without knowing them: `--name value` and `--name=value`. */
export function peekFlags(argv: readonly string[]): Record<string, string> {
  const flags: Record<string, string> = {};
  for (const [i, word] of argv.entries()) {
    const found = /^--([a-z][a-z0-9-]*)(?:=(.*))?$/s.exec(word);
    const value = found?.[2] ?? argv[i + 1];
    if (found?.[1] !== undefined && value !== undefined) flags[keyName(found[1])] = value;
  }
  return flags;
}

type FileContent =
  | { readonly ok: true; readonly path: string; readonly values: Readonly<Record<string, unknown>> }
  | { readonly ok: false; readonly message: string };

function readFile({ env, flags, cwd }: Sources): FileContent {
  const named = flags.config ?? (env[`${ENV_PREFIX}CONFIG`] || undefined);
  const origin = flags.config === undefined ? `${ENV_PREFIX}CONFIG` : '--config';
  const path = named === undefined ? join(cwd, FILE_NAME) : resolve(cwd, named);
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (named === undefined && code === 'ENOENT') return { ok: true, path, values: {} };
    const key = named === undefined ? path : `${origin}: got ${JSON.stringify(named)}`;
    return { ok: false, message: `${key}, wanted a readable JSON file (${code})` };
  }
  return parseFile(path, text);
}

function parseFile(path: string, text: string): FileContent {
  let values: unknown;
  try {
    values = JSON.parse(text);
  } catch (error) {
    return { ok: false, message: `${path}: not JSON: ${(error as Error).message}` };
  }
  if (typeof values !== 'object' || values === null || Array.isArray(values)) {
    return {
      ok: false,
      message: `${path}: got ${JSON.stringify(values)?.slice(0, 40)}, wanted an object`,
    };
  }
  return { ok: true, path, values: values as Record<string, unknown> };
}
