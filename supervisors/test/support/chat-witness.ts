/**
 * How the chat does while voice is under faults: somebody who writes and somebody who reads, in a process of their own, so that peers
 * that join anew in the test process do not make them late. Test processes only; must never import product code.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { NODE_FLAGS } from './server-process.ts';

/** To the process, once: whose tokens write and read, and where. */
export interface WitnessStart {
  readonly port: number;
  readonly tokens: readonly [writer: string, reader: string];
  readonly sid: number;
}

/** To the process: an answer is wanted when there are so many messages. */
export interface WitnessOrder {
  readonly least: number;
}

export interface WitnessReply {
  /** Ms from write to read, in order, of the messages since the last reply. */
  readonly times: readonly number[];
  /** Messages from the start on that were refused or never read. */
  readonly refused: number;
  readonly isOpen: boolean;
}

const CHILD = fileURLToPath(new URL('./chat-witness-child.ts', import.meta.url));

export class ChatWitness {
  readonly #child: ChildProcess;
  readonly #exit: Promise<Error>;

  private constructor(child: ChildProcess) {
    this.#child = child;
    this.#exit = new Promise((resolve) => {
      child.once('exit', () => resolve(new Error('chat witness: its process has ended')));
    });
  }

  /** Resolves when both are connected. */
  static async start(start: WitnessStart): Promise<ChatWitness> {
    const child = spawn(process.execPath, [...NODE_FLAGS, CHILD], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    const witness = new ChatWitness(child);
    child.send(start);
    await witness.#reply();
    return witness;
  }

  /** What happened since the last call, once there are at least so many messages or a connection has ended. */
  take(least = 1): Promise<WitnessReply> {
    const order: WitnessOrder = { least };
    this.#child.send(order);
    return this.#reply();
  }

  async stop(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#exit;
  }

  #reply(): Promise<WitnessReply> {
    const told = new Promise<WitnessReply>((resolve) => this.#child.once('message', resolve));
    const ended = this.#exit.then((error) => {
      throw error;
    });
    return Promise.race([told, ended]);
  }
}
