/** A program of voice: found, made, not to be had, given. */
import { expect, test } from 'vitest';
import { settle } from '../../runtime/testkit/index.ts';
import {
  type BinaryEnd,
  type BinaryProgress,
  type BinarySource,
  NativeBinary,
  type NativeBinaryOptions,
} from './native-binary.ts';

class Source implements BinarySource {
  path: string | undefined;
  looks = 0;
  given: string | undefined;
  signal: AbortSignal | undefined;
  progress: (progress: BinaryProgress) => void = () => {};
  end: (result: BinaryEnd) => void = () => {};

  cached(): string | undefined {
    this.looks += 1;
    return this.path;
  }

  make(options: Parameters<BinarySource['make']>[0]) {
    this.given = options.given;
    this.signal = options.signal;
    this.progress = options.onProgress;
    return new Promise<BinaryEnd>((resolve) => {
      this.end = resolve;
    });
  }
}

interface World {
  readonly binary: NativeBinary;
  readonly source: Source;
  readonly lines: string[];
  nowMs: number;
}

function world(options: Partial<NativeBinaryOptions> = {}): World {
  const source = new Source();
  const lines: string[] = [];
  const log = {
    info: (...args: unknown[]) => lines.push(String(args.at(-1))),
    warn: (...args: unknown[]) => lines.push(String(args.at(-1))),
  } as unknown as NativeBinaryOptions['log'];
  const made: World = {
    source,
    lines,
    nowMs: 0,
    binary: new NativeBinary({
      what: 'program',
      isOn: true,
      given: null,
      load: async () => source,
      clock: { monotonic: () => made.nowMs },
      log,
      ...options,
    }),
  };
  return made;
}

/** Begins, and lets it come as far as it can without the source. */
async function begin(at: World): Promise<{ readonly done: Promise<void> }> {
  const done = at.binary.begin();
  await settle();
  return { done };
}

test('begin: it is in the cache, ready at once and nothing is made', async () => {
  const at = world();
  expect(at.binary.look()).toEqual({ state: 'preparing', step: 'looking', share: null });
  at.source.path = 'the worker';
  await at.binary.begin();
  expect(at.binary.look()).toEqual({ state: 'ready', path: 'the worker' });
  expect([at.source.signal, at.lines]).toEqual([undefined, ['voice: the program is ready']]);
});

test('begin: off, nothing is loaded', async () => {
  const load = () => Promise.reject(new Error('loaded'));
  const at = world({ isOn: false, load });
  await at.binary.begin();
  expect(at.binary.look()).toEqual({ state: 'off' });
});

test('begin: it is not there, each step is told once, then it is ready', async () => {
  const at = world();
  const { done } = await begin(at);
  at.source.progress({ step: 'compiling', text: 'a', share: 0.25 });
  at.source.progress({ step: 'compiling', text: 'b', share: 0.5 });
  expect(at.binary.look()).toEqual({ state: 'preparing', step: 'compiling', share: 0.5 });
  at.source.progress({ step: 'testing', text: 'c' });
  expect(at.binary.look()).toEqual({ state: 'preparing', step: 'testing', share: null });
  at.source.end({ ok: true, path: 'made' });
  await done;
  expect(at.binary.look()).toEqual({ state: 'ready', path: 'made' });
  expect(at.lines).toEqual([
    'voice: the program is looked for or made in the background',
    'voice: the program is being prepared',
    'voice: the program is being prepared',
    'voice: the program is ready',
  ]);
});

test('begin: it cannot be made, says why and looks again every ten seconds', async () => {
  const at = world();
  const { done } = await begin(at);
  at.source.end({ ok: false, code: 'tools', message: 'install a compiler' });
  await done;
  const failed = { state: 'failed', code: 'tools', message: 'install a compiler' };
  expect(at.binary.look()).toEqual(failed);
  at.source.path = 'made by another';
  at.nowMs = 9_999;
  expect([at.binary.look(), at.source.looks]).toEqual([failed, 1]);
  at.nowMs = 10_000;
  expect(at.binary.look()).toEqual({ state: 'ready', path: 'made by another' });
});

test('begin: one is given, it is tested and no other is looked for', async () => {
  const at = world({ given: 'mine' });
  at.source.path = 'another';
  const { done } = await begin(at);
  expect([at.source.given, at.source.looks]).toEqual(['mine', 0]);
  at.source.end({ ok: false, code: 'rejected', message: 'it is none' });
  await done;
  at.nowMs = 60_000;
  expect(at.binary.look()).toMatchObject({ state: 'failed', code: 'rejected' });
});

test('begin: it cannot even be loaded, that is a failure as any other', async () => {
  const at = world({ load: () => Promise.reject(new Error('no such file')) });
  await at.binary.begin();
  expect(at.binary.look()).toMatchObject({ state: 'failed', message: 'Error: no such file' });
});

test('close: the preparation is ended, and its end says nothing', async () => {
  const at = world();
  const { done } = await begin(at);
  at.binary.close();
  expect(at.source.signal?.aborted).toBe(true);
  at.source.end({ ok: false, code: 'aborted', message: 'ended' });
  await done;
  expect(at.binary.look().state).toBe('preparing');
  expect(at.lines).toHaveLength(1);
});

test('close before it was loaded: nothing is made', async () => {
  const at = world();
  const done = at.binary.begin();
  at.binary.close();
  await done;
  expect(at.source.signal).toBeUndefined();
});
