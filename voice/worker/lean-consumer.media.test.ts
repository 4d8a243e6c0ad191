/**
 * Consumers made without mediasoup's objects beside mediasoup's own, on a real worker: what both give a listener, and that the
 * worker knows both. Holds what lean-consumer.ts assumes of the pinned mediasoup.
 */
import { createWorker } from 'mediasoup';
import type { Producer, RtpCapabilities, RtpParameters, WebRtcTransport } from 'mediasoup/types';
import { afterEach, expect, test } from 'vitest';
import { opusCapabilities, opusParameters } from '../test/index.ts';
import { ROUTER_CODECS } from './caps.ts';
import { LeanConsumers } from './lean-consumer.ts';
import { useMedia, workerBinary } from './test/kit.ts';

useMedia();

const CAPS = opusCapabilities() as unknown as RtpCapabilities;
const ends: (() => void)[] = [];

afterEach(() => {
  for (const end of ends.splice(0)) end();
});

async function callOfTwo(): Promise<{ producer: Producer; listener: WebRtcTransport }> {
  const worker = await createWorker({ workerBin: await workerBinary(), logLevel: 'error' });
  ends.push(() => worker.close());
  const router = await worker.createRouter({ mediaCodecs: [...ROUTER_CODECS] });
  const listenInfos = [{ protocol: 'udp' as const, ip: '127.0.0.1' }];
  const talker = await router.createWebRtcTransport({ listenInfos });
  const rtpParameters = opusParameters(7, 'talker') as unknown as RtpParameters;
  const producer = await talker.produce({ kind: 'audio', rtpParameters });
  return { producer, listener: await router.createWebRtcTransport({ listenInfos }) };
}

test('consume: the parameters are those of mediasoup, but for the numbers of the stream', async () => {
  const { listener, producer } = await callOfTwo();
  const options = { producerId: producer.id, rtpCapabilities: CAPS, paused: true, enableRtx: true };
  const theirs = await listener.consume(options);
  const lean = new LeanConsumers(listener);
  const ours = [];
  for (let i = 0; i < 3; i += 1) ours.push(await lean.consume(producer.id, CAPS, true));
  for (const consumer of ours) {
    const numbers = { encodings: expect.any(Array), mid: expect.any(String) };
    expect(consumer?.rtpParameters).toEqual({ ...theirs.rtpParameters, ...numbers });
    expect(consumer).toMatchObject({ producerId: producer.id, kind: 'audio', paused: true });
  }
  const ssrcs = ours.map((consumer) => consumer?.rtpParameters.encodings?.[0]?.ssrc);
  expect(new Set(ssrcs).size).toBe(3);
  expect(ours.map((consumer) => consumer?.rtpParameters.mid)).toEqual(['0', '1', '2']);
  const { consumerIds } = await listener.dump();
  expect(new Set(consumerIds)).toEqual(new Set([theirs.id, ...ours.map((one) => one?.id)]));
});

test('consume: capabilities that lack the codec, rejects; a stranger for a producer, undefined', async () => {
  const { listener, producer } = await callOfTwo();
  const lean = new LeanConsumers(listener);
  await expect(
    lean.consume(producer.id, { codecs: [], headerExtensions: [] }, true),
  ).rejects.toThrow('no compatible media codecs');
  expect(await lean.consume('nobody', CAPS, true)).toBeUndefined();
});

test('resume, pause, getStats, close: the worker does as told', async () => {
  const { listener, producer } = await callOfTwo();
  const consumer = (await new LeanConsumers(listener).consume(producer.id, CAPS, true))!;
  await consumer.resume();
  expect(consumer.paused).toBe(false);
  expect(await consumer.getStats()).toContainEqual(
    expect.objectContaining({ type: 'outbound-rtp', packetCount: 0, packetsLost: 0 }),
  );
  await consumer.pause();
  expect(consumer.paused).toBe(true);
  consumer.close();
  expect((await listener.dump()).consumerIds).toEqual([]);
  await expect(consumer.resume()).rejects.toThrow();
});
