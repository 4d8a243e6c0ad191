/**
 * Consumers on WebRTC transports, asked of the media worker over mediasoup's channel without mediasoup's own objects: those clone a
 * listener's capabilities, work out anew what all listeners of a speaker share, and keep two event emitters and three subscriptions
 * each, which is most of what a join costs the voice thread. Voice thread.
 *
 * Reaches into the pinned mediasoup by path (its channel and the encoders of its messages); lean-consumer.media.test.ts holds
 * that. Loaded with the first consumer. Bound: SHARED_MAX kinds of capabilities are remembered per producer, then all are forgotten.
 */
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import type { Producer, RtpCapabilities, RtpParameters, WebRtcTransport } from 'mediasoup/types';

const SHARED_MAX = 16;
/** Of the streams to listeners, counted up from here; any number but those that clients would take for their own. */
const FIRST_SSRC = 0x1000_0000;
const LAST_SSRC = 0x7fff_ffff;
/** Over all transports: in a planned move a client has two, and may tell streams apart by this alone. */
let lastSsrc = FIRST_SSRC;

/** What the worker counts of a stream that it sends. */
export interface OutboundStat {
  readonly type: string;
  readonly packetCount: number;
  readonly packetsLost: number;
  readonly nackPacketCount: number;
}

/** The part of a flatbuffers builder that requests are written into; opaque. */
interface Builder {
  createString(text: string): number;
}

interface Response {
  body(into: object): unknown;
}

interface Channel {
  readonly bufferBuilder: Builder;
  request(method: number, body?: number, offset?: number, handler?: string): Promise<Response>;
}

/** What mediasoup's transport has besides its public face. */
interface Inside {
  readonly channelForTesting: Channel;
  getProducerById(id: string): Producer | undefined;
}

/** Fields of a ConsumeRequest. */
type Field =
  | 'ConsumerId'
  | 'ProducerId'
  | 'Kind'
  | 'RtpParameters'
  | 'Type'
  | 'ConsumableRtpEncodings'
  | 'Paused'
  | 'IgnoreDtx';
type AddField = (builder: Builder, value: number | boolean) => void;

interface Protocol {
  readonly method: Readonly<Record<string, number>>;
  readonly body: Readonly<Record<string, number>>;
  readonly types: { readonly SIMPLE: number };
  readonly kinds: { readonly AUDIO: number; readonly VIDEO: number };
  readonly consume: {
    startConsumeRequest(builder: Builder): void;
    endConsumeRequest(builder: Builder): number;
  } & Readonly<Record<`add${Field}`, AddField>>;
  readonly close: new (id: string) => { pack(builder: Builder): number };
  readonly stats: new () => object;
  serializeRtpParameters(builder: Builder, rtp: RtpParameters): number;
  serializeRtpEncodingParameters(builder: Builder, list: RtpParameters['encodings']): number;
  parseVector(from: object, name: string, parse: unknown): OutboundStat[];
  readonly parseStat: unknown;
  validateAndNormalizeRtpCapabilities(caps: RtpCapabilities): void;
  getConsumerRtpParameters(options: object): RtpParameters;
}

let loaded: Protocol | undefined;

/** mediasoup itself is loaded: nothing consumes before a worker runs. */
function protocol(): Protocol {
  loaded ??= load(createRequire(fileURLToPath(import.meta.resolve('mediasoup'))));
  return loaded;
}

function load(lib: NodeJS.Require): Protocol {
  const { Body, Method } = lib('./fbs/request') as {
    Body: Protocol['body'];
    Method: Protocol['method'];
  };
  const { CloseConsumerRequestT, ConsumeRequest } = lib('./fbs/transport') as {
    CloseConsumerRequestT: Protocol['close'];
    ConsumeRequest: Protocol['consume'];
  };
  const { MediaKind, Type } = lib('./fbs/rtp-parameters') as {
    MediaKind: Protocol['kinds'];
    Type: Protocol['types'];
  };
  const { GetStatsResponse } = lib('./fbs/consumer') as { GetStatsResponse: Protocol['stats'] };
  const { parseRtpStreamStats } = lib('./rtpStreamStatsFbsUtils') as Record<string, unknown>;
  return {
    ...(lib('./rtpParametersFbsUtils') as object),
    ...(lib('./ortc') as object),
    ...(lib('./fbsUtils') as object),
    ...{ method: Method, body: Body, types: Type, kinds: MediaKind },
    ...{ consume: ConsumeRequest, close: CloseConsumerRequestT },
    ...{ stats: GetStatsResponse, parseStat: parseRtpStreamStats },
  } as Protocol;
}

/** What all listeners with the same capabilities get of a producer. */
interface Shared {
  readonly parameters: Pick<RtpParameters, 'codecs' | 'headerExtensions' | 'rtcp' | 'msid'>;
  /** The producer's; mediasoup clones them with all the rest for whoever asks. */
  readonly consumable: RtpParameters['encodings'];
}

const sharedOf = new WeakMap<Producer, Map<string, Shared>>();
const keyOf = new WeakMap<RtpCapabilities, string>();

function shared(producer: Producer, caps: RtpCapabilities): Shared {
  let key = keyOf.get(caps);
  if (key === undefined) {
    key = JSON.stringify(caps);
    keyOf.set(caps, key);
  }
  let known = sharedOf.get(producer);
  if (known === undefined) {
    known = new Map();
    sharedOf.set(producer, known);
  }
  const present = known.get(key);
  if (present !== undefined) return present;
  const { getConsumerRtpParameters, validateAndNormalizeRtpCapabilities } = protocol();
  const remoteRtpCapabilities = structuredClone(caps);
  validateAndNormalizeRtpCapabilities(remoteRtpCapabilities);
  const { consumableRtpParameters } = producer;
  // NACK toward the listener: off by default for audio, and the cheapest gain there is (voice.md 0, 7).
  const options = { consumableRtpParameters, remoteRtpCapabilities, pipe: false, enableRtx: true };
  const { codecs, headerExtensions, msid, rtcp } = getConsumerRtpParameters(options);
  const parameters = { codecs, headerExtensions, rtcp, msid } as Shared['parameters'];
  const made = { parameters, consumable: consumableRtpParameters.encodings };
  if (known.size >= SHARED_MAX) known.clear();
  known.set(key, made);
  return made;
}

/** Makes the consumers of one transport. */
export class LeanConsumers {
  readonly #transport: WebRtcTransport;
  readonly #inside: Inside;
  /** Names the next one and its mid. */
  #made = 0;

  constructor(transport: WebRtcTransport) {
    this.#transport = transport;
    this.#inside = transport as unknown as Inside;
  }

  /**
   * Rejects as mediasoup's `consume` does.
   * @returns undefined when there is no such producer
   */
  async consume(
    producerId: string,
    caps: RtpCapabilities,
    isPaused: boolean,
  ): Promise<LeanConsumer | undefined> {
    const { channelForTesting: channel } = this.#inside;
    const producer = this.#inside.getProducerById(producerId);
    if (producer === undefined) return undefined;
    lastSsrc = lastSsrc >= LAST_SSRC ? FIRST_SSRC : lastSsrc + 1;
    const encodings = [{ ssrc: lastSsrc }];
    const { consumable, parameters } = shared(producer, caps);
    const rtp = { ...parameters, encodings, mid: String(this.#made) };
    const id = `${this.#transport.id}.${this.#made}`;
    this.#made += 1;
    const { body, method } = protocol();
    const offset = write(channel.bufferBuilder, { id, producer, rtp, isPaused }, consumable);
    const request = body.Transport_ConsumeRequest;
    await channel.request(method.TRANSPORT_CONSUME!, request, offset, this.#transport.id);
    return new LeanConsumer(this.#transport, channel, { id, producer, rtp, isPaused });
  }
}

interface Facts {
  readonly id: string;
  readonly producer: Producer;
  readonly rtp: RtpParameters;
  readonly isPaused: boolean;
}

/** A ConsumeRequest; its strings and vectors come before itself. */
function write(
  builder: Builder,
  { id, isPaused, producer, rtp }: Facts,
  consumable: RtpParameters['encodings'],
): number {
  const { consume, kinds, serializeRtpEncodingParameters, serializeRtpParameters, types } =
    protocol();
  const rtpAt = serializeRtpParameters(builder, rtp);
  const idAt = builder.createString(id);
  const producerAt = builder.createString(producer.id);
  const encodingsAt = serializeRtpEncodingParameters(builder, consumable ?? []);
  consume.startConsumeRequest(builder);
  consume.addConsumerId(builder, idAt);
  consume.addProducerId(builder, producerAt);
  consume.addKind(builder, producer.kind === 'audio' ? kinds.AUDIO : kinds.VIDEO);
  consume.addRtpParameters(builder, rtpAt);
  consume.addType(builder, types.SIMPLE);
  consume.addConsumableRtpEncodings(builder, encodingsAt);
  consume.addPaused(builder, isPaused);
  consume.addIgnoreDtx(builder, false);
  return consume.endConsumeRequest(builder);
}

/** One of them. Who holds it knows when its transport or producer ends, and does not ask for more then. */
export class LeanConsumer {
  readonly id: string;
  readonly producerId: string;
  readonly kind: 'audio' | 'video';
  readonly rtpParameters: RtpParameters;
  #isPaused: boolean;
  readonly #transport: WebRtcTransport;
  readonly #channel: Channel;

  constructor(
    transport: WebRtcTransport,
    channel: Channel,
    { id, isPaused, producer, rtp }: Facts,
  ) {
    this.id = id;
    this.producerId = producer.id;
    this.kind = producer.kind;
    this.rtpParameters = rtp;
    this.#isPaused = isPaused;
    this.#transport = transport;
    this.#channel = channel;
  }

  get paused(): boolean {
    return this.#isPaused;
  }

  async pause(): Promise<void> {
    await this.#channel.request(protocol().method.CONSUMER_PAUSE!, undefined, undefined, this.id);
    this.#isPaused = true;
  }

  async resume(): Promise<void> {
    await this.#channel.request(protocol().method.CONSUMER_RESUME!, undefined, undefined, this.id);
    this.#isPaused = false;
  }

  async getStats(): Promise<readonly OutboundStat[]> {
    const { method, parseStat, parseVector, stats } = protocol();
    const asked = this.#channel.request(method.CONSUMER_GET_STATS!, undefined, undefined, this.id);
    const into = new stats();
    (await asked).body(into);
    return parseVector(into, 'stats', parseStat);
  }

  /** Nobody waits for it: the worker has closed it already, or does now. */
  close(): void {
    const { body, close, method } = protocol();
    const offset = new close(this.id).pack(this.#channel.bufferBuilder);
    const request = body.Transport_CloseConsumerRequest;
    this.#channel
      .request(method.TRANSPORT_CLOSE_CONSUMER!, request, offset, this.#transport.id)
      .catch(ignoreGone);
  }
}

function ignoreGone(): void {}
