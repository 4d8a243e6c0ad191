/**
 * Plain RTP between a room and a process on this machine: taps carry a producer out, feeds carry one in. Voice thread.
 *
 * The packets go over loopback from process to process, never through Node. comedia is off: the worker takes packets only from the
 * address that it was told, and so must the other side.
 */
import type { PlainTransport, RtpCapabilities } from 'mediasoup/types';
import { MEDIA_AUDIO } from '../types.ts';
import { levelExtension, OPUS_PAYLOAD_TYPE } from './caps.ts';
import { ProducerHandle, type RoomInside } from './handles.ts';
import type { Leg } from './leg.ts';
import { attempt, done, GONE } from './result.ts';
import type { Endpoint, FeedOptions, MediaFeed, MediaResult, MediaTap } from './types.ts';

const LOOPBACK = '127.0.0.1';

export async function openTap(
  producer: ProducerHandle,
  to: Endpoint,
  caps: RtpCapabilities,
): Promise<MediaResult<MediaTap>> {
  const { leg } = producer;
  const isClosed = () => producer.closed;
  const transport = await openPlain(leg, to, isClosed);
  if (!transport.ok) return transport;
  const plain = transport.value;
  const consumer = await attempt(
    () => plain.consume({ producerId: producer.id, rtpCapabilities: caps, paused: false }),
    isClosed,
  );
  if (!consumer.ok || producer.closed) {
    plain.close();
    return consumer.ok ? GONE : consumer;
  }
  const { rtpParameters } = consumer.value;
  const close = () => {
    producer.attachments.delete(close);
    plain.close();
  };
  producer.attachments.add(close);
  return done({
    get closed() {
      return plain.closed || leg.closed;
    },
    from: { ip: plain.tuple.localIp, port: plain.tuple.localPort },
    ssrc: rtpParameters.encodings?.[0]?.ssrc ?? 0,
    payloadType: rtpParameters.codecs[0]?.payloadType ?? OPUS_PAYLOAD_TYPE,
    levelExtension: levelExtension(rtpParameters),
    close,
  });
}

export async function openFeed(
  room: RoomInside,
  leg: Leg,
  { owner, ssrc, from }: FeedOptions,
  onClose: () => void,
): Promise<MediaResult<MediaFeed>> {
  const isClosed = () => leg.closed;
  const transport = await openPlain(leg, from, isClosed);
  if (!transport.ok) return transport;
  const plain = transport.value;
  const made = await attempt(
    () =>
      plain.produce({
        kind: 'audio',
        rtpParameters: {
          codecs: [
            {
              mimeType: 'audio/opus',
              payloadType: OPUS_PAYLOAD_TYPE,
              clockRate: 48_000,
              channels: 2,
              parameters: { 'sprop-stereo': 1 },
            },
          ],
          encodings: [{ ssrc }],
        },
      }),
    isClosed,
  );
  if (!made.ok || leg.closed) {
    plain.close();
    return made.ok ? GONE : made;
  }
  const producer = new ProducerHandle(room, made.value, MEDIA_AUDIO, owner, leg, null);
  producer.attachments.add(() => {
    plain.close();
    onClose();
  });
  room.producerMade(producer);
  return done({
    get closed() {
      return producer.closed;
    },
    producer,
    to: { ip: plain.tuple.localIp, port: plain.tuple.localPort },
    payloadType: OPUS_PAYLOAD_TYPE,
    close: () => producer.close(),
  });
}

async function openPlain(
  leg: Leg,
  remote: Endpoint,
  isClosed: () => boolean,
): Promise<MediaResult<PlainTransport>> {
  const made = await attempt(
    () =>
      leg.router.createPlainTransport({
        listenInfo: { protocol: 'udp', ip: LOOPBACK },
        rtcpMux: true,
        comedia: false,
      }),
    isClosed,
  );
  if (!made.ok) return made;
  const connected = await attempt(() => made.value.connect({ ...remote }), isClosed);
  if (connected.ok) return made;
  made.value.close();
  return connected;
}
