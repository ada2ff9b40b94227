/*
 * The OpenAPI 3.1 document, made from the table of endpoints: it documents the same
 * schemas that type and validate the API, so the two cannot differ.
 */
import { z } from 'zod';
import { STATUS_OF } from './apiError.ts';
import type { Endpoint } from './endpoint.ts';

type Json = Record<string, unknown>;

/** Errors of every endpoint that needs a token, besides its own answers. */
const COMMON_ANSWERS: Readonly<Record<number, string>> = {
  [STATUS_OF.malformed]: 'Malformed request',
  [STATUS_OF.unauthenticated]: 'No token, or a wrong one',
  [STATUS_OF.forbidden]: "Not allowed for the token's role, or outside its tenant",
  [STATUS_OF.too_many_requests]: 'Too many failed logins from this address',
  [STATUS_OF.not_ready]: 'The daemon is starting',
};

/** Errors of every mutation. */
const MUTATION_ANSWERS: Readonly<Record<number, string>> = {
  [STATUS_OF.too_large]: 'The body is too large',
  [STATUS_OF.unsupported_media_type]: 'Content-Type is not application/json',
};

const ERROR: Json = { type: 'object', properties: { error: { type: 'string' } }, required: ['error'] };

export function openApiDocument(endpoints: readonly Endpoint[], version: string): Json {
  const schemas: Json = {};
  const paths: Record<string, Json> = {};
  for (const endpoint of endpoints) {
    paths[endpoint.path] = { ...paths[endpoint.path], [endpoint.method.toLowerCase()]: operation(endpoint, schemas) };
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Kapkan',
      version,
      description: 'DDoS detection from flow telemetry, mitigation through GoBGP. Fields that do not apply are absent.',
    },
    paths,
    components: { schemas, securitySchemes: { token: { type: 'http', scheme: 'bearer' } } },
  };
}

function operation(endpoint: Endpoint, schemas: Json): Json {
  const responses: Json = {};
  if (endpoint.role !== 'open') {
    const errors = { ...COMMON_ANSWERS, ...(endpoint.action === undefined ? {} : MUTATION_ANSWERS) };
    for (const [status, description] of Object.entries(errors)) responses[status] = answer(description, ERROR);
  }
  for (const [status, { description, schema }] of Object.entries(endpoint.answers)) {
    responses[status] = answer(description, jsonSchema(schema, 'input', schemas), endpoint.textType);
  }
  const described: Json = {
    operationId: operationId(endpoint),
    summary: endpoint.summary,
    ...(endpoint.role === 'open' || endpoint.tenants === 'scoped'
      ? {}
      : { description: 'Not for tokens with a tenant.' }),
    responses,
    security: endpoint.role === 'open' ? [] : [{ token: [] }],
  };
  const parameters = parametersOf(endpoint, schemas);
  if (parameters.length > 0) described.parameters = parameters;
  if (endpoint.action !== undefined) {
    const required = !endpoint.body.safeParse(undefined).success;
    const schema = jsonSchema(endpoint.body, 'input', schemas);
    described.requestBody = { required, content: { 'application/json': { schema } } };
  }
  return described;
}

/** `GET /api/v1/hosts` -> `getHosts`. */
function operationId({ method, path }: Endpoint): string {
  const words = path
    .replace(/^\/api\/v1\//, '')
    .split(/[^a-zA-Z]+/)
    .filter((word) => word !== '');
  return method.toLowerCase() + words.map((word) => word[0].toUpperCase() + word.slice(1)).join('');
}

function answer(description: string, schema: Json, contentType = 'application/json'): Json {
  return { description, content: { [contentType.split(';')[0]]: { schema } } };
}

/** After coercion, so that a number is documented as one though a query string is text. */
function parametersOf(endpoint: Endpoint, schemas: Json): Json[] {
  const { properties } = jsonSchema(endpoint.query, 'output', schemas);
  return Object.entries((properties ?? {}) as Record<string, Json>).map(([name, { description, ...schema }]) => {
    const isInPath = endpoint.path.includes(`{${name}}`);
    return { name, in: isInPath ? 'path' : 'query', required: isInPath, description, schema };
  });
}

/** Named schemas move to the document's components; objects in answers stay open for fields of later versions. */
function jsonSchema(schema: z.ZodType, io: 'input' | 'output', schemas: Json): Json {
  const generated: Json = z.toJSONSchema(schema, {
    io,
    // A parameter's parsed type has no JSON schema; its metadata describes the text to send.
    unrepresentable: 'any',
    override: ({ jsonSchema: made }) => {
      // The format is enough; zod's pattern for dates is too long to read.
      if (made.format === 'date-time') delete made.pattern;
    },
  });
  const {
    $schema: _dialect,
    $defs: definitions,
    ...own
  } = JSON.parse(JSON.stringify(generated).replaceAll('"#/$defs/', '"#/components/schemas/')) as Json;
  Object.assign(schemas, definitions);
  return own;
}
