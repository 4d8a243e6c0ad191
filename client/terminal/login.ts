/**
 * Gets the terminal client signed in: stored tokens, else a password (given, made up here, or asked for),
 * else a new account. No question is asked where none is needed.
 */
import {
  ClientError,
  createNonce,
  createTokens,
  type RestClient,
  type RestGrant,
  systemClock,
  systemRng,
  type TokenPair,
  type TokenSource,
} from '../index.ts';
import type { ChatArgs } from './args.ts';
import type { Profile, ProfileStore } from './profile.ts';

/** What signing in needs. */
export interface SignInOptions {
  readonly args: ChatArgs;
  readonly rest: RestClient;
  readonly store: ProfileStore;
  /** Asks for a password; null when nobody can be asked. */
  readonly ask: (question: string) => Promise<string | null>;
}

/** How it went. */
export interface SignedIn {
  readonly tokens: TokenSource;
  readonly how: 'stored' | 'loggedIn' | 'registered';
}

/** The user cannot be signed in; the message is for people. */
export class SignInError extends Error {
  override readonly name = 'SignInError';
}

/**
 * Signs in.
 * @throws SignInError with a sentence for the user; ClientError when the server cannot be reached
 */
export async function signIn(options: SignInOptions): Promise<SignedIn> {
  const { args, store } = options;
  const profile = await store.read();
  if (args.password === null && profile.tokens !== null) {
    const tokens = tokensOf(options, profile.tokens);
    if (await isGood(tokens)) return { tokens, how: 'stored' };
  }
  const { grant, how, madeUp } = await obtain(options, profile);
  const pair = pairOf(grant);
  await store.update({ tokens: pair, password: madeUp });
  return { tokens: tokensOf(options, pair), how };
}

interface Obtained {
  readonly grant: RestGrant;
  readonly how: SignedIn['how'];
  /** Password to keep. */
  readonly madeUp: string | null;
}

async function obtain(options: SignInOptions, profile: Profile): Promise<Obtained> {
  const { args, rest } = options;
  const given = args.password ?? profile.password;
  if (given !== null) {
    const madeUp = args.password === null ? given : null;
    const grant = await tryLogin(rest, args.name, given);
    if (grant !== null) return { grant, how: 'loggedIn', madeUp };
    // Not known here (a new server, or new data): the same password for a new account.
    const created = await tryRegister(options, given);
    if (created !== null) return { grant: created, how: 'registered', madeUp };
    if (args.password !== null) throw new SignInError(`Wrong password for ${args.name}.`);
  } else {
    const madeUp = createNonce(systemRng);
    const created = await tryRegister(options, madeUp);
    if (created !== null) return { grant: created, how: 'registered', madeUp };
  }
  return await askAndLogin(options);
}

async function askAndLogin(options: SignInOptions): Promise<Obtained> {
  const { args, rest, ask } = options;
  for (let attempt = 0; attempt < 3; attempt += 1) {
    const password = await ask(`${args.name} exists on this server. Password: `);
    if (password === null || password === '') break;
    const grant = await tryLogin(rest, args.name, password);
    if (grant !== null) return { grant, how: 'loggedIn', madeUp: null };
  }
  throw new SignInError(
    `${args.name} belongs to someone on this server. Take another name, or give --password.`,
  );
}

/** null when name or password are wrong. */
async function tryLogin(
  rest: RestClient,
  name: string,
  password: string,
): Promise<RestGrant | null> {
  try {
    return await rest.login(name, password);
  } catch (error) {
    if (error instanceof ClientError && error.data.status === 401) return null;
    if (error instanceof ClientError && error.data.status === 422) return null;
    throw error;
  }
}

/** null when the name is taken. */
async function tryRegister(options: SignInOptions, password: string): Promise<RestGrant | null> {
  const { args, rest } = options;
  const invite = args.join === null ? {} : { invite: args.join };
  try {
    return await rest.register({ username: args.name, password, ...invite });
  } catch (error) {
    if (!(error instanceof ClientError)) throw error;
    switch (error.data.err) {
      case 'username_taken':
        return null;
      case 'registration_closed':
        throw new SignInError('This server takes no new users. Ask its owner for an account.');
      case 'invite_required':
        throw new SignInError('This server wants an invite from new users: --join CODE');
      case 'invalid':
        throw new SignInError(`The server does not take this ${error.data.field ?? 'name'}.`);
      default:
        throw error;
    }
  }
}

/** Whether tokens can still be used; a server out of reach says nothing against them. */
async function isGood(tokens: TokenSource): Promise<boolean> {
  try {
    await tokens.get();
    return true;
  } catch (error) {
    return !(error instanceof ClientError && error.code === 'DRIFT_CLIENT_SIGNED_OUT');
  }
}

function tokensOf(options: SignInOptions, pair: TokenPair): TokenSource {
  const { rest, store } = options;
  return createTokens({
    rest,
    pair,
    clock: systemClock,
    save: (tokens) => store.update({ tokens }),
    load: async () => (await store.read()).tokens,
  });
}

function pairOf(grant: RestGrant): TokenPair {
  const { accessToken, refreshToken, expiresAt } = grant;
  return { accessToken, refreshToken, expiresAt };
}
