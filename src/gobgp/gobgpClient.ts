/*
 * One gobgpd over gRPC: the handful of calls Kapkan makes, each with a deadline and one kind of error. Which of the two
 * API generations it speaks is asked on every connect, since a daemon may be upgraded behind the same address.
 *
 * Nothing here retries, keeps state about routes or knows what is wanted; that is the announcer's.
 */
import { readFileSync } from 'node:fs';
import {
  type ChannelCredentials,
  Client,
  type ClientReadableStream,
  type ClientWritableStream,
  credentials,
  Metadata,
  type ServiceError,
} from '@grpc/grpc-js';
import type { GobgpTlsConfig } from '../config/sections/gobgp.ts';
import { messageOf } from '../errors.ts';
import type { RouteFamily } from '../mitigation/route.ts';
import { CallDeadline } from './callDeadline.ts';
import { type Generation, type GobgpApi, type GobgpCall, generationOf } from './generation.ts';
import { deadlineError, GobgpError } from './gobgpError.ts';
import { gobgpErrorOf } from './grpcFault.ts';
import { isInjected } from './ribSnapshot.ts';
import { familyNumbers, isFlowspecFamily, type WirePath, type WirePeer } from './wirePath.ts';

export interface GobgpClientOptions {
  /** `host:port` or `unix:/path`. */
  readonly address: string;
  readonly api: GobgpApi | 'auto';
  readonly tls: GobgpTlsConfig | undefined;
  /** How long the daemon may say nothing in a call. */
  readonly timeoutSeconds: number;
}

/** What GetBgp tells; the ASN is never 0 here. */
export interface GobgpIdentity {
  readonly api: GobgpApi;
  readonly asn: number;
  readonly routerId: string;
}

export interface ListPathsOptions {
  /** Address of a peer: what it is sent, in place of the global RIB. */
  readonly adjOutOf?: string;
  /** Canonical texts: only these of a unicast family. GoBGP cannot look up FlowSpec rules, so there all are listed. */
  readonly prefixes?: readonly string[];
  /** Leaves out what was learned from peers, before it costs anything to decode. */
  readonly injectedOnly?: boolean;
  /** GoBGP has to go through a whole table, which may hold every route of the internet: it may be silent for long. */
  readonly wholeTable?: boolean;
}

/** What a watch tells: that a session changed its state, or which best paths did. Hints only, some are lost. */
export interface GobgpEvent {
  readonly peerChanged: boolean;
  readonly paths: readonly WirePath[];
}

/** PeerEvent.type: the others only tell at the start what there is. */
const PEER_STATE_EVENT = 3;

/** A listing of a million routes is some hundred megabytes, over the 4 MB that gRPC allows a message by default. */
const MAX_RECEIVE_BYTES = 256 * 1024 * 1024;

/**
 * GoBGP collects a listing before it sends any of it: a million routes took it 10 s on two cores. The call of a daemon
 * that hangs ends sooner, with its session.
 */
const WHOLE_TABLE_SILENCE_MS = 60_000;

/**
 * While GoBGP goes through a whole table for us, it answers nothing else for a while: other calls wait this much
 * longer.
 */
const BUSY_FACTOR = 4;

/** Paths in one message of AddPathStream. */
const PATHS_PER_MESSAGE = 200;

/** What a path adds to the deadline of AddPathStream, which answers once all are in; it takes some 20 µs of it. */
const MS_PER_STREAMED_PATH = 1;

const CHANNEL_OPTIONS = {
  'grpc.max_receive_message_length': MAX_RECEIVE_BYTES,
  // gRPC's own pacing would reach minutes; the announcer paces itself.
  'grpc.initial_reconnect_backoff_ms': 100,
  'grpc.max_reconnect_backoff_ms': 400,
  'grpc.use_local_subchannel_pool': 1,
  'grpc.enable_retries': 0,
  // The daemon is a neighbour; a proxy for the web or a TXT record in DNS has no say here.
  'grpc.enable_http_proxy': 0,
  'grpc.service_config_disable_resolution': 1,
};

export class GobgpClient {
  readonly address: string;
  /** The generations that it may speak, in the order in which they are tried. */
  readonly #candidates: readonly GobgpApi[];
  readonly #timeoutMs: number;
  readonly #client: Client;
  readonly #listings = new Set<ClientReadableStream<object>>();
  #wholeTableListings = 0;
  #generation: Generation | undefined;

  /** Connects lazily. Throws when a TLS file cannot be read. */
  constructor(options: GobgpClientOptions) {
    this.address = options.address;
    this.#timeoutMs = options.timeoutSeconds * 1000;
    this.#candidates = options.api === 'auto' ? ['v4', 'v3'] : [options.api];
    const serverName = options.tls?.serverName;
    const naming =
      serverName === undefined
        ? {}
        : { 'grpc.ssl_target_name_override': serverName, 'grpc.default_authority': serverName };
    this.#client = new Client(options.address, credentialsOf(options.tls), { ...CHANNEL_OPTIONS, ...naming });
  }

  /** The generation found by the last `getBgp`. */
  get api(): GobgpApi | undefined {
    return this.#generation?.api;
  }

  /** Finds the generation where it is not known. Throws `BGP_NOT_STARTED` while the daemon has no ASN. */
  async getBgp(): Promise<GobgpIdentity> {
    const known = this.api;
    const candidates =
      known === undefined ? this.#candidates : [known, ...this.#candidates.filter((other) => other !== known)];
    for (const candidate of candidates) {
      const generation = generationOf(candidate);
      this.#generation = generation;
      try {
        const { global } = (await this.#unary('GetBgp', {})) as { global: { asn: number; routerId: string } | null };
        if (global === null || global.asn === 0) {
          throw new GobgpError('BGP_NOT_STARTED', 'GetBgp', 'BGP is not started, it has no ASN');
        }
        return { api: generation.api, asn: global.asn, routerId: global.routerId };
      } catch (error) {
        this.#generation = undefined;
        if (!(error instanceof GobgpError && error.code === 'UNIMPLEMENTED')) throw error;
      }
    }
    const tried = candidates.join(' and ');
    throw new GobgpError('UNIMPLEMENTED', 'GetBgp', `${this.address} does not speak GoBGP's API ${tried}`);
  }

  async listPeers(): Promise<WirePeer[]> {
    const generation = this.#requireGeneration();
    const peers: WirePeer[] = [];
    await this.#list('ListPeer', {}, (answer) => peers.push(generation.unpackPeer((answer as { peer: object }).peer)));
    return peers;
  }

  /** The paths of one family, of the global RIB unless another table is named. */
  async listPaths(family: RouteFamily, options: ListPathsOptions = {}): Promise<WirePath[]> {
    const generation = this.#requireGeneration();
    const lookups = isFlowspecFamily(family) ? [] : (options.prefixes ?? []);
    const request = {
      tableType: options.adjOutOf === undefined ? generation.globalTable : generation.adjOutTable,
      name: options.adjOutOf ?? '',
      family: familyNumbers(family),
      prefixes: lookups.map((prefix) => ({ prefix, type: generation.exactLookup })),
    };
    const listed: WirePath[] = [];
    // Unpacked as they come, so that a listing of a million routes is never in memory as a whole.
    const take = (answer: object): void => {
      for (const path of (answer as { destination: { paths: object[] } }).destination.paths) {
        if (options.injectedOnly !== true || isInjected(path)) listed.push(generation.unpackPath(path));
      }
    };
    if (options.wholeTable === true) await this.#listWholeTable('ListPath', request, take);
    else await this.#list('ListPath', request, take);
    return listed;
  }

  async addPath(path: WirePath, key: string): Promise<void> {
    const generation = this.#requireGeneration();
    await this.#unary('AddPath', { tableType: generation.globalTable, path: generation.packPath(path) }, key);
  }

  /** Adds many in one call. A path that is refused takes those behind it along: list afterwards, this is no proof. */
  addPaths(paths: readonly WirePath[]): Promise<void> {
    const generation = this.#requireGeneration();
    const { path, requestSerialize, responseDeserialize } = generation.method('AddPathStream');
    const timeoutMs = this.#silenceMs + paths.length * MS_PER_STREAMED_PATH;
    return new Promise((resolve, reject) => {
      const call: ClientWritableStream<object> = this.#client.makeClientStreamRequest(
        path,
        requestSerialize,
        responseDeserialize,
        new Metadata(),
        {},
        (error: ServiceError | null) => {
          deadline.end();
          if (error === null) resolve();
          else if (deadline.hasPassed) reject(deadlineError('AddPathStream', timeoutMs));
          else reject(gobgpErrorOf(error, 'AddPathStream'));
        },
      );
      const deadline = new CallDeadline(timeoutMs, () => call.cancel());
      for (let i = 0; i < paths.length; i += PATHS_PER_MESSAGE) {
        const batch = paths.slice(i, i + PATHS_PER_MESSAGE).map((one) => generation.packPath(one));
        call.write({ tableType: generation.globalTable, paths: batch });
      }
      call.end();
    });
  }

  /** OK also where there was nothing to withdraw. */
  async deletePath(path: WirePath, key: string): Promise<void> {
    const generation = this.#requireGeneration();
    // Without a path this call withdraws every route in the daemon, foreign ones too.
    const namesRoute = path.nlri?.prefix !== undefined || path.nlri?.flowSpec !== undefined;
    if (!namesRoute || path.family === null) throw new GobgpError('INVALID_ROUTE', 'DeletePath', 'no route named', key);
    const request = { tableType: generation.globalTable, family: path.family, path: generation.packPath(path) };
    await this.#unary('DeletePath', request, key);
  }

  /** Events until `onEnd`, which is called once, also after the returned function stopped the watch. */
  watch(onEvent: (event: GobgpEvent) => void, onEnd: (error: GobgpError | undefined) => void): () => void {
    const generation = this.#requireGeneration();
    const stream = this.#stream('WatchEvent', {
      peer: {},
      table: { filters: [{ type: generation.bestPathFilter, init: false }] },
    });
    let ended = false;
    const end = (error?: GobgpError): void => {
      if (ended) return;
      ended = true;
      onEnd(error);
    };
    stream.on('data', (message: { peer?: { type: number } | null; table?: { paths: object[] } | null }) => {
      try {
        const paths = (message.table?.paths ?? []).map((path) => generation.unpackPath(path));
        onEvent({ peerChanged: message.peer?.type === PEER_STATE_EVENT, paths });
      } catch (error) {
        // What cannot be read is still a hint that something changed: the next session lists it all.
        stream.cancel();
        end(new GobgpError('INTERNAL', 'WatchEvent', messageOf(error)));
      }
    });
    stream.on('error', (error: ServiceError) => end(gobgpErrorOf(error, 'WatchEvent')));
    stream.on('end', () => end());
    return () => stream.cancel();
  }

  /** Ends every listing that is under way, too. */
  close(): void {
    for (const stream of this.#listings) stream.cancel();
    this.#client.close();
  }

  #requireGeneration(): Generation {
    if (this.#generation === undefined)
      throw new GobgpError('UNAVAILABLE', 'GetBgp', `${this.address} has not answered yet`);
    return this.#generation;
  }

  #unary(call: GobgpCall, request: object, key?: string): Promise<object> {
    const { path, requestSerialize, responseDeserialize } = this.#requireGeneration().method(call);
    const timeoutMs = this.#silenceMs;
    return new Promise((resolve, reject) => {
      const running = this.#client.makeUnaryRequest(
        path,
        requestSerialize,
        responseDeserialize,
        request,
        new Metadata(),
        {},
        (error: ServiceError | null, answer?: object) => {
          deadline.end();
          if (error === null) resolve(answer ?? {});
          else if (deadline.hasPassed) reject(deadlineError(call, timeoutMs, key));
          else reject(gobgpErrorOf(error, call, key));
        },
      );
      const deadline = new CallDeadline(timeoutMs, () => running.cancel());
    });
  }

  async #listWholeTable(call: GobgpCall, request: object, take: (answer: object) => void): Promise<void> {
    this.#wholeTableListings++;
    try {
      await this.#list(call, request, take, WHOLE_TABLE_SILENCE_MS);
    } finally {
      this.#wholeTableListings--;
    }
  }

  get #silenceMs(): number {
    return this.#wholeTableListings > 0 ? this.#timeoutMs * BUSY_FACTOR : this.#timeoutMs;
  }

  /** Every answer of a stream; `take` gets each as it arrives. The deadline is for the silence between two of them. */
  #list(
    call: GobgpCall,
    request: object,
    take: (answer: object) => void,
    silenceMs: number = this.#silenceMs,
  ): Promise<void> {
    const stream = this.#stream(call, request);
    this.#listings.add(stream);
    const deadline = new CallDeadline(silenceMs, () => stream.cancel());
    return new Promise((resolve, reject) => {
      stream.on('data', (answer: object) => {
        deadline.renew();
        try {
          take(answer);
        } catch (error) {
          stream.cancel();
          reject(new GobgpError('INTERNAL', call, messageOf(error)));
        }
      });
      stream.on('error', (error: ServiceError) => {
        deadline.end();
        this.#listings.delete(stream);
        reject(deadline.hasPassed ? deadlineError(call, silenceMs) : gobgpErrorOf(error, call));
      });
      stream.on('end', () => {
        deadline.end();
        this.#listings.delete(stream);
        resolve();
      });
    });
  }

  #stream(call: GobgpCall, request: object): ClientReadableStream<object> {
    const { path, requestSerialize, responseDeserialize } = this.#requireGeneration().method(call);
    return this.#client.makeServerStreamRequest(
      path,
      requestSerialize,
      responseDeserialize,
      request,
      new Metadata(),
      {},
    );
  }
}

function credentialsOf(tls: GobgpTlsConfig | undefined): ChannelCredentials {
  if (tls === undefined) return credentials.createInsecure();
  return credentials.createSsl(read(tls.caFile), read(tls.keyFile), read(tls.certFile));
}

function read(file: string | undefined): Buffer | null {
  return file === undefined ? null : readFileSync(file);
}
