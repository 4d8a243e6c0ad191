/**
 * Password hashing off the event loop: argon2id with a bounded number at work and a bounded queue.
 * Runs on gateway threads; the work itself is done by the addon on libuv's pool.
 */
import { hash, verify } from '@node-rs/argon2';

/** OWASP's first choice of argon2id: 19 MiB, 2 passes, 1 lane. The addon's default algorithm is argon2id. */
const PARAMETERS = { memoryCost: 19_456, timeCost: 2, parallelism: 1 } as const;
/** Half of libuv's four pool threads, which file and DNS work needs too. */
const AT_WORK_MAX = 2;
/** At about 30 ms each the last of the queue waits about 1 s. */
const QUEUE_MAX = 64;

export interface Passwords {
  /** A PHC string, or undefined when the queue is full. */
  hash(password: string): Promise<string | undefined>;
  /**
   * True when the password is right. Costs the same without a stored hash (no such user), and is
   * then false. undefined when the queue is full.
   */
  verify(stored: string | undefined, password: string): Promise<boolean | undefined>;
  /** Refusals at the bound of the queue. */
  readonly overflow: number;
}

export interface PasswordOptions {
  readonly atWorkMax?: number;
  readonly queueMax?: number;
  /** For tests only: cheaper parameters. */
  readonly parameters?: { memoryCost: number; timeCost: number; parallelism: number };
}

/** Makes the hasher of one thread. */
export function createPasswords(options: PasswordOptions = {}): Passwords {
  const { atWorkMax = AT_WORK_MAX, queueMax = QUEUE_MAX, parameters = PARAMETERS } = options;
  const waiting: (() => void)[] = [];
  let atWork = 0;
  let overflow = 0;
  let dummy: Promise<string> | undefined;

  async function bounded<T>(work: () => Promise<T>): Promise<T | undefined> {
    if (atWork >= atWorkMax) {
      if (waiting.length >= queueMax) {
        overflow += 1;
        return undefined;
      }
      await new Promise<void>((resolve) => waiting.push(resolve));
    } else {
      atWork += 1;
    }
    try {
      return await work();
    } finally {
      // The place goes to the next in line, so nobody can slip in between.
      const next = waiting.shift();
      if (next === undefined) atWork -= 1;
      else next();
    }
  }

  return {
    hash: (password) => bounded(() => hash(password, parameters)),
    verify: (stored, password) =>
      bounded(async () => {
        dummy ??= hash('nobody has this password', parameters);
        const against = stored ?? (await dummy);
        const right = await verify(against, password);
        return stored !== undefined && right;
      }),
    get overflow() {
      return overflow;
    },
  };
}
