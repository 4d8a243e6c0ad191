/** The entry of native/: what is not TypeScript, and its loaders. Exports only. */
export {
  chooseUws,
  currentHost,
  type HttpRequest,
  type HttpResponse,
  loadUws,
  type RecognizedString,
  type TemplatedApp,
  type Uws,
  type UwsChoice,
  type UwsHost,
  type us_listen_socket,
  type us_socket_context_t,
  type WebSocket,
  type WebSocketBehavior,
} from './uws.ts';
