/** All cases of protocol.md section 5 in their order. */
import type { Case } from '../suite/case.ts';
import { connectCases } from './connect.ts';
import { crashCases } from './crash.ts';
import { deliveryCases } from './delivery.ts';
import { drainCases } from './drain.ts';
import { hostileCases } from './hostile.ts';
import { nonceCases } from './nonces.ts';
import { repairCases } from './repair.ts';
import { replayCases } from './replay.ts';
import { rightsCases } from './rights.ts';
import { sessionCases } from './sessions.ts';
import { voiceCases } from './voice.ts';

export const CASES: readonly Case[] = [
  ...connectCases,
  ...deliveryCases,
  ...replayCases,
  ...nonceCases,
  ...repairCases,
  ...crashCases,
  ...sessionCases,
  ...rightsCases,
  ...hostileCases,
  ...drainCases,
  ...voiceCases,
].sort((a, b) => a.number - b.number);
