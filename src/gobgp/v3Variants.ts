/*
 * GoBGP 3.x packs everything of several kinds (NLRI, attribute, FlowSpec rule, extended community, capability) into
 * `google.protobuf.Any`: the name of the message and its bytes. This file translates between that and the `oneof`
 * shape of wirePath.ts, from one table of kinds and message names; what the table lacks becomes a variant of no kind.
 */
import type { MessageTypeDefinition, PackageDefinition } from '@grpc/proto-loader';
import type { WirePath, WirePeer } from './wirePath.ts';

/** `google.protobuf.Any`; the loader keeps the field names of the well-known messages as they are. */
interface AnyMessage {
  readonly type_url: string;
  readonly value: Uint8Array;
}

type Fields = Record<string, unknown>;

/** A path and a peer with their variants still packed. */
type PackedPath = Omit<WirePath, 'nlri' | 'pattrs'> & {
  readonly nlri: AnyMessage | null;
  readonly pattrs: readonly AnyMessage[];
};
type PeerState = NonNullable<WirePeer['state']>;
type PackedPeer = Omit<WirePeer, 'state'> & {
  readonly state:
    | (Omit<PeerState, 'remoteCap' | 'localCap'> & {
        readonly remoteCap: readonly AnyMessage[];
        readonly localCap: readonly AnyMessage[];
      })
    | null;
};

const URL_PREFIX = 'type.googleapis.com/apipb.';

/** Kind in wirePath.ts to message name in apipb. Kinds of different variants do not clash. */
const MESSAGE_OF_KIND: Readonly<Record<string, string>> = {
  prefix: 'IPAddressPrefix',
  flowSpec: 'FlowSpecNLRI',
  ipPrefix: 'FlowSpecIPPrefix',
  component: 'FlowSpecComponent',
  origin: 'OriginAttribute',
  asPath: 'AsPathAttribute',
  nextHop: 'NextHopAttribute',
  localPref: 'LocalPrefAttribute',
  communities: 'CommunitiesAttribute',
  mpReach: 'MpReachNLRIAttribute',
  extendedCommunities: 'ExtendedCommunitiesAttribute',
  largeCommunities: 'LargeCommunitiesAttribute',
  trafficRate: 'TrafficRateExtended',
  multiProtocol: 'MultiProtocolCapability',
};

/** The field of a kind's message that itself holds variants, where there is one. */
const NESTED_VARIANTS: Readonly<Record<string, string>> = {
  flowSpec: 'rules',
  mpReach: 'nlris',
  extendedCommunities: 'communities',
};

export class V3Variants {
  readonly #kindOfUrl = new Map<string, string>();
  readonly #codecOfKind = new Map<string, MessageTypeDefinition<object, object>>();

  constructor(definition: PackageDefinition) {
    for (const [kind, message] of Object.entries(MESSAGE_OF_KIND)) {
      this.#kindOfUrl.set(URL_PREFIX + message, kind);
      this.#codecOfKind.set(kind, definition[`apipb.${message}`] as MessageTypeDefinition<object, object>);
    }
  }

  packPath(path: WirePath): object {
    return {
      ...path,
      nlri: path.nlri === null ? null : this.#pack(path.nlri),
      pattrs: path.pattrs.map((a) => this.#pack(a)),
    };
  }

  unpackPath(message: object): WirePath {
    const path = message as PackedPath;
    return {
      ...path,
      nlri: path.nlri === null ? null : this.#unpack(path.nlri),
      pattrs: this.#unpackAll(path.pattrs),
    };
  }

  unpackPeer(message: object): WirePeer {
    const peer = message as PackedPeer;
    if (peer.state === null) return { ...peer, state: null };
    const remoteCap = this.#unpackAll(peer.state.remoteCap);
    const localCap = this.#unpackAll(peer.state.localCap);
    return { ...peer, state: { ...peer.state, remoteCap, localCap } };
  }

  #pack(variant: object): AnyMessage {
    const [kind, body] = Object.entries(variant)[0] as [string, Fields];
    const codec = this.#codecOfKind.get(kind);
    if (codec === undefined) throw new Error(`no message for the kind ${kind}`);
    const nested = NESTED_VARIANTS[kind];
    const message =
      nested === undefined ? body : { ...body, [nested]: (body[nested] as object[]).map((v) => this.#pack(v)) };
    return { type_url: URL_PREFIX + MESSAGE_OF_KIND[kind], value: codec.serialize(message) };
  }

  #unpack(any: AnyMessage): Fields {
    const kind = this.#kindOfUrl.get(any.type_url);
    const codec = kind === undefined ? undefined : this.#codecOfKind.get(kind);
    if (kind === undefined || codec === undefined) return {};
    const body = codec.deserialize(Buffer.from(any.value)) as Fields;
    const nested = NESTED_VARIANTS[kind];
    if (nested === undefined) return { [kind]: body };
    return { [kind]: { ...body, [nested]: this.#unpackAll(body[nested] as AnyMessage[]) } };
  }

  #unpackAll(list: readonly AnyMessage[]): Fields[] {
    return list.map((any) => this.#unpack(any));
  }
}
