/**
 * One remote admin connection on its gateway thread: the native socket, what was sent on it and has not left yet, whose it is.
 * Gateway threads.
 */
import type { WebSocket } from '../../native/index.ts';
import { type AdminEncoding, encodeAdmin } from '../admin-wire/index.ts';
import type { TokenFacts } from '../auth/index.ts';

/** User data of the native socket. */
export interface AdminSocketData {
  readonly connection: RemoteConnection;
}

export class RemoteConnection {
  readonly no: number;
  readonly encoding: AdminEncoding;
  readonly address: string;
  /** Monotonic ms. */
  readonly openedMs: number;
  person: TokenFacts | undefined;
  /** An AUTH is being judged. */
  isJudging = false;
  /** The hub counts it. */
  isClaimed = false;
  #socket: WebSocket<AdminSocketData> | null = null;
  #sentBytes = 0;
  #toldBytes = 0;

  constructor(no: number, encoding: AdminEncoding, address: string, openedMs: number) {
    this.no = no;
    this.encoding = encoding;
    this.address = address;
    this.openedMs = openedMs;
  }

  opened(socket: WebSocket<AdminSocketData>): void {
    this.#socket = socket;
  }

  /** The native socket is gone: no method of it may be called any more. */
  closed(): void {
    this.#socket = null;
  }

  get isOpen(): boolean {
    return this.#socket !== null;
  }

  send(bytes: Uint8Array): void {
    if (this.#socket === null) return;
    this.#sentBytes += bytes.length;
    this.#socket.send(bytes, this.encoding === 'mp');
  }

  sendFrame(frame: readonly unknown[]): void {
    this.send(encodeAdmin(frame, this.encoding));
  }

  /** Bytes of all that were sent which have left; undefined when that is no news. */
  newlyLeft(): number | undefined {
    const waiting = this.#socket?.getBufferedAmount() ?? 0;
    const left = Math.max(this.#toldBytes, this.#sentBytes - waiting);
    if (left === this.#toldBytes) return undefined;
    this.#toldBytes = left;
    return left;
  }

  /** Sends a close frame behind what waits. Idempotent. */
  end(code: number): void {
    this.#socket?.end(code);
  }
}
