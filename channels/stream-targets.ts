/**
 * Reads the messages that edits, deletes, reactions and pins refer to when they are older than the
 * ring. Part of a stream actor; several appends that wait for one message share the read.
 */
import type { Target } from './stream-batch.ts';
import type { StreamPorts } from './stream-ports.ts';
import type { StreamState } from './stream-state.ts';
import type { ChannelLog, Id, LogEvent, Seq } from './types.ts';

/** Answers whether `state.target(seq)` is known now. */
type Answer = (known: boolean) => void;

export class TargetReader {
  readonly #ports: StreamPorts;
  readonly #state: StreamState;
  readonly #reading = new Map<Seq, Answer[]>();

  constructor(ports: StreamPorts, state: StreamState) {
    this.#ports = ports;
    this.#state = state;
  }

  /** Makes a target known. `answer` runs inside the actor, later. */
  read(seq: Seq, answer: Answer): void {
    const answers = this.#reading.get(seq);
    if (answers !== undefined) {
      answers.push(answer);
      return;
    }
    this.#reading.set(seq, [answer]);
    this.#start(seq);
  }

  #start(seq: Seq): void {
    const changed = this.#state.beginRead();
    this.#ports.counters.logReads += 1;
    this.#ports.later(readTarget(this.#ports.log, this.#state.sid, seq), (outcome) => {
      this.#state.endRead(changed);
      if (outcome.ok && changed.has(seq)) {
        this.#start(seq);
        return;
      }
      if (outcome.ok) this.#state.learnTarget(seq, outcome.value);
      const answers = this.#reading.get(seq) ?? [];
      this.#reading.delete(seq);
      for (const answer of answers) answer(outcome.ok);
    });
  }
}

async function readTarget(log: ChannelLog, sid: Id, seq: Seq): Promise<Target> {
  const [[event], editSeqs] = await Promise.all([log.get(sid, [seq]), log.editsOf(sid, seq)]);
  const edits = editSeqs.length === 0 ? [] : await log.get(sid, editSeqs);
  return { event, edits: edits.filter((edit): edit is LogEvent => edit !== undefined) };
}
