/** The entry of the socket side of a gateway thread, and of what supervisors/ gives it. Exports only. */
export * from './auth/index.ts';
export { GatewayError, type GatewayErrorCode } from './errors.ts';
export { FAN_OUT_NAME } from './fan-out-actor.ts';
export { startGateway } from './gateway.ts';
export type { GatewayHandle, GatewayOptions } from './gateway-options.ts';
export * from './http/index.ts';
export type { TlsFiles } from './listener.ts';
export type { GatewayMetrics } from './metrics.ts';
export { RateTable } from './rates/index.ts';
export type { AudienceFacts, ConnectionFacts } from './thread-view.ts';
export type { FollowerClass, GatewayMeasures } from './timings.ts';
export {
  inTraceScope,
  parentsRefused,
  setTracePolicy,
  type TracePolicy,
  traceHttp,
} from './trace/index.ts';
export type { GatewayLog, Upstream } from './types.ts';
export type { VoicePort } from './voice-ops.ts';
