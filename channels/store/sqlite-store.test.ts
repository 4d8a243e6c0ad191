/** The SQLite core on one thread against the contract suites. */
import { describe } from 'vitest';
import { channelLogContract } from './channel-log.contract.ts';
import { channelLogReadsContract } from './channel-log-reads.contract.ts';
import { docStoreContract } from './doc-store.contract.ts';
import { openSqliteStore } from './sqlite-store.ts';
import { countingRng, freshPath, StillClock } from './test/fixtures.ts';
import type { StoreHarness } from './test/harness.ts';

function start(): StoreHarness {
  const path = freshPath();
  const open = async () => openSqliteStore({ path, clock: new StillClock(), rng: countingRng() });
  return { open, reopen: open };
}

describe('SQLite ChannelLog', () => {
  channelLogContract(start);
  channelLogReadsContract(start);
});
describe('SQLite DocStore', () => docStoreContract(start));
