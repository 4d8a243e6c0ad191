/**
 * The baseline of bench:voice: what a good small mediasoup server does, after the project's own demo. One worker, one UDP port, a
 * WebSocket with JSON, both transports with the answer to a join, NACK both ways, observers in every room, a new worker when one dies.
 * No accounts, no permissions, no roster, no state that survives. `node bare-server.ts WORKER_BINARY`; prints `port N`.
 */
import { once } from 'node:events';
import { createWorker } from 'mediasoup';
import type {
  ActiveSpeakerObserver,
  AudioLevelObserver,
  Consumer,
  Producer,
  Router,
  WebRtcServer,
  WebRtcTransport,
} from 'mediasoup/types';
import { type WebSocket, WebSocketServer } from 'ws';
import { CAPABILITIES } from './rtp.ts';

interface Member {
  readonly socket: WebSocket;
  readonly transports: Map<string, WebRtcTransport>;
  readonly receive: WebRtcTransport;
  readonly consumers: Map<string, Consumer>;
  readonly producers: Producer[];
  readonly room: Room;
}

interface Room {
  readonly router: Router;
  readonly observers: readonly (AudioLevelObserver | ActiveSpeakerObserver)[];
  readonly members: Set<Member>;
}

interface Media {
  readonly server: WebRtcServer;
  readonly rooms: Map<number, Promise<Room>>;
  openRouter(): Promise<Router>;
}

type Request = Readonly<Record<string, unknown>> & { readonly id: number; readonly op: string };

const BUFFER_BYTES = 4 * 1024 * 1024;
const sockets = new WebSocketServer({ host: '127.0.0.1', port: 0, perMessageDeflate: false });
const members = new Map<WebSocket, Member>();
await once(sockets, 'listening');
let media = await startMedia();

async function startMedia(): Promise<Media> {
  const worker = await createWorker({ workerBin: process.argv[2] ?? '', logLevel: 'error' });
  const buffers = { recvBufferSize: BUFFER_BYTES, sendBufferSize: BUFFER_BYTES };
  const listenInfos = [{ protocol: 'udp' as const, ip: '127.0.0.1', ...buffers }];
  const server = await worker.createWebRtcServer({ listenInfos });
  worker.once('died', () => {
    members.clear();
    void startMedia().then((next) => {
      media = next;
      for (const socket of sockets.clients) push(socket, { push: 'reset' });
    });
  });
  const mediaCodecs = [
    { kind: 'audio' as const, mimeType: 'audio/opus', clockRate: 48_000, channels: 2 },
  ];
  return { server, rooms: new Map(), openRouter: () => worker.createRouter({ mediaCodecs }) };
}

async function openRoom(): Promise<Room> {
  const router = await media.openRouter();
  const levels = await router.createAudioLevelObserver({ threshold: -80, interval: 800 });
  const speaker = await router.createActiveSpeakerObserver();
  const room: Room = { router, observers: [levels, speaker], members: new Set() };
  const tell = (body: object): void => {
    for (const { socket } of room.members) push(socket, body);
  };
  levels.on('volumes', ([{ producer, volume } = {}]) =>
    tell({ push: 'volume', producer: producer?.id, volume }),
  );
  levels.on('silence', () => tell({ push: 'silence' }));
  speaker.on('dominantspeaker', ({ producer }) => tell({ push: 'speaker', producer: producer.id }));
  return room;
}

async function join(socket: WebSocket, number: number): Promise<object> {
  leave(socket);
  const found = media.rooms.get(number) ?? openRoom();
  media.rooms.set(number, found);
  const room = await found;
  const options = { webRtcServer: media.server };
  const [send, receive] = await Promise.all([
    room.router.createWebRtcTransport(options),
    room.router.createWebRtcTransport(options),
  ]);
  const transports = new Map([send, receive].map((one) => [one.id, one]));
  const member = { socket, transports, receive, consumers: new Map(), producers: [], room };
  members.set(socket, member);
  const producers = [...room.members].flatMap((other) => other.producers);
  room.members.add(member);
  for (const producer of producers) void announce(member, producer);
  return { send: parametersOf(send), receive: parametersOf(receive) };
}

function parametersOf({ dtlsParameters, iceCandidates, iceParameters, id }: WebRtcTransport) {
  return { id, iceParameters, iceCandidates, dtlsParameters };
}

async function announce(member: Member, { id: producerId }: Producer): Promise<void> {
  const rtpCapabilities = structuredClone(CAPABILITIES) as never;
  const options = { producerId, rtpCapabilities, paused: true, enableRtx: true };
  const consumer = await member.receive.consume(options);
  member.consumers.set(consumer.id, consumer);
  const { id, rtpParameters } = consumer;
  push(member.socket, { push: 'consumer', producer: producerId, consumer: id, rtpParameters });
}

async function produce(member: Member, { rtp, transport }: Request): Promise<object> {
  const rtpParameters = rtp as never;
  const producer = await member.transports
    .get(String(transport))!
    .produce({ kind: 'audio', rtpParameters });
  member.producers.push(producer);
  for (const other of member.room.members) if (other !== member) void announce(other, producer);
  for (const observer of member.room.observers)
    await observer.addProducer({ producerId: producer.id });
  return { producer: producer.id };
}

function leave(socket: WebSocket): object {
  const member = members.get(socket);
  members.delete(socket);
  for (const transport of member?.transports.values() ?? []) transport.close();
  member?.room.members.delete(member);
  return {};
}

async function carryOut(socket: WebSocket, request: Request): Promise<object> {
  if (request.op === 'join') return join(socket, Number(request.room));
  if (request.op === 'leave') return leave(socket);
  const member = members.get(socket)!;
  if (request.op === 'produce') return produce(member, request);
  if (request.op === 'resume') await member.consumers.get(String(request.consumer))?.resume();
  else {
    const transport = member.transports.get(String(request.transport))!;
    await transport.connect({ dtlsParameters: request.dtls as never });
  }
  return {};
}

function push(socket: WebSocket, body: object): void {
  socket.send(JSON.stringify(body));
}

sockets.on('connection', (socket) => {
  socket.on('close', () => leave(socket));
  socket.on('message', (data) => {
    const request = JSON.parse(String(data)) as Request;
    carryOut(socket, request).then(
      (answer) => push(socket, { id: request.id, ...answer }),
      (error: Error) => push(socket, { id: request.id, error: error.message }),
    );
  });
});
// Whoever started it may be killed.
process.stdin.resume().once('end', () => process.exit());
const address = sockets.address();
process.stdout.write(`port ${typeof address === 'object' ? address?.port : 0}\n`);
