import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { z } from 'zod';
import { type Answer, OPERATOR, type RunningApi, requestPath, runApi } from './runningApi.ts';

type Json = Record<string, unknown>;

interface Operation {
  readonly operationId: string;
  readonly security: unknown[];
  readonly parameters?: { readonly name: string; readonly schema: Json }[];
  readonly requestBody?: { readonly required: boolean; readonly content: Record<string, { schema: Json }> };
  readonly responses: Record<string, { readonly content: Record<string, { schema: Json }> }>;
}

interface Document {
  readonly openapi: string;
  readonly paths: Record<string, Record<string, Operation>>;
  readonly components: { readonly schemas: Record<string, Json> };
}

async function documentOf(api: RunningApi): Promise<Document> {
  return (await api.get('/api/v1/openapi.json', OPERATOR)).json as unknown as Document;
}

/** Every operation with its path and method. */
function operations(document: Document): { path: string; method: string; operation: Operation }[] {
  return Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
  );
}

function call(api: RunningApi, method: string, path: string, body: unknown): Promise<Answer> {
  return method === 'get' ? api.get(requestPath(path), OPERATOR) : api.post(path, body, OPERATOR);
}

/** A validator of the document's own schema, references resolved, so that it is the document that is tested. */
function validatorOf(document: Document, schema: Json): z.ZodType {
  const definitions = JSON.parse(
    JSON.stringify(document.components.schemas).replaceAll('#/components/schemas/', '#/$defs/'),
  );
  const own = JSON.parse(JSON.stringify(schema).replaceAll('#/components/schemas/', '#/$defs/'));
  return z.fromJSONSchema({ ...own, $defs: definitions });
}

const PATHS = [
  'get /api/v1/attacks',
  'get /api/v1/attacks/{id}',
  'get /api/v1/audit',
  'get /api/v1/bans',
  'get /api/v1/exporters',
  'get /api/v1/hosts',
  'get /api/v1/openapi.json',
  'get /api/v1/peers',
  'get /api/v1/status',
  'get /api/v1/traffic',
  'get /healthz',
  'get /metrics',
  'post /api/v1/ban',
  'post /api/v1/config/reload',
  'post /api/v1/notify/test',
  'post /api/v1/pause',
  'post /api/v1/resume',
  'post /api/v1/unban',
];

const BODIES: Record<string, unknown> = {
  '/api/v1/ban': { ip: '192.0.2.10', ttl_seconds: 60, match: { proto: ['udp', 6], dst_port: '80,443' } },
  '/api/v1/unban': { ip: '192.0.2.10' },
  '/api/v1/config/reload': {},
  '/api/v1/pause': {},
  '/api/v1/resume': {},
};

test('the document lists exactly the existing endpoints', async (t) => {
  const document = await documentOf(await runApi(t));
  assert.equal(document.openapi, '3.1.0');
  assert.deepEqual(
    operations(document)
      .map(({ path, method }) => `${method} ${path}`)
      .sort(),
    PATHS,
  );
});

test('the README lists the same endpoints', () => {
  const readme = readFileSync(path.join(import.meta.dirname, '../../src/api/README.md'), 'utf8');
  const listed = [...readme.matchAll(/^\| `(GET|POST) (\S+)` +\|/gm)].map(
    ([, method, at]) => `${method.toLowerCase()} ${at}`,
  );
  assert.deepEqual(listed.sort(), PATHS);
});

test('what the document lists is served, with an answer that its schema fits', async (t) => {
  const api = await runApi(t);
  const document = await documentOf(api);
  for (const { path, method, operation } of operations(document)) {
    const answer = await call(api, method, path, BODIES[path]);
    assert.equal(answer.status, 200, path);
    const [[contentType, { schema }]] = Object.entries(operation.responses[200].content);
    assert.ok(answer.headers.get('Content-Type')?.startsWith(contentType), path);
    const value = contentType === 'application/json' ? answer.json : answer.text;
    const { error } = validatorOf(document, schema).safeParse(value);
    assert.equal(error, undefined, `${path}: ${error?.message}`);
  }
});

test('a refused ban fits its schema, too', async (t) => {
  const api = await runApi(t);
  api.daemon.refusal = 'whitelisted';
  const document = await documentOf(api);
  const { schema } = document.paths['/api/v1/ban'].post.responses[409].content['application/json'];
  const { json } = await api.post('/api/v1/ban', { ip: '192.0.2.10' }, OPERATOR);
  assert.ok(validatorOf(document, schema).safeParse(json).success);
  assert.ok(!validatorOf(document, schema).safeParse({ ...json, state: 'gone' }).success);
});

test('request bodies fit the documented schema, and unknown keys do not', async (t) => {
  const document = await documentOf(await runApi(t));
  for (const [path, body] of Object.entries(BODIES)) {
    const { requestBody } = document.paths[path].post;
    const validator = validatorOf(document, requestBody?.content['application/json'].schema ?? assert.fail(path));
    assert.ok(validator.safeParse(body).success, path);
    assert.ok(!validator.safeParse({ ...(body as Json), unknown: 1 }).success, path);
    assert.equal(requestBody?.required, path === '/api/v1/ban' || path === '/api/v1/unban', path);
  }
});

test('only what is open says that it needs no token', async (t) => {
  const document = await documentOf(await runApi(t));
  const open = operations(document).filter(({ operation }) => operation.security.length === 0);
  assert.deepEqual(open.map(({ path }) => path).sort(), ['/healthz', '/metrics']);
});

test('the parameters of hosts are documented with their limits', async (t) => {
  const document = await documentOf(await runApi(t));
  const parameters = document.paths['/api/v1/hosts'].get.parameters ?? [];
  assert.deepEqual(
    parameters.map(({ name, schema }) => [name, schema.default, schema.maximum ?? schema.enum]),
    [
      ['limit', 100, 10000],
      ['sort', 'pps', ['pps', 'mbps', 'flows_per_sec']],
      ['group', undefined, undefined],
    ],
  );
});

test('every reference leads somewhere, and operations have names of their own', async (t) => {
  const document = await documentOf(await runApi(t));
  const references = [...JSON.stringify(document).matchAll(/"\$ref":"#\/components\/schemas\/([^"]+)"/g)].map(
    ([, name]) => name,
  );
  assert.ok(references.length > 20);
  for (const name of references) assert.ok(name in document.components.schemas, name);
  assert.ok(!JSON.stringify(document).includes('$defs'));
  const names = operations(document).map(({ operation }) => operation.operationId);
  assert.equal(new Set(names).size, names.length);
});

test('every status that an endpoint was seen to answer is documented', async (t) => {
  const api = await runApi(t);
  const document = await documentOf(api);
  const documented = (path: string, method: string) => Object.keys(document.paths[path][method].responses).map(Number);
  assert.deepEqual(documented('/api/v1/ban', 'post').sort(), [200, 400, 401, 403, 409, 413, 415, 429, 503]);
  assert.deepEqual(documented('/api/v1/unban', 'post').sort(), [200, 400, 401, 403, 404, 413, 415, 429, 503]);
  assert.deepEqual(documented('/api/v1/hosts', 'get').sort(), [200, 400, 401, 403, 429, 503]);
  assert.deepEqual(documented('/healthz', 'get').sort(), [200, 503]);
});
