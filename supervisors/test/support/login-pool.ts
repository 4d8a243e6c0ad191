/**
 * Access tokens of many users that are kept fresh while a server comes and goes: renewed well before they expire, by
 * the password where the refresh token is no longer good. Runs in the test process; must never import client/.
 */
import { asLogin, HttpClient, type Login } from './http-client.ts';
import { pause } from './server-process.ts';

const LOOK_MS = 500;
/** AUTH_EXPIRING comes 60 s before the expiry: a newer token must be there by then. */
const AHEAD_MS = 75_000;

export class LoginPool {
  /** How often a token was renewed. */
  renewals = 0;
  readonly #logins: Login[];
  readonly #http: HttpClient;
  readonly #renewAtLeftMs: number;
  #isOver = false;
  #done: Promise<void> = Promise.resolve();

  constructor(port: number, logins: readonly Login[], ttlS: number) {
    this.#http = new HttpClient(port);
    this.#logins = [...logins];
    this.#renewAtLeftMs = Math.min(ttlS * 800, Math.max(ttlS * 500, AHEAD_MS));
  }

  token(user: number): string {
    return this.#logins[user % this.#logins.length]!.accessToken;
  }

  start(): void {
    this.#done = this.#run();
  }

  async stop(): Promise<void> {
    this.#isOver = true;
    await this.#done;
    this.#http.close();
  }

  async #run(): Promise<void> {
    while (!this.#isOver) {
      for (const [i, login] of this.#logins.entries()) {
        if (this.#isOver) return;
        if (login.expiresAt - Date.now() < this.#renewAtLeftMs) await this.#renew(i, login);
      }
      await pause(LOOK_MS);
    }
  }

  /** Where the server is away, the next round tries again. */
  async #renew(index: number, login: Login): Promise<void> {
    try {
      const { refreshToken } = login;
      const answer = await this.#http.api('/auth/refresh', { body: { refreshToken } });
      if (answer.status === 200) this.#logins[index] = asLogin(answer.body);
      else if (answer.status === 401) this.#logins[index] = await this.#http.login(login.username);
      else return;
      this.renewals += 1;
    } catch {
      await pause(LOOK_MS);
    }
  }
}
