/**
 * How verbs reach the agent of a thread: by row id, with its failures as results. Main thread.
 */
import {
  ActorError,
  type Arg,
  at,
  type CallOptions,
  call,
  type Name,
  type NodeHandle,
  type Reply,
} from '../../runtime/index.ts';
import { ADMIN_AGENT, type AdminAgentP } from './agent-types.ts';
import { fail } from './define.ts';
import type { TreeModel, TreeTarget } from './tree-types.ts';
import type { VerbResult } from './types.ts';

/** What verbs on actors and threads need. */
export interface Reach {
  readonly node: Pick<NodeHandle, 'slots'>;
  readonly tree: Pick<TreeModel, 'find' | 'idOf'>;
}

/** A row that is an actor of a thread. */
export type ActorTarget = Extract<TreeTarget, { readonly path: string }>;

export function agentOf(slot: string): Name<AdminAgentP> {
  return at<AdminAgentP>(slot, ADMIN_AGENT);
}

/** Asks the agent of a thread; a thread that is down or does not answer is a result too. */
export async function askAgent<K extends keyof AdminAgentP & string>(
  slot: string,
  op: K,
  arg: Arg<AdminAgentP[K]>,
  options: CallOptions,
): Promise<VerbResult<Reply<AdminAgentP[K]>>> {
  try {
    const asked = call as (
      to: Name<AdminAgentP>,
      op: K,
      arg: Arg<AdminAgentP[K]>,
      options: CallOptions,
    ) => Promise<Reply<AdminAgentP[K]>>;
    return { ok: true, value: await asked(agentOf(slot), op, arg, options) };
  } catch (error) {
    if (!(error instanceof ActorError)) throw error;
    if (error.reason === 'timeout') {
      return fail('timeout', `${slot} did not answer in ${options.timeoutMs} ms`);
    }
    return fail('not_available', `${slot} does not answer: it is down or about to start again`);
  }
}

/** The same where the answer is a result itself. */
export async function askFor<T>(asked: Promise<VerbResult<VerbResult<T>>>): Promise<VerbResult<T>> {
  const answer = await asked;
  return answer.ok ? answer.value : answer;
}

/** What a row id stands for. */
export function targetOf({ tree }: Reach, id: string): VerbResult<TreeTarget> {
  const target = tree.find(id);
  if (target === undefined) return fail('not_found', `there is no row ${id}`);
  return { ok: true, value: target };
}

/** The same for verbs on actors. */
export function actorOf(reach: Reach, id: string): VerbResult<ActorTarget> {
  const target = targetOf(reach, id);
  if (!target.ok) return target;
  if ('path' in target.value) return { ok: true, value: target.value };
  return fail('invalid', `${id} is no actor but a ${target.value.kind}`);
}
