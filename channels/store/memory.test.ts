/** The memory store against the contract suites. */
import { describe } from 'vitest';
import { channelLogContract, type StoreHarness } from './channel-log.contract.ts';
import { docStoreContract } from './doc-store.contract.ts';
import { memoryStore } from './memory.ts';
import { countingRng } from './test/fixtures.ts';

const start = (): StoreHarness => ({ open: async () => memoryStore({ rng: countingRng() }) });

describe('memory ChannelLog', () => channelLogContract(start));
describe('memory DocStore', () => docStoreContract(start));
