/** Notices of a stream: to whom they go, and in which order. */
import { expect, test } from 'vitest';
import { jsonCodec, OWNER, SID, StreamRig } from './test/kit.ts';

test('broadcast: every interested gateway, behind what was published, nobody else', async () => {
  const rig = await new StreamRig().start();
  const [one, two] = [rig.gateway(1), rig.gateway(2)];
  await rig.subscribe(OWNER, undefined, one);
  await rig.subscribe(OWNER, undefined, two);
  rig.listen(rig.gateway(3));
  await rig.append(OWNER, 'n1', 1, ['hi']);
  const frame = jsonCodec.encodeNotice([20, SID, [OWNER], 1]);
  rig.core.broadcast({ frame, class: 'typing' });
  for (const gateway of [one, two]) {
    expect(rig.listen(gateway).map(({ op }) => op)).toEqual(['attached', 'publish', 'ephemeral']);
    expect(rig.listen(gateway).at(-1)?.m).toEqual({ sid: SID, class: 'typing', frame });
  }
  expect(rig.listen(rig.gateway(3))).toEqual([]);
});

test('broadcast: a stream that is absent or being opened, dropped without a trace', async () => {
  const rig = new StreamRig();
  await rig.restart();
  rig.core.broadcast({ frame: new Uint8Array(1), class: 'unread' });
  expect(rig.core.idle).toBe(true);
});
