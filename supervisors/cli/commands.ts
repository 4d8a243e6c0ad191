/**
 * Owns the table of all commands, in the order of `--help`. One line each; the command is a file in commands/, loaded when it
 * is asked for.
 */
import type { CliEntry } from './types.ts';

/** What the groups are about: names that have commands below them. */
export const GROUPS: Readonly<Record<string, string>> = {
  keys: 'signing keys of access tokens',
  record: 'recordings of channels',
  chaos: 'faults on purpose, for a time',
  user: 'accounts',
  token: 'access tokens for operators and programs',
};

export const COMMANDS: readonly CliEntry[] = [
  {
    name: 'top',
    about: 'watch the supervision tree, live',
    load: async () => (await import('./commands/top.ts')).top,
  },
  {
    name: 'tree',
    about: 'print the supervision tree',
    load: async () => (await import('./commands/tree.ts')).tree,
  },
  {
    name: 'node',
    about: 'print who answers, its threads and counters',
    load: async () => (await import('./commands/node.ts')).node,
  },
  {
    name: 'voice',
    about: 'print how far voice is, its media workers and rooms',
    load: async () => (await import('./commands/voice.ts')).voice,
  },
  {
    name: 'voice drain',
    about: 'replace a media worker while people talk',
    load: async () => (await import('./commands/voice.ts')).voiceDrain,
  },
  {
    name: 'inspect',
    about: 'look at a node, a thread or an actor',
    load: async () => (await import('./commands/inspect.ts')).inspect,
  },
  {
    name: 'where',
    about: 'find a channel, a message or a user',
    load: async () => (await import('./commands/where.ts')).where,
  },
  {
    name: 'trace message',
    about: 'tell where a sampled message went',
    load: async () => (await import('./commands/trace-message.ts')).traceMessage,
  },
  {
    name: 'trace sample',
    about: 'trace a share of all requests, for a time',
    load: async () => (await import('./commands/trace-message.ts')).traceSample,
  },
  {
    name: 'trace',
    about: 'watch the messages of an actor',
    load: async () => (await import('./commands/trace.ts')).trace,
  },
  {
    name: 'log',
    about: 'watch the log of the server',
    load: async () => (await import('./commands/log.ts')).log,
  },
  {
    name: 'log-level',
    about: 'set how much is logged, for a time',
    load: async () => (await import('./commands/log.ts')).logLevel,
  },
  {
    name: 'reports',
    about: 'watch crashes, restarts and hung threads',
    load: async () => (await import('./commands/audit.ts')).reports,
  },
  {
    name: 'audit',
    about: 'print what operators did',
    load: async () => (await import('./commands/audit.ts')).audit,
  },
  {
    name: 'suspend',
    about: 'let an actor take no messages for a time',
    load: async () => (await import('./commands/steer.ts')).suspend,
  },
  {
    name: 'resume',
    about: 'let a suspended actor go on',
    load: async () => (await import('./commands/steer.ts')).resume,
  },
  {
    name: 'kill',
    about: 'end an actor or a thread at once; it starts again',
    load: async () => (await import('./commands/steer.ts')).kill,
  },
  {
    name: 'restart',
    about: 'end an actor or a thread in order and start it again',
    load: async () => (await import('./commands/steer.ts')).restart,
  },
  {
    name: 'passivate',
    about: 'end an entity until its next message',
    load: async () => (await import('./commands/steer.ts')).passivate,
  },
  {
    name: 'drain',
    about: 'empty a shard, or stop the node, in order',
    load: async () => (await import('./commands/steer.ts')).drain,
  },
  {
    name: 'record start',
    about: 'record what goes in and out of a channel',
    load: async () => (await import('./commands/record.ts')).recordStart,
  },
  {
    name: 'record stop',
    about: 'end a recording before its time',
    load: async () => (await import('./commands/record.ts')).recordStop,
  },
  {
    name: 'record list',
    about: 'list recordings',
    load: async () => (await import('./commands/record.ts')).recordList,
  },
  {
    name: 'heap',
    about: 'write the heap of a thread to a file',
    load: async () => (await import('./commands/steer.ts')).heap,
  },
  {
    name: 'chaos menu',
    about: 'list what can be broken on purpose',
    load: async () => (await import('./commands/chaos.ts')).chaosMenu,
  },
  {
    name: 'chaos start',
    about: 'break something for a time and print the result',
    load: async () => (await import('./commands/chaos.ts')).chaosStart,
  },
  {
    name: 'chaos stop',
    about: 'end the present fault now',
    load: async () => (await import('./commands/chaos.ts')).chaosStop,
  },
  {
    name: 'chaos status',
    about: 'print what is broken on purpose',
    load: async () => (await import('./commands/chaos.ts')).chaosStatus,
  },
  {
    name: 'chaos results',
    about: 'print written results',
    load: async () => (await import('./commands/chaos.ts')).chaosResults,
  },
  {
    name: 'call',
    about: 'call any verb of the admin socket',
    load: async () => (await import('./commands/call.ts')).call,
  },
  {
    name: 'verbs',
    about: 'list the verbs of the connected server',
    load: async () => (await import('./commands/verbs.ts')).verbs,
  },
  {
    name: 'doctor',
    about: 'look at everything that a server needs',
    load: async () => (await import('./commands/doctor.ts')).doctor,
  },
  {
    name: 'backup',
    about: 'copy the database and the keys into a new folder',
    load: async () => (await import('./commands/backup.ts')).backup,
  },
  {
    name: 'restore',
    about: 'put a backup back into the data folder',
    load: async () => (await import('./commands/restore.ts')).restore,
  },
  {
    name: 'export',
    about: 'write one guild as JSON lines in a hash chain',
    load: async () => (await import('./commands/export.ts')).exportGuild,
  },
  {
    name: 'verify',
    about: 'check that a backup or an export is whole',
    load: async () => (await import('./commands/verify.ts')).verify,
  },
  {
    name: 'user list',
    about: 'list accounts',
    load: async () => (await import('./commands/users.ts')).userList,
  },
  {
    name: 'user create',
    about: 'make an account',
    load: async () => (await import('./commands/users.ts')).userCreate,
  },
  {
    name: 'user password',
    about: 'give an account a new password',
    load: async () => (await import('./commands/users.ts')).userPassword,
  },
  {
    name: 'user disable',
    about: 'end the logins of an account and refuse new ones',
    load: async () => (await import('./commands/users.ts')).userDisable,
  },
  {
    name: 'user enable',
    about: 'let a disabled account log in again',
    load: async () => (await import('./commands/users.ts')).userEnable,
  },
  {
    name: 'user admin',
    about: 'give an account the scope admin, or take it',
    load: async () => (await import('./commands/users.ts')).userAdmin,
  },
  {
    name: 'token list',
    about: 'list tokens that live',
    load: async () => (await import('./commands/tokens.ts')).tokenList,
  },
  {
    name: 'token create',
    about: 'make an access token with scopes',
    load: async () => (await import('./commands/tokens.ts')).tokenCreate,
  },
  {
    name: 'token revoke',
    about: 'end a token before its time',
    load: async () => (await import('./commands/tokens.ts')).tokenRevoke,
  },
  {
    name: 'keys rotate',
    about: 'make a new signing key; tokens of the old one stay valid',
    load: async () => (await import('./commands/keys-rotate.ts')).keysRotate,
  },
  {
    name: 'replay',
    about: 'run a recorded channel again from its file alone',
    load: async () => (await import('./commands/replay.ts')).replay,
  },
  {
    name: 'completion',
    about: 'print the script that completes driftway in a shell',
    load: async () => (await import('./commands/completion.ts')).completion,
  },
];
