/**
 * Owns the settings of voice: their rows in the one schema, how they depend on each other, and what they come to. Main thread, at
 * the start.
 */
import { readFileSync } from 'node:fs';
import { isIPv4, isIPv6 } from 'node:net';
import { z } from 'zod';
import { int, readableFile, row } from './config-schema.ts';

/** Media workers; each has a port. */
const WORKERS_MAX = 48;
const PORT_DEFAULT = 40_000;
const PORT_LAST = 65_535;
const TURN_URLS_MAX = 8;
const SECRET_BYTES = { min: 16, max: 1_024 } as const;

/** Rows of the table. */
export const VOICE_ROWS = {
  voice: row(
    z.enum(['auto', 'off']),
    'auto',
    'auto or off',
    'voice channels; auto: as soon as there is a media worker, which the first start downloads or builds',
  ),
  voiceWorkers: row(
    int(0, WORKERS_MAX),
    'by cores',
    `an integer from 0 to ${WORKERS_MAX}`,
    'media worker processes; 0: one less than there are cores, at least one. A spare one comes on top while somebody talks',
  ),
  voicePort: row(
    int(0, PORT_LAST),
    String(PORT_DEFAULT),
    'an integer from 0 to 65535',
    'first port of voice, UDP and TCP: each media worker and the spare take one from here on. They listen on HOST; 0 takes free ones',
  ),
  voiceAnnouncedIpv4: row(
    address(isIPv4),
    '-',
    'an IPv4 address or a host name',
    'address that clients are told for voice, where it is not HOST (behind a router)',
  ),
  voiceAnnouncedIpv6: row(
    address(isIPv6),
    '-',
    'an IPv6 address or a host name',
    'the same for IPv6',
  ),
  turnUrls: row(
    turnUrls(),
    '-',
    `up to ${TURN_URLS_MAX} URLs (stun:, turn:, turns:) separated by commas`,
    'STUN and TURN servers that clients are told',
  ),
  turnSecret: row(
    secret(),
    '-',
    `a text of ${SECRET_BYTES.min} to ${SECRET_BYTES.max} bytes`,
    'secret shared with the TURN server (coturn: static-auth-secret); clients get credentials of it for an hour',
    true,
  ),
  turnSecretFile: row(
    fileOf(secret()),
    '-',
    `the path of a readable file with ${SECRET_BYTES.min} to ${SECRET_BYTES.max} bytes`,
    'the same from a file',
  ),
  mediaWorkerBin: row(
    readableFile(),
    '-',
    'the path of a readable file',
    'a media worker (mediasoup-worker) of your own instead of the one that is downloaded or built',
  ),
} as const;

type Rows = typeof VOICE_ROWS;
/** What was given of them, checked one by one. */
export type GivenVoice = { -readonly [K in keyof Rows]?: z.output<Rows[K]['schema']> };

/** Settings of voice as parts are given them: plain data. */
export interface VoiceConfig {
  readonly mode: 'auto' | 'off';
  /** At least 1. */
  readonly workers: number;
  /** 0: free ones. */
  readonly port: number;
  readonly announcedIpv4: string | null;
  readonly announcedIpv6: string | null;
  readonly turnUrls: readonly string[];
  readonly turnSecret: string | null;
  readonly mediaWorkerBin: string | null;
}

/** Settings that contradict each other; `name` gives a key as a person knows it. `port`: that of the server. */
export function voiceFaults(
  given: GivenVoice & { readonly port?: number },
  name: (key: keyof Rows) => string,
  cores: number,
): string[] {
  const faults: string[] = [];
  if (given.turnSecret !== undefined && given.turnSecretFile !== undefined) {
    faults.push(`${name('turnSecret')} and ${name('turnSecretFile')}: got both, wanted one`);
  }
  const hasSecret = given.turnSecret !== undefined || given.turnSecretFile !== undefined;
  const turns = (given.turnUrls ?? []).filter((url) => url.startsWith('turn'));
  if (turns.length > 0 && !hasSecret) {
    faults.push(
      `${name('turnUrls')}: got a TURN server without a secret, wanted ${name('turnSecret')} or ${name('turnSecretFile')} with it`,
    );
  }
  const first = given.voicePort ?? PORT_DEFAULT;
  const last = first + workersOf(given, cores);
  if (first > 0 && last > PORT_LAST) {
    const most = PORT_LAST - workersOf(given, cores);
    faults.push(
      `${name('voicePort')}: got ${first}, wanted at most ${most} with that many workers`,
    );
  }
  if (given.port !== undefined && first > 0 && given.port >= first && given.port <= last) {
    faults.push(
      `${name('voicePort')}: got ${first} to ${last}, wanted ports without the server's own, ${given.port}`,
    );
  }
  return faults;
}

/** The settings of voice, and what was given besides them. */
export function splitVoice<G extends GivenVoice>(
  given: G,
  cores: number,
): { readonly voice: VoiceConfig; readonly rest: Omit<G, keyof Rows> } {
  const {
    voice: mode = 'auto',
    voiceWorkers: _workers,
    voicePort: port = PORT_DEFAULT,
    voiceAnnouncedIpv4: announcedIpv4 = null,
    voiceAnnouncedIpv6: announcedIpv6 = null,
    turnUrls: urls = [],
    turnSecret,
    turnSecretFile,
    mediaWorkerBin = null,
    ...rest
  } = given;
  const voice: VoiceConfig = Object.freeze({
    mode,
    workers: workersOf(given, cores),
    port,
    announcedIpv4,
    announcedIpv6,
    turnUrls: Object.freeze(urls) as readonly string[],
    turnSecret: turnSecret ?? turnSecretFile ?? null,
    mediaWorkerBin,
  });
  return { voice, rest };
}

/** The threads of Node need a core too. */
function workersOf({ voiceWorkers = 0 }: GivenVoice, cores: number): number {
  return voiceWorkers > 0 ? voiceWorkers : Math.min(Math.max(1, cores - 1), WORKERS_MAX);
}

function address(isAddress: (text: string) => boolean) {
  const isName = (text: string): boolean =>
    /^[A-Za-z0-9][A-Za-z0-9.-]{0,252}$/.test(text) && /[A-Za-z]/.test(text);
  return z.string().refine((value) => isAddress(value) || isName(value));
}

function turnUrls() {
  return z.preprocess(
    (value) => (typeof value === 'string' ? value.split(',').map((part) => part.trim()) : value),
    z.array(z.string().regex(/^(stun|turns?):[^\s,]{1,250}$/)).max(TURN_URLS_MAX),
  );
}

function secret() {
  return z.string().refine((value) => {
    const bytes = Buffer.byteLength(value);
    return bytes >= SECRET_BYTES.min && bytes <= SECRET_BYTES.max;
  });
}

/** What a file holds, without white space around it. */
function fileOf(content: z.ZodType<string>) {
  return z.string().transform((path, context) => {
    let text = '';
    try {
      text = readFileSync(path, 'utf8').trim();
    } catch {
      text = ''; // the message names the path and what is wanted
    }
    if (content.safeParse(text).success) return text;
    context.addIssue({ code: 'custom', message: 'not a file with a secret' });
    return z.NEVER;
  });
}
