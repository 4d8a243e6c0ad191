/**
 * What the terminal client keeps between runs, under `$XDG_CONFIG_HOME/driftway/<server>/`: tokens, a
 * made-up password, unsent messages, the invite of a lobby made here. Folders 0700, files 0600, written by
 * rename.
 */
import { chmod, mkdir, open, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { ClientStorage, TokenPair } from '../index.ts';

/** One user on one server. */
export interface Profile {
  readonly username: string;
  /** Only a password that was made up here; never one that was typed. */
  readonly password: string | null;
  readonly tokens: TokenPair | null;
  /** Channel of the last run. */
  readonly channel: number | null;
}

/**
 * Folder of a server.
 * @param server base URL
 * @param env environment of the process
 */
export function profileFolder(
  server: string,
  env: Readonly<Record<string, string | undefined>>,
): string {
  const base = env.XDG_CONFIG_HOME || join(env.HOME || homedir(), '.config');
  const host = new URL(server).host.replace(/[^A-Za-z0-9.-]/g, '_');
  return join(base, 'driftway', host);
}

/** Files of one user on one server. */
export class ProfileStore {
  readonly #folder: string;
  readonly #name: string;
  #lockPath: string | null = null;

  /**
   * @param folder of the server
   * @param name user name
   */
  constructor(folder: string, name: string) {
    this.#folder = folder;
    this.#name = name;
  }

  /** The profile as stored; an empty one when there is none or it does not read. */
  async read(): Promise<Profile> {
    const found = await this.#readJson(`${this.#name}.json`);
    const { password, tokens, channel } = (found ?? {}) as Partial<Profile>;
    return {
      username: this.#name,
      password: typeof password === 'string' ? password : null,
      tokens: isTokenPair(tokens) ? tokens : null,
      channel: typeof channel === 'number' ? channel : null,
    };
  }

  /** Changes some of it. */
  async update(change: Partial<Omit<Profile, 'username'>>): Promise<void> {
    const profile = { ...(await this.read()), ...change };
    await this.#write(`${this.#name}.json`, JSON.stringify(profile, null, 2));
  }

  /** Code of the invite of the lobby that someone made on this computer, null when none. */
  async lobbyInvite(): Promise<string | null> {
    const found = (await this.#readJson('lobby.json')) as { code?: unknown } | null;
    return typeof found?.code === 'string' ? found.code : null;
  }

  /** Leaves the invite for the next user of this computer. */
  async leaveLobbyInvite(code: string): Promise<void> {
    await this.#write('lobby.json', JSON.stringify({ code, by: this.#name }));
  }

  /**
   * Claims the outbox for this process.
   * @returns false while another living process has it
   */
  async lock(): Promise<boolean> {
    await this.#makeFolder();
    const path = join(this.#folder, `${this.#name}.lock`);
    for (let attempt = 0; attempt < 2; attempt += 1) {
      try {
        const file = await open(path, 'wx', 0o600);
        await file.writeFile(String(process.pid));
        await file.close();
        this.#lockPath = path;
        return true;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
        if (isAlive(Number(await readFile(path, 'utf8')))) return false;
        await rm(path, { force: true });
      }
    }
    return false;
  }

  /** Gives the claim back. */
  async unlock(): Promise<void> {
    if (this.#lockPath !== null) await rm(this.#lockPath, { force: true });
    this.#lockPath = null;
  }

  /** Storage for the SDK: one file per key. */
  storage(): ClientStorage {
    const fileOf = (key: string): string => `${this.#name}.${key.replace(/[^a-z_]/g, '-')}`;
    return {
      get: async (key) => await this.#readText(fileOf(key)),
      set: async (key, value) => await this.#write(fileOf(key), value),
    };
  }

  async #makeFolder(): Promise<void> {
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
    await chmod(this.#folder, 0o700);
  }

  async #readText(file: string): Promise<string | null> {
    try {
      return await readFile(join(this.#folder, file), 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
      throw error;
    }
  }

  async #readJson(file: string): Promise<unknown> {
    const text = await this.#readText(file);
    try {
      return text === null ? null : JSON.parse(text);
    } catch {
      // Damaged: the same as none, the user logs in again.
      return null;
    }
  }

  async #write(file: string, text: string): Promise<void> {
    await this.#makeFolder();
    const path = join(this.#folder, file);
    const temporary = `${path}.${process.pid}.tmp`;
    await writeFile(temporary, text, { mode: 0o600 });
    await rename(temporary, path);
  }
}

function isTokenPair(value: unknown): value is TokenPair {
  if (typeof value !== 'object' || value === null) return false;
  const { accessToken, refreshToken, expiresAt } = value as Record<string, unknown>;
  return (
    typeof accessToken === 'string' &&
    typeof refreshToken === 'string' &&
    typeof expiresAt === 'number'
  );
}

function isAlive(pid: number): boolean {
  if (!Number.isInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
