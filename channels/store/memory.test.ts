/** The memory store against the contract suites. */
import { describe } from 'vitest';
import { channelLogContract } from './channel-log.contract.ts';
import { channelLogReadsContract } from './channel-log-reads.contract.ts';
import { docStoreContract } from './doc-store.contract.ts';
import { memoryStore } from './memory.ts';
import { countingRng } from './test/fixtures.ts';
import type { StoreHarness } from './test/harness.ts';

const start = (): StoreHarness => ({ open: async () => memoryStore({ rng: countingRng() }) });

describe('memory ChannelLog', () => {
  channelLogContract(start);
  channelLogReadsContract(start);
});
describe('memory DocStore', () => docStoreContract(start));
