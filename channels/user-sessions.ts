/**
 * Sessions of one user: which connections are open, which may be resumed, who is fenced
 * (protocol.md 2.6). Pure state of a user actor; it keeps no messages.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { Ref } from '../runtime/index.ts';
import type { FanOutP, Ms } from './types.ts';

/** A session lives this long after its connection ended. */
export const SESSION_LIFE_MS: Ms = 60_000;
/** Ended sessions kept for a resume; the oldest goes when one more ends. A guess. */
const ENDED_MAX = 32;

export interface Connection {
  readonly gateway: Ref<FanOutP>;
  readonly conn: number;
}

export interface Session {
  readonly id: string;
  readonly login: string;
  readonly keyHash: Uint8Array;
  readonly connNo: number;
  /** undefined after the connection ended. */
  readonly connection: Connection | undefined;
  readonly endedAt: Ms;
}

/** SHA-256 of a resume key: only this is kept. */
export function hashKey(key: string): Uint8Array {
  return createHash('sha256').update(key).digest();
}

export class Sessions {
  readonly #sessions = new Map<string, Session>();
  #connNo = 0;

  /** Open connections. */
  get connected(): number {
    let count = 0;
    for (const session of this.#sessions.values()) if (session.connection !== undefined) count += 1;
    return count;
  }

  get size(): number {
    return this.#sessions.size;
  }

  /** True when this is the only session there is. */
  isAlone(id: string): boolean {
    return this.#sessions.size === 1 && this.#sessions.has(id);
  }

  /** The session that a client may resume; keys are compared in constant time. */
  resumable(resume: { session: string; key: string } | undefined, now: Ms): Session | undefined {
    if (resume === undefined) return undefined;
    const session = this.#sessions.get(resume.session);
    if (session === undefined || !timingSafeEqual(session.keyHash, hashKey(resume.key))) {
      return undefined;
    }
    return isOver(session, now) ? undefined : session;
  }

  /** Opens a connection in a new or resumed session; gives it the next connection number. */
  open(m: {
    readonly id: string;
    readonly key: string;
    readonly login: string;
    readonly connection: Connection;
  }): Session {
    this.#connNo += 1;
    const { id, login, connection } = m;
    const base = { id, login, connection, connNo: this.#connNo, endedAt: 0 };
    const session: Session = { ...base, keyHash: hashKey(m.key) };
    this.#sessions.set(id, session);
    return session;
  }

  /**
   * Takes a connection that its gateway holds: of a session that an earlier life of this state had opened
   * (nobody can resume it), or of one whose end was only that of the gateway's mailbox.
   */
  adopt(m: {
    readonly id: string;
    /** Random: what the client has is not known any more. */
    readonly key: string;
    readonly login: string;
    readonly connNo: number;
    readonly connection: Connection;
  }): void {
    const { id, login, connNo, connection } = m;
    this.#connNo = Math.max(this.#connNo, connNo);
    const known = this.#sessions.get(id);
    if (known !== undefined) {
      const isLost = known.connection === undefined && known.connNo === connNo;
      if (isLost) this.#sessions.set(id, { ...known, connection, endedAt: 0 });
      return;
    }
    const keyHash = hashKey(m.key);
    this.#sessions.set(id, { id, login, connection, connNo, endedAt: 0, keyHash });
  }

  has(id: string): boolean {
    return this.#sessions.has(id);
  }

  /** A connection ended; a number that is not the session's newest changes nothing. */
  close(id: string, connNo: number, ended: boolean, now: Ms): void {
    const session = this.#sessions.get(id);
    if (session === undefined || session.connNo !== connNo) return;
    if (ended) this.#sessions.delete(id);
    else this.#end(session, now);
  }

  /** A connection that its gateway never heard to be open ends, whatever its session. */
  abandon(gateway: Ref<FanOutP>, conn: number, now: Ms): void {
    for (const session of this.#sessions.values()) {
      const { connection } = session;
      if (connection?.gateway === gateway && connection.conn === conn) this.#end(session, now);
    }
  }

  /** A gateway thread died with all of its connections. */
  gatewayDown(gateway: Ref<FanOutP>, now: Ms): void {
    for (const session of this.#sessions.values()) {
      if (session.connection?.gateway === gateway) this.#end(session, now);
    }
  }

  /** Ends every session of a login; gives them. */
  revoke(login: string): readonly Session[] {
    const revoked = [...this.#sessions.values()].filter((session) => session.login === login);
    for (const session of revoked) this.#sessions.delete(session.id);
    return revoked;
  }

  /** Forgets sessions that nobody can resume any more; gives the time of the next look, or 0. */
  sweep(now: Ms): Ms {
    let next = 0;
    for (const session of this.#sessions.values()) {
      if (session.connection !== undefined) continue;
      if (isOver(session, now)) {
        this.#sessions.delete(session.id);
        continue;
      }
      const overAt = session.endedAt + SESSION_LIFE_MS;
      if (next === 0 || overAt < next) next = overAt;
    }
    return next;
  }

  #end(session: Session, now: Ms): void {
    // Set anew, so that ended sessions stand in the order they ended.
    this.#sessions.delete(session.id);
    this.#sessions.set(session.id, { ...session, connection: undefined, endedAt: now });
    const ended = [...this.#sessions.values()].filter((other) => other.connection === undefined);
    for (const old of ended.slice(0, Math.max(0, ended.length - ENDED_MAX))) {
      this.#sessions.delete(old.id);
    }
  }
}

function isOver(session: Session, now: Ms): boolean {
  return session.connection === undefined && now >= session.endedAt + SESSION_LIFE_MS;
}
