/*
 * The API over a fake daemon, listening on a port of its own for the length of one test.
 */
import type { TestContext } from 'node:test';
import { pino } from 'pino';
import { AuditLog } from '../../src/api/auditLog.ts';
import { ApiServer, type ApiServerOptions } from '../../src/api/server.ts';
import { SystemClock } from '../../src/clock.ts';
import { FakeDaemon } from './fakeDaemon.ts';

export const VIEWER = 'viewer-secret-0123456789';
export const OPERATOR = 'operator-secret-0123456789';

export const TOKENS: ApiServerOptions['tokens'] = [
  { name: 'grafana', secret: VIEWER, role: 'viewer', tenant: undefined },
  { name: 'noc', secret: OPERATOR, role: 'operator', tenant: undefined },
];

/** An endpoint's path with the parameters that it cannot do without. */
export function requestPath(path: string): string {
  if (path === '/api/v1/traffic') return `${path}?group=web`;
  return path.replace('{id}', 'attack-192.0.2.130');
}

export type LogLine = Record<string, unknown> & { readonly audit?: Record<string, unknown> };

export interface RunningApi {
  readonly daemon: FakeDaemon;
  readonly server: ApiServer;
  readonly port: number;
  readonly url: string;
  readonly logLines: LogLine[];
  get(path: string, token?: string): Promise<Answer>;
  /** `body` as it stands if it is text, else as JSON. */
  post(path: string, body: unknown, token?: string, headers?: Record<string, string>): Promise<Answer>;
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** Of a JSON answer. */
  readonly json: Record<string, unknown>;
}

export async function runApi(t: TestContext, options: Partial<ApiServerOptions> = {}): Promise<RunningApi> {
  const daemon = new FakeDaemon();
  const logLines: LogLine[] = [];
  const logger = pino({ level: 'debug' }, { write: (line: string) => void logLines.push(JSON.parse(line)) });
  const server = new ApiServer(daemon, {
    audit: new AuditLog(logger, daemon.auditMemory),
    clock: new SystemClock(),
    tokens: TOKENS,
    listen: { host: '127.0.0.1', port: 0 },
    allowUnauthenticated: false,
    logger,
    ...options,
  });
  const { port } = await server.start();
  t.after(() => server.stop());
  const url = `http://127.0.0.1:${port}`;
  return {
    daemon,
    server,
    port,
    url,
    logLines,
    get: (path, token) => answerOf(fetch(url + path, { headers: authorization(token) })),
    post: (path, body, token, headers = { 'Content-Type': 'application/json' }) =>
      answerOf(
        fetch(url + path, {
          method: 'POST',
          headers: { ...authorization(token), ...headers },
          body: typeof body === 'string' || body === undefined ? body : JSON.stringify(body),
        }),
      ),
  };
}

function authorization(token: string | undefined): Record<string, string> {
  return token === undefined ? {} : { Authorization: `Bearer ${token}` };
}

async function answerOf(request: Promise<Response>): Promise<Answer> {
  const response = await request;
  const { status, headers } = response;
  const text = await response.text();
  const isJson = headers.get('Content-Type')?.startsWith('application/json') ?? false;
  return { status, headers, text, json: isJson ? JSON.parse(text) : {} };
}
