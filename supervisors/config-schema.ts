/**
 * What rows of the configuration are made of: a schema with its texts, and the schemas of settings. Main thread, at the start.
 */
import { accessSync, constants } from 'node:fs';
import { isIPv6 } from 'node:net';
import { z } from 'zod';

/** One setting: how it is checked, and what the table and messages say of it. */
export interface Row<S extends z.ZodType> {
  readonly schema: S;
  /** As the table shows it. */
  readonly defaultText: string;
  /** What a value may be, as an error message says it. */
  readonly allowed: string;
  readonly meaning: string;
  /** May hold a password: its value is never shown. */
  readonly secret?: true;
}

/** A row of the table. */
export function row<S extends z.ZodType>(
  schema: S,
  defaultText: string,
  allowed: string,
  meaning: string,
  secret = false,
): Row<S> {
  return { schema, defaultText, allowed, meaning, ...(secret ? { secret: true } : {}) };
}

/** A whole number, also as text (the environment has nothing else). */
export function int(min: number, max: number) {
  return z.preprocess(
    (value) => (typeof value === 'string' && /^-?\d{1,15}$/.test(value) ? Number(value) : value),
    z.number().int().min(min).max(max),
  );
}

/** A name or address to listen on. */
export function host() {
  return z.string().refine((value) => {
    if (value.includes(':')) return isIPv6(value);
    return /^[A-Za-z0-9._-]{1,253}$/.test(value) && URL.canParse(`http://${value}`);
  });
}

/** The path of a file that can be read now. */
export function readableFile() {
  return z.string().refine((path) => {
    try {
      accessSync(path, constants.R_OK);
      return true;
    } catch {
      return false; // the message names the path and what is wanted
    }
  });
}

/** `https://chat.example`: scheme, name and port, nothing else. */
export function origin() {
  return z.string().transform((value, context) => {
    const url = URL.canParse(value) ? new URL(value) : null;
    const plain =
      url !== null &&
      url.pathname === '/' &&
      url.search === '' &&
      url.hash === '' &&
      url.username === '';
    if (plain && (url.protocol === 'http:' || url.protocol === 'https:')) return url.origin;
    context.addIssue({ code: 'custom', message: 'not an origin' });
    return z.NEVER;
  });
}

/** Several, separated by commas. */
export function origins() {
  return z.preprocess(
    (value) => (typeof value === 'string' ? value.split(',').map((part) => part.trim()) : value),
    z.array(origin()).max(64),
  );
}
