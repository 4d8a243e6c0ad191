/**
 * What a PromQL expression refers to: metrics, and the labels asked of each. Not a parser of the whole language, but strict about
 * what it does not know: a word that is neither a metric, a function nor a keyword of ours is told as a metric, and then it is
 * missing. Runs in the test process; must never import product code.
 */

export interface Selector {
  readonly metric: string;
  /** In its braces. */
  readonly labels: readonly string[];
}

export interface Query {
  readonly selectors: readonly Selector[];
  /** Of `by (...)` and other clauses. */
  readonly grouped: readonly string[];
  readonly faults: readonly string[];
}

const FUNCTIONS = new Set(
  (
    'abs absent avg bottomk ceil changes clamp_max clamp_min count delta deriv floor histogram_quantile increase irate ' +
    'label_replace max max_over_time min predict_linear quantile rate round scalar sum time topk vector'
  ).split(' '),
);
const CLAUSES = new Set(['by', 'without', 'on', 'ignoring', 'group_left', 'group_right']);
const WORDS = new Set(['and', 'or', 'unless', 'bool', 'offset', 'inf', 'nan']);

const TOKEN =
  /\s+|(?<text>"(?:[^"\\]|\\.)*")|(?<range>\[[^\]]*\])|(?<number>\d+(?:\.\d+)?(?:e[+-]?\d+)?[smhd]?)|(?<word>[a-zA-Z_:$][a-zA-Z0-9_:]*)|(?<sign>[-+*/%^(){},]|[=!]~|[=!<>]=|[<>=])/y;

interface Token {
  readonly kind: 'text' | 'range' | 'number' | 'word' | 'sign';
  readonly text: string;
}

/** Metrics and labels that `expression` names. */
export function readQuery(expression: string): Query {
  const { tokens, faults } = tokenize(expression);
  const selectors: Selector[] = [];
  const grouped: string[] = [];
  for (let i = 0; i < tokens.length; i++) {
    const { kind, text } = tokens[i] as Token;
    if (kind !== 'word') continue;
    const next = tokens[i + 1]?.text;
    if (CLAUSES.has(text)) {
      const end = closing(tokens, i + 1);
      grouped.push(...words(tokens.slice(i + 2, end)));
      i = end;
    } else if (FUNCTIONS.has(text) && (next === '(' || CLAUSES.has(next ?? ''))) {
      // Its arguments come.
    } else if (!WORDS.has(text)) {
      const end = next === '{' ? closing(tokens, i + 1) : i;
      selectors.push({ metric: text, labels: words(tokens.slice(i + 2, Math.max(end, i + 2))) });
      i = end;
    }
  }
  return { selectors, grouped, faults: [...faults, ...balanceFaults(tokens)] };
}

function tokenize(expression: string): { readonly tokens: Token[]; readonly faults: string[] } {
  // Variables of Grafana stand where a range or a text is: `$__rate_interval`, `$instance`.
  const tokens: Token[] = [];
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < expression.length) {
    const at = TOKEN.lastIndex;
    const found = TOKEN.exec(expression);
    if (found === null) return { tokens, faults: [`not PromQL: ${expression.slice(at, at + 20)}`] };
    for (const [kind, text] of Object.entries(found.groups ?? {})) {
      if (text !== undefined) tokens.push({ kind: kind as Token['kind'], text });
    }
  }
  return { tokens, faults: [] };
}

const PAIRS: Readonly<Record<string, string>> = { '(': ')', '{': '}' };

/** Index of the bracket that closes the one at `from`; the last token when none does. */
function closing(tokens: readonly Token[], from: number): number {
  const opened = tokens[from]?.text ?? '';
  const end = tokens.findIndex(({ text }, i) => i > from && text === PAIRS[opened]);
  return end < 0 ? tokens.length - 1 : end;
}

function words(tokens: readonly Token[]): string[] {
  return tokens.filter(({ kind }) => kind === 'word').map(({ text }) => text);
}

function balanceFaults(tokens: readonly Token[]): string[] {
  const stack: string[] = [];
  for (const { text } of tokens) {
    if (text in PAIRS) stack.push(PAIRS[text] as string);
    else if ((text === ')' || text === '}') && stack.pop() !== text) return [`stray ${text}`];
  }
  return stack.length === 0 ? [] : ['not closed'];
}
