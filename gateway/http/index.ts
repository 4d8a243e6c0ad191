/** HTTP of Driftway: the app with every route of api.md, and its adapter to uWebSockets.js. Exports only. */
export { type AdapterStats, type AttachOptions, attachHttp } from './adapter.ts';
export { createHttpApp, type HttpApp, type HttpStats } from './app.ts';
export { ERRORS, type ErrorCode } from './errors.ts';
export type { OpenApiDocument } from './openapi.ts';
export type { RouteMeasure } from './request-meter.ts';
export type {
  Caller,
  HealthReport,
  HealthStatus,
  HttpDeps,
  HttpHandler,
  HttpLog,
  RequestEnv,
  StreamInfo,
} from './types.ts';
export type { UwsHttpApp, UwsRequest, UwsResponse } from './uws-types.ts';
export { createVoiceDemo } from './voice-demo.ts';
