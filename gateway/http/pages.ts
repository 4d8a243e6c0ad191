/**
 * The two HTML pages of the server: the API to read, and the landing page. Self-contained, no
 * script. Pure; gateway threads.
 */
import type { OpenApiDocument } from './openapi.ts';

type Json = Readonly<Record<string, unknown>>;

const STYLE = `
:root{color-scheme:light dark;--line:#8884;--soft:#8881;--accent:#2a6fd6}
body{font:16px/1.5 system-ui,sans-serif;margin:0 auto;max-width:60rem;padding:1.5rem}
h1{margin:0 0 .25rem}h2{border-bottom:1px solid var(--line);margin-top:2.5rem;text-transform:capitalize}
code,pre{font:14px/1.45 ui-monospace,monospace}pre{background:var(--soft);padding:.75rem;overflow:auto;border-radius:6px}
details{border:1px solid var(--line);border-radius:6px;margin:.5rem 0}
summary{cursor:pointer;padding:.5rem .75rem}details>div{padding:0 .75rem .75rem}
.m{display:inline-block;min-width:4.5rem;font-weight:700;color:var(--accent)}
.s{float:right;opacity:.75}table{border-collapse:collapse;width:100%}
td,th{text-align:left;vertical-align:top;border-bottom:1px solid var(--line);padding:.25rem .5rem}a{color:var(--accent)}`;

const METHODS = ['get', 'post', 'put', 'patch', 'delete'] as const;

/** Text made safe for HTML and attributes. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);
}

function page(title: string, body: string): string {
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1"><title>${escapeHtml(title)}</title><style>${STYLE}</style></head><body>${body}</body></html>`;
}

/** `GET /`: what this is and where to read on. */
export function landingPage(version: string): string {
  return page(
    'Driftway',
    `<h1>Driftway</h1><p>A self-hosted chat and voice server, version ${escapeHtml(version)}. It is running.</p>
<ul><li><a href="/api/docs">HTTP API</a> (<a href="/api/v1/openapi.json">OpenAPI document</a>)</li>
<li>WebSocket: <code>/gw</code>, subprotocols <code>driftway.v1.mp</code> and <code>driftway.v1.json</code> (<a href="/api/v1/asyncapi.json">AsyncAPI document</a>)</li>
<li><a href="/voice-demo">Voice demo</a>: open it in two windows</li>
<li><a href="/health">Health</a>, <a href="/ready">readiness</a></li></ul>
<p>From a copy of the project, <code>npm run chat -- --as NAME --server URL</code> opens the terminal client.</p>`,
  );
}

/** `GET /api/docs`: the OpenAPI document as a page. */
export function docsPage(document: OpenApiDocument): string {
  const info = record(document.info);
  const paths = record(document.paths);
  const byTag = new Map<string, string[]>();
  for (const [path, methods] of Object.entries(paths)) {
    for (const method of METHODS) {
      const operation = record(methods)[method];
      if (operation === undefined) continue;
      const tag = text(list(record(operation).tags)[0]) || 'other';
      const html = operationHtml(document, method, path, record(operation));
      byTag.set(tag, [...(byTag.get(tag) ?? []), html]);
    }
  }
  const sections = [...byTag].map(([tag, items]) => `<h2>${escapeHtml(tag)}</h2>${items.join('')}`);
  const schemas = record(record(document.components).schemas);
  const types = Object.entries(schemas).map(
    ([name, schema]) =>
      `<details id="${escapeHtml(name)}"><summary><code>${escapeHtml(name)}</code></summary><div>${fieldsHtml(document, record(schema))}</div></details>`,
  );
  return page(
    'Driftway HTTP API',
    `<h1>${escapeHtml(text(info.title))} HTTP API</h1><p>Version ${escapeHtml(text(info.version))}. <a href="/api/v1/openapi.json">OpenAPI document</a></p>
<p>${escapeHtml(text(info.description))}</p>
<p>Routes marked <small>token</small> want the access token: <code>Authorization: Bearer TOKEN</code>.</p>${sections.join('')}<h2>types</h2>${types.join('')}`,
  );
}

function operationHtml(document: Json, method: string, path: string, operation: Json): string {
  const parameters = list(operation.parameters).map((item) => parameterOf(document, item));
  const bodySchema = contentSchema(record(operation.requestBody));
  const responses = Object.entries(record(operation.responses));
  const locked = operation.security === undefined ? '' : ' <small>token</small>';
  const parts = [
    text(operation.description) === '' ? '' : `<p>${escapeHtml(text(operation.description))}</p>`,
    parameters.length === 0 ? '' : `<h4>Parameters</h4>${parametersHtml(parameters)}`,
    bodySchema === undefined ? '' : `<h4>Body</h4>${fieldsHtml(document, bodySchema)}`,
    `<h4>Answers</h4><table>${responses.map(([status, response]) => responseHtml(status, record(response))).join('')}</table>`,
  ];
  return `<details><summary><span class="m">${method.toUpperCase()}</span> <code>${escapeHtml(path)}</code>${locked} <span class="s">${escapeHtml(text(operation.summary))}</span></summary><div>${parts.join('')}</div></details>`;
}

function parameterOf(document: Json, item: unknown): Json {
  const name = refName(record(item));
  if (name === undefined) return record(item);
  return record(record(record(document.components).parameters)[name]);
}

function parametersHtml(parameters: readonly Json[]): string {
  const rows = parameters.map((parameter) => {
    const type = typeText(record(parameter.schema));
    const where = `${text(parameter.in)}${parameter.required === true ? ', required' : ''}`;
    return `<tr><td><code>${escapeHtml(text(parameter.name))}</code></td><td>${escapeHtml(where)}</td><td>${type}</td></tr>`;
  });
  return `<table>${rows.join('')}</table>`;
}

function responseHtml(status: string, response: Json): string {
  const schema = contentSchema(response);
  const type = schema === undefined ? '' : typeText(schema);
  return `<tr><td><code>${escapeHtml(status)}</code></td><td>${escapeHtml(text(response.description))}</td><td>${type}</td></tr>`;
}

/** Fields of an object schema, references followed. */
function fieldsHtml(document: Json, schema: Json): string {
  const target = resolve(document, schema);
  const properties = Object.entries(record(target.properties));
  if (properties.length === 0) return `<p>${typeText(target)}</p>`;
  const required = new Set(list(target.required).map(text));
  const rows = properties.map(([name, property]) => {
    const field = record(property);
    const note = required.has(name) ? '' : 'optional';
    return `<tr><td><code>${escapeHtml(name)}</code></td><td>${typeText(field)}</td><td>${note}</td><td>${escapeHtml(text(field.description))}</td></tr>`;
  });
  return `<table>${rows.join('')}</table>`;
}

function resolve(document: Json, schema: Json): Json {
  const name = refName(schema);
  if (name === undefined) return schema;
  return record(record(record(document.components).schemas)[name]);
}

function refName(schema: Json): string | undefined {
  const ref = text(schema.$ref);
  return ref === '' ? undefined : ref.slice(ref.lastIndexOf('/') + 1);
}

/** A schema in a few words, as HTML. */
function typeText(schema: Json): string {
  const name = refName(schema);
  if (name !== undefined) return `<a href="#${escapeHtml(name)}">${escapeHtml(name)}</a>`;
  const choices = [...list(schema.anyOf), ...list(schema.oneOf)];
  if (choices.length > 0) return choices.map((choice) => typeText(record(choice))).join(' or ');
  if (schema.const !== undefined) return `<code>${escapeHtml(JSON.stringify(schema.const))}</code>`;
  if (schema.enum !== undefined) return `<code>${escapeHtml(list(schema.enum).join(' | '))}</code>`;
  if (schema.type === 'array') return `list of ${typeText(record(schema.items))}`;
  if (schema.type === 'object') {
    const fields = Object.entries(record(schema.properties));
    return `{ ${fields.map(([key, value]) => `${escapeHtml(key)}: ${typeText(record(value))}`).join(', ')} }`;
  }
  const bounds = ['minLength', 'maxLength', 'minimum', 'maximum', 'default', 'pattern']
    .filter((key) => schema[key] !== undefined && schema[key] !== Number.MAX_SAFE_INTEGER)
    .filter((key) => schema[key] !== Number.MIN_SAFE_INTEGER)
    .map((key) => `${key} ${String(schema[key])}`);
  const type = Array.isArray(schema.type) ? schema.type.join(' or ') : text(schema.type);
  return escapeHtml(bounds.length === 0 ? type : `${type} (${bounds.join(', ')})`);
}

function contentSchema(holder: Json): Json | undefined {
  const first = Object.values(record(holder.content))[0];
  return first === undefined ? undefined : record(record(first).schema);
}

function record(value: unknown): Json {
  return typeof value === 'object' && value !== null ? (value as Json) : {};
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
