/**
 * How two people meet with the least ado: an invite given on the command line, else the lobby that someone
 * made on this computer, else a lobby of one's own whose invite is left for the next.
 */
import { ClientError, type RestClient, type RestGuild } from '../index.ts';
import type { ProfileStore } from './profile.ts';

/** What finding a guild needs. */
export interface LobbyOptions {
  readonly rest: RestClient;
  readonly store: ProfileStore;
  /** Invite code of the command line. */
  readonly join: string | null;
  readonly hasGuilds: boolean;
  readonly say: (text: string) => void;
}

/**
 * Makes sure that the user is in a guild.
 * @returns the guild to show first, null to choose among those that the user is in
 */
export async function findLobby(options: LobbyOptions): Promise<RestGuild | null> {
  const { rest, store, join, hasGuilds, say } = options;
  if (join !== null) {
    const guild = await accept(rest, join);
    if (guild !== null) {
      say(`You are in ${guild.name}.`);
      return guild;
    }
    say(`The invite ${join} is not good any more. Ask for a new one.`);
  }
  if (hasGuilds) return null;
  const left = await store.lobbyInvite();
  const met = left === null ? null : await accept(rest, left);
  if (met !== null) {
    say(`You are in ${met.name}, by the invite that was left on this computer.`);
    return met;
  }
  const guild = await rest.createGuild('Lobby');
  const invite = await rest.createInvite(guild.id);
  await store.leaveLobbyInvite(invite.code);
  say('You are the first here: the guild Lobby was made for you.');
  return guild;
}

/** null when the code is unknown, used up or expired. */
async function accept(rest: RestClient, code: string): Promise<RestGuild | null> {
  try {
    return (await rest.acceptInvite(code)).guild;
  } catch (error) {
    const status = error instanceof ClientError ? error.data.status : undefined;
    if (status === 404 || status === 410 || status === 400 || status === 422) return null;
    throw error;
  }
}
