/**
 * Keeps the tokens of one login fresh: hands out the access token, renews it through POST /auth/refresh,
 * one renewal at a time (a refresh token is good once), and tells the application to store the new pair
 * before anyone uses it.
 */
import type { Clock } from './clock.ts';
import { ClientError } from './errors.ts';
import type { RestClient, TokenSource } from './rest.ts';

/** A pair of tokens. */
export interface TokenPair {
  readonly accessToken: string;
  readonly refreshToken: string;
  /** Of the access token, ms since 1970. */
  readonly expiresAt: number;
}

/** Options of createTokens. */
export interface TokensOptions {
  readonly rest: RestClient;
  readonly pair: TokenPair;
  readonly clock: Clock;
  /** Stores the new pair; awaited before the new access token is used. */
  readonly save: (pair: TokenPair) => Promise<void> | void;
  /**
   * Reads the stored pair, where another program may have renewed it: a refresh token is good once, so
   * the stored one is taken when it is another than ours. Default: ours is the only one.
   */
  readonly load?: () => Promise<TokenPair | null>;
}

/** A token that ends sooner than this is renewed before use. */
const FRESH_MS = 30_000;

/**
 * Token source of one login.
 * @param options the pair, where to renew it and where to store it
 * @returns source for RestClient and DriftwayClient
 */
export function createTokens(options: TokensOptions): TokenSource {
  const { rest, clock, save } = options;
  let { pair } = options;
  let renewal: Promise<string> | null = null;

  function isFresh(): boolean {
    return pair.expiresAt - clock.now() > FRESH_MS;
  }

  async function renewNow(): Promise<string> {
    const stored = (await options.load?.()) ?? null;
    if (stored !== null && stored.refreshToken !== pair.refreshToken) {
      pair = stored;
      if (isFresh()) return pair.accessToken;
    }
    let grant: TokenPair;
    try {
      grant = await rest.refresh(pair.refreshToken);
    } catch (error) {
      if (error instanceof ClientError && error.data.status === 401) {
        const message = 'Renew the access token: the login is over';
        throw new ClientError('DRIFT_CLIENT_SIGNED_OUT', message, error.data, error);
      }
      throw error;
    }
    const { accessToken, refreshToken, expiresAt } = grant;
    pair = { accessToken, refreshToken, expiresAt };
    await save(pair);
    return accessToken;
  }

  function renew(): Promise<string> {
    renewal ??= renewNow().finally(() => {
      renewal = null;
    });
    return renewal;
  }

  return {
    get: () => (isFresh() ? Promise.resolve(pair.accessToken) : renew()),
    renew,
  };
}
