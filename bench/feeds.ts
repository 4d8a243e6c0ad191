/**
 * The connections of the load process: subscribers that count and senders that publish, on Driftway or
 * on the bare server. All sockets read into one shared buffer, so a delivery allocates nothing.
 */
import { randomBytes } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import {
  appendTemplate,
  clientFrame,
  echoTemplate,
  FrameParser,
  type FrameSink,
  identifyFrame,
  OP_ERR,
  OP_EV,
  OP_HELLO,
  OP_OK,
  readStamp,
  type SendTemplate,
  subscribeFrame,
} from './frames.ts';
import type { Target } from './load-types.ts';

/** Callbacks run inside the read, so all sockets may share it. */
const SHARED = Buffer.allocUnsafeSlow(64 * 1024);
const PONG = clientFrame(Buffer.alloc(0), 10);
const SETUP_TIMEOUT_MS = 30_000;

/** One connection; `ready` resolves after the last reply of its set-up. */
export class Feed implements FrameSink {
  readonly ready: Promise<void>;
  /** Event frames seen. */
  events = 0;
  /** ERR frames seen after the set-up. */
  errors = 0;
  eventBytes = 0;
  protected readonly socket: Socket;
  protected readonly parser = new FrameParser();
  #head = '';
  #upgraded = false;
  #isReady = false;
  #resolve: () => void = () => {};
  #reject: (error: Error) => void = () => {};
  /** Frames still to send in the set-up, one after each reply. */
  readonly #steps: Buffer[];
  readonly #bare: boolean;

  constructor(target: Target, steps: Buffer[]) {
    this.#steps = steps;
    this.#bare = target.kind === 'bare';
    this.ready = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.socket = connect({
      host: '127.0.0.1',
      port: target.port,
      noDelay: true,
      onread: {
        buffer: SHARED,
        callback: (length: number) => {
          this.#read(length);
          return true;
        },
      },
    });
    const timer = setTimeout(() => this.#fail(new Error('set-up: no answer')), SETUP_TIMEOUT_MS);
    // Both ways: a connection that fails later than anybody looks must not end the process.
    const settled = (): void => clearTimeout(timer);
    this.ready.then(settled, settled);
    this.socket.on('error', (error) => this.#fail(error));
    this.socket.on('close', () => this.#fail(new Error('set-up: connection closed')));
    this.socket.write(upgradeRequest(target.port));
  }

  close(): Promise<void> {
    return new Promise((resolve) => {
      this.socket.once('close', () => resolve());
      this.socket.destroy();
    });
  }

  message(op: number, bytes: Buffer, start: number, end: number, events: number): void {
    this.events += events;
    if (events > 0) this.event(op, bytes, start, end);
    else if (!this.#isReady) this.#setUp(op, bytes, start, end);
    else if (op === OP_ERR) this.errors += 1;
  }

  ping(): void {
    this.socket.write(PONG);
  }

  closed(code: number): void {
    this.#fail(new Error(`set-up: closed with ${code}`));
  }

  /** A message that carries events. */
  protected event(_op: number, _bytes: Buffer, start: number, end: number): void {
    if (end > 0) this.eventBytes = end - start;
  }

  #read(length: number): void {
    if (this.#upgraded) {
      this.parser.feed(SHARED, length, this);
      return;
    }
    this.#head += SHARED.toString('latin1', 0, length);
    const end = this.#head.indexOf('\r\n\r\n');
    if (end < 0) return;
    this.#upgraded = true;
    if (!this.#head.startsWith('HTTP/1.1 101')) {
      this.#fail(new Error(`upgrade: ${this.#head.slice(0, 12)}`));
      return;
    }
    const rest = Buffer.from(this.#head.slice(end + 4), 'latin1');
    this.#head = '';
    if (rest.length > 0) this.parser.feed(rest, rest.length, this);
    // The bare server says nothing first: the set-up begins with the upgrade.
    if (this.#bare) this.#next();
  }

  #setUp(op: number, bytes: Buffer, start: number, end: number): void {
    if (op === OP_ERR) {
      this.#fail(new Error(`set-up: ERR ${bytes.toString('latin1', start, end)}`));
    } else if (op === OP_HELLO || op === OP_OK) this.#next();
  }

  #next(): void {
    const frame = this.#steps.shift();
    if (frame !== undefined) {
      this.socket.write(frame);
      return;
    }
    this.#isReady = true;
    this.parser.whole = false;
    this.#resolve();
  }

  #fail(error: Error): void {
    this.#reject(error);
    this.socket.destroy();
  }
}

function setUpSteps(target: Target, sid: number, subscribe: boolean): Buffer[] {
  if (target.kind === 'bare') {
    return [clientFrame(Buffer.from(`${subscribe ? 's' : 't'}${sid}`, 'latin1'))];
  }
  const identify = identifyFrame(target.token);
  return subscribe ? [identify, subscribeFrame(sid)] : [identify];
}

/** Subscribed to one stream; counts events, and reads their time where it is a sample. */
export class Subscriber extends Feed {
  readonly #sampled: boolean;
  #record: ((stampUs: number) => void) | undefined;

  constructor(target: Target, sid: number, sampled: boolean) {
    super(target, setUpSteps(target, sid, true));
    this.#sampled = sampled;
  }

  /** Starts or ends the recording of sampled frames. */
  measure(record: ((stampUs: number) => void) | undefined): void {
    if (this.#sampled) this.#record = record;
  }

  protected override event(op: number, bytes: Buffer, start: number, end: number): void {
    super.event(op, bytes, start, end);
    if (this.#record !== undefined && op === OP_EV && end > 0) this.#record(readStamp(bytes, end));
  }
}

/** Publishes to one room and does not subscribe to it. */
export class Sender extends Feed {
  readonly #kind: Target['kind'];
  readonly #sid: number;
  readonly #prefix = randomBytes(4).toString('hex');
  #template: SendTemplate | undefined;
  #number = 1000;

  constructor(target: Target, sid: number) {
    super(target, setUpSteps(target, sid, false));
    this.#kind = target.kind;
    this.#sid = sid;
  }

  /** Before a run: the bare server's frames get the size of Driftway's events. */
  begin(eventBytes: number): void {
    this.errors = 0;
    this.#template ??=
      this.#kind === 'bare' ? echoTemplate(eventBytes) : appendTemplate(this.#sid, this.#prefix);
  }

  send(dueUs: number): void {
    this.#number += 1;
    this.#template!.stamp(this.#number, dueUs);
    // A copy: the socket may keep the buffer until it is written.
    this.socket.write(Buffer.from(this.#template!.frame));
  }
}

function upgradeRequest(port: number): string {
  return [
    'GET /gw HTTP/1.1',
    `Host: 127.0.0.1:${port}`,
    'Upgrade: websocket',
    'Connection: Upgrade',
    `Sec-WebSocket-Key: ${randomBytes(16).toString('base64')}`,
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Protocol: driftway.v1.mp',
    '\r\n',
  ].join('\r\n');
}
