/** One call of the demo page: microphone, connection, session, encryption, put together and taken down again. Browser main thread. */
import {
  type ClientState,
  DriftwayClient,
  type RestVoiceSettings,
  systemClock,
  systemRng,
} from '../../index.ts';
import {
  AudioOutput,
  type EncoderSettings,
  Encryption,
  MediasoupEngine,
  type MicReport,
  type Microphone,
  openMicrophone,
  VoiceError,
  VoiceSession,
  voicePort,
} from '../index.ts';
import { findRoom, type Person, type Room, roomOfLink, signIn } from './lobby.ts';
import type { SettingsForm } from './settings.ts';

/** What a call tells the page. */
export interface CallHost {
  readonly settings: SettingsForm;
  readonly person: Person;
  readonly isEncrypted: boolean;
  report(report: MicReport): void;
  link(state: ClientState): void;
  notice(text: string): void;
}

/** A call that is ready to join. */
export interface Call {
  readonly client: DriftwayClient;
  readonly output: AudioOutput;
  readonly session: VoiceSession;
  readonly microphone: Microphone | null;
  readonly encryption: Encryption | null;
  readonly room: Room;
  readonly gid: number;
  readonly uid: number;
  close(): Promise<void>;
}

/** Signs in, finds the room, opens the microphone. Call it from a click, for browsers play nothing before one. */
export async function makeCall(host: CallHost): Promise<Call> {
  const context = new AudioContext({ sampleRate: 48_000, latencyHint: 'interactive' });
  void context.resume();
  const { mic: workletUrl, e2ee: workerUrl } = document.body.dataset;
  const [microphone, { client, room, settings, gid, uid }] = await Promise.all([
    listenIn(context, workletUrl ?? '', host),
    connect(host),
  ]);
  const sid = Number(room.channel);
  const encryption =
    room.secret === ''
      ? null
      : new Encryption({ workerUrl: workerUrl ?? '', secret: room.secret, sid, uid });
  const output = new AudioOutput(context);
  const session = new VoiceSession({
    port: voicePort(client),
    engine: new MediasoupEngine({ cipher: encryption, icePolicy: icePolicy() }),
    output,
    clock: systemClock,
    rng: systemRng,
    sid,
    uid,
    track: microphone?.track ?? null,
    e2e: encryption === null ? 0 : 1,
    keys: encryption,
    encoder: encoderOf(settings),
  });
  return {
    client,
    output,
    session,
    microphone,
    encryption,
    room,
    gid,
    uid,
    async close() {
      await session.leave();
      await client.close();
      output.close();
      microphone?.close();
      encryption?.close();
      await context.close();
    },
  };
}

/** Null where there is no microphone, or none for us: then one only listens. */
async function listenIn(
  context: AudioContext,
  workletUrl: string,
  { settings, report, notice }: CallHost,
): Promise<Microphone | null> {
  const { deviceId } = settings;
  try {
    const microphone = await openMicrophone({
      context,
      workletUrl,
      report,
      settings: settings.mic,
      lost: () => notice('The microphone went away. Choose another one.'),
      ...(deviceId === undefined ? {} : { deviceId }),
    });
    await settings.listDevices();
    return microphone;
  } catch (error) {
    if (!(error instanceof VoiceError)) throw error;
    if (error.code === 'DRIFT_VOICE_UNSUPPORTED') throw error;
    notice('No microphone: the others cannot hear you.');
    return null;
  }
}

async function connect(host: CallHost) {
  const { tokens, rest } = await signIn(location.origin, host.person);
  const { room, settings, gid } = await findRoom(rest, roomOfLink(location.hash), host.isEncrypted);
  const client = new DriftwayClient({
    url: location.origin,
    tokens,
    clientName: 'driftway-voice-demo/1',
  });
  client.on('state', (state) => host.link(state));
  const { uid } = await client.connect();
  return { client, room, settings, gid, uid };
}

/** What the channel wants: in music mode nothing is left out and both ears are served. */
function encoderOf(settings: RestVoiceSettings | null): Partial<EncoderSettings> {
  if (settings === null) return {};
  const isMusic = settings.mode === 'music';
  return { maxBitrate: settings.bitrate, dtx: !isMusic, stereo: isMusic };
}

/** `?ice=relay` proves that a TURN server works: nothing goes another way. */
function icePolicy(): RTCIceTransportPolicy {
  return new URLSearchParams(location.search).get('ice') === 'relay' ? 'relay' : 'all';
}
