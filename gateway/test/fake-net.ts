/**
 * Native sockets and topics in memory, and a clock that the test moves. Test support. Keeps what
 * gateway.md P5 and P6 say of the real ones: call order is wire order per socket.
 */
import type { Clock, TimerHandle } from '../../runtime/index.ts';
import type { NativeSocket } from '../connection.ts';

const decoder = new TextDecoder();

/** `app.publish` and the sockets of it. */
export class FakeNet {
  readonly topics = new Map<string, Set<FakeSocket>>();
  published = 0;

  readonly publish = (topic: Uint8Array, frame: Uint8Array): void => {
    this.published += 1;
    for (const socket of this.topics.get(decoder.decode(topic)) ?? []) socket.take(frame);
  };
}

/** A socket whose reader may stall. Everything written is in `wire`, in order. */
export class FakeSocket implements NativeSocket {
  readonly #net: FakeNet;
  readonly wire: Uint8Array[] = [];
  readonly names = new Set<string>();
  isStalled = false;
  buffered = 0;
  ended: number | undefined;
  isClosed = false;
  onClosed: (code: number) => void = () => undefined;

  constructor(net: FakeNet) {
    this.#net = net;
  }

  take(frame: Uint8Array): void {
    this.wire.push(frame);
    if (this.isStalled) this.buffered += frame.length;
  }

  send(message: Uint8Array): number {
    this.#check();
    this.take(message);
    return this.isStalled ? 0 : 1;
  }

  getBufferedAmount(): number {
    this.#check();
    return this.buffered;
  }

  end(code: number): void {
    this.#check();
    this.ended = code;
    this.#close(code);
  }

  close(): void {
    this.#check();
    this.#close(1006);
  }

  subscribe(topic: Uint8Array): boolean {
    this.#check();
    const key = decoder.decode(topic);
    const sockets = this.#net.topics.get(key) ?? new Set();
    this.#net.topics.set(key, sockets.add(this));
    this.names.add(key);
    return true;
  }

  unsubscribe(topic: Uint8Array): boolean {
    this.#check();
    const key = decoder.decode(topic);
    this.names.delete(key);
    return this.#net.topics.get(key)?.delete(this) ?? false;
  }

  cork(write: () => void): void {
    this.#check();
    write();
  }

  #close(code: number): void {
    this.isClosed = true;
    for (const key of this.names) this.#net.topics.get(key)?.delete(this);
    this.onClosed(code);
  }

  #check(): void {
    if (this.isClosed) throw new Error('Invalid access of closed uWS.WebSocket/SSLWebSocket.');
  }
}

interface FakeTimer extends TimerHandle {
  readonly atMs: number;
  readonly fn: () => void;
}

/** Time stands still until `advance`. */
export class FakeClock implements Clock {
  #ms = 1_000_000;
  readonly #timers = new Set<FakeTimer>();

  now(): number {
    return 1_763_000_000_000 + this.#ms;
  }

  monotonic(): number {
    return this.#ms;
  }

  setTimeout(fn: () => void, ms: number): TimerHandle {
    const timer: FakeTimer = { atMs: this.#ms + ms, fn };
    this.#timers.add(timer);
    return timer;
  }

  clearTimeout(handle: TimerHandle): void {
    this.#timers.delete(handle as FakeTimer);
  }

  advance(ms: number): void {
    const endMs = this.#ms + ms;
    for (;;) {
      let next: FakeTimer | undefined;
      for (const timer of this.#timers) {
        if (timer.atMs <= endMs && (next === undefined || timer.atMs < next.atMs)) next = timer;
      }
      if (next === undefined) break;
      this.#timers.delete(next);
      this.#ms = Math.max(this.#ms, next.atMs);
      next.fn();
    }
    this.#ms = endMs;
  }
}
