/** All verbs of the admin socket: one line for each file. Main thread, loaded at the first connection. */
import type { AdminDeps } from '../deps.ts';
import type { AdminVerb } from '../types.ts';
import { auditVerbs } from './audit.ts';
import { nodeVerbs } from './node.ts';

const FACTORIES: readonly ((deps: AdminDeps) => readonly AdminVerb[])[] = [nodeVerbs, auditVerbs];

/** Every verb, made for this node. */
export function adminVerbs(deps: AdminDeps): readonly AdminVerb[] {
  return FACTORIES.flatMap((factory) => factory(deps));
}
