/**
 * The quality of one room's connections: a state per transport, and how many listeners suffer. Voice thread.
 */
import type { Ms } from '../../runtime/index.ts';
import {
  type Advice,
  DownlinkQuality,
  type QualitySettings,
  UplinkQuality,
  wantsFec,
} from '../quality.ts';
import type { TransportHandle } from './handles.ts';

export class RoomQuality {
  #settings: QualitySettings;
  #fec = false;
  #suffering = 0;
  readonly #uplinks = new Map<TransportHandle, UplinkQuality>();
  readonly #downlinks = new Map<TransportHandle, DownlinkQuality>();
  readonly #onAdvice: (transport: TransportHandle, advice: Advice) => void;

  constructor(
    settings: QualitySettings,
    onAdvice: (transport: TransportHandle, advice: Advice) => void,
  ) {
    this.#settings = settings;
    this.#onAdvice = onAdvice;
  }

  get settings(): QualitySettings {
    return this.#settings;
  }

  add(transport: TransportHandle): void {
    if (transport.direction !== 'send') this.#downlinks.set(transport, new DownlinkQuality());
    if (transport.direction === 'receive') return;
    const uplink = new UplinkQuality(this.#settings);
    this.#uplinks.set(transport, uplink);
    // Told with the next change at the latest: a fresh encoder has nothing to correct yet.
    if (this.#fec) uplink.setFec(true);
  }

  remove(transport: TransportHandle): void {
    this.#uplinks.delete(transport);
    if (this.#downlinks.get(transport)?.suffers === true) this.#suffering -= 1;
    this.#downlinks.delete(transport);
    this.#judge();
  }

  /** @param loss share of the packets, 0 to 1 */
  sample(transport: TransportHandle, loss: number, at: Ms, isUplink: boolean): void {
    const uplink = isUplink ? this.#uplinks.get(transport) : undefined;
    if (uplink !== undefined) this.#tell(transport, uplink.sample(loss, at));
    const downlink = isUplink ? undefined : this.#downlinks.get(transport);
    if (downlink?.sample(loss, at) === true) {
      this.#suffering += downlink.suffers ? 1 : -1;
      this.#judge();
    }
  }

  configure(settings: QualitySettings): void {
    this.#settings = settings;
    for (const [transport, uplink] of this.#uplinks)
      this.#tell(transport, uplink.configure(settings));
  }

  #judge(): void {
    const wanted = wantsFec(this.#fec, this.#suffering, this.#downlinks.size);
    if (wanted === this.#fec) return;
    this.#fec = wanted;
    for (const [transport, uplink] of this.#uplinks) this.#tell(transport, uplink.setFec(wanted));
  }

  #tell(transport: TransportHandle, advice: Advice | null): void {
    if (advice !== null) this.#onAdvice(transport, advice);
  }
}
