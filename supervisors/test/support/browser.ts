/**
 * A real Chromium with a microphone that speaks (speech.ts), and people who use the voice demo page in it. Test process; it knows the
 * page as a person does, by what it shows, and the connection by its opcodes.
 */
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type BrowserContext, chromium, type Page } from 'playwright-core';
import { rememberPeers } from './browser-probe.ts';
import { makeSpeech, type Sound } from './speech.ts';
import { decodeMsgpack } from './wire.ts';

const PROGRAMS = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--use-fake-device-for-media-stream',
  '--use-fake-ui-for-media-stream',
  '--autoplay-policy=no-user-gesture-required',
];
const PAGE_MAX_MS = 30_000;
/** Of Opus in a browser. */
const SAMPLES_PER_SECOND = 48_000;

/** What one person hears of another. */
export interface Heard {
  readonly packets: number;
  readonly lost: number;
  readonly energy: number;
  readonly samples: number;
  readonly concealed: number;
  readonly jitterMs: number;
  readonly bufferMs: number;
}

/** One browser; its windows share what the browser keeps. */
export class TestBrowser {
  /** What everybody says, again and again. */
  readonly speech: Sound;
  readonly #context: BrowserContext;
  readonly #folder: string;

  private constructor(context: BrowserContext, folder: string, speech: Sound) {
    this.#context = context;
    this.#folder = folder;
    this.speech = speech;
  }

  static async launch(): Promise<TestBrowser> {
    const program = PROGRAMS.find((path) => existsSync(path));
    if (program === undefined) {
      throw new Error('no Chromium: install it with `apt-get install -y chromium`');
    }
    const folder = mkdtempSync(join(tmpdir(), 'driftway-browser-'));
    const speech = join(folder, 'speech.wav');
    const sound = makeSpeech(speech);
    const context = await chromium.launchPersistentContext(folder, {
      executablePath: program,
      headless: true,
      args: [...FLAGS, `--use-file-for-fake-audio-capture=${speech}`],
      viewport: { width: 760, height: 900 },
    });
    context.setDefaultTimeout(PAGE_MAX_MS);
    await context.addInitScript(rememberPeers);
    return new TestBrowser(context, folder, sound);
  }

  /** A window with the demo page, ready to join. */
  async window(url: string, name: string): Promise<VoiceWindow> {
    const page = await this.#context.newPage();
    const window = new VoiceWindow(page);
    await page.goto(url);
    await page.fill('#name', name);
    // What is said is to be heard as it is.
    await page.selectOption('#mode', 'open');
    await page.uncheck('#noise');
    return window;
  }

  async close(): Promise<void> {
    await this.#context.close();
    rmSync(this.#folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** One person's window. */
export class VoiceWindow {
  readonly page: Page;
  /** What the page complained about. */
  readonly errors: string[] = [];
  readonly #sent: unknown[] = [];

  constructor(page: Page) {
    this.page = page;
    page.on('websocket', (socket) => {
      socket.on('framesent', ({ payload }) => {
        if (typeof payload !== 'string') this.#sent.push((decodeMsgpack(payload) as unknown[])[0]);
      });
    });
    page.on('pageerror', (error) => this.errors.push(String(error)));
    page.on('console', (message) => {
      if (message.type() === 'error') this.errors.push(message.text());
    });
  }

  /** How many requests of an opcode the page has sent. */
  asked(op: number): number {
    return this.#sent.filter((one) => one === op).length;
  }

  /** Joins; resolves when connected. */
  async join(): Promise<void> {
    await this.page.click('#join');
    await this.state('connected');
  }

  async leave(): Promise<void> {
    await this.page.click('#leave');
    await this.state('idle');
  }

  /** Waits until the page stands so. */
  async state(name: string): Promise<void> {
    await this.page.waitForSelector(`body[data-state="${name}"]`);
  }

  /** The link that brings others here. */
  get link(): string {
    return this.page.url();
  }

  /** A data attribute of the page as a number, once it is there. */
  async measured(name: string): Promise<number> {
    const handle = await this.page.waitForFunction(
      (key) => document.body.dataset[key] ?? false,
      name,
    );
    return Number(await handle.jsonValue());
  }

  /** What is heard of everybody else, by row. */
  heard(): Promise<readonly Heard[]> {
    return this.page.$$eval('#people li[data-stats]', (rows) =>
      rows.map((row) => JSON.parse((row as HTMLElement).dataset.stats ?? '{}') as Heard),
    );
  }

  /** Waits until the first voice here has been played for so many seconds more, be it silence. */
  async plays(seconds: number): Promise<Heard> {
    const [before] = await this.heard();
    const handle = await this.page.waitForFunction(
      (samples) => {
        const row = document.querySelector<HTMLElement>('#people li[data-stats]');
        const stats = JSON.parse(row?.dataset.stats ?? '{}');
        return stats.samples >= samples ? stats : false;
      },
      (before?.samples ?? 0) + seconds * SAMPLES_PER_SECOND,
    );
    return (await handle.jsonValue()) as Heard;
  }

  /** Waits until the first voice here has had so many packets beyond `from`, and some loudness. */
  async hears(packets: number, from?: Heard): Promise<Heard> {
    const handle = await this.page.waitForFunction(
      ({ min, energy }) => {
        const row = document.querySelector<HTMLElement>('#people li[data-stats]');
        const stats = JSON.parse(row?.dataset.stats ?? '{}');
        return stats.packets >= min && stats.energy > energy ? stats : false;
      },
      { min: packets + (from?.packets ?? 0), energy: (from?.energy ?? 0) + 0.001 },
      { polling: 50 },
    );
    return (await handle.jsonValue()) as Heard;
  }
}
