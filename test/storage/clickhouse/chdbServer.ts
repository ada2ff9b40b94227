/*
 * A ClickHouse server for tests: the engine as a library (the npm package chdb) behind as much of ClickHouse's HTTP
 * interface as the client uses. A process of its own, so that it can be killed and come back with its data.
 * Arguments: the folder where chdb is installed, the directory of the data, the port (0 for any).
 *
 * It tells the parent its port, and is told by it how to behave: `delayMs` before each answer, and how many answers to
 * inserts are to be lost after the rows have been stored.
 */
import { createServer, type IncomingMessage } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { gunzipSync } from 'node:zlib';

export interface Behaviour {
  readonly delayMs?: number;
  readonly loseAnswers?: number;
}

interface Session {
  query(sql: string, format?: string): string;
  queryBind(sql: string, parameters: Record<string, string>, format?: string): string;
}

const [folder, data, portText] = process.argv.slice(2);
const { Session } = createRequire(path.join(folder, 'package.json'))('chdb') as {
  Session: new (directory: string) => Session;
};
const session = new Session(data);
let delayMs = 0;
let loseAnswers = 0;

process.on('message', (told: Behaviour) => {
  delayMs = told.delayMs ?? 0;
  loseAnswers = told.loseAnswers ?? 0;
  process.send?.('told');
});
process.on('disconnect', () => process.exit());

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const bytes = Buffer.concat(chunks);
  return (request.headers['content-encoding'] === 'gzip' ? gunzipSync(bytes) : bytes).toString();
}

/** Settings come as parameters of the URL, and go where the statement takes them. */
function withSettings(sql: string, url: URL): string {
  const known = ['insert_deduplication_token', 'insert_deduplicate', 'output_format_json_quote_64bit_integers'];
  const settings = known.flatMap((name) => {
    const value = url.searchParams.get(name);
    return value === null ? [] : [`${name} = '${value}'`];
  });
  if (settings.length === 0) return sql;
  if (!/^\s*INSERT/i.test(sql))
    return sql.replace(/\s*FORMAT (\w+)\s*$/, `\nSETTINGS ${settings.join(', ')} FORMAT $1`);
  return sql.replace(/\s+FORMAT (\w+)/, ` SETTINGS ${settings.join(', ')} FORMAT $1`);
}

function run(sql: string, url: URL): string {
  const parameters: Record<string, string> = {};
  for (const [name, value] of url.searchParams) {
    if (name.startsWith('param_')) parameters[name.slice('param_'.length)] = value;
  }
  return Object.keys(parameters).length === 0 ? session.query(sql) : session.queryBind(sql, parameters);
}

const server = createServer(async (request, response) => {
  const url = new URL(request.url ?? '/', 'http://localhost');
  const body = await bodyOf(request);
  const query = url.searchParams.get('query');
  if (delayMs > 0) await sleep(delayMs);
  try {
    const answer = run(query === null ? withSettings(body, url) : `${withSettings(query, url)}\n${body}`, url);
    if (query?.startsWith('INSERT') && loseAnswers > 0) {
      loseAnswers--;
      request.socket.destroy();
      return;
    }
    response.writeHead(200, { 'Content-Type': 'text/plain' }).end(answer);
  } catch (error) {
    const text = (error instanceof Error ? error.message : String(error)).replace(/^Query failed: /, '');
    const code = /Code: (\d+)/.exec(text)?.[1] ?? '1002';
    response.writeHead(500, { 'X-ClickHouse-Exception-Code': code }).end(`${text} (version 26.7)`);
  }
});
server.listen(Number(portText), '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port));
