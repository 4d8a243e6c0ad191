/** For developers: puts the tables of the catalogue into PROTOCOL.md, `node gateway/protocol/test/write-page.ts`. */
import { readFileSync, writeFileSync } from 'node:fs';
import { pageTables } from '../page-tables.ts';

const PAGE = new URL('../PROTOCOL.md', import.meta.url);

let text = readFileSync(PAGE, 'utf8');
for (const [name, table] of Object.entries(pageTables())) {
  const place = new RegExp(`(<!-- table ${name} -->\n)[\\s\\S]*?(<!-- end -->)`);
  text = text.replace(place, (_, start: string, end: string) => `${start}\n${table}\n\n${end}`);
}
writeFileSync(PAGE, text);
