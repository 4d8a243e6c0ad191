/** All verbs of the admin socket: one line for each file. Main thread, loaded at the first connection. */
import type { AdminDeps } from '../deps.ts';
import type { AdminVerb } from '../types.ts';
import { auditVerbs } from './audit.ts';
import { backupVerbs } from './backup.ts';
import { chaosVerbs } from './chaos.ts';
import { drainVerbs } from './drain.ts';
import { heapVerbs } from './heap.ts';
import { inspectVerbs } from './inspect.ts';
import { logLevelVerbs } from './log-level.ts';
import { nodeVerbs } from './node.ts';
import { recordVerbs } from './record.ts';
import { steerVerbs } from './steer.ts';
import { tokenVerbs } from './tokens.ts';
import { traceVerbs } from './trace.ts';
import { traceMessageVerbs } from './trace-message.ts';
import { treeVerbs } from './tree.ts';
import { userVerbs } from './users.ts';
import { voiceVerbs } from './voice.ts';
import { whereVerbs } from './where.ts';

const FACTORIES: readonly ((deps: AdminDeps) => readonly AdminVerb[])[] = [
  nodeVerbs,
  auditVerbs,
  backupVerbs,
  chaosVerbs,
  drainVerbs,
  heapVerbs,
  inspectVerbs,
  logLevelVerbs,
  recordVerbs,
  steerVerbs,
  tokenVerbs,
  traceVerbs,
  traceMessageVerbs,
  treeVerbs,
  userVerbs,
  voiceVerbs,
  whereVerbs,
];

/** Every verb, made for this node. */
export function adminVerbs(deps: AdminDeps): readonly AdminVerb[] {
  return FACTORIES.flatMap((factory) => factory(deps));
}
