/** A person's connection to bare-server.ts. Driving process. */
import { WebSocket } from 'ws';
import { Answers } from './answers.ts';
import { dtlsOf, offerOf, producedRtp, ssrcOf, type TransportParameters } from './rtp.ts';
import type { JoinAnswer, Key, Signalling, TransportOffer, VoiceEvents } from './types.ts';

interface Answer {
  readonly id?: number;
  readonly error?: string;
  readonly push?: string;
  readonly producer?: string;
  readonly consumer?: string;
  readonly rtpParameters?: { readonly encodings?: readonly { ssrc?: number }[] };
  readonly send?: TransportParameters & { readonly id: string };
  readonly receive?: TransportParameters & { readonly id: string };
}

export class BareSignalling implements Signalling {
  readonly #socket: WebSocket;
  readonly #room: number;
  readonly #answers = new Answers<Answer>('bare');
  #events: VoiceEvents | undefined;

  private constructor(socket: WebSocket, room: number) {
    this.#socket = socket;
    this.#room = room;
    socket.on('message', (data) => this.#take(JSON.parse(String(data)) as Answer));
    socket.on('close', () => this.#answers.fail(new Error('bare: connection closed')));
  }

  static async connect(port: number, room: number): Promise<BareSignalling> {
    const socket = new WebSocket(`ws://127.0.0.1:${port}`, { perMessageDeflate: false });
    await new Promise((resolve, reject) => {
      socket.once('open', resolve);
      socket.once('error', reject);
    });
    return new BareSignalling(socket, room);
  }

  async join(events: VoiceEvents): Promise<JoinAnswer> {
    this.#events = events;
    const { receive, send } = await this.#ask({ op: 'join', room: this.#room });
    if (send === undefined || receive === undefined)
      throw new Error('bare: join without transports');
    return { send: offerOf(send.id, send), receive: offerOf(receive.id, receive), consumers: [] };
  }

  async connect(transport: TransportOffer, fingerprint: string): Promise<void> {
    await this.#ask({ op: 'connect', transport: transport.key, dtls: dtlsOf(fingerprint) });
  }

  async produce(transport: TransportOffer, ssrc: number): Promise<Key> {
    const request = { op: 'produce', transport: transport.key, rtp: producedRtp(ssrc) };
    return (await this.#ask(request)).producer ?? '';
  }

  async resume(consumer: Key): Promise<void> {
    await this.#ask({ op: 'resume', consumer });
  }

  async leave(): Promise<void> {
    await this.#ask({ op: 'leave' });
  }

  hold(isHeld: boolean): void {
    if (isHeld) this.#socket.pause();
    else this.#socket.resume();
  }

  close(): void {
    this.#socket.terminate();
  }

  #take(answer: Answer): void {
    if (answer.push === 'reset') this.#events?.reset();
    else if (answer.push === 'consumer') {
      const { consumer = '', producer = '', rtpParameters = {} } = answer;
      this.#events?.consumer({ producer, consumer, ssrc: ssrcOf(rtpParameters) });
    } else if (answer.id !== undefined) {
      const { error, id } = answer;
      if (error === undefined) this.#answers.resolve(id, answer);
      else this.#answers.reject(id, new Error(`bare: ${error}`));
    }
  }

  #ask(request: Readonly<Record<string, unknown>>): Promise<Answer> {
    const { answer, id } = this.#answers.expect(String(request.op));
    this.#socket.send(JSON.stringify({ id, ...request }));
    return answer;
  }
}
