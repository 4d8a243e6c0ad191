/** The live view as a whole, on a made-up terminal and server: what is on the screen after keys, changes and a crash. */
import { afterEach, describe, expect, test } from 'vitest';
import { FakeClock, settle } from '../../../runtime/testkit/index.ts';
import { FakeAdmin } from '../test/fake-admin.ts';
import { TestScreen } from '../test/test-screen.ts';
import { FakeTty } from '../test/world.ts';
import type { CliTerminal, Connected } from '../types.ts';
import { runTop } from './run-top.ts';

interface Started {
  readonly admin: FakeAdmin;
  readonly clock: FakeClock;
  readonly screen: TestScreen;
  readonly stdout: FakeTty;
  readonly ended: Promise<string | null>;
  press(...keys: string[]): Promise<void>;
}

const stops: AbortController[] = [];

afterEach(() => {
  for (const stop of stops.splice(0)) stop.abort();
});

async function started(
  size: readonly [columns: number, rows: number] = [80, 24],
  connect?: () => Promise<Connected>,
): Promise<Started> {
  const clock = new FakeClock();
  const answers = { kill: { ok: true, value: { ended: 1 } } } as const;
  const admin = new FakeAdmin({ channels: 3, startedAt: clock.now(), answers });
  const [stdin, stdout] = [new FakeTty(...size), new FakeTty(...size)];
  const stop = new AbortController();
  stops.push(stop);
  const terminal = {
    isTerminal: true,
    hasColor: true,
    columns: size[0],
    rows: size[1],
    stdin,
    stdout,
  };
  const ended = runTop({
    admin,
    clock,
    terminal: terminal as unknown as CliTerminal,
    signal: stop.signal,
    view: {},
    connect: connect ?? (async () => ({ ok: false, code: 'no_server', message: 'nobody there' })),
  });
  const screen = new TestScreen(stdout, size[1]);
  await settle();
  const press = async (...keys: string[]): Promise<void> => {
    for (const key of keys) {
      stdin.write(key);
      await screen.settled();
    }
  };
  await screen.settled();
  return { admin, clock, screen, stdout, ended, press };
}

const DOWN = '\u001b[B';
const RIGHT = '\u001b[C';

describe('runTop', () => {
  test('at the start: the tree, the footer with its keys, on a screen of its own', async () => {
    const { screen, stdout } = await started();
    expect(stdout.text).toContain('\u001b[?1049h');
    expect(screen.line(1)).toMatch(/^driftway top {2}n1 .*every 1 s$/);
    expect(screen.line(5)).toMatch(/^▾ n1 +running/);
    expect(screen.line(24)).toMatch(/^\? help {2}q quit .*d detail/);
  });

  test('a change: only its lines are written', async () => {
    const { admin, screen, stdout, clock } = await started();
    await clock.advance(1_000);
    const before = stdout.text.length;
    admin.change({ 'n1/main': { mailbox: 7 } });
    await screen.settled();
    expect(screen.text()).toMatch(/main +running +7/);
    // The title has the time of the last event.
    expect(stdout.text.length - before).toBeLessThan(3 * 200);
  });

  test('nothing has changed: nothing is written', async () => {
    const { admin, screen, stdout } = await started();
    const before = stdout.text.length;
    admin.publish();
    await screen.settled();
    expect(stdout.text.length).toBe(before);
  });

  test('keys: open a host, drill down, help and back', async () => {
    const { screen, press } = await started();
    expect(screen.text()).not.toContain('channel 241');
    await press('/', '241000000004096', '\r');
    expect(screen.text()).toMatch(/channel 241000000004096 +idle/);
    await press('?');
    expect(screen.text()).toContain('drill down');
    await press('q');
    expect(screen.text()).not.toContain('drill down');
    await press(DOWN, RIGHT);
    expect(screen.line(3)).toContain('filter "241000000004096"');
    await press('ts');
    expect(screen.line(3)).toMatch(/sort mailbox ▾ .*list$/);
  });

  test('kill: asks in the footer, calls the verb, says that it was done', async () => {
    const { admin, screen, press } = await started();
    await press(DOWN, 'x');
    expect(screen.line(24)).toMatch(/^kill n1\/gateway-0\? {2}y does it/);
    await press('y');
    expect(admin.calls).toEqual([{ verb: 'kill', args: { id: 'n1/gateway-0' } }]);
    expect(screen.line(24)).toBe('kill n1/gateway-0: done');
  });

  test('another size: the picture fits again', async () => {
    const { screen, stdout } = await started([200, 60]);
    expect(screen.line(4)).toContain('LAST CRASH');
    screen.clear(24);
    stdout.resize(80, 24);
    await screen.settled();
    expect(screen.line(4)).not.toContain('LAST CRASH');
    expect(screen.line(4)).toMatch(/^NAME .*MEM$/);
    expect(screen.line(24)).toMatch(/^\? help/);
  });

  test('a terminal that does not know its size: 80x24', async () => {
    const { screen, press } = await started([0, 0]);
    screen.clear(24);
    await press('?', '?');
    expect(screen.line(4)).toMatch(/^NAME .*MEM$/);
  });

  test('a crash of the server: says so, then goes on with the new one', async () => {
    let next: FakeAdmin | null = null;
    const { admin, clock, screen } = await started([80, 24], async () =>
      next === null
        ? { ok: false, code: 'no_server', message: 'nobody there' }
        : { ok: true, admin: next },
    );
    admin.close('the connection was lost (1006)');
    await settle();
    expect(screen.line(1)).toMatch(/LOST, trying again$/);
    expect(screen.line(2)).toBe('the connection was lost (1006)');
    expect(screen.text()).toContain('gateway-0');
    next = new FakeAdmin({ channels: 1 });
    await clock.advance(250);
    await screen.settled();
    expect(screen.line(1)).toMatch(/every 1 s$/);
  });

  test('q and Ctrl-C: end it and give the terminal back', async () => {
    for (const key of ['q', '\u0003']) {
      const { admin, ended, press, stdout } = await started();
      await press(key);
      expect(await ended).toBeNull();
      expect(stdout.text).toContain('\u001b[?1049l');
      expect(admin.isOpen).toBe(false);
    }
  });

  test('a token that is refused after a crash: ends it with the reason', async () => {
    const { admin, clock, ended } = await started([80, 24], async () => {
      return { ok: false, code: 'token_expired', message: 'the token has expired' };
    });
    admin.close('gone');
    await clock.advance(250);
    expect(await ended).toBe('the token has expired');
  });
});
