/**
 * Owns what the standard variables of OpenTelemetry say about traces (OTEL_TRACES_SAMPLER and its kin). Where spans go, with
 * which headers and certificates (OTEL_EXPORTER_OTLP_*), the exporter reads itself: secrets do not travel to other threads.
 * Pure; read once, by config.ts.
 */

/** Plain data, given to every thread. */
export interface TraceSettings {
  /** False: no request is traced, no header of callers is read. */
  readonly isOn: boolean;
  /** Share of the requests without a parent that begin a trace. */
  readonly ratio: number;
  /** The sampled flag of a caller's traceparent decides where there is one. */
  readonly followsParent: boolean;
  /** none: spans are kept here for a while (driftway trace message), and go nowhere. */
  readonly exporter: 'otlp' | 'none';
  readonly serviceName: string;
  /** Of the exporter, as OTEL_BSP_* have it. */
  readonly delayMs: number;
  readonly queueMax: number;
  readonly batchMax: number;
  readonly timeoutMs: number;
  /** What was not understood, and is as if it were not set; for the log. */
  readonly warnings: readonly string[];
}

type Env = Readonly<Record<string, string | undefined>>;

const SWITCHES = [
  'OTEL_TRACES_SAMPLER',
  'OTEL_TRACES_EXPORTER',
  'OTEL_EXPORTER_OTLP_ENDPOINT',
  'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT',
];

/** Sampler by name: whether it follows the parent, and its ratio; undefined = OTEL_TRACES_SAMPLER_ARG. */
const SAMPLERS: Readonly<Record<string, { followsParent: boolean; ratio?: number }>> = {
  always_on: { followsParent: false, ratio: 1 },
  always_off: { followsParent: false, ratio: 0 },
  traceidratio: { followsParent: false },
  parentbased_always_on: { followsParent: true, ratio: 1 },
  parentbased_always_off: { followsParent: true, ratio: 0 },
  parentbased_traceidratio: { followsParent: true },
};

/** Without any of OTEL_TRACES_SAMPLER, OTEL_TRACES_EXPORTER, OTEL_EXPORTER_OTLP_(TRACES_)ENDPOINT tracing is off. */
export function readTraceSettings(env: Env): TraceSettings {
  const warnings: string[] = [];
  const isAsked = SWITCHES.some((name) => textOf(env, name) !== undefined);
  const isDisabled = textOf(env, 'OTEL_SDK_DISABLED')?.toLowerCase() === 'true';
  const exporter = exporterOf(env, warnings);
  const queueMax = integerOf(env, 'OTEL_BSP_MAX_QUEUE_SIZE', 2048, 1, warnings);
  const batchMax = integerOf(env, 'OTEL_BSP_MAX_EXPORT_BATCH_SIZE', 512, 1, warnings);
  return {
    isOn: isAsked && !isDisabled,
    ...samplerOf(env, warnings),
    exporter,
    serviceName: textOf(env, 'OTEL_SERVICE_NAME') ?? 'driftway',
    delayMs: integerOf(env, 'OTEL_BSP_SCHEDULE_DELAY', 5000, 0, warnings),
    queueMax,
    batchMax: Math.min(batchMax, queueMax),
    timeoutMs: integerOf(env, 'OTEL_BSP_EXPORT_TIMEOUT', 30_000, 1, warnings),
    warnings,
  };
}

/** An empty value is as none (OpenTelemetry, environment variables). */
function textOf(env: Env, name: string): string | undefined {
  return env[name]?.trim() || undefined;
}

function samplerOf(env: Env, warnings: string[]): { ratio: number; followsParent: boolean } {
  const name = textOf(env, 'OTEL_TRACES_SAMPLER') ?? 'parentbased_always_on';
  let sampler = SAMPLERS[name];
  if (sampler === undefined) {
    warnings.push(`OTEL_TRACES_SAMPLER: got ${name}, wanted ${Object.keys(SAMPLERS).join(', ')}`);
    sampler = { followsParent: true, ratio: 1 };
  }
  const { followsParent } = sampler;
  return { followsParent, ratio: sampler.ratio ?? ratioOf(env, warnings) };
}

function ratioOf(env: Env, warnings: string[]): number {
  const text = textOf(env, 'OTEL_TRACES_SAMPLER_ARG');
  const ratio = text === undefined ? 1 : Number(text);
  if (ratio >= 0 && ratio <= 1) return ratio;
  warnings.push(`OTEL_TRACES_SAMPLER_ARG: got ${text}, wanted a number from 0 to 1`);
  return 1;
}

function exporterOf(env: Env, warnings: string[]): 'otlp' | 'none' {
  const name = textOf(env, 'OTEL_TRACES_EXPORTER') ?? 'otlp';
  if (name !== 'otlp' && name !== 'none') {
    warnings.push(`OTEL_TRACES_EXPORTER: got ${name}, wanted otlp or none`);
    return 'none';
  }
  const protocol =
    textOf(env, 'OTEL_EXPORTER_OTLP_TRACES_PROTOCOL') ?? textOf(env, 'OTEL_EXPORTER_OTLP_PROTOCOL');
  if (protocol !== undefined && protocol !== 'http/json') {
    // Collectors take both on the same address, so this still arrives.
    warnings.push(`OTEL_EXPORTER_OTLP_PROTOCOL: got ${protocol}, sends http/json`);
  }
  return name;
}

function integerOf(
  env: Env,
  name: string,
  fallback: number,
  min: number,
  warnings: string[],
): number {
  const text = textOf(env, name);
  if (text === undefined) return fallback;
  const value = Number(text);
  if (Number.isSafeInteger(value) && value >= min && value <= 10_000_000) return value;
  warnings.push(`${name}: got ${text}, wanted an integer from ${min} to 10000000`);
  return fallback;
}
