/**
 * Owns libsrtp: Debian's source of it, with its patches, built with OpenSSL's crypto and linked statically. Debian's own binary package
 * uses NSS, which takes 5 to 40 times longer per packet (voice.md 4.2). Child process of a build only.
 *
 * The source comes through apt, which verifies it, with lists of our own in the build folder: machines seldom have source lists, and
 * their own lists are not ours to change.
 */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { runTool } from '../build/index.ts';
import { LIBSRTP_OPTIONS } from './recipe.ts';
import { failed, type Step, stepOf, type Work } from './work.ts';

const run = promisify(execFile);
const FIELDS = ['REPO_URI', 'RELEASE', 'COMPONENT', 'SIGNED_BY', 'ORIGIN'];

/** Makes `<folder>/libsrtp/libsrtp2.a` and its headers; nothing to do when an earlier build has. */
export async function ensureLibsrtp(work: Work): Promise<Step> {
  const target = join(work.folder, 'libsrtp');
  if (existsSync(join(target, 'libsrtp2.a'))) return { ok: true };
  const fetched = await fetchSource(work, target);
  if (!fetched.ok) return fetched;
  work.tell({ step: 'compiling', text: 'compiling libsrtp', share: 0 });
  const tool = (command: string, args: readonly string[]) =>
    runTool({ ...work, command, args, cwd: target });
  const configured = await tool('./configure', LIBSRTP_OPTIONS);
  if (!configured.ok) return stepOf(configured, 'build', 'configuring libsrtp', work);
  const made = await tool('make', [`-j${availableParallelism()}`, 'libsrtp2.a']);
  return stepOf(made, 'build', 'compiling libsrtp', work);
}

async function fetchSource(work: Work, target: string): Promise<Step> {
  work.tell({ step: 'fetching', text: "fetching Debian's source of libsrtp (apt)" });
  const apt = join(work.folder, 'apt');
  await rm(target, { recursive: true, force: true });
  await rm(apt, { recursive: true, force: true });
  for (const name of ['lists/partial', 'archives/partial', 'no-parts', 'unpacked']) {
    await mkdir(join(apt, name), { recursive: true });
  }
  const sources = sourceLines(await indexTargets());
  if (sources.length === 0) {
    return failed('source', "fetching libsrtp: apt knows no archive of Debian's or Ubuntu's");
  }
  await writeFile(join(apt, 'sources.list'), `${sources.join('\n')}\n`);
  const tool = (...args: readonly string[]) =>
    runTool({
      ...work,
      command: 'apt-get',
      args: [...options(apt), ...args],
      cwd: join(apt, 'unpacked'),
    });
  const updated = await tool('update');
  if (!updated.ok) return stepOf(updated, 'source', 'fetching libsrtp', work);
  const unpacked = await tool('source', '--only-source', 'libsrtp2');
  if (!unpacked.ok) return stepOf(unpacked, 'source', 'fetching libsrtp', work);
  const names = await readdir(join(apt, 'unpacked'), { withFileTypes: true });
  const folder = names.find((entry) => entry.isDirectory());
  if (folder === undefined) return failed('source', 'fetching libsrtp: apt unpacked nothing');
  await rename(join(apt, 'unpacked', folder.name), target);
  await rm(apt, { recursive: true, force: true });
  return { ok: true };
}

function options(apt: string): string[] {
  const settings = {
    'Dir::Etc::sourcelist': join(apt, 'sources.list'),
    'Dir::Etc::sourceparts': join(apt, 'no-parts'),
    'Dir::State::lists': join(apt, 'lists'),
    'Dir::Cache': apt,
    'Acquire::Languages': 'none',
    'Acquire::Retries': '2',
    'Acquire::http::Timeout': '30',
    // The lists are below a home folder that apt's own user may not enter.
    'APT::Sandbox::User': 'root',
  };
  return ['-q', ...Object.entries(settings).flatMap(([name, value]) => ['-o', `${name}=${value}`])];
}

async function indexTargets(): Promise<string> {
  const format = FIELDS.map((field) => `$(${field})`).join('|');
  const args = ['indextargets', '--no-release-info', '--format', format, 'Created-By: Packages'];
  const withInfo = await run(
    'apt-get',
    args.filter((arg) => arg !== '--no-release-info'),
  );
  if (withInfo.stdout.trim() !== '') return withInfo.stdout;
  // No lists yet: then the origin is not known either.
  return (await run('apt-get', args)).stdout;
}

/** The `deb-src` lines of the distribution's own archives, from what `apt-get indextargets` prints. */
export function sourceLines(targets: string): string[] {
  const rows = targets
    .split('\n')
    .map((line) => line.split('|'))
    .filter((row) => row.length === FIELDS.length && /^(main|universe)$/.test(row[2] ?? ''));
  const ours = rows.filter(([, , , , origin]) => /^(Debian|Ubuntu)$/.test(origin ?? ''));
  const lines = (ours.length > 0 ? ours : rows).map(([uri, release, component, signedBy]) => {
    const isPath = /^\/\S+$/.test(signedBy ?? '');
    return `deb-src ${isPath ? `[signed-by=${signedBy}] ` : ''}${uri} ${release} ${component}`;
  });
  return [...new Set(lines)];
}
