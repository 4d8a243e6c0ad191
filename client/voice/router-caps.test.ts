/** The guess about the server against the media library that it runs. */
import { getSupportedRtpCapabilities } from 'mediasoup';
import { expect, test } from 'vitest';
import { LIKELY_ROUTER_CAPS } from './router-caps.ts';

test('LIKELY_ROUTER_CAPS: what this mediasoup says of audio', () => {
  const likely = JSON.parse(LIKELY_ROUTER_CAPS) as {
    codecs: readonly { mimeType: string; rtcpFeedback: unknown }[];
    headerExtensions: unknown;
  };
  const { codecs = [], headerExtensions = [] } = getSupportedRtpCapabilities();
  expect(likely.headerExtensions).toEqual(headerExtensions.filter(({ kind }) => kind === 'audio'));
  const opus = codecs.find(({ mimeType }) => mimeType === 'audio/opus');
  expect(likely.codecs).toMatchObject([
    { mimeType: 'audio/opus', rtcpFeedback: opus?.rtcpFeedback },
  ]);
});
