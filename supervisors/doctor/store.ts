/**
 * Checks of what is in the data folder: the version and soundness of the database, whether its newest event lies in the future,
 * and the keys. Reads only; the server may run meanwhile.
 */
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { NEWEST_SCHEMA, verifyDatabase } from '../../channels/store/index.ts';
import { fail, ok, readIfThere, reasonOf, sizeOf, warn } from './findings.ts';
import type { Check, Finding, Scene } from './types.ts';

/** Databases up to this size are read through without being asked to. */
const QUICK_BYTES_MAX = 256 * 2 ** 20;
/** How far the newest event may lie in the future. */
const SKEW_MS = 60_000;
const BUSY_MS = 2_000;
const RESTORE = 'restore a backup: driftway restore FOLDER';

/** The database. */
export const checkStore: Check = (scene) => {
  const path = join(scene.config.dataDir, 'driftway.db');
  if (!existsSync(path)) return [ok('store', 'no database yet: the first start makes one')];
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(path, { readOnly: true, timeout: BUSY_MS });
    const versions = judgeSchema(number(database, 'PRAGMA user_version'));
    if (versions.grade === 'fail') return [versions];
    return [versions, ...inside(scene, path, database)];
  } catch (error) {
    return [fail('store', `${path} cannot be read: ${reasonOf(error)}`, RESTORE)];
  } finally {
    database?.close();
  }
};

function number(database: DatabaseSync, sql: string): number {
  return Number(Object.values(database.prepare(sql).get() ?? {})[0]);
}

/** The finding from the schema's version. */
export function judgeSchema(have: number): Finding {
  const shown = `database of schema ${have}, this version reads up to ${NEWEST_SCHEMA}`;
  if (have > NEWEST_SCHEMA)
    return fail('store', shown, 'install the version of Driftway that wrote it, or a newer one');
  if (have === NEWEST_SCHEMA) return ok('store', `database of schema ${have}`);
  return warn(
    'store',
    `${shown}: the next start changes it`,
    'make a backup before: driftway backup',
  );
}

function inside({ clock, isDeep }: Scene, path: string, database: DatabaseSync): Finding[] {
  const { mode, size } = statSync(path);
  const findings = [soundness(path, database, isDeep || size <= QUICK_BYTES_MAX, isDeep, size)];
  if ((mode & 0o077) !== 0)
    findings.push(warn('store', `${path} is open to other users`, `chmod 600 ${path}`));
  const ahead = number(database, 'SELECT ifnull(max(head_ts), 0) FROM heads') - clock.now();
  if (ahead > SKEW_MS)
    findings.push(
      fail(
        'clock',
        `the newest event lies ${Math.round(ahead / 1000)} s in the future`,
        'set the clock: it went back since that event was written',
      ),
    );
  return findings;
}

function soundness(
  path: string,
  database: DatabaseSync,
  isRead: boolean,
  isDeep: boolean,
  size: number,
): Finding {
  if (!isRead) {
    const what = `${sizeOf(size)}, not read through`;
    return ok('database', `${what}: driftway doctor --deep does`);
  }
  const faults = isDeep ? verifyDatabase(path) : quickFaults(database);
  if (faults.length === 0) return ok('database', `${sizeOf(size)}, sound`);
  return fail('database', `${path}: ${faults.slice(0, 3).join('; ')}`, RESTORE);
}

function quickFaults(database: DatabaseSync): string[] {
  const rows = database.prepare('PRAGMA quick_check(3)').all();
  return rows.map((row) => String(Object.values(row)[0])).filter((line) => line !== 'ok');
}

/** keys.json: without it, or with another's, every login ends. */
export const checkKeys: Check = ({ config }) => {
  const path = join(config.dataDir, 'keys.json');
  if (!existsSync(path)) return [ok('keys', 'no keys yet: the first start makes them')];
  const text = readIfThere(path);
  if (text === null)
    return [
      fail('keys', `${path} cannot be read`, 'make it readable for the user of the server only'),
    ];
  const remedy = 'restore it from a backup; deleting it ends every login';
  if (!isKeyFile(text)) return [fail('keys', `${path} is damaged`, remedy)];
  if ((statSync(path).mode & 0o077) !== 0)
    return [
      warn(
        'keys',
        `${path} is open to other users`,
        `chmod 600 ${path}, then driftway keys rotate`,
      ),
    ];
  return [ok('keys', path)];
};

function isKeyFile(text: string): boolean {
  try {
    const file = JSON.parse(text) as Readonly<Record<string, unknown>>;
    return file.version === 1 && Array.isArray(file.keys) && file.keys.length > 0;
  } catch {
    return false;
  }
}
