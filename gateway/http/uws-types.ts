/** The part of uWebSockets.js that HTTP uses, so that this folder does not depend on its loader. Types only. */

export interface UwsRequest {
  getUrl(): string;
  /** The declared type says string, but it is undefined when there is no question mark. */
  getQuery(): string | undefined;
  getCaseSensitiveMethod(): string;
  forEach(visit: (key: string, value: string) => void): void;
}

export interface UwsResponse {
  onAborted(handler: () => void): unknown;
  onData(handler: (chunk: ArrayBuffer, isLast: boolean) => void): unknown;
  getRemoteAddress(): ArrayBuffer;
  cork(callback: () => void): unknown;
  writeStatus(status: string): unknown;
  writeHeader(key: string, value: string): unknown;
  end(body?: Uint8Array | string, closeConnection?: boolean): unknown;
  endWithoutBody(reportedContentLength?: number, closeConnection?: boolean): unknown;
  close(): unknown;
}

export interface UwsHttpApp {
  any(pattern: string, handler: (res: UwsResponse, req: UwsRequest) => void): unknown;
}
