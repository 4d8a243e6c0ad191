/**
 * Owns the text of GET /metrics: an actor on the main thread, which gathers what the threads tell and renders it, so that no
 * gateway thread spends its time on that; and the client that gateway threads ask it by. Nothing is loaded or gathered before
 * the first scrape, and whoever scrapes too often gets the last page again.
 */
import {
  at,
  type ChildSpec,
  type Clock,
  call,
  child,
  defineActor,
  name,
} from '../../runtime/index.ts';
import { METRICS_FRESH_MS, METRICS_TIMEOUT_MS } from '../policies.ts';
import { type GatherOptions, gatherView } from './gather.ts';

const METRICS_PAGE = 'metrics-page';
/** Scrapes that wait; more are refused and see `driftway_thread_up 0` of the main thread. */
const WAITING_MAX = 16;

interface MetricsPageP {
  read(): Promise<string>;
}

interface State {
  readonly options: MetricsPageOptions;
  text: string;
  readAtMs: number;
}

export interface MetricsPageOptions extends GatherOptions {
  readonly clock: Pick<Clock, 'monotonic'>;
}

const MetricsPage = defineActor<MetricsPageP, State, MetricsPageOptions>({
  name: METRICS_PAGE,
  mailbox: { limit: WAITING_MAX, overflow: 'reject' },
  init: (_ctx, options) => ({ options, text: '', readAtMs: Number.NEGATIVE_INFINITY }),
  handle: {
    async read(state) {
      const { clock } = state.options;
      if (clock.monotonic() - state.readAtMs < METRICS_FRESH_MS) return state.text;
      const [{ renderPage }, view] = await Promise.all([
        import('./exposition.ts'),
        gatherView(state.options),
      ]);
      state.text = await renderPage(view);
      state.readAtMs = clock.monotonic();
      return state.text;
    },
  },
});

/** Child that makes the page on the main thread. */
export function metricsPage(options: MetricsPageOptions): ChildSpec {
  return child(METRICS_PAGE, MetricsPage, options, {
    name: name<MetricsPageP>(METRICS_PAGE),
    restart: 'permanent',
  });
}

/** Without the main thread nobody knows of the others; that it is silent is what can be said. */
const NO_ANSWER = [
  '# HELP driftway_thread_up 1 for a thread that answered this scrape, 0 for one that is being restarted or hangs.',
  '# TYPE driftway_thread_up gauge',
  'driftway_thread_up{thread="main"} 0',
  '',
].join('\n');

/** The page, from any thread. Never rejects. */
export async function readMetricsPage(): Promise<string> {
  const page = at<MetricsPageP>('main', METRICS_PAGE);
  try {
    return await call(page, 'read', undefined, { timeoutMs: METRICS_TIMEOUT_MS * 2 });
  } catch {
    return NO_ANSWER;
  }
}
