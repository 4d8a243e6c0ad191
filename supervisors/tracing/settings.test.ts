/** OpenTelemetry's variables: what switches tracing on, and what is not understood. */
import { expect, test } from 'vitest';
import { readTraceSettings } from './settings.ts';

test('readTraceSettings: nothing set, tracing is off', () => {
  expect(readTraceSettings({})).toMatchObject({ isOn: false, exporter: 'otlp', warnings: [] });
  expect(readTraceSettings({ OTEL_TRACES_SAMPLER: ' ' }).isOn).toBe(false);
});

test.each([
  ['OTEL_EXPORTER_OTLP_ENDPOINT', 'http://127.0.0.1:4318'],
  ['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT', 'http://127.0.0.1:4318/v1/traces'],
  ['OTEL_TRACES_EXPORTER', 'otlp'],
  ['OTEL_TRACES_SAMPLER', 'always_on'],
])('readTraceSettings: %s is set, tracing is on for all requests', (name, value) => {
  expect(readTraceSettings({ [name]: value })).toMatchObject({ isOn: true, ratio: 1 });
  expect(readTraceSettings({ [name]: value, OTEL_SDK_DISABLED: 'TRUE' }).isOn).toBe(false);
});

test.each([
  ['always_on', 1, false],
  ['always_off', 0, false],
  ['traceidratio', 0.25, false],
  ['parentbased_always_on', 1, true],
  ['parentbased_always_off', 0, true],
  ['parentbased_traceidratio', 0.25, true],
])('readTraceSettings: sampler %s with 0.25, ratio %d', (sampler, ratio, followsParent) => {
  const env = { OTEL_TRACES_SAMPLER: sampler, OTEL_TRACES_SAMPLER_ARG: '0.25' };
  expect(readTraceSettings(env)).toMatchObject({ isOn: true, ratio, followsParent });
});

test('readTraceSettings: values that nobody understands, they are as not set and named', () => {
  const settings = readTraceSettings({
    OTEL_TRACES_SAMPLER: 'jaeger_remote',
    OTEL_TRACES_EXPORTER: 'zipkin',

    OTEL_BSP_MAX_QUEUE_SIZE: 'many',
    OTEL_BSP_SCHEDULE_DELAY: '-1',
  });
  expect(settings).toMatchObject({
    ...{ isOn: true, ratio: 1, followsParent: true, exporter: 'none' },
    ...{ queueMax: 2048, delayMs: 5000 },
  });
  expect(settings.warnings).toHaveLength(4);
  const protocol = readTraceSettings({ OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' });
  expect(protocol.warnings).toHaveLength(1);
  const bad = { OTEL_TRACES_SAMPLER: 'traceidratio', OTEL_TRACES_SAMPLER_ARG: '2' };
  expect(readTraceSettings(bad)).toMatchObject({ ratio: 1, warnings: [expect.any(String)] });
});

test('readTraceSettings: BSP variables, a batch is no larger than the queue', () => {
  const env = {
    OTEL_BSP_MAX_QUEUE_SIZE: '100',
    OTEL_BSP_MAX_EXPORT_BATCH_SIZE: '500',
    OTEL_BSP_EXPORT_TIMEOUT: '1000',
    OTEL_SERVICE_NAME: 'chat',
  };
  expect(readTraceSettings(env)).toMatchObject({
    ...{ queueMax: 100, batchMax: 100, timeoutMs: 1000, serviceName: 'chat', warnings: [] },
  });
});

test('readTraceSettings: headers with a secret, it is in no setting', () => {
  const env = {
    OTEL_EXPORTER_OTLP_HEADERS: 'authorization=secret-4711',
    OTEL_TRACES_EXPORTER: 'otlp',
  };
  expect(JSON.stringify(readTraceSettings(env))).not.toContain('secret-4711');
});
