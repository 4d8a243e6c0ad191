/** Requests to Driftway's REST interface as a patient client makes them. Driving process of a bench. */

/** How often a request is made again that the server has no time for, and how long it waits where it is not told. */
const RETRIES = 20;
const RETRY_MS = 1000;

export interface RestRequest {
  readonly token?: string;
  readonly body: object;
}

/**
 * POSTs to `/api/v1` + `path` and gives the answer's body; after 503 or 429 again when the server says, at most 20 times.
 * Rejects with status and body for every other refusal.
 */
export async function post<T>(port: number, path: string, request: RestRequest): Promise<T> {
  for (let attempt = 0; ; attempt += 1) {
    const response = await postOnce(port, path, request);
    if (response.ok) return (await response.json()) as T;
    const text = await response.text();
    const isBusy = response.status === 503 || response.status === 429;
    if (!isBusy || attempt >= RETRIES) throw new Error(`${path}: got ${response.status} ${text}`);
    const { retryAfterMs = RETRY_MS } = JSON.parse(text) as { readonly retryAfterMs?: number };
    await new Promise((resolve) => {
      setTimeout(resolve, retryAfterMs);
    });
  }
}

function postOnce(port: number, path: string, { body, token }: RestRequest): Promise<Response> {
  const headers: Record<string, string> = { 'content-type': 'application/json' };
  if (token !== undefined) headers.authorization = `Bearer ${token}`;
  const url = `http://127.0.0.1:${port}/api/v1${path}`;
  return fetch(url, { method: 'POST', headers, body: JSON.stringify(body) });
}
