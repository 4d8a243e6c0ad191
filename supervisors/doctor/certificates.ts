/**
 * Checks of the TLS files: they can be read, belong together, are valid now and for a while, and name the address that people
 * use. Never shows the key.
 */
import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { isIP } from 'node:net';
import { fail, ok, reasonOf, warn } from './findings.ts';
import type { Check, Finding } from './types.ts';

const SOON_MS = 14 * 86_400_000;
const RENEW = 'renew it, put the files in place, and send SIGHUP to the server';

/** Certificate and key, when there are any. */
export const checkCertificates: Check = ({ clock, config }) => {
  const { publicUrl, publicUrlGiven, tlsCert, tlsKey } = config;
  if (tlsCert === null || tlsKey === null) return [ok('tls', 'no certificate: http and ws')];
  let chain: X509Certificate[];
  let key: KeyObject;
  try {
    chain = readChain(readFileSync(tlsCert, 'latin1'));
  } catch (error) {
    return [fail('tls', `${tlsCert} holds no certificate: ${reasonOf(error)}`, 'give a PEM file')];
  }
  try {
    key = createPrivateKey(readFileSync(tlsKey));
  } catch (error) {
    const remedy = 'give a PEM file with the private key, without a passphrase';
    return [fail('tls', `${tlsKey} holds no private key: ${reasonOf(error)}`, remedy)];
  }
  const host = publicUrlGiven ? new URL(publicUrl).hostname : null;
  const findings = judgeChain({ path: tlsCert, chain, key, host, now: clock.now() });
  if ((statSync(tlsKey).mode & 0o077) !== 0)
    return [...findings, warn('tls', `${tlsKey} is open to other users`, `chmod 600 ${tlsKey}`)];
  return findings;
};

function readChain(text: string): X509Certificate[] {
  const blocks = text.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  if (blocks.length === 0) throw new TypeError('no PEM block');
  return blocks.map((block) => new X509Certificate(block));
}

export interface ChainQuestion {
  readonly path: string;
  /** The server's own first. */
  readonly chain: readonly X509Certificate[];
  readonly key: KeyObject;
  /** The name that people use; null when it is not known. */
  readonly host: string | null;
  readonly now: number;
}

/** What is wrong with a chain, or that nothing is. */
export function judgeChain({ chain, host, key, now, path }: ChainQuestion): readonly Finding[] {
  const leaf = chain[0]!;
  if (!leaf.checkPrivateKey(key))
    return [
      fail('tls', `${path} belongs to another private key`, 'set DRIFTWAY_TLS_KEY to its own key'),
    ];
  const [from, to] = [Date.parse(leaf.validFrom), Date.parse(leaf.validTo)];
  const until = new Date(to).toISOString().slice(0, 10);
  if (now > to) return [fail('tls', `${path} ran out on ${until}`, RENEW)];
  if (now < from)
    return [
      fail('tls', `${path} is not valid yet: from ${leaf.validFrom} on`, 'set the clock, or wait'),
    ];
  const findings: Finding[] = [];
  if (to - now < SOON_MS) findings.push(warn('tls', `${path} runs out on ${until}`, RENEW));
  if (host !== null && !isFor(leaf, host)) {
    const shown = leaf.subjectAltName ?? leaf.subject;
    const remedy = 'get one for the name in DRIFTWAY_PUBLIC_URL, or correct that';
    findings.push(fail('tls', `${path} does not name ${host}, but ${shown}`, remedy));
  }
  if (leaf.checkIssued(leaf)) {
    const remedy = 'browsers will refuse it: get one from an authority that they know';
    findings.push(warn('tls', `${path} is signed by itself`, remedy));
  }
  return findings.length > 0 ? findings : [ok('tls', `${path}, valid until ${until}`)];
}

function isFor(leaf: X509Certificate, host: string): boolean {
  const bare = host.replace(/^\[|\]$/g, '');
  return (isIP(bare) === 0 ? leaf.checkHost(bare) : leaf.checkIP(bare)) !== undefined;
}
