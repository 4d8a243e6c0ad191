/**
 * Voice on a real server with its real media workers: how long people do not hear each other when a worker is killed (V9), moved away
 * from, or driftway-audio is killed (V8); how soon they hear after a join (V1), fall silent when they may not speak (V11), are known to
 * speak (V12) and are back on another network (V13); sound that is made up on a lossy one (V10), and encryption (V15).
 */
import { mediaWorkerBinary } from '../../../native/media-worker/index.ts';
import { TestBrowser } from '../support/browser.ts';
import { readSettings, runToEnd, Verdict } from '../support/driver.ts';
import { ServerProcess } from '../support/server-process.ts';
import { VoiceNetwork } from '../support/voice-network.ts';
import { browserPart } from './voice/browser.ts';
import { faults } from './voice/faults.ts';
import { networkPart } from './voice/network.ts';
import { recordings } from './voice/recordings.ts';
import { rights } from './voice/rights.ts';

const settings = readSettings(
  'Usage: node supervisors/test/evidence/voice.ts [options]\n\nVoice under faults, moves and bad networks.',
  {
    people: { short: 50, what: 'people in rooms of 5 when a worker is killed' },
    kills: { short: 3, long: 8, what: 'workers that are killed' },
    calls: { short: 20, what: 'calls of two that move at the same time' },
    moves: { short: 40, long: 1_000, what: 'moves of a call, all together' },
    rounds: {
      short: 3,
      long: 20,
      what: 'times that a right is taken away, and that somebody speaks',
    },
    joins: { short: 5, long: 10, what: 'joins of a browser' },
    seconds: { short: 5, long: 20, what: 'seconds of sound on a lossy network' },
    networks: { short: 1, long: 3, what: 'times that the network changes in each way' },
  },
);

const verdict = new Verdict('voice');

class Voice {
  #server: ServerProcess | undefined;
  #browser: TestBrowser | undefined;
  #network: VoiceNetwork | undefined;

  async run(): Promise<void> {
    const binary = await mediaWorkerBinary();
    if (!binary.ok) throw new Error(binary.message);
    const server = await ServerProcess.start({
      env: {
        DRIFTWAY_HEART: 'off',
        DRIFTWAY_LIMITS: 'trusted',
        DRIFTWAY_VOICE_PORT: '0',
        DRIFTWAY_VOICE_WORKERS: '1',
      },
    });
    this.#server = server;
    const at = { server, verdict, settings };
    await rights(at);
    await recordings(at);
    await faults(at);
    this.#browser = await TestBrowser.launch();
    await browserPart(at, this.#browser);
    this.#network = await VoiceNetwork.start();
    await networkPart(at, this.#network, this.#browser);
  }

  async dispose(): Promise<void> {
    await this.#browser?.close();
    await this.#network?.close();
    await this.#server?.dispose();
  }
}

await runToEnd(verdict, new Voice());
// The thin clients' native threads would keep the process.
process.exit();
