/** What keys change in the live view, and what it asks for. */
import { describe, expect, test } from 'vitest';
import { rowsOf } from '../test/rows.ts';
import { type TopOptions, TopState, type Wish } from './state.ts';

const ROWS = {
  n1: {},
  'n1/a': { rate: 9 },
  'n1/a/x': { rate: 5 },
  'n1/a/y': { rate: 2, children: 4 },
  'n1/a/*': { kind: 'more', name: '80 more' },
  'n1/b': { rate: 1 },
} as const;

function started(options: Partial<TopOptions> = {}) {
  const wishes: Wish[] = [];
  const state = new TopState({ node: 'n1', ...options }, (wish) => wishes.push(wish));
  state.event('snapshot', { rows: rowsOf(ROWS), more: false });
  const at = (id: string) => {
    state.move(Number.NEGATIVE_INFINITY);
    const index = state.entries.findIndex(({ row }) => row.id === id);
    state.move(index);
    return state;
  };
  return { state, wishes, at, ids: () => state.entries.map(({ row }) => row.id) };
}

const subscribed = (wishes: readonly Wish[]) => {
  const last = wishes.at(-1);
  return last?.kind === 'subscribe' ? last.options : undefined;
};

describe('TopState', () => {
  test('at the start: the node with two levels open, the busiest first', () => {
    const { state, ids } = started();
    expect(ids()).toEqual(['n1', 'n1/a', 'n1/a/x', 'n1/a/y', 'n1/a/*', 'n1/b']);
    expect(state.subscription()).toEqual({ depth: 3, everyMs: 1_000, limit: 200, sort: 'rate' });
  });

  test('close and open: what is below a row; close on a closed one goes up', () => {
    const { state, at, ids } = started();
    at('n1/a').act('close');
    expect(ids()).toEqual(['n1', 'n1/a', 'n1/b']);
    state.act('open');
    expect(ids()).toHaveLength(6);
    at('n1/a/x').act('close');
    expect(state.chosen?.id).toBe('n1/a');
  });

  test('open on a row whose children are not here: asks for one level more', () => {
    const { at, wishes } = started();
    at('n1/a/y').act('open');
    expect(subscribed(wishes)?.depth).toBe(4);
  });

  test('open on the sum of other rows: asks for more rows', () => {
    const { at, wishes } = started();
    at('n1/a/*').act('open');
    expect(subscribed(wishes)?.limit).toBe(1_000);
  });

  test('into and out: the row becomes the top, and the cursor comes back to it', () => {
    const { state, at, wishes } = started();
    at('n1/a').act('into');
    expect([state.root, subscribed(wishes)?.root]).toEqual(['n1/a', 'n1/a']);
    state.event('snapshot', { rows: rowsOf({ 'n1/a': {}, 'n1/a/x': {} }), more: false });
    expect(state.chosen?.id).toBe('n1/a');
    state.act('out');
    expect([state.root, subscribed(wishes)?.root]).toEqual(['n1', undefined]);
    state.event('snapshot', { rows: rowsOf(ROWS), more: false });
    expect(state.chosen?.id).toBe('n1/a');
  });

  test('into a row with nothing below: shows its details', () => {
    const { state, at } = started();
    at('n1/a/x').act('into');
    expect([state.root, state.hasDetail]).toEqual(['n1', true]);
  });

  test('rootGone: back to the node', () => {
    const { state, wishes } = started({ root: 'n1/a' });
    state.rootGone();
    expect([state.root, wishes.length]).toEqual(['n1', 1]);
  });

  test('the cursor: stays on its row when the order changes, on its line when the row is gone', () => {
    const { state, at } = started();
    at('n1/b');
    state.event('delta', { added: [], changed: [['n1/b', { rate: 99 }]], removed: [] });
    expect([state.chosen?.id, state.cursor]).toEqual(['n1/b', 1]);
    state.event('delta', { added: [], changed: [], removed: ['n1/b'] });
    expect(state.chosen?.id).toBe('n1/a');
  });

  test('scrolling: the cursor is always on the screen', () => {
    const { state } = started();
    state.bodyRows = 2;
    for (const by of [1, 3, 99, -2, -99]) {
      state.move(by);
      expect(state.cursor - state.offset).toBeGreaterThanOrEqual(0);
      expect(state.cursor - state.offset).toBeLessThan(2);
    }
    state.act('last');
    expect(state.offset).toBe(4);
  });

  test('sort, reverse and pace: the server cuts by the same key, the order turns here', () => {
    const { state, wishes, ids } = started();
    state.act('sort');
    expect(subscribed(wishes)?.sort).toBe('mailbox');
    for (let i = 0; i < 4; i++) state.act('sort');
    expect(state.sort).toBe('rate');
    const before = wishes.length;
    state.act('reverse');
    expect([ids()[1], wishes.length]).toEqual(['n1/b', before]);
    state.act('slower');
    expect(subscribed(wishes)?.everyMs).toBe(2_000);
    for (let i = 0; i < 20; i++) state.act('faster');
    expect(subscribed(wishes)?.everyMs).toBe(250);
  });

  test('filter: is typed, set by Enter, left by Escape, taken back by Escape', () => {
    const { state, wishes } = started();
    state.act('filter');
    for (const letter of ['4', '7', 'x']) state.type(letter, null);
    state.type('', 'backspace');
    expect(state.prompt).toEqual({ kind: 'filter', text: '47' });
    state.type('', 'enter');
    expect([state.prompt, subscribed(wishes)?.filter]).toEqual([null, '47']);
    state.act('filter');
    state.type('9', null);
    state.type('', 'escape');
    expect(state.filter).toBe('47');
    state.act('back');
    expect(subscribed(wishes)?.filter).toBeUndefined();
  });

  test('kill: asks first; y does it, any other key does not', () => {
    const { state, at, wishes } = started();
    at('n1/a/x').act('kill');
    expect(state.prompt).toEqual({ kind: 'confirm', verb: 'kill', id: 'n1/a/x' });
    state.type('n', null);
    expect([state.prompt, wishes]).toEqual([null, []]);
    state.act('restart');
    state.type('y', null);
    expect(wishes).toEqual([{ kind: 'call', verb: 'restart', id: 'n1/a/x' }]);
  });

  test('pause: holds the picture, the rows go on behind it', () => {
    const { state, ids } = started();
    state.act('pause');
    expect(state.event('delta', { added: [], changed: [], removed: ['n1/b'] })).toBe(false);
    expect(ids()).toContain('n1/b');
    state.act('pause');
    expect(ids()).not.toContain('n1/b');
  });

  test('help: any key leaves it and does nothing else', () => {
    const { state, wishes } = started();
    state.act('help');
    expect(state.hasHelp).toBe(true);
    state.act('quit');
    expect([state.hasHelp, wishes]).toEqual([false, []]);
    state.act('quit');
    expect(wishes).toEqual([{ kind: 'quit' }]);
  });

  test('bounds: rows, depth and folds end somewhere', () => {
    const { state } = started();
    for (let i = 0; i < 20; i++) {
      state.act('more');
      state.act('deeper');
    }
    expect([state.limit, state.depth]).toEqual([5_000, 16]);
    for (let i = 0; i < 20; i++) state.act('shallower');
    expect(state.depth).toBe(1);
  });
});
