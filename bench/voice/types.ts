/** The types that files of bench/voice/ share. */

/** Id of a producer, consumer or transport as its server names it; opaque. */
export type Key = string;

/** What a client needs to reach one transport of a server. */
export interface TransportOffer {
  readonly key: Key;
  readonly address: string;
  readonly port: number;
  readonly ufrag: string;
  readonly password: string;
}

/** A stream that the server is ready to send; begins after `resume`. */
export interface ConsumerOffer {
  readonly producer: Key;
  readonly consumer: Key;
  readonly ssrc: number;
}

/** `send` and `receive` may be one transport. */
export interface JoinAnswer {
  readonly send: TransportOffer | null;
  readonly receive: TransportOffer;
  readonly consumers: readonly ConsumerOffer[];
}

/** What happens to a membership without being asked for. */
export interface VoiceEvents {
  /** Somebody began to talk. */
  consumer(offer: ConsumerOffer): void;
  /** The media worker is another one: all that was negotiated is gone. */
  reset(): void;
  /** So it is, and this is there instead; `produced`: own stream that the server takes already. */
  renewed(answer: JoinAnswer, produced: Key | undefined): void;
}

/** One person's connection to one server, signalling only. Requests reject with the server's answer. */
export interface Signalling {
  /** Enters a room, or enters it anew after a reset. `fingerprint`: of all transports of this person. */
  join(events: VoiceEvents, fingerprint: string): Promise<JoinAnswer>;
  connect(transport: TransportOffer, fingerprint: string): Promise<void>;
  produce(transport: TransportOffer, ssrc: number): Promise<Key>;
  resume(consumer: Key): Promise<void>;
  leave(): Promise<void>;
  /** While it is held nothing is read: what the server says waits in the kernel, so that this process sleeps. */
  hold(isHeld: boolean): void;
  close(): void;
}

/** A server under load, with the processes that belong to it. */
export interface Side {
  readonly name: 'driftway' | 'bare';
  /** Process whose tree is charged. */
  readonly pid: number;
  /** A connection of person `person` (0, 1, ...) for a room (0, 1, ...); both must be within what `prepare` made. */
  connect(person: number, room: number): Promise<Signalling>;
  stop(): Promise<void>;
}

/** Times of a core under the gap detector, in one window. */
export interface CoreReport {
  readonly core: number;
  /** Whether the detector ran with real-time priority: only then its lateness is the machine's. */
  readonly independent: boolean;
  readonly longestUs: number;
  readonly sumUs: number;
}

/** What rtpgen says of one window. */
export interface WindowReport {
  readonly sent: number;
  /** Packets that the kernel did not take. */
  readonly refused: number;
  /** Packets sent more than 2 ms after they were due. */
  readonly late: number;
  readonly latestUs: number;
  readonly expected: number;
  readonly received: number;
  readonly strangers: number;
  readonly p50Us: number;
  readonly p90Us: number;
  readonly p99Us: number;
  readonly p999Us: number;
  readonly maxUs: number;
  /** Longest time between two packets of one stream. */
  readonly gapUs: number;
  readonly cores: readonly CoreReport[];
}
