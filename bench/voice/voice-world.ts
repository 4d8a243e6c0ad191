/** Accounts, guilds and voice channels for a bench, made over Driftway's REST interface. Driving process. */
import { inTurns } from './crowd.ts';

/** Below the limit of channels of a guild. */
const ROOMS_PER_GUILD = 300;
const REQUESTS_MAX = 8;
/** How often a request is made again that the server has no time for, and how long it waits where it is not told. */
const RETRIES = 20;
const RETRY_MS = 1000;

export interface VoiceWorld {
  /** Access token of each person. */
  readonly tokens: readonly string[];
  /** The voice channels. */
  readonly sids: readonly number[];
}

interface Call {
  readonly token?: string;
  readonly body?: object;
}

export async function makeVoiceWorld(
  port: number,
  people: number,
  rooms: number,
): Promise<VoiceWorld> {
  const tokens: string[] = [];
  await inTurns(people, REQUESTS_MAX, async (index) => {
    const body = { username: `bench_${index}`, password: `bench-${process.pid}-password` };
    const { accessToken } = await call<{ accessToken: string }>(port, '/auth/register', { body });
    tokens[index] = accessToken;
  });
  const [owner, ...others] = tokens as [string, ...string[]];
  const sids: number[] = [];
  for (let first = 0; first < rooms; first += ROOMS_PER_GUILD) {
    const count = Math.min(ROOMS_PER_GUILD, rooms - first);
    sids.push(...(await makeGuild(port, owner, others, count)));
  }
  return { tokens, sids };
}

async function makeGuild(
  port: number,
  owner: string,
  others: readonly string[],
  rooms: number,
): Promise<number[]> {
  const guild = await call<{ id: string }>(port, '/guilds', {
    token: owner,
    body: { name: 'Bench' },
  });
  const sids: number[] = [];
  for (let i = 0; i < rooms; i += 1) {
    const body = { name: `voice-${i}`, type: 'voice' };
    const path = `/guilds/${guild.id}/channels`;
    sids.push(Number((await call<{ id: string }>(port, path, { token: owner, body })).id));
  }
  const invites = `/guilds/${guild.id}/invites`;
  const { code } = await call<{ code: string }>(port, invites, { token: owner, body: {} });
  await inTurns(others.length, REQUESTS_MAX, (index) =>
    call(port, `/invites/${code}`, { token: others[index]!, body: {} }),
  );
  return sids;
}

async function call<T>(port: number, path: string, request: Call): Promise<T> {
  for (let attempt = 0; ; attempt += 1) {
    const response = await post(port, path, request);
    if (response.ok) return (await response.json()) as T;
    const text = await response.text();
    const isBusy = response.status === 503 || response.status === 429;
    if (!isBusy || attempt >= RETRIES) throw new Error(`${path}: got ${response.status} ${text}`);
    const { retryAfterMs = RETRY_MS } = JSON.parse(text) as { readonly retryAfterMs?: number };
    await new Promise((resolve) => {
      setTimeout(resolve, retryAfterMs);
    });
  }
}

function post(port: number, path: string, { body, token }: Call): Promise<Response> {
  const headers: Record<string, string> = { 'content-type': 'application/json' };
  if (token !== undefined) headers.authorization = `Bearer ${token}`;
  return fetch(`http://127.0.0.1:${port}/api/v1${path}`, {
    ...{ headers, method: 'POST' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
}
