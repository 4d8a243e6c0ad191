/**
 * What the worker keeps of a handshake: OpenSSL's part of a transport is released some seconds after it (native/media-worker/patches.ts),
 * and media and the end of the transport must not miss it.
 */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { activeOf, endCall, eventually, makeCall, openRoom, useMedia } from './test/kit.ts';

const pool = useMedia();

/** Resident kB of the range that holds OpenSSL's large buffers: the only mapping of 384 MiB. A downloaded worker has none. */
function handshakeKb(pid: number): number | undefined {
  const maps = readFileSync(`/proc/${pid}/smaps`, 'latin1');
  const found = /^Size: +393216 kB\n(?:[A-Z].*\n)*?Rss: +(\d+) kB$/m.exec(maps);
  return found === null ? undefined : Number(found[1]);
}

test('a call after its handshakes: their memory is given back, both hear on and can leave', async () => {
  const { pool: one, events } = pool();
  const { media } = await openRoom(one);
  const call = await makeCall(media);
  const pid = activeOf(one).pid ?? 0;
  expect(handshakeKb(pid)).not.toBe(0);
  await eventually(() => (handshakeKb(pid) ?? 0) === 0);
  await call.listener.more(call.consumer, 10);
  endCall(call);
  call.talker.transport.close();
  call.listener.transport.close();
  endCall(await makeCall(media));
  expect(events.filter(({ what }) => what === 'worker_died')).toEqual([]);
  expect(activeOf(one).pid).toBe(pid);
});
