/**
 * The audit log of a guild: one document per act of moderation, written in the same batch as the act.
 * The newest 10,000 are kept: each new one deletes the one that leaves. Part of a guild actor.
 */
import { type AuditDoc, childKey, lastPart } from './docs.ts';
import type { AuditRecord } from './guild-plan.ts';
import { unpad } from './ids.ts';
import type { AuditEntry, DocStore, DocWrite, Id, Ms } from './types.ts';

/** A guess: months of a busy guild, some MB. */
export const AUDIT_KEPT = 10_000;

/** Writes for the act number `n` of a guild. */
export function auditWrites(gid: Id, n: number, record: AuditRecord, at: Ms): DocWrite[] {
  const { actor, action, changes = [], reason = null } = record;
  const value: AuditDoc = { at, actor, action, target: String(record.target), changes, reason };
  const writes: DocWrite[] = [{ kind: 'audit', key: childKey(gid, n), expect: 'any', value }];
  if (n > AUDIT_KEPT) {
    const key = childKey(gid, n - AUDIT_KEPT);
    writes.push({ kind: 'audit', key, expect: 'any', value: null });
  }
  return writes;
}

/** Entries below number `before`, newest first; `newest` is the number of the last one. */
export async function auditPage(
  docs: DocStore,
  gid: Id,
  newest: number,
  m: { readonly before: number; readonly limit: number },
): Promise<readonly AuditEntry[]> {
  const last = m.before > 0 ? Math.min(m.before - 1, newest) : newest;
  const first = Math.max(last - m.limit + 1, newest - AUDIT_KEPT + 1, 1);
  if (last < first) return [];
  const keys = Array.from({ length: last - first + 1 }, (_, i) => childKey(gid, last - i));
  const found = await docs.get<AuditDoc>('audit', keys);
  return found.flatMap((doc) => {
    if (doc === undefined) return [];
    const { actor, ...rest } = doc.value;
    return [{ id: unpad(lastPart(doc.key)), actorId: actor, ...rest }];
  });
}
