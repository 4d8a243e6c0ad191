/** The guess about the server against the media library that it runs; against a server: voice-browser.e2e.test.ts, by its one V_JOIN. */
import { getSupportedRtpCapabilities } from 'mediasoup';
import { expect, test } from 'vitest';
import { LIKELY_ROUTER_CAPS } from './router-caps.ts';

test('LIKELY_ROUTER_CAPS: numbered as this mediasoup does, and nothing that steers video', () => {
  const likely = JSON.parse(LIKELY_ROUTER_CAPS) as {
    codecs: readonly { mimeType: string; rtcpFeedback: unknown }[];
    headerExtensions: readonly { uri: string }[];
  };
  const { codecs = [], headerExtensions = [] } = getSupportedRtpCapabilities();
  const audio = headerExtensions.filter(({ kind }) => kind === 'audio');
  const known = likely.headerExtensions.map(({ uri }) => audio.find((one) => one.uri === uri));
  expect(likely.headerExtensions).toEqual(known);
  const opus = codecs.find(({ mimeType }) => mimeType === 'audio/opus');
  const nack = opus?.rtcpFeedback?.filter(({ type }) => type === 'nack');
  expect(likely.codecs).toMatchObject([{ mimeType: 'audio/opus', rtcpFeedback: nack }]);
});
