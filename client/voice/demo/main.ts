/**
 * The voice demo page: entry. Wires the form, the call and the view together; everything that a test or a person needs to see is in
 * the page (state, people, statistics as data attributes). Browser main thread.
 */

import { VoicePart } from '../../../gateway/protocol/index.ts';
import { ClientError, systemClock } from '../../index.ts';
import { readRoute, readVoiceStats, VoiceError, type VoiceState } from '../index.ts';
import { type Call, makeCall } from './call.ts';
import { linkOfRoom } from './lobby.ts';
import { SettingsForm } from './settings.ts';
import { byId, PeopleView, showNotice, showState } from './view.ts';

const STATS_EVERY_MS = 500;
const NAMES_MAX = 1_000;
/** In the mode that is always open, quieter than this is no voice. */
const VOICE_DB = -50;

let call: Call | null = null;
let peopleView: PeopleView | null = null;
const names = new Map<number, string>();

const settings = new SettingsForm({
  mic: (changes) => call?.microphone?.set(changes),
  device: (deviceId) => {
    call?.microphone?.use(deviceId).catch(() => showNotice('This microphone cannot be opened.'));
  },
});

byId('enter', HTMLFormElement).onsubmit = (event) => {
  event.preventDefault();
  void enter();
};
byId('leave', HTMLButtonElement).onclick = () => void leave('You left');
byId('mute', HTMLButtonElement).onclick = () => {
  if (call === null) return;
  const isMuted = toggle('mute');
  call.session.setMuted(isMuted);
  call.microphone?.set({ isMuted });
};
byId('deaf', HTMLButtonElement).onclick = () => call?.session.setDeaf(toggle('deaf'));
byId('unblock', HTMLButtonElement).onclick = () => {
  void call?.output.unblock();
  byId('unblock', HTMLButtonElement).hidden = true;
};
byId('copy', HTMLButtonElement).onclick = () => {
  navigator.clipboard.writeText(location.href).then(
    () => showNotice('Link copied. Whoever has it may come in.'),
    () => showNotice(`Copy the address of this page: ${location.href}`),
  );
};
window.addEventListener('online', () => {
  call?.client.networkChanged();
  call?.session.networkChanged();
});
window.addEventListener('pagehide', () => void call?.close());
holdToTalk();
void settings.listDevices();

async function enter(): Promise<void> {
  const join = byId('join', HTMLButtonElement);
  join.disabled = true;
  showNotice('');
  showState('joining', 'Connecting');
  try {
    const made = await makeCall({
      settings,
      person: {
        name: byId('name', HTMLInputElement).value.trim(),
        username: byId('username', HTMLInputElement).value.trim(),
        password: byId('password', HTMLInputElement).value,
      },
      isEncrypted: byId('encrypt', HTMLInputElement).checked,
      report: (report) => {
        settings.report(report);
        peopleView?.selfSpeaking(report.isOpen && report.levelDb > VOICE_DB);
        call?.session.setTalking(report.isOpen);
      },
      link: (state) => {
        document.body.dataset.link = state.name;
      },
      notice: showNotice,
    });
    call = made;
    location.hash = linkOfRoom(made.room);
    follow(made);
    await made.session.join();
    byId('enter', HTMLElement).hidden = true;
    byId('room', HTMLElement).hidden = false;
    byId('unblock', HTMLButtonElement).hidden = made.output.isAudible;
    byId('mute', HTMLButtonElement).hidden = made.microphone === null;
    watchStats(made);
  } catch (error) {
    await leave('Not connected');
    showNotice(sentenceOf(error));
  } finally {
    join.disabled = false;
  }
}

/** Shows what the session tells, and when the first voice came. */
function follow(made: Call): void {
  const { session, output, uid } = made;
  const startedAt = systemClock.now();
  const since = (name: string): void => {
    document.body.dataset[name] ??= String(systemClock.now() - startedAt);
  };
  for (const name of ['joinedMs', 'heardMs']) delete document.body.dataset[name];
  const view = new PeopleView({
    uid,
    // User 0 is the room itself, while a file is played into it.
    nameOf: (who) => (who === 0 ? 'Playback' : (names.get(who) ?? `Person ${who % 1000}`)),
    volumeOf: (who) => output.volumeOf(who),
    setVolume: (who, volume) => output.setVolume(who, volume),
  });
  session.on('state', (state) => {
    if (state.name === 'connected') since('joinedMs');
    showState(state.name, textOf(state));
    if (state.name === 'ended' && state.why !== 'left') void leave(textOf(state));
  });
  session.on('people', (people) => {
    view.show(people);
    const isRecorded = people.some(({ flags }) => (flags & VoicePart.RECORDED) !== 0);
    byId('recording', HTMLElement).hidden = !isRecorded;
    void learnNames(
      made,
      people.map((person) => person.uid),
    ).then(() => view.show(session.people()));
  });
  session.on('recording', ({ isOn }) => {
    byId('recording', HTMLElement).hidden = !isOn;
  });
  session.on('speaking', (levels) => view.speaking(levels));
  session.on('voices', (voices) => {
    for (const { track } of voices) track.onunmute = () => since('heardMs');
  });
  session.on('warning', (warning) => showNotice(sentenceOf(warning)));
  peopleView = view;
}

/** Statistics of every voice into its row, and the way that media takes. */
function watchStats(made: Call): void {
  systemClock.setTimeout(() => {
    if (call !== made) return;
    void showStats(made).finally(() => watchStats(made));
  }, STATS_EVERY_MS);
}

async function showStats({ session, encryption }: Call): Promise<void> {
  for (const voice of session.voices()) {
    const stats = readVoiceStats(await voice.stats());
    if (stats !== null) peopleView?.stats(voice.uid, stats);
  }
  // Who only listens knows the way from what comes in.
  const stats = session.sentStats() ?? session.voices()[0]?.stats();
  const route = readRoute((await stats) ?? []);
  if (route !== null) {
    document.body.dataset.via = route.via;
    const text = `Media over ${route.via}, ${route.rttMs.toFixed(0)} ms there and back`;
    byId('route', HTMLElement).textContent =
      encryption === null ? text : `${text}, end-to-end encrypted`;
  }
  if (encryption !== null) {
    document.body.dataset.e2eeCounts = JSON.stringify(await encryption.counts());
  }
}

async function learnNames({ client, gid }: Call, uids: readonly number[]): Promise<void> {
  const unknown = uids.filter((uid) => !names.has(uid)).slice(0, 100);
  if (unknown.length === 0) return;
  if (names.size > NAMES_MAX) names.clear();
  try {
    const members = await client.members(gid, { uids: unknown });
    for (const { uid, name } of members) names.set(uid, name);
  } catch (error) {
    // Numbers are shown instead until somebody comes or goes.
    if (!(error instanceof ClientError)) throw error;
  }
}

async function leave(text: string): Promise<void> {
  const made = call;
  call = null;
  peopleView = null;
  byId('enter', HTMLElement).hidden = false;
  byId('room', HTMLElement).hidden = true;
  for (const id of ['mute', 'deaf']) byId(id, HTMLElement).setAttribute('aria-pressed', 'false');
  await made?.close();
  showState('idle', text);
}

function toggle(id: string): boolean {
  const button = byId(id, HTMLButtonElement);
  const isOn = button.getAttribute('aria-pressed') !== 'true';
  button.setAttribute('aria-pressed', String(isOn));
  return isOn;
}

/** The key and the button of push-to-talk. */
function holdToTalk(): void {
  const button = byId('talk', HTMLButtonElement);
  const hold = (isHeld: boolean): void => {
    call?.microphone?.set({ isHeld });
    button.classList.toggle('held', isHeld);
  };
  button.onpointerdown = () => hold(true);
  button.onpointerup = () => hold(false);
  button.onpointerleave = () => hold(false);
  const isKey = (event: KeyboardEvent): boolean =>
    event.code === 'Space' && !button.hidden && !(event.target instanceof HTMLInputElement);
  window.addEventListener('keydown', (event) => {
    if (!isKey(event)) return;
    event.preventDefault();
    hold(true);
  });
  window.addEventListener('keyup', (event) => {
    if (isKey(event)) hold(false);
  });
  window.addEventListener('blur', () => hold(false));
}

function textOf(state: VoiceState): string {
  if (state.name === 'connected') return 'Connected';
  if (state.name === 'reconnecting') return 'Reconnecting';
  if (state.name === 'idle') return 'Not connected';
  if (state.name === 'ended') return ENDS[state.why] ?? 'The call ended';
  return state.retryInMs === undefined ? 'Connecting' : 'The server is preparing voice';
}

const ENDS: Readonly<Record<string, string>> = {
  left: 'You left',
  channel_deleted: 'The channel was deleted',
  disconnected: 'A moderator disconnected you',
  forbidden: 'You may not be here any more',
  replaced: 'You joined from somewhere else',
  expired: 'The connection was away for too long',
};

const SENTENCES: Readonly<Record<string, string>> = {
  DRIFT_VOICE_UNSUPPORTED: 'This browser or address cannot do voice. Use https, or this computer.',
  DRIFT_VOICE_FORBIDDEN: 'You may not join this channel, or it is gone.',
  DRIFT_VOICE_FULL: 'The channel is full.',
  DRIFT_VOICE_SECRET_NEEDED: 'This channel is end-to-end encrypted: open the whole link.',
  DRIFT_CLIENT_UNREACHABLE: 'The server cannot be reached.',
  DRIFT_CLIENT_SIGNED_OUT: 'The login is over. Join again.',
};

function sentenceOf(error: unknown): string {
  const isOurs = error instanceof VoiceError || error instanceof ClientError;
  if (!isOurs) return `Something went wrong: ${error instanceof Error ? error.message : 'unknown'}`;
  return SENTENCES[error.code] ?? `${error.message}.`;
}
