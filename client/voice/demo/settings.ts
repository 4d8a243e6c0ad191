/** What the user of the demo page chose about the microphone: the form, its memory in the browser, and what it means for the chain. */
import type { MicReport, MicSettings, TalkMode } from '../index.ts';
import { byId } from './view.ts';

/** Kept from visit to visit. */
interface Kept {
  readonly name: string;
  readonly deviceId: string;
  readonly mode: TalkMode;
  readonly thresholdDb: number;
  readonly isNoiseOff: boolean;
}

/** What the settings change. */
export interface SettingsHost {
  mic(settings: Partial<MicSettings>): void;
  device(deviceId: string | undefined): void;
}

const KEY = 'driftway.voice.settings';
/** The scale of the meter. */
const METER_DB = { from: -90, to: -10 };

/** The settings form. */
export class SettingsForm {
  readonly #device = byId('device', HTMLSelectElement);
  readonly #mode = byId('mode', HTMLSelectElement);
  readonly #threshold = byId('threshold', HTMLInputElement);
  readonly #noise = byId('noise', HTMLInputElement);
  readonly #name = byId('name', HTMLInputElement);
  readonly #level = byId('level', HTMLElement);

  constructor(host: SettingsHost) {
    this.#restore();
    this.#show();
    const changed = (): void => {
      this.#keep();
      this.#show();
      host.mic(this.mic);
    };
    for (const field of [this.#mode, this.#threshold, this.#noise]) field.oninput = changed;
    this.#name.onchange = () => this.#keep();
    this.#device.onchange = () => {
      this.#keep();
      host.device(this.deviceId);
    };
  }

  get mic(): Partial<MicSettings> {
    return {
      mode: this.#mode.value as TalkMode,
      thresholdDb: Number(this.#threshold.value),
      isNoiseOff: !this.#noise.checked,
    };
  }

  get deviceId(): string | undefined {
    return this.#device.value === '' ? undefined : this.#device.value;
  }

  /** Fills the list of microphones; their names are known once the microphone was allowed. */
  async listDevices(): Promise<void> {
    const { mediaDevices } = navigator as { readonly mediaDevices?: MediaDevices };
    const wanted = this.#device.value || this.#kept()?.deviceId || '';
    const devices = (await mediaDevices?.enumerateDevices()) ?? [];
    const inputs = devices.filter(({ kind, deviceId }) => kind === 'audioinput' && deviceId !== '');
    const options = inputs
      .filter(({ deviceId }) => deviceId !== 'default')
      .map(({ deviceId, label }, i) => new Option(label || `Microphone ${i + 1}`, deviceId));
    this.#device.replaceChildren(new Option('Chosen by the system', ''), ...options);
    this.#device.value = inputs.some(({ deviceId }) => deviceId === wanted) ? wanted : '';
  }

  /** The meter. */
  report({ levelDb, isOpen }: MicReport): void {
    this.#level.style.width = percent(levelDb);
    this.#level.classList.toggle('open', isOpen);
    document.body.dataset.gate = isOpen ? 'open' : 'closed';
  }

  #show(): void {
    const thresholdDb = Number(this.#threshold.value);
    byId('threshold-text', HTMLOutputElement).value = `${thresholdDb} dB`;
    byId('threshold-mark', HTMLElement).style.left = percent(thresholdDb);
    this.#threshold.disabled = this.#mode.value !== 'voice';
    byId('talk', HTMLButtonElement).hidden = this.#mode.value !== 'key';
  }

  #keep(): void {
    const kept: Kept = {
      name: this.#name.value,
      deviceId: this.#device.value,
      mode: this.#mode.value as TalkMode,
      thresholdDb: Number(this.#threshold.value),
      isNoiseOff: !this.#noise.checked,
    };
    localStorage.setItem(KEY, JSON.stringify(kept));
  }

  #kept(): Partial<Kept> | null {
    try {
      return JSON.parse(localStorage.getItem(KEY) ?? 'null') as Partial<Kept> | null;
    } catch {
      return null;
    }
  }

  #restore(): void {
    const kept = this.#kept();
    if (kept === null) return;
    if (typeof kept.name === 'string') this.#name.value = kept.name;
    if (typeof kept.thresholdDb === 'number') this.#threshold.value = String(kept.thresholdDb);
    if (typeof kept.mode === 'string') this.#mode.value = kept.mode;
    this.#noise.checked = kept.isNoiseOff !== true;
  }
}

function percent(levelDb: number): string {
  const { from, to } = METER_DB;
  const share = (levelDb - from) / (to - from);
  return `${(100 * Math.max(0, Math.min(1, share))).toFixed(1)}%`;
}
