/** What a connection of the Unix socket is told that does not become a session. Main thread. */
import type { Socket } from 'node:net';

/** Answers the upgrade with a code, and hangs up. */
export function refuse(socket: Socket, status: string, code: string): void {
  const body = JSON.stringify({ code });
  socket.end(
    `HTTP/1.1 ${status}\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\nconnection: close\r\n\r\n${body}`,
  );
}
