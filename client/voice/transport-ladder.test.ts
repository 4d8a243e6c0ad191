/** The ladder of one transport over fake time. */
import { expect, test } from 'vitest';
import { FakeClock } from '../test/fake-clock.ts';
import { TransportLadder } from './transport-ladder.ts';

function rig(restart: () => boolean = () => true) {
  const clock = new FakeClock();
  const startedAt = clock.now();
  const told: string[] = [];
  const say = (what: string): void => {
    told.push(`${what} ${clock.now() - startedAt}`);
  };
  const ladder = new TransportLadder({
    clock,
    restartIce: async () => {
      say('ice');
      return restart();
    },
    giveUp: () => say('gave up'),
  });
  return { clock, ladder, told };
}

test('TransportLadder: a short interruption, nothing is done', async () => {
  const { clock, ladder, told } = rig();
  ladder.state('disconnected');
  await clock.advance(1_900);
  ladder.state('connected');
  await clock.advance(20_000);
  expect(told).toEqual([]);
});

test('TransportLadder: disconnected for 2 s, ICE is restarted, and connected ends it', async () => {
  const { clock, ladder, told } = rig();
  ladder.state('disconnected');
  await clock.advance(2_000);
  ladder.state('connected');
  await clock.advance(20_000);
  expect(told).toEqual(['ice 2000']);
});

test('TransportLadder: two restarts in vain, given up within 8 s', async () => {
  const { clock, ladder, told } = rig();
  ladder.state('disconnected');
  await clock.advance(20_000);
  expect(told).toEqual(['ice 2000', 'ice 5000', 'gave up 8000']);
});

test('TransportLadder: failed, restarted at once', async () => {
  const { clock, ladder, told } = rig();
  ladder.state('failed');
  await clock.advance(0);
  expect(told).toEqual(['ice 0']);
});

test('TransportLadder: a restart that could not be asked for counts as none', async () => {
  let isOnline = false;
  const { clock, ladder, told } = rig(() => isOnline);
  ladder.state('failed');
  await clock.advance(300);
  isOnline = true;
  await clock.advance(3_000);
  expect(told).toEqual(['ice 0', 'ice 250', 'ice 500']);
  ladder.close();
  await clock.advance(20_000);
  expect(told).toHaveLength(3);
});
