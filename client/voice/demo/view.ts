/** The elements of the demo page, by name, and what they show. Browser main thread. Text goes in as text, never as HTML. */

import { VoicePart } from '../../../gateway/protocol/index.ts';
import type { Participant, VoiceStats } from '../index.ts';

/** An element of the page that must be there. */
export function byId<T extends HTMLElement>(id: string, type: new () => T): T {
  const element = document.getElementById(id);
  if (!(element instanceof type)) throw new TypeError(`the page has no ${id}`);
  return element;
}

/** Says how it stands, to people (`text`) and to tests (`state`). */
export function showState(state: string, text: string): void {
  document.body.dataset.state = state;
  byId('status', HTMLElement).textContent = text;
}

/** A line above everything, '' for none. */
export function showNotice(text: string): void {
  const notice = byId('notice', HTMLElement);
  notice.textContent = text;
  notice.hidden = text === '';
}

/** What a row of the list needs. */
export interface PeopleHost {
  readonly uid: number;
  nameOf(uid: number): string;
  volumeOf(uid: number): number;
  setVolume(uid: number, volume: number): void;
}

interface Row {
  readonly item: HTMLLIElement;
  readonly face: HTMLElement;
  readonly name: HTMLElement;
  readonly note: HTMLElement;
}

/** The list of people. */
export class PeopleView {
  readonly #host: PeopleHost;
  readonly #list = byId('people', HTMLUListElement);
  readonly #rows = new Map<number, Row>();

  constructor(host: PeopleHost) {
    this.#host = host;
    this.#list.replaceChildren();
  }

  show(people: readonly Participant[]): void {
    const here = new Set(people.map(({ uid }) => uid));
    for (const [uid, row] of this.#rows) {
      if (here.has(uid)) continue;
      row.item.remove();
      this.#rows.delete(uid);
    }
    for (const person of people) this.#showPerson(person);
  }

  speaking(levels: ReadonlyMap<number, number>): void {
    for (const [uid, { item }] of this.#rows) {
      if (uid !== this.#host.uid) item.classList.toggle('speaking', levels.has(uid));
    }
  }

  /** The own ring does not wait for the server. */
  selfSpeaking(isSpeaking: boolean): void {
    this.#rows.get(this.#host.uid)?.item.classList.toggle('speaking', isSpeaking);
  }

  stats(uid: number, stats: VoiceStats): void {
    const row = this.#rows.get(uid);
    if (row === undefined) return;
    row.item.dataset.stats = JSON.stringify(stats);
    const lost = stats.packets === 0 ? 0 : (100 * stats.lost) / (stats.packets + stats.lost);
    row.item.title = `${stats.packets} packets, ${lost.toFixed(1)} % lost, ${stats.bufferMs.toFixed(0)} ms buffered`;
  }

  #showPerson({ uid, flags, producers }: Participant): void {
    const row = this.#rows.get(uid) ?? this.#add(uid);
    const isSelf = uid === this.#host.uid;
    const name = this.#host.nameOf(uid);
    row.name.textContent = isSelf ? `${name} (you)` : name;
    row.face.textContent = [...name][0]?.toUpperCase() ?? '?';
    row.note.textContent = noteOf(flags, producers.size > 0);
  }

  #add(uid: number): Row {
    const item = document.createElement('li');
    item.dataset.uid = String(uid);
    const face = textElement('span', 'face');
    const who = textElement('span', 'who');
    const name = textElement('span', 'name');
    const note = document.createElement('small');
    who.append(name, note);
    item.append(face, who);
    if (uid !== this.#host.uid) item.append(this.#slider(uid));
    this.#list.append(item);
    const row = { item, face, name, note };
    this.#rows.set(uid, row);
    return row;
  }

  #slider(uid: number): HTMLInputElement {
    const slider = document.createElement('input');
    slider.type = 'range';
    slider.min = '0';
    slider.max = '200';
    slider.value = String(Math.round(this.#host.volumeOf(uid) * 100));
    slider.setAttribute('aria-label', 'Volume');
    slider.oninput = () => this.#host.setVolume(uid, Number(slider.value) / 100);
    return slider;
  }
}

function textElement(tag: string, className: string): HTMLElement {
  const element = document.createElement(tag);
  element.className = className;
  return element;
}

const NOTES: readonly (readonly [bit: number, text: string])[] = [
  [VoicePart.SERVER_DEAF, 'deafened by a moderator'],
  [VoicePart.SERVER_MUTED, 'muted by a moderator'],
  [VoicePart.DEAF, 'deafened'],
  [VoicePart.MUTED, 'muted'],
  [VoicePart.HAND, 'wants to speak'],
  [VoicePart.PRIORITY, 'priority speaker'],
];

function noteOf(flags: number, isSending: boolean): string {
  const [, note] = NOTES.find(([bit]) => (flags & bit) !== 0) ?? [0, ''];
  return note !== '' || isSending ? note : 'listening';
}
