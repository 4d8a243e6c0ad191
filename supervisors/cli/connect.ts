/**
 * Owns how the command line finds a server: the admin socket in a data folder, or a URL with a token. Turns what can go wrong
 * into a code and a sentence with the remedy. Main thread of the command line.
 */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { VerbCode, VerbResult } from '../admin/types.ts';
import type {
  AdminConnection,
  AdminSubscription,
  CallOptions,
  Connected,
  Target,
} from './types.ts';

type Client = Awaited<ReturnType<typeof import('../admin/client.ts')['AdminClient']['connect']>>;

/** Longest token file that is read. */
const TOKEN_BYTES_MAX = 16_384;

/** Connects to the target's admin socket; `command` is named in the audit log. */
export async function connect(target: Target, command: string): Promise<Connected> {
  const client = `driftway ${command}, pid ${process.pid}`;
  if ('dataDir' in target) {
    const socketPath = join(target.dataDir, 'admin.sock');
    if (!existsSync(socketPath)) return noServer(target.dataDir);
    return open({ socketPath, client }, (message) => localFault(target.dataDir, message));
  }
  const { url } = target;
  if (!URL.canParse(url) || !/^(https?|wss?):$/.test(new URL(url).protocol))
    return refusal('invalid', `--url: got "${url}", wanted http(s)://HOST:PORT`);
  const token = await tokenOf(target);
  if (typeof token === 'object' && token !== null) return token;
  const access = token === null ? {} : { token };
  return open({ url, client, ...access }, (message) =>
    refusal('unreachable', `no server at ${url}: ${message}`),
  );
}

async function open(
  target: Parameters<typeof import('../admin/client.ts')['AdminClient']['connect']>[0],
  onUnreachable: (message: string) => Connected,
): Promise<Connected> {
  const { AdminClient, AdminError } = await import('../admin/client.ts');
  try {
    const client = await AdminClient.connect(target);
    if (!client.hello.auth) return { ok: true, admin: new Connection(client) };
    void client.close();
    return refusal('unauthorized', 'the server wants a token: use --token-file or --token');
  } catch (error) {
    if (!(error instanceof AdminError)) throw error;
    if (error.code === 'unreachable') return onUnreachable(error.message);
    return refusal(error.code, error.message);
  }
}

function localFault(dataDir: string, message: string): Connected {
  if (/ECONNREFUSED|ENOENT/.test(message)) return noServer(dataDir);
  if (/EACCES|EPERM/.test(message)) {
    const advice = 'run this as the user that runs the server, or use --url with a token';
    return refusal(
      'forbidden',
      `the admin socket in ${dataDir} is not open to this user: ${advice}`,
    );
  }
  return refusal('unreachable', `the server in ${dataDir} does not answer: ${message}`);
}

function noServer(dataDir: string): Connected {
  const advice = 'start one with npm start, or name its data folder with --data-dir';
  return refusal('no_server', `no server runs in ${dataDir}: ${advice}`);
}

async function tokenOf(target: {
  readonly token: string | null;
  readonly tokenFile: string | null;
}): Promise<string | null | Connected> {
  const { token, tokenFile } = target;
  if (tokenFile === null) return token;
  try {
    const text = await readFile(tokenFile === '-' ? '/dev/stdin' : tokenFile, 'utf8');
    if (text.length <= TOKEN_BYTES_MAX && text.trim() !== '') return text.trim();
    return refusal(
      'invalid',
      `--token-file: got ${text.length} bytes in ${tokenFile}, wanted a token`,
    );
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return refusal('invalid', `--token-file: ${tokenFile} cannot be read (${code})`);
  }
}

function refusal(code: string, message: string): Connected {
  return { ok: false, code, message };
}

/** An AdminClient whose outcomes are values. */
class Connection implements AdminConnection {
  readonly #client: Client;
  readonly closed: Promise<string>;

  constructor(client: Client) {
    this.#client = client;
    this.closed = client.closed.then((code) =>
      code === 1000 ? 'the connection was closed' : `the connection was lost (${code})`,
    );
  }

  get hello(): AdminConnection['hello'] {
    return this.#client.hello;
  }

  call(verb: string, args: unknown, options: CallOptions = {}): Promise<VerbResult> {
    return outcome(this.#client.call(verb, args, options));
  }

  async subscribe(
    topic: string,
    options: unknown,
    onEvent: (kind: string, data: unknown) => void,
  ): Promise<VerbResult<AdminSubscription>> {
    const opened = this.#client.subscribe(topic, options, ({ kind, data }) => onEvent(kind, data));
    const result = await outcome(opened);
    if (!result.ok) return result;
    const { value } = result;
    // A lost connection has ended it already.
    return { ok: true, value: { close: () => void outcome(value.close()) } };
  }

  close(): void {
    void this.#client.close();
  }
}

async function outcome<T>(promise: Promise<T>): Promise<VerbResult<T>> {
  try {
    return { ok: true, value: await promise };
  } catch (error) {
    const { AdminError } = await import('../admin/client.ts');
    if (!(error instanceof AdminError)) throw error;
    const code = error.code === 'closed' ? 'not_available' : error.code;
    return { ok: false, code: code as VerbCode, message: error.message };
  }
}
