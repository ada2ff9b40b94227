/*
 * A GoBGP made of a map, for what a real one cannot be brought to do on demand: refuse one route of many, accept and
 * not hold, answer late. It speaks generation 4 over real gRPC.
 */
import { setTimeout } from 'node:timers/promises';
import {
  Server,
  ServerCredentials,
  type ServerUnaryCall,
  type ServerWritableStream,
  type sendUnaryData,
  status,
} from '@grpc/grpc-js';
import { type GobgpCall, generationOf } from '../../src/gobgp/generation.ts';
import { readRibPath } from '../../src/gobgp/ribSnapshot.ts';
import { familyOfNumbers, type WireFamily, type WirePath } from '../../src/gobgp/wirePath.ts';

interface ListPathRequest {
  readonly family: WireFamily;
  /** Only these; empty = all of the family. */
  readonly prefixes: readonly { readonly prefix: string }[];
}

export class FakeGobgp {
  asn = 65_001;
  /** By route key. */
  readonly rib = new Map<string, WirePath>();
  /** Route keys that are answered with an error; in a stream it ends the stream. */
  readonly refused = new Set<string>();
  /** Route keys that are answered with OK and not held, as by an import policy. */
  readonly swallowed = new Set<string>();
  /** For how long a listing of a whole unicast table says nothing, as with a full table from a peer. */
  wholeTableMs = 0;
  /** Called when a path comes in, before it is answered. */
  onAdd: (key: string) => void = () => {};
  /** Names of the calls received. */
  readonly calls: GobgpCall[] = [];
  readonly #server = new Server();
  address = '';

  static async start(): Promise<FakeGobgp> {
    const fake = new FakeGobgp();
    fake.#serve();
    const port = await new Promise<number>((resolve, reject) => {
      fake.#server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
        error === null ? resolve(bound) : reject(error),
      );
    });
    fake.address = `127.0.0.1:${port}`;
    return fake;
  }

  stop(): void {
    this.#server.forceShutdown();
  }

  /** Takes a path as AddPath does; says what is wrong with it. */
  #add(path: WirePath): string | undefined {
    const key = keyOf(path);
    this.onAdd(key);
    if (this.refused.has(key)) return `invalid path: ${key}`;
    if (!this.swallowed.has(key)) this.rib.set(key, path);
    return undefined;
  }

  #serve(): void {
    const names: GobgpCall[] = [
      'GetBgp',
      'ListPeer',
      'ListPath',
      'AddPath',
      'AddPathStream',
      'DeletePath',
      'WatchEvent',
    ];
    const generation = generationOf('v4');
    const service = Object.fromEntries(names.map((name) => [name, generation.method(name)]));
    this.#server.addService(service, {
      GetBgp: (_call: object, answer: sendUnaryData<object>) =>
        answer(null, { global: { asn: this.asn, routerId: '127.0.0.1' } }),
      ListPeer: (call: ServerWritableStream<object, object>) => call.end(),
      WatchEvent: () => {},
      ListPath: async (call: ServerWritableStream<ListPathRequest, object>) => {
        this.calls.push('ListPath');
        const isWholeTable = call.request.family.safi === 1 && call.request.prefixes.length === 0;
        if (isWholeTable && this.wholeTableMs > 0) await setTimeout(this.wholeTableMs, undefined, { ref: false });
        for (const [key, path] of this.rib) {
          if (isAskedFor(path, key, call.request)) call.write({ destination: { prefix: '', paths: [path] } });
        }
        call.end();
      },
      AddPath: (call: ServerUnaryCall<{ path: WirePath }, object>, answer: sendUnaryData<object>) => {
        this.calls.push('AddPath');
        reply(answer, this.#add(call.request.path));
      },
      AddPathStream: (call: AsyncIterable<{ paths: WirePath[] }>, answer: sendUnaryData<object>) => {
        this.calls.push('AddPathStream');
        void this.#addStream(call).then((problem) => reply(answer, problem));
      },
      DeletePath: (call: ServerUnaryCall<{ path: WirePath }, object>, answer: sendUnaryData<object>) => {
        this.calls.push('DeletePath');
        this.rib.delete(keyOf(call.request.path));
        reply(answer, undefined);
      },
    });
  }

  async #addStream(messages: AsyncIterable<{ paths: WirePath[] }>): Promise<string | undefined> {
    for await (const { paths } of messages) {
      for (const path of paths) {
        const problem = this.#add(path);
        if (problem !== undefined) return problem;
      }
    }
    return undefined;
  }
}

function isAskedFor(path: WirePath, key: string, { family, prefixes }: ListPathRequest): boolean {
  if (path.family?.afi !== family.afi || path.family.safi !== family.safi) return false;
  return prefixes.length === 0 || prefixes.some(({ prefix }) => key.endsWith(` ${prefix}`));
}

function reply(answer: sendUnaryData<object>, problem: string | undefined): void {
  if (problem === undefined) answer(null, {});
  else answer({ code: status.UNKNOWN, details: problem });
}

function keyOf(path: WirePath): string {
  const family = familyOfNumbers(path.family);
  return family === undefined ? '' : (readRibPath(path, family, [])?.key ?? '');
}
