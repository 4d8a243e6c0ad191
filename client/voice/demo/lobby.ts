/**
 * How people of the demo page meet: an account made up at the first join (or one that they have), and a room from the link, from
 * another window of this browser, or a new one. Browser main thread. The account belongs to the window, the room to the browser.
 */
import {
  ClientError,
  createNonce,
  createTokens,
  RestClient,
  type RestGrant,
  type RestVoiceSettings,
  systemClock,
  systemRng,
  type TokenPair,
  type TokenSource,
} from '../../index.ts';

/** Who joins. */
export interface Person {
  readonly name: string;
  readonly username: string;
  readonly password: string;
}

/** Where people meet: what the link holds behind its `#`, which no server sees. */
export interface Room {
  readonly invite: string;
  /** The voice channel. */
  readonly channel: string;
  /** Secret of end-to-end encryption; '' without. */
  readonly secret: string;
}

const ACCOUNT_KEY = 'driftway.voice.account';
const ROOM_KEY = 'driftway.voice.room';

/** Signs in: with what the window already has, with name and password, or with a new account. */
export async function signIn(
  baseUrl: string,
  person: Person,
): Promise<{ readonly tokens: TokenSource; readonly rest: RestClient }> {
  const open = new RestClient({ baseUrl });
  const kept = readJson<TokenPair & { readonly name: string }>(sessionStorage, ACCOUNT_KEY);
  const isKept = kept !== null && kept.name === person.name && person.username === '';
  const pair: TokenPair = isKept ? kept : await grantFor(open, person);
  const save = ({ accessToken, refreshToken, expiresAt }: TokenPair): void => {
    const account = { accessToken, refreshToken, expiresAt, name: person.name };
    sessionStorage.setItem(ACCOUNT_KEY, JSON.stringify(account));
  };
  save(pair);
  const tokens = createTokens({ rest: open, pair, clock: systemClock, save });
  const rest = open.withTokens(tokens);
  if (!isKept) return { tokens, rest };
  try {
    await rest.me();
    return { tokens, rest };
  } catch (error) {
    // A window that was kept for long, or another server on this port: a new account.
    if (!(error instanceof ClientError) || error.code === 'DRIFT_CLIENT_UNREACHABLE') throw error;
    sessionStorage.removeItem(ACCOUNT_KEY);
    return signIn(baseUrl, person);
  }
}

function grantFor(open: RestClient, { name, username, password }: Person): Promise<RestGrant> {
  if (username !== '') return open.login(username, password);
  return open.register({
    username: `voice_${createNonce(systemRng).toLowerCase().replaceAll('-', '_').slice(0, 12)}`,
    password: createNonce(systemRng),
    displayName: name,
  });
}

/** A room that this person may join, and its guild. */
export interface Found {
  readonly room: Room;
  readonly gid: number;
  readonly settings: RestVoiceSettings | null;
}

/** The room to join, with the right to see it; one window of a browser at a time. */
export function findRoom(
  rest: RestClient,
  link: Room | null,
  isEncrypted: boolean,
): Promise<Found> {
  return navigator.locks.request(ROOM_KEY, async () => {
    if (link !== null) return enter(rest, link);
    const kept = readJson<Room>(localStorage, ROOM_KEY);
    const found = kept === null ? null : await tryEnter(rest, kept);
    if (found !== null) return found;
    const made = await makeRoom(rest, isEncrypted);
    localStorage.setItem(ROOM_KEY, JSON.stringify(made.room));
    return made;
  });
}

async function enter(rest: RestClient, room: Room): Promise<Found> {
  const { guild } = await rest.acceptInvite(room.invite);
  const { items } = await rest.channels(guild.id);
  const channel = items.find(({ id }) => id === room.channel);
  if (channel === undefined) {
    throw new ClientError('DRIFT_CLIENT_HTTP', 'Enter the room: its channel is gone');
  }
  return { room, gid: Number(guild.id), settings: channel.voice };
}

/** Null when the room is gone, or its invite too old. */
async function tryEnter(rest: RestClient, room: Room): Promise<Found | null> {
  try {
    return await enter(rest, room);
  } catch (error) {
    if (error instanceof ClientError && error.code === 'DRIFT_CLIENT_HTTP') return null;
    throw error;
  }
}

async function makeRoom(rest: RestClient, isEncrypted: boolean): Promise<Found> {
  const guild = await rest.createGuild('Voice room');
  const channel = await rest.createChannel(guild.id, {
    name: 'Voice',
    type: 'voice',
    // Nobody without the secret may join: what they would hear is noise.
    ...(isEncrypted ? { voice: { e2e: 1 } } : {}),
  });
  const invite = await rest.createInvite(guild.id);
  const secret = isEncrypted ? createNonce(systemRng) : '';
  const room = { invite: invite.code, channel: channel.id, secret };
  return { room, gid: Number(guild.id), settings: channel.voice };
}

/** The room that an address names behind its `#`; null for none. */
export function roomOfLink(hash: string): Room | null {
  const fields = new URLSearchParams(hash.replace(/^#/, ''));
  const [invite, channel] = [fields.get('invite'), fields.get('channel')];
  if (invite === null || channel === null) return null;
  return { invite, channel, secret: fields.get('secret') ?? '' };
}

/** What others need to come along. */
export function linkOfRoom({ invite, channel, secret }: Room): string {
  const fields = new URLSearchParams({ invite, channel, ...(secret === '' ? {} : { secret }) });
  return `#${fields.toString()}`;
}

function readJson<T>(area: Storage, key: string): T | null {
  const text = area.getItem(key);
  if (text === null) return null;
  try {
    return JSON.parse(text) as T;
  } catch {
    return null;
  }
}
