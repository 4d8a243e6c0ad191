/**
 * Owns the text of GET /metrics: an actor of each gateway thread, which gathers what the threads tell and renders it in slices, so
 * that no socket waits for it. Nothing is loaded or gathered before the first scrape, and whoever scrapes too often gets the last
 * page again.
 */
import {
  ActorError,
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
/** Scrapes that wait; more are refused. */
const WAITING_MAX = 16;

interface MetricsPageP {
  read(): Promise<string>;
}

const pageName = name<MetricsPageP>(METRICS_PAGE);

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
      state.text = await renderPage(view, nextTurn);
      state.readAtMs = clock.monotonic();
      return state.text;
    },
  },
});

/** Child that makes the page on this thread. */
export function metricsPage(options: MetricsPageOptions): ChildSpec {
  return child(METRICS_PAGE, MetricsPage, options, { name: pageName, restart: 'permanent' });
}

/** The page of this thread; undefined when too many wait for it, or it cannot be made. */
export async function readMetricsPage(): Promise<string | undefined> {
  try {
    return await call(pageName, 'read', undefined, { timeoutMs: METRICS_TIMEOUT_MS * 3 });
  } catch (error) {
    if (error instanceof ActorError) return undefined;
    throw error;
  }
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
