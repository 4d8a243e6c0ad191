/**
 * Work of an actor beside its handlers: the next message does not wait for it, and its failure is the
 * actor's own. For guilds, dms and users.
 */
import { type Ctx, NOREPLY, type NoReply } from '../runtime/index.ts';

/** Runs work that nobody waits for. */
export function runBeside<P>(ctx: Ctx<P>, work: Promise<void>): void {
  ctx.guard(work).catch(ignoreGuarded);
}

/** Answers the message that is being handled with what the work comes to. */
export function answerLater<P, T>(ctx: Ctx<P>, work: Promise<T>): NoReply {
  const { from } = ctx;
  const answered = work.then((value) => {
    if (from !== undefined) ctx.reply(from, value);
  });
  runBeside(ctx, answered);
  return NOREPLY;
}

/** `guard` has made the failure the actor's own already. */
function ignoreGuarded(): void {}
