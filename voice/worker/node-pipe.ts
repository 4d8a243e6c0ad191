/**
 * One end of a pipe between the same room on two nodes: SRTP and NACK over one UDP port, with packets unchanged. Which nodes, and
 * who tells whom what, is the cluster's business: it carries the offers and the piped producers. Voice thread.
 */
import type { PipeTransport, SrtpParameters } from 'mediasoup/types';
import { MEDIA_AUDIO } from '../types.ts';
import { ProducerHandle, type RoomInside } from './handles.ts';
import type { Leg } from './leg.ts';
import { attempt, DONE, done, failed, GONE } from './result.ts';
import type { MediaProducer, MediaResult, NodePipe, NodePipeEnd, PipedProducer } from './types.ts';

export async function openNodePipe(
  room: RoomInside,
  leg: Leg,
  ip: string,
  onClose: () => void,
): Promise<MediaResult<NodePipe>> {
  const made = await attempt(
    () =>
      leg.router.createPipeTransport({
        listenInfo: { protocol: 'udp', ip },
        enableRtx: true,
        enableSrtp: true,
        enableSctp: false,
      }),
    () => leg.closed,
  );
  if (!made.ok) return made;
  const { srtpParameters } = made.value;
  if (srtpParameters === undefined || leg.closed) {
    made.value.close();
    return srtpParameters === undefined ? failed('rejected', 'no SRTP keys for the pipe') : GONE;
  }
  return done(new PipeEnd(room, leg, made.value, srtpParameters, onClose));
}

class PipeEnd implements NodePipe {
  readonly offer: NodePipeEnd;
  #closed = false;
  readonly #sent = new Map<ProducerHandle, Promise<MediaResult<PipedProducer>>>();
  readonly #received = new Set<ProducerHandle>();
  readonly #room: RoomInside;
  readonly #leg: Leg;
  readonly #pipe: PipeTransport;
  readonly #onClose: () => void;

  constructor(
    room: RoomInside,
    leg: Leg,
    pipe: PipeTransport,
    srtp: SrtpParameters,
    onClose: () => void,
  ) {
    this.#room = room;
    this.#leg = leg;
    this.#pipe = pipe;
    this.#onClose = onClose;
    this.offer = { ip: pipe.tuple.localIp, port: pipe.tuple.localPort, srtp };
  }

  get closed(): boolean {
    return this.#closed || this.#leg.closed;
  }

  async connect({ ip, port, srtp }: NodePipeEnd): Promise<MediaResult<null>> {
    const answer = await this.#ask(() => this.#pipe.connect({ ip, port, srtpParameters: srtp }));
    return answer.ok ? DONE : answer;
  }

  send(producer: MediaProducer): Promise<MediaResult<PipedProducer>> {
    if (!(producer instanceof ProducerHandle) || producer.closed || this.closed)
      return Promise.resolve(GONE);
    const known = this.#sent.get(producer);
    if (known !== undefined) return known;
    const sending = this.#send(producer).then((answer) => {
      if (!answer.ok) this.#sent.delete(producer);
      return answer;
    });
    this.#sent.set(producer, sending);
    producer.attachments.add(() => this.#sent.delete(producer));
    return sending;
  }

  async #send(producer: ProducerHandle): Promise<MediaResult<PipedProducer>> {
    const source = await this.#room.sourceOn(producer, this.#leg);
    if (!source.ok) return source;
    const made = await this.#ask(() => this.#pipe.consume({ producerId: source.value }));
    if (!made.ok) return made;
    const { rtpParameters, producerPaused } = made.value;
    const { media } = producer;
    return done({ id: source.value, media, paused: producerPaused, rtp: rtpParameters });
  }

  async receive(piped: PipedProducer, owner: number): Promise<MediaResult<MediaProducer>> {
    const made = await this.#ask(() =>
      this.#pipe.produce({
        id: piped.id,
        kind: piped.media === MEDIA_AUDIO ? 'audio' : 'video',
        rtpParameters: piped.rtp,
        paused: piped.paused,
      }),
    );
    if (!made.ok) return made;
    const producer = new ProducerHandle(
      this.#room,
      made.value,
      piped.media,
      owner,
      this.#leg,
      null,
    );
    this.#received.add(producer);
    producer.attachments.add(() => this.#received.delete(producer));
    this.#room.producerMade(producer);
    return done(producer);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const producer of this.#received) producer.close();
    this.#sent.clear();
    this.#pipe.close();
    this.#onClose();
  }

  async #ask<T>(request: () => Promise<T>): Promise<MediaResult<T>> {
    const answer = await attempt(request, () => this.closed);
    return answer.ok && this.closed ? GONE : answer;
  }
}
