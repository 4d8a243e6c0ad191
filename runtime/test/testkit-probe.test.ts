/** Probes: what they expect, what they throw away, what they answer, what their failures say. */
import { expect, test } from 'vitest';
import { type AnyRef, call, cast, configureRuntime, exit, name, spawn } from '../index.ts';
import { type Probe, probe } from '../testkit/index.ts';
import { Probe as Actor } from './support.ts';

configureRuntime({ report: () => undefined });

interface MailP {
  letter(text: string): void;
  ask(n: number): number;
}

async function failed(work: Promise<unknown>): Promise<string> {
  return await work.then(
    () => 'nothing failed',
    (error: Error) => error.message,
  );
}

test('probe: casts and calls of any protocol, are expected in order and answered', async () => {
  const mail = await probe<MailP>();
  cast(mail.ref, 'letter', 'one');
  const answer = call(mail.ref, 'ask', 20);
  expect((await mail.expect('letter')).arg).toBe('one');
  const asked = await mail.expect('ask', (n) => n === 20);
  asked.reply(asked.arg + 1);
  expect(await answer).toBe(21);
  await mail.expectNothing();
  await mail.stop();
});

test('probe: the wrong message, fails at once and names both', async () => {
  const mail = await probe<MailP>();
  cast(mail.ref, 'letter', 'one');
  expect(await failed(mail.expect('ask'))).toBe('probe: expected ask, got letter');
  cast(mail.ref, 'letter', 'two');
  expect(await failed(mail.expect('letter', (text) => text === 'x'))).toContain('got letter');
  await mail.stop();
});

test('probe: no message, fails after its time with what it has seen', async () => {
  const mail = await probe<MailP>({ timeoutMs: 20 });
  expect(await failed(mail.expect('ask'))).toBe('probe: expected ask, got nothing within 20 ms');
  cast(mail.ref, 'letter', 'a');
  expect(await failed(mail.fish('ask'))).toBe('probe: expected ask, got letter within 20 ms');
  await mail.stop();
});

test('probe: fishing, throws away what comes before', async () => {
  const mail = await probe<MailP>();
  const fished = mail.fish('letter', (text) => text === 'three');
  for (const text of ['one', 'two', 'three', 'four']) cast(mail.ref, 'letter', text);
  expect((await fished).arg).toBe('three');
  expect((await mail.expect('letter')).arg).toBe('four');
  await mail.stop();
});

test('probe: something there, expectNothing says what', async () => {
  const mail = await probe<MailP>();
  await mail.expectNothing();
  cast(mail.ref, 'letter', 'x');
  expect(await failed(mail.expectNothing())).toBe('probe: expected nothing, got letter');
  await mail.stop();
});

test('probe: monitors and links, are told like messages', async () => {
  const watcher: Probe<MailP> = await probe();
  const one = await spawn(Actor, {});
  const two = await spawn(Actor, {});
  await watcher.monitor(one);
  await watcher.link(two);
  exit(one, 'kill');
  expect(await watcher.expectDown()).toMatchObject({ ref: one, reason: 'killed' });
  exit(two, 'kill');
  expect(await watcher.expectExit()).toEqual({ from: two, reason: 'killed' });
  await watcher.stop();
});

test('probe: under a name and as itself, it stands where another actor would', async () => {
  const mail = await probe<MailP>({ name: name('mail') });
  cast(name<MailP>('mail'), 'letter', 'by name');
  await mail.expect('letter');
  const self: AnyRef = await mail.run((ctx) => ctx.self);
  expect(self).toBe(mail.ref);
  await mail.stop();
});

test('probe: flooded, it crashes rather than keep everything', async () => {
  const mail = await probe<MailP>({ keptMax: 3 });
  const watcher = await probe<MailP>();
  await watcher.monitor(mail.ref);
  for (let i = 0; i < 5; i++) cast(mail.ref, 'letter', 'x');
  expect(await watcher.expectDown()).toMatchObject({ ref: mail.ref });
  expect(mail.waiting).toBe(3);
  await watcher.stop();
});
