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
  await clock.advance(200);
  ladder.state('connected');
  await clock.advance(20_000);
  expect(told).toEqual([]);
});

test('TransportLadder: disconnected for a moment, ICE is restarted, and connected ends it', async () => {
  const { clock, ladder, told } = rig();
  ladder.state('disconnected');
  await clock.advance(300);
  ladder.state('connected');
  await clock.advance(20_000);
  expect(told).toEqual(['ice 250']);
});

test('TransportLadder: two restarts in vain, given up within 8 s', async () => {
  const { clock, ladder, told } = rig();
  ladder.state('disconnected');
  await clock.advance(20_000);
  expect(told).toEqual(['ice 250', 'ice 3250', 'gave up 6250']);
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

test('TransportLadder: checks that nobody answers, ICE is restarted before the browser says a word', async () => {
  const { clock, ladder, told } = rig();
  ladder.state('connected');
  ladder.checks({ sent: 10, answered: 10 });
  ladder.checks({ sent: 17, answered: 10 });
  await clock.advance(0);
  expect(told).toEqual([]);
  ladder.checks({ sent: 18, answered: 10 });
  await clock.advance(0);
  expect(told).toEqual(['ice 0']);
  // The new way, which counts from its own beginning.
  ladder.checks({ sent: 2, answered: 1 });
  await clock.advance(20_000);
  expect(told).toEqual(['ice 0']);
});

test('TransportLadder: checks before it is connected, and answered ones, are no reason', async () => {
  const { clock, ladder, told } = rig();
  ladder.checks({ sent: 100, answered: 0 });
  ladder.state('connected');
  for (let sent = 10; sent < 100; sent += 10) ladder.checks({ sent, answered: sent - 7 });
  await clock.advance(20_000);
  expect(told).toEqual([]);
});

test('TransportLadder: unanswered checks after a restart in vain, it is tried twice and given up', async () => {
  const { clock, ladder, told } = rig();
  ladder.state('connected');
  ladder.checks({ sent: 8, answered: 0 });
  await clock.advance(20_000);
  expect(told).toEqual(['ice 0', 'ice 3000', 'gave up 6000']);
});

test('TransportLadder: another network, ICE is restarted once, when there is a socket', async () => {
  let isOnline = false;
  const { clock, ladder, told } = rig(() => isOnline);
  ladder.state('connected');
  void ladder.networkChanged();
  await clock.advance(300);
  isOnline = true;
  await clock.advance(20_000);
  expect(told).toEqual(['ice 0', 'ice 250', 'ice 500']);
});

test('TransportLadder: another network and the way breaks meanwhile, it is repaired as ever', async () => {
  const { clock, ladder, told } = rig(() => false);
  void ladder.networkChanged();
  ladder.state('failed');
  ladder.state('connected');
  ladder.state('failed');
  await clock.advance(9_000);
  expect(told.at(-1)).toMatch(/^gave up/);
});
