/** Accounts, guilds and voice channels for a bench, made over Driftway's REST interface. Driving process. */
import { post } from '../rest.ts';
import { inTurns } from './crowd.ts';

/** Below the limit of channels of a guild. */
const ROOMS_PER_GUILD = 300;
const REQUESTS_MAX = 8;

export interface VoiceWorld {
  /** Access token of each person. */
  readonly tokens: readonly string[];
  /** The voice channels. */
  readonly sids: readonly number[];
}

export async function makeVoiceWorld(
  port: number,
  people: number,
  rooms: number,
): Promise<VoiceWorld> {
  const tokens: string[] = [];
  await inTurns(people, REQUESTS_MAX, async (index) => {
    const body = { username: `bench_${index}`, password: `bench-${process.pid}-password` };
    const { accessToken } = await post<{ accessToken: string }>(port, '/auth/register', { body });
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
  const guild = await post<{ id: string }>(port, '/guilds', {
    token: owner,
    body: { name: 'Bench' },
  });
  const sids: number[] = [];
  for (let i = 0; i < rooms; i += 1) {
    const body = { name: `voice-${i}`, type: 'voice' };
    const path = `/guilds/${guild.id}/channels`;
    sids.push(Number((await post<{ id: string }>(port, path, { token: owner, body })).id));
  }
  const invites = `/guilds/${guild.id}/invites`;
  const { code } = await post<{ code: string }>(port, invites, { token: owner, body: {} });
  await inTurns(others.length, REQUESTS_MAX, (index) =>
    post(port, `/invites/${code}`, { token: others[index]!, body: {} }),
  );
  return sids;
}
