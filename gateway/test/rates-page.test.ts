/** Holds the table of rates in PROTOCOL.md (gateway/protocol/catalogue.ts) against gateway/rates. */
import { expect, test } from 'vitest';
import { asyncApiDocument } from '../protocol/index.ts';
import { CONNECTION_LIMITS, RATE_LIMITS } from '../rates/index.ts';

interface Row {
  readonly limit: string;
  readonly burst: number;
  readonly perS: number;
}

test('rates of the catalogue: those of gateway/rates', () => {
  const document = asyncApiDocument({ version: '1', publicUrl: 'http://127.0.0.1:7000' });
  const limits = [...Object.values(RATE_LIMITS), ...Object.values(CONNECTION_LIMITS)];
  const rows = document['x-rates'] as readonly Row[];
  expect(rows.length).toBeGreaterThan(5);
  for (const { limit, burst, perS } of rows) {
    const inCode = limits.find((one) => one.name === limit);
    expect([limit, inCode?.burst, inCode?.ratePerS]).toEqual([limit, burst, perS]);
  }
  for (const { name } of Object.values(CONNECTION_LIMITS)) {
    expect(rows.map((row) => row.limit)).toContain(name);
  }
});
