/**
 * Owns the life of the server process: claims, keys, the tree, readiness, the way out (api.md, starting and stopping). Main
 * thread. Every way out releases the claims; the exit code says which way it was.
 */
import { systemClock } from '../runtime/index.ts';
import { packageVersion } from './args.ts';
import { type Config, withPort } from './config.ts';
import { EXIT } from './errors.ts';
import { connectHeart, type HeartLink } from './heart-link.ts';
import { claimDataDir, type Instance } from './instance-lock.ts';
import { type KeyMaterial, openKeys } from './keys.ts';
import { type Log, openLog } from './log.ts';
import { KEYS_LOOK_MS, LAST_WORDS_MS } from './policies.ts';
import { claimPort } from './port-claim.ts';
import { logReport } from './report-log.ts';
import { settleMemory } from './settle-memory.ts';
import { type Server, startServer } from './tree.ts';

/** Runs the server until somebody wishes to stop; ends the process. `underHeart`: the parent is the heart. */
export async function runServer(config: Config, underHeart: boolean): Promise<void> {
  const log = openLog({ level: config.logLevel, format: config.logFormat, slot: 'main' });
  const life = new ServerLife(config, log);
  await life.begin(underHeart);
}

class ServerLife {
  readonly #log: Log;
  #config: Config;
  #link: HeartLink | undefined;
  #instance: Instance | undefined;
  #server: Server | undefined;
  #isStopping = false;
  #isEnding = false;

  constructor(config: Config, log: Log) {
    this.#config = config;
    this.#log = log;
  }

  async begin(underHeart: boolean): Promise<void> {
    const { dataDir, host, port, stopTimeoutMs } = this.#config;
    this.#link = connectHeart(underHeart, {
      clock: systemClock,
      stopTimeoutMs,
      onStop: (reason) => void this.#stop(reason),
      onReload: () => void this.#reload(),
    });
    const claimed = claimDataDir({ dataDir, heartPid: this.#link.heartPid });
    if (!claimed.ok) return this.#refuse(claimed.message);
    this.#instance = claimed.instance;
    process.once('exit', () => claimed.instance.release());
    const claim = await claimPort(host, port);
    if (!claim.ok) return this.#refuse(claim.message);
    this.#config = withPort(this.#config, claim.claim.port);
    try {
      await this.#startTree();
    } catch (error) {
      this.#log.logger.fatal({ err: error }, 'the server could not start');
      this.#exit(EXIT.failed);
    }
  }

  async #startTree(): Promise<void> {
    const { logger } = this.#log;
    const keys = await this.#openKeys();
    if (this.#isStopping) return this.#exit(EXIT.done);
    this.#server = await startServer({
      config: this.#config,
      keys,
      version: packageVersion(),
      report: (report) => logReport(logger, report),
      fatal: (why) => {
        logger.fatal({ why }, 'a thread that the process cannot do without is gone');
        this.#exit(EXIT.failed);
      },
      leave: (why) => void this.#stop(why),
      log: logger,
    });
    if (this.#isStopping) return this.#leave(this.#server);
    this.#lookAtKeysLater();
    settleMemory(systemClock);
    this.#link?.ready();
    const { host, publicUrl } = this.#config;
    const others =
      host === '127.0.0.1' || host === 'localhost' || host === '::1'
        ? 'only this machine can connect; to let others in, start with DRIFTWAY_HOST=0.0.0.0 and set DRIFTWAY_PUBLIC_URL'
        : `listening on ${host}`;
    logger.info({ url: publicUrl, others }, 'ready');
  }

  #openKeys(): Promise<KeyMaterial> {
    const { accessTokenTtlS, dataDir, tokenAlg: alg } = this.#config;
    return openKeys({ dataDir, alg, accessTokenTtlS, clock: systemClock });
  }

  #lookAtKeysLater(): void {
    systemClock.setTimeout(() => {
      void this.#reload();
      this.#lookAtKeysLater();
    }, KEYS_LOOK_MS);
  }

  /** SIGHUP, and once a day: certificates and keys as they are in the files now. */
  async #reload(): Promise<void> {
    if (this.#server === undefined || this.#isStopping) return;
    try {
      const { keySet } = await this.#openKeys();
      this.#server.replaceKeys(keySet);
      this.#server.reloadTls();
      this.#log.logger.info('keys and certificates were read again');
    } catch (error) {
      this.#log.logger.error({ err: error }, 'keys could not be read again: the present ones stay');
    }
  }

  async #stop(reason: string): Promise<void> {
    this.#isStopping = true;
    this.#log.logger.info({ reason }, 'stopping');
    systemClock.setTimeout(() => {
      this.#log.logger.error('the stop took too long');
      this.#exit(EXIT.failed);
    }, this.#config.stopTimeoutMs);
    if (this.#server !== undefined) await this.#leave(this.#server);
  }

  async #leave(server: Server): Promise<void> {
    try {
      await server.stop();
      this.#server = undefined;
      this.#log.logger.info('stopped');
      this.#exit(EXIT.done);
    } catch (error) {
      this.#log.logger.error({ err: error }, 'the stop did not end cleanly');
      this.#exit(EXIT.failed);
    }
  }

  #refuse(message: string): void {
    process.stderr.write(`${message}\n`);
    this.#exit(EXIT.failed);
  }

  #exit(code: number): void {
    if (this.#isEnding) return;
    this.#isEnding = true;
    this.#log.flush();
    if (this.#server === undefined) {
      this.#giveUpClaims();
      process.exit(code);
    }
    // With native handles alive on a gateway thread process.exit would abort and dump core (gateway.md P14). What the thread
    // pool is writing to the log at this moment, the reason among it, would die with the process.
    this.#log.written(LAST_WORDS_MS).then(
      () => this.#kill(),
      () => this.#kill(),
    );
  }

  /** The claims last: until then threads of this process may write. */
  #kill(): void {
    this.#giveUpClaims();
    process.kill(process.pid, 'SIGKILL');
  }

  #giveUpClaims(): void {
    this.#instance?.release();
    this.#link?.close();
  }
}
