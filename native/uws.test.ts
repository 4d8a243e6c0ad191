/** Tests of the uWebSockets.js loader: the choice over hosts, and that the real one answers a request. */
import { expect, test } from 'vitest';
import { chooseUws, loadUws, type UwsHost } from './index.ts';

const DEBIAN_12: UwsHost = { platform: 'linux', arch: 'x64', node: '22.23.3', glibc: '2.36' };
const DEBIAN_13: UwsHost = { ...DEBIAN_12, glibc: '2.41' };

test.each([
  ['Node 22 on Debian 12', DEBIAN_12, 'uws-node22'],
  ['Node 22 on Debian 13', DEBIAN_13, 'uws-node22'],
  ['Node 24 on Debian 13', { ...DEBIAN_13, node: '24.1.0' }, 'uws-node24'],
  [
    'Node 24 on a Mac',
    { platform: 'darwin', arch: 'arm64', node: '24.1.0', glibc: null },
    'uws-node24',
  ],
])('chooseUws: %s, takes its package', (_title, host, packageName) => {
  expect(chooseUws(host)).toEqual({ ok: true, packageName });
});

test.each([
  ['an old Node', { ...DEBIAN_12, node: '20.20.2' }, /got Node 20\.20\.2.*npm start/],
  ['a Node 22 before 22.18', { ...DEBIAN_12, node: '22.4.0' }, /got Node 22\.4\.0/],
  ['Node 24 on an old glibc', { ...DEBIAN_12, node: '24.1.0' }, /got glibc 2\.36, wanted 2\.38/],
  ['musl', { ...DEBIAN_12, glibc: null }, /without glibc/],
  ['a platform without binaries', { ...DEBIAN_12, arch: 'riscv64' }, /linux-riscv64/],
])('chooseUws: %s, says in one sentence what is wanted', (_title, host, wanted) => {
  const choice = chooseUws(host);
  expect(choice.ok ? '' : choice.message).toMatch(wanted);
  expect(choice.ok ? '' : choice.message).not.toContain('\n');
});

test('loadUws: on this machine, answers a request', async () => {
  const uws = loadUws();
  const app = uws.App().get('/', (res) => {
    res.end('hello');
  });
  const listening = await new Promise<false | { port: number }>((resolve) => {
    // A shared port 0 can be one that another test file's server shares already.
    app.listen(0, uws.LIBUS_LISTEN_EXCLUSIVE_PORT, (socket) => {
      resolve(socket ? { port: uws.us_socket_local_port(socket) } : false);
    });
  });
  expect(listening).not.toBe(false);
  const port = listening === false ? 0 : listening.port;
  const answer = await fetch(`http://127.0.0.1:${port}/`, { headers: { connection: 'close' } });
  expect(await answer.text()).toBe('hello');
  app.close();
});
