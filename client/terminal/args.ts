/** Command line of the terminal client. Pure. */
import { parseArgs } from 'node:util';

/** What the command line says. */
export interface ChatArgs {
  readonly name: string;
  /** Without a slash at its end. */
  readonly server: string;
  readonly password: string | null;
  /** Invite code to accept at the start. */
  readonly join: string | null;
  readonly historyCount: number;
  readonly useJson: boolean;
}

/** Outcome of reading the command line. */
export type ParsedArgs =
  | { readonly ok: true; readonly args: ChatArgs }
  | { readonly ok: false; readonly message: string }
  | { readonly ok: false; readonly help: true };

const DEFAULT_SERVER = 'http://127.0.0.1:7000';

/** Text of --help. */
export const HELP = `Usage: npm run chat -- --as NAME [options]

  --as NAME         user name: 2-32 of a-z 0-9 _ .
  --server URL      server (default ${DEFAULT_SERVER})
  --join CODE       accept an invite at the start
  --password TEXT   log in (or register) with this password; it is not stored.
                    Without it the first use registers with a made-up password
                    and keeps it in your config folder, readable by you only.
  --history N       messages shown at the start, 0-200 (default 20)
  --json            speak the JSON form of the protocol (to watch the wire)
  --help            this text

To try it alone, open two terminals:
  npm run chat -- --as alice
  npm run chat -- --as bob
On one computer the second one joins the first one's guild by itself. From
another computer use the code that /invite prints: --as carol --join CODE

In the chat, /help lists the commands. Without a terminal (a pipe) each line
of the input is one message or command, and the end of the input quits.
`;

/**
 * Reads the command line.
 * @param argv arguments after the script
 */
export function readArgs(argv: readonly string[]): ParsedArgs {
  let values: Record<string, string | boolean | undefined>;
  try {
    const parsed = parseArgs({
      args: [...argv],
      options: {
        as: { type: 'string' },
        server: { type: 'string' },
        join: { type: 'string' },
        password: { type: 'string' },
        history: { type: 'string' },
        json: { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
    });
    values = parsed.values;
  } catch (error) {
    return bad((error as Error).message);
  }
  if (values.help === true) return { ok: false, help: true };
  return check(values);
}

function bad(message: string): ParsedArgs {
  return { ok: false, message };
}

function check(values: Record<string, string | boolean | undefined>): ParsedArgs {
  const name = String(values.as ?? '').toLowerCase();
  if (name === '') return bad('Say who you are: --as NAME');
  if (!/^[a-z0-9_.]{2,32}$/.test(name)) {
    return bad(`--as: got "${name}", wanted 2-32 of a-z 0-9 _ .`);
  }
  const server = String(values.server ?? DEFAULT_SERVER);
  if (!URL.canParse(server) || !/^https?:/.test(server)) {
    return bad(`--server: got "${server}", wanted an http or https URL`);
  }
  const historyCount = Number(values.history ?? 20);
  if (!Number.isInteger(historyCount) || historyCount < 0 || historyCount > 200) {
    return bad(`--history: got "${values.history}", wanted 0-200`);
  }
  return {
    ok: true,
    args: {
      name,
      server: server.replace(/\/+$/, ''),
      password: typeof values.password === 'string' ? values.password : null,
      join: typeof values.join === 'string' ? inviteCode(values.join) : null,
      historyCount,
      useJson: values.json === true,
    },
  };
}

/**
 * The code in an invite, given as code or as link.
 * @param text what the user typed
 */
export function inviteCode(text: string): string {
  return text.trim().replace(/\/+$/, '').split('/').at(-1) ?? '';
}
