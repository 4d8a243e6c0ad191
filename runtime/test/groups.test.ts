/** Groups on one thread: counted membership, death, listeners, publish. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  type AnyRef,
  type at,
  call,
  cast,
  defineActor,
  exit,
  type Group,
  type GroupChange,
  type GroupListenerP,
  type Groups,
  groups,
  groupsChild,
  name,
  type Ref,
  spawn,
  startGroups,
  startSupervisor,
  stop,
  whereis,
} from '../index.ts';
import type { ScopeP } from '../names/scope.ts';
import { settle } from '../testkit/index.ts';
import { Member, type MemberP } from './fixtures/names-slot.ts';
import { collectReports, reasonOf } from './support.ts';

let scope: Groups;
let lobby: Group<MemberP>;
let log: GroupChange[];
const member = (): Promise<Ref<MemberP>> => spawn(Member, undefined);
const Listener = defineActor<GroupListenerP, null>({
  init: () => null,
  handle: { groupChange: (_s, change) => void log.push(change) },
});

beforeEach(async () => {
  collectReports();
  log = [];
  scope = await startGroups();
  lobby = scope.group('lobby');
});
afterEach(async () => {
  const ref = whereis(name('pg'));
  if (ref !== undefined) await reasonOf(stop(ref));
});

describe('members', () => {
  test('PG:pg: join, read, leave; an empty group is gone', async () => {
    const a = await member();
    lobby.join(a);
    expect([lobby.members(), lobby.localMembers()]).toEqual([[a], [a]]);
    expect([scope.whichGroups(), scope.whichLocalGroups()]).toEqual([['lobby'], ['lobby']]);
    expect(lobby.leave(a)).toBe(true);
    expect([lobby.members(), scope.whichGroups(), scope.whichLocalGroups()]).toEqual([[], [], []]);
  });

  test('PG:single: several times counts, leaves one by one, not joined is told', async () => {
    const [a, b] = [await member(), await member()];
    lobby.join(a);
    lobby.join([a, a]);
    expect(lobby.localMembers()).toEqual([a, a, a]);
    expect(scope.group<MemberP>('missing').leave(a)).toBe(false);
    expect(lobby.leave(b)).toBe(false);
    expect(lobby.leave([a, a])).toBe(true);
    expect(lobby.members()).toEqual([a]);
    expect(lobby.leave([a, a])).toBe(true);
    expect([lobby.leave(a), scope.whichGroups()]).toEqual([false, []]);
  });

  test('PG:single: leaves on death, all times and groups, before anybody is told', async () => {
    const [a, b] = [await member(), await member()];
    lobby.join([a, b, a]);
    scope.group<MemberP>('other').join(a);
    exit(a, 'kill');
    expect([lobby.members(), scope.whichGroups()]).toEqual([[b], ['lobby']]);
  });

  test('PG:leave_exit_race: dead members join and leave without a trace', async () => {
    for (let i = 0; i < 100; i++) {
      const a = await member();
      if (i % 2 === 0) lobby.join(a);
      exit(a, 'kill');
      lobby.join(a);
      expect(lobby.leave(a)).toBe(false);
    }
    expect(scope.whichGroups()).toEqual([]);
  });

  test('PG:process_owner_check: an actor of another thread cannot be joined here, nobody joins then', async () => {
    const a = await member();
    const foreign = (a + 5 * 2 ** 37) as Ref<MemberP>;
    expect(() => lobby.join([a, foreign])).toThrow(TypeError);
    expect(lobby.members()).toEqual([]);
  });

  test('PG:scope_restart: local members are missing after a restart; unknown scopes are refused', async () => {
    const a = await member();
    lobby.join(a);
    await stop(whereis(name('pg')) as AnyRef);
    expect(() => lobby.members()).toThrow(
      expect.objectContaining({ code: 'DRIFT_RUNTIME_GROUPS' }),
    );
    expect(() => lobby.join(a)).toThrow(/unknown scope: got pg/);
    await startGroups();
    expect(lobby.members()).toEqual([]);
    exit(a, 'kill');
    expect(await reasonOf(startGroups())).toEqual({ alreadyStarted: whereis(name('pg')) });
  });

  test('groupsChild: under a supervisor, several scopes know nothing of each other', async () => {
    const sup = await startSupervisor({ children: [groupsChild('chat')] });
    const chat = groups('chat').group<MemberP>('lobby');
    chat.join(await member());
    expect([chat.members().length, lobby.members().length]).toEqual([1, 0]);
    exit(whereis(name('chat')) as AnyRef, 'kill');
    await settle();
    expect(chat.members()).toEqual([]);
    await stop(sup, 'shutdown');
    expect(() => chat.members()).toThrow(/unknown scope/);
  });
});

describe('monitor', () => {
  test('PG:monitor: a snapshot, then each change in order; of one group or of the scope', async () => {
    const [a, b] = [await member(), await member()];
    const listener = await spawn(Listener, undefined);
    lobby.join(a);
    const seen = lobby.monitor(listener);
    expect(seen.members).toEqual([a]);
    lobby.join([b, b]);
    scope.group<MemberP>('other').join(a);
    lobby.leave([a, b]);
    exit(b, 'kill');
    await settle();
    const change = (kind: 'join' | 'leave', refs: readonly AnyRef[]): GroupChange => ({
      kind,
      scope: 'pg',
      group: 'lobby',
      refs,
    });
    const expected = [change('join', [b, b]), change('leave', [a, b]), change('leave', [b])];
    expect(log).toEqual(expected);
    seen.demonitor();
    const whole = scope.monitor(listener);
    expect(whole.members).toEqual(new Map([['other', [a]]]));
    lobby.join(a);
    await settle();
    expect(log.slice(3)).toEqual([change('join', [a])]);
    whole.demonitor();
    lobby.leave(a);
    await settle();
    expect(log).toHaveLength(4);
  });

  test('PG:monitor: a listener that dies is told nothing more', async () => {
    const listener = await spawn(Listener, undefined);
    lobby.monitor(listener);
    exit(listener, 'kill');
    lobby.join(await member());
    await settle();
    expect(log).toEqual([]);
  });
});

describe('publish', () => {
  test('publish: a cast to each member, as often as it joined, in the order of publishing', async () => {
    const [a, b, c] = [await member(), await member(), await member()];
    lobby.publish('hear', 'nobody');
    lobby.join([a, b, a]);
    for (const text of ['one', 'two']) lobby.publish('hear', text);
    expect(await call(a, 'heard')).toEqual(['one', 'one', 'two', 'two']);
    expect(await call(b, 'heard')).toEqual(['one', 'two']);
    expect(await call(c, 'heard')).toEqual([]);
  });

  test('group: is nobody in particular: a scope takes no calls under a key', async () => {
    lobby.join(await member());
    const odd = { via: 'entity', of: '%pg', key: 'lobby' } as const;
    expect(await reasonOf(call(odd as ReturnType<typeof at<MemberP>>, 'heard'))).toBe('noproc');
  });
});

describe('other scopes', () => {
  /** Stands for the scope of another thread. */
  async function peer(): Promise<{ ref: Ref<ScopeP>; got: unknown[]; self: Ref<ScopeP> }> {
    const got: unknown[] = [];
    const Peer = defineActor<ScopeP, null>({
      init: () => null,
      handle: {
        discover: () => void got.push('discover'),
        sync: (_s, { seq, groups: all }) => void got.push(['sync', seq, all]),
        changed: (_s, { seq, kind, refs }) => void got.push([kind, seq, refs]),
      },
    });
    const self = whereis(name<ScopeP>('pg')) as Ref<ScopeP>;
    return { ref: await spawn(Peer, undefined), got, self };
  }

  test('PG:forced_sync: a change that got lost, the snapshot is asked for and replaces what was known', async () => {
    const { ref, got, self } = await peer();
    const listener = await spawn(Listener, undefined);
    const [a, b] = [1001 as AnyRef, 1002 as AnyRef];
    cast(self, 'discover', ref);
    await settle();
    expect(got).toEqual([['sync', 0, []], 'discover']);
    cast(self, 'sync', {
      from: ref,
      seq: 4,
      groups: [
        ['one', [a, a]],
        ['two', [a]],
      ],
    });
    await settle();
    scope.monitor(listener);
    const change = { from: ref, kind: 'join', group: 'one', refs: [b] } as const;
    cast(self, 'changed', { ...change, seq: 4 });
    cast(self, 'changed', { ...change, seq: 5 });
    cast(self, 'changed', { ...change, seq: 7 });
    cast(self, 'changed', { ...change, seq: 8 });
    await settle();
    // Number 4 was in the snapshot, 7 and 8 wait for the next one, which is asked for once.
    expect(scope.group('one').members()).toEqual([a, a, b]);
    expect(got.slice(2)).toEqual(['discover']);
    cast(self, 'sync', {
      from: ref,
      seq: 8,
      groups: [
        ['one', [a, b]],
        ['three', [b]],
      ],
    });
    await settle();
    expect(scope.group('one').members()).toEqual([a, b]);
    expect([...scope.whichGroups()].sort()).toEqual(['one', 'three']);
    expect(log.map(({ kind, group, refs }) => [kind, group, refs])).toEqual([
      ['join', 'one', [b]],
      ['leave', 'one', [a]],
      ['join', 'three', [b]],
      ['leave', 'two', [a]],
    ]);
    exit(ref, 'kill');
    await settle();
    expect(scope.whichGroups()).toEqual([]);
  });

  test('PG:overlay_missing: changes of a scope that never said who it is are not taken', async () => {
    const { ref, got, self } = await peer();
    const change = { from: ref, group: 'one', refs: [1001 as AnyRef] };
    cast(self, 'changed', { ...change, seq: 1, kind: 'join' });
    await settle();
    expect([scope.whichGroups(), got]).toEqual([[], []]);
    cast(self, 'discover', ref);
    await settle();
    const a = await member();
    lobby.join([a, a]);
    exit(a, 'kill');
    await settle();
    expect(got.slice(2)).toEqual([
      ['join', 1, [a, a]],
      ['leave', 2, [a, a]],
    ]);
  });
});
