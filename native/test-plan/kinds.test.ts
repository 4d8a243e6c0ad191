/** Tests of which test files may share a process, over a small tree. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { sharingTests } from './kinds.ts';

let root = '';
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'driftway kinds '));
});
afterEach(() => rmSync(root, { recursive: true }));

function files(tree: Readonly<Record<string, string>>): void {
  for (const [path, text] of Object.entries(tree)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
}

test('sharingTests: a file that reaches the runtime through others, is not one of them', () => {
  files({
    'runtime/index.ts': '',
    'runtime/clock.ts': '',
    'channels/pure.test.ts': "import { a } from './a.ts';\nimport '../runtime/clock.ts';",
    'channels/a.ts': "import type { T } from '../runtime/index.ts';",
    'channels/actor.test.ts': "import {\n  b,\n} from './b.ts';",
    'channels/b.ts': "export { c } from './c.ts';",
    'channels/c.ts': "import { d } from './a.ts';\nimport { e } from '../runtime/index.ts';",
  });
  expect(sharingTests(root, ['channels', 'gateway'])).toEqual(['channels/pure.test.ts']);
});

test('sharingTests: files with processes of their own, tests of the runtime, circles of imports', () => {
  files({
    'runtime/index.ts': '',
    'runtime/x.test.ts': '',
    'client/x.e2e.test.ts': '',
    'client/x.fault.test.ts': '',
    'client/x.media.test.ts': '',
    'client/x.test.ts': "import './one.ts';",
    'client/one.ts': "import './two.ts';",
    'client/two.ts': "import './one.ts';",
  });
  expect(sharingTests(root, ['client', 'runtime'])).toEqual(['client/x.test.ts']);
});
