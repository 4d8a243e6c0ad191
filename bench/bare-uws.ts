/**
 * The baseline: a bare uWebSockets.js server on one thread that publishes each received message as
 * it is to the topic of the sending socket. No decoding, no store, no order, no limits: the floor that
 * Driftway's CPU per delivery is compared with. A process of its own; prints its port as a line.
 */
import type { TemplatedApp, WebSocket } from 'uws-node22';

interface User {
  topic: string;
}

/** Message that joins: `s<topic>` subscribes, `t<topic>` only names the topic to publish to. */
const JOIN = 's'.charCodeAt(0);
const TARGET = 't'.charCodeAt(0);
/** `[4, 2]`: what the load client waits for, the form of an OK. */
const OK = Uint8Array.of(0x92, 4, 2);

const packageName = process.versions.node.startsWith('22.') ? 'uws-node22' : 'uws-node24';
const uws = (await import(packageName)).default as typeof import('uws-node22');

const app: TemplatedApp = uws.App();
app.ws<User>('/gw', {
  // Driftway's own settings (protocol.md 2.13, 2.14), so that the library does the same work.
  maxPayloadLength: 64 * 1024,
  maxBackpressure: 1024 * 1024,
  idleTimeout: 60,
  compression: uws.DISABLED,
  upgrade: (response, request, context) => {
    response.upgrade<User>(
      { topic: '' },
      request.getHeader('sec-websocket-key'),
      request.getHeader('sec-websocket-protocol'),
      request.getHeader('sec-websocket-extensions'),
      context,
    );
  },
  message: (socket: WebSocket<User>, message: ArrayBuffer) => {
    const user = socket.getUserData();
    if (user.topic !== '') {
      app.publish(user.topic, message, true);
      return;
    }
    const bytes = Buffer.from(message);
    const topic = bytes.toString('latin1', 1);
    if (bytes[0] === JOIN) socket.subscribe(topic);
    else if (bytes[0] === TARGET) user.topic = topic;
    socket.send(OK, true);
  },
});

app.listen('127.0.0.1', 0, (token) => {
  if (token === false) process.exit(1);
  process.stdout.write(`port ${uws.us_socket_local_port(token)}\n`);
});
