/**
 * A developer's tool: `node supervisors/config-table.ts` writes the generated table of settings into README.md, between its
 * two markers. A test compares them (config.test.ts).
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { renderConfigTable } from './config.ts';

const path = new URL('../README.md', import.meta.url);
const text = readFileSync(path, 'utf8');
const between = /(<!-- config:start -->\n)[\s\S]*?(<!-- config:end -->)/;
if (!between.test(text))
  throw new Error('README.md has no <!-- config:start --> and <!-- config:end -->');
writeFileSync(
  path,
  text.replace(between, (_all, start, end) => `${start}\n${renderConfigTable()}\n\n${end}`),
);
