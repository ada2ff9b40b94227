/*
 * Decides which field of a template becomes which column, and which one is preferred where a template has several: the
 * only place that knows what exporters mean by their elements. Runs when a template is learned, never for a record.
 */
import { type ColumnLoad, type ColumnLoader, type CounterKind, type FlowPlan, NO_FIELD } from '../exporter/template.ts';
import {
  fillBytes,
  fillDestinationPort,
  fillInInterface,
  fillIpv6Pair,
  fillOutInterface,
  fillPackets,
  fillSourcePort,
  loadActiveTimeout,
  loadBytes,
  loadDestinationPort,
  loadDirection,
  loadFirewallEvent,
  loadFlowEndReason,
  loadFragmentFlags,
  loadFragmentOffset,
  loadIcmpTypeAndCode,
  loadIcmpTypeCode,
  loadInInterface,
  loadIpv4Pair,
  loadIpv6Pair,
  loadOutInterface,
  loadPackets,
  loadProtocol,
  loadSampler,
  loadSamplingInterval,
  loadSamplingPopulation,
  loadSamplingSpace,
  loadSourcePort,
  loadTcpFlags,
} from './columnLoaders.ts';
import { CISCO, CISCO_IE, IE, REVERSE, type TemplateField, VARIABLE_LENGTH } from './informationElements.ts';
import { MAX_INTEGER_BYTES } from './recordFields.ts';
import {
  type Clock,
  loadElapsedMicroseconds,
  loadElapsedMilliseconds,
  loadMilliseconds,
  loadSystemInit,
  loadUptimes,
  timesLoader,
} from './timeLoaders.ts';

/** Counters of more bytes than this do not pass their limit while a flow lasts. */
const WIDEST_THAT_WRAPS = 6;

/** The columns that nearly every router's template has, by the loaders that write them. */
const COMMON_COLUMNS: readonly ColumnLoader[] = [
  loadPackets,
  loadBytes,
  loadProtocol,
  loadTcpFlags,
  loadSourcePort,
  loadDestinationPort,
  loadInInterface,
  loadOutInterface,
];

/** The fields of a template by element. Of a repeated element the first, the outermost, is used (RFC 7011 §8). */
class Fields {
  readonly #fields: readonly TemplateField[];
  readonly #indexes = new Map<number, number>();

  constructor(fields: readonly TemplateField[]) {
    this.#fields = fields;
    for (let i = fields.length - 1; i >= 0; i--)
      this.#indexes.set(fieldKey(fields[i].element, fields[i].enterprise), i);
  }

  /** Index of the first field of this element where its length can be read, else `NO_FIELD`. */
  find(element: number, minBytes: number, maxBytes: number, enterprise = 0): number {
    const index = this.#indexes.get(fieldKey(element, enterprise));
    if (index === undefined) return NO_FIELD;
    const { length } = this.#fields[index];
    return length === VARIABLE_LENGTH || (length >= minBytes && length <= maxBytes) ? index : NO_FIELD;
  }

  isOfSize(index: number, bytes: number): boolean {
    return this.#fields[index].length === bytes;
  }

  /** The number at which a counter of the first element that is there begins anew; 0 where no flow gets there. */
  limitOf(...elements: readonly number[]): number {
    const index = this.findAny(elements, 1, WIDEST_THAT_WRAPS);
    const bytes = index === NO_FIELD ? VARIABLE_LENGTH : this.#fields[index].length;
    return bytes === VARIABLE_LENGTH ? 0 : 2 ** (8 * bytes);
  }

  findAny(elements: readonly number[], minBytes: number, maxBytes: number): number {
    for (const element of elements) {
      const index = this.find(element, minBytes, maxBytes);
      if (index !== NO_FIELD) return index;
    }
    return NO_FIELD;
  }
}

/** One number for both: elements have 15 bits. */
function fieldKey(element: number, enterprise: number): number {
  return enterprise * 0x8000 + element;
}

class LoadList {
  readonly loads: ColumnLoad[] = [];
  readonly fields: Fields;

  constructor(fields: Fields) {
    this.fields = fields;
  }

  /** Loads the column from the first of the elements that the template has, and fills zeros from the others. */
  prefer(
    load: ColumnLoader,
    fill: ColumnLoader,
    elements: readonly number[],
    minBytes: number,
    maxBytes: number,
  ): void {
    let loader = load;
    for (const element of elements) {
      if (this.one(loader, element, minBytes, maxBytes)) loader = fill;
    }
  }

  one(loader: ColumnLoader, element: number, minBytes: number, maxBytes: number): boolean {
    const field = this.fields.find(element, minBytes, maxBytes);
    if (field === NO_FIELD) return false;
    this.loads.push({ loader, field, field2: NO_FIELD, minBytes, maxBytes });
    return true;
  }

  /** Both of two elements, or nothing. */
  both(loader: ColumnLoader, first: number, second: number, minBytes: number, maxBytes = minBytes): void {
    const field = this.fields.find(first, minBytes, maxBytes);
    const field2 = this.fields.find(second, minBytes, maxBytes);
    if (field === NO_FIELD || field2 === NO_FIELD) return;
    this.loads.push({ loader, field, field2, minBytes, maxBytes });
  }

  /** A pair of addresses of which one may be missing. False where both are. */
  addresses(loader: ColumnLoader, source: number, destination: number, bytes: number): boolean {
    if (source === NO_FIELD && destination === NO_FIELD) return false;
    this.loads.push({ loader, field: source, field2: destination, minBytes: bytes, maxBytes: bytes });
    return true;
  }
}

export function planFlow(templateFields: readonly TemplateField[]): FlowPlan {
  const fields = new Fields(templateFields);
  const list = new LoadList(fields);
  const hasAddresses = planAddresses(list);
  const hasCounters = planCounters(list);
  planPorts(list);
  planFragment(list);
  list.prefer(
    loadInInterface,
    fillInInterface,
    [IE.ingressInterface, IE.ingressPhysicalInterface],
    1,
    MAX_INTEGER_BYTES,
  );
  list.prefer(
    loadOutInterface,
    fillOutInterface,
    [IE.egressInterface, IE.egressPhysicalInterface],
    1,
    MAX_INTEGER_BYTES,
  );
  planDuration(list);
  const namesSampler = planSampling(list);
  const ethernet = fields.find(IE.dataLinkFrameSection, 1, VARIABLE_LENGTH);
  return {
    loads: list.loads,
    loadsCommonColumns: COMMON_COLUMNS.every((loader) => list.loads.some((load) => load.loader === loader)),
    loadsTimes: list.loads.some(({ loader }) => loader === loadUptimes),
    hasTimes: fields.findAny(TIME_ELEMENTS, 1, MAX_INTEGER_BYTES) !== NO_FIELD,
    hasAddresses,
    hasCounters,
    hasPacketsAndBytes: [loadPackets, loadBytes].every((loader) => list.loads.some((load) => load.loader === loader)),
    namesSampler,
    reverseBytes: findReverse(fields, IE.responderOctets, IE.octetDeltaCount, IE.octetTotalCount),
    reversePackets: findReverse(fields, IE.responderPackets, IE.packetDeltaCount, IE.packetTotalCount),
    reverseTcpFlags: fields.find(IE.tcpControlBits, 1, MAX_INTEGER_BYTES, REVERSE),
    counters: counterKind(fields),
    packetLimit: fields.limitOf(IE.packetDeltaCount, IE.packetTotalCount),
    byteLimit: fields.limitOf(IE.octetDeltaCount, IE.octetTotalCount),
    frameSection: ethernet !== NO_FIELD ? ethernet : fields.find(IE.ipHeaderPacketSection, 1, VARIABLE_LENGTH),
    frameIsEthernet: ethernet !== NO_FIELD,
    frameSize: fields.find(IE.dataLinkFrameSize, 1, MAX_INTEGER_BYTES),
    unreadFields: templateFields.filter(isUnreadable).length,
  };
}

/** Elements whose values are addresses; they have one length. */
const IPV4_ELEMENTS: ReadonlySet<number> = new Set([
  IE.sourceIPv4Address,
  IE.destinationIPv4Address,
  IE.postNATSourceIPv4Address,
  IE.postNATDestinationIPv4Address,
  IE.exporterIPv4Address,
]);
const IPV6_ELEMENTS: ReadonlySet<number> = new Set([
  IE.sourceIPv6Address,
  IE.destinationIPv6Address,
  IE.postNATSourceIPv6Address,
  IE.postNATDestinationIPv6Address,
  IE.exporterIPv6Address,
]);

/** Elements that hold bytes of packets. */
const SECTIONS: ReadonlySet<number> = new Set([IE.ipHeaderPacketSection, IE.dataLinkFrameSection]);

const KNOWN: ReadonlySet<number> = new Set(Object.values(IE));

/** Whether the element is known, but has a length that it cannot have. */
function isUnreadable({ element, enterprise, length }: TemplateField): boolean {
  if (enterprise !== 0 || !KNOWN.has(element) || length === VARIABLE_LENGTH) return false;
  if (IPV4_ELEMENTS.has(element)) return length !== 4;
  if (IPV6_ELEMENTS.has(element)) return length !== 16;
  return !SECTIONS.has(element) && length > MAX_INTEGER_BYTES;
}

/**
 * The addresses before translation are those of the protected side. The others are used only where these are missing.
 */
function planAddresses(list: LoadList): boolean {
  const { fields } = list;
  const pick = (cisco: number, bytes: number, ...elements: number[]): number => {
    const index = fields.findAny(elements, bytes, bytes);
    return index !== NO_FIELD ? index : fields.find(cisco, bytes, bytes, CISCO);
  };
  const ipv4 = list.addresses(
    loadIpv4Pair,
    pick(CISCO_IE.connectionClientIPv4Address, 4, IE.sourceIPv4Address, IE.postNATSourceIPv4Address),
    pick(CISCO_IE.connectionServerIPv4Address, 4, IE.destinationIPv4Address, IE.postNATDestinationIPv4Address),
    4,
  );
  const ipv6 = list.addresses(
    ipv4 ? fillIpv6Pair : loadIpv6Pair,
    pick(CISCO_IE.connectionClientIPv6Address, 16, IE.sourceIPv6Address, IE.postNATSourceIPv6Address),
    pick(CISCO_IE.connectionServerIPv6Address, 16, IE.destinationIPv6Address, IE.postNATDestinationIPv6Address),
    16,
  );
  return ipv4 || ipv6;
}

/**
 * The same traffic under several names, so never a sum: FortiGate sends 1 and 23 with one value, Barracuda 1 as zero
 * beside a true 85. "post" counts, after the exporter's own policing, come last.
 */
function planCounters(list: LoadList): boolean {
  const before = list.loads.length;
  const packets = [IE.packetDeltaCount, IE.packetTotalCount, IE.initiatorPackets, IE.postPacketDeltaCount];
  const bytes = [
    IE.octetDeltaCount,
    IE.octetTotalCount,
    IE.layer2OctetDeltaCount,
    IE.initiatorOctets,
    IE.postOctetDeltaCount,
  ];
  list.prefer(loadPackets, fillPackets, packets, 1, MAX_INTEGER_BYTES);
  list.prefer(loadBytes, fillBytes, bytes, 1, MAX_INTEGER_BYTES);
  const { fields } = list;
  const reverse = Math.max(
    findReverse(fields, IE.responderOctets, IE.octetDeltaCount, IE.octetTotalCount),
    findReverse(fields, IE.responderPackets, IE.packetDeltaCount, IE.packetTotalCount),
  );
  return list.loads.length > before || reverse !== NO_FIELD;
}

/** The reverse direction has an element of its own, or that of the forward one under the number of RFC 5103. */
function findReverse(fields: Fields, responder: number, delta: number, total: number): number {
  const own = fields.find(responder, 1, MAX_INTEGER_BYTES);
  if (own !== NO_FIELD) return own;
  const reverse = fields.find(delta, 1, MAX_INTEGER_BYTES, REVERSE);
  return reverse !== NO_FIELD ? reverse : fields.find(total, 1, MAX_INTEGER_BYTES, REVERSE);
}

function counterKind(fields: Fields): CounterKind {
  const has = (...elements: readonly number[]): boolean => fields.findAny(elements, 1, MAX_INTEGER_BYTES) !== NO_FIELD;
  if (has(IE.firewallEvent) && has(IE.initiatorOctets, IE.responderOctets, IE.initiatorPackets)) return 'events';
  const hasDeltas = has(IE.octetDeltaCount, IE.packetDeltaCount);
  return !hasDeltas && has(IE.octetTotalCount, IE.packetTotalCount) ? 'totals' : 'deltas';
}

/** The protocol first: it decides whether a port is a port or an ICMP type. */
function planPorts(list: LoadList): void {
  const anyWidth = [1, MAX_INTEGER_BYTES] as const;
  list.one(loadProtocol, IE.protocolIdentifier, ...anyWidth);
  list.one(loadTcpFlags, IE.tcpControlBits, ...anyWidth);
  const sources = [IE.sourceTransportPort, IE.udpSourcePort, IE.tcpSourcePort];
  const destinations = [IE.destinationTransportPort, IE.udpDestinationPort, IE.tcpDestinationPort];
  list.prefer(loadSourcePort, fillSourcePort, sources, ...anyWidth);
  list.prefer(loadDestinationPort, fillDestinationPort, destinations, ...anyWidth);
  const clientPort = list.fields.find(CISCO_IE.connectionClientTransportPort, ...anyWidth, CISCO);
  const serverPort = list.fields.find(CISCO_IE.connectionServerTransportPort, ...anyWidth, CISCO);
  const one = { field2: NO_FIELD, minBytes: 1, maxBytes: MAX_INTEGER_BYTES };
  if (clientPort !== NO_FIELD) list.loads.push({ loader: fillSourcePort, field: clientPort, ...one });
  if (serverPort !== NO_FIELD) list.loads.push({ loader: fillDestinationPort, field: serverPort, ...one });
  list.one(loadIcmpTypeCode, IE.icmpTypeCodeIPv4, ...anyWidth);
  list.one(loadIcmpTypeCode, IE.icmpTypeCodeIPv6, ...anyWidth);
  list.both(loadIcmpTypeAndCode, IE.icmpTypeIPv4, IE.icmpCodeIPv4, ...anyWidth);
  list.both(loadIcmpTypeAndCode, IE.icmpTypeIPv6, IE.icmpCodeIPv6, ...anyWidth);
}

function planFragment(list: LoadList): void {
  list.one(loadFragmentOffset, IE.fragmentOffset, 1, MAX_INTEGER_BYTES);
  list.one(loadFragmentFlags, IE.fragmentFlags, 1, MAX_INTEGER_BYTES);
}

/** The elements of start and end by each clock, the finest first. */
const TIMES: readonly (readonly [clock: Clock, start: number, end: number])[] = [
  ['milliseconds', IE.flowStartMilliseconds, IE.flowEndMilliseconds],
  ['fractions', IE.flowStartMicroseconds, IE.flowEndMicroseconds],
  ['fractions', IE.flowStartNanoseconds, IE.flowEndNanoseconds],
  ['delta', IE.flowStartDeltaMicroseconds, IE.flowEndDeltaMicroseconds],
  ['uptime', IE.flowStartSysUpTime, IE.flowEndSysUpTime],
  ['seconds', IE.flowStartSeconds, IE.flowEndSeconds],
];

const TIME_ELEMENTS: readonly number[] = [
  ...TIMES.flatMap(([, start, end]) => [start, end]),
  IE.flowDurationMilliseconds,
  IE.flowDurationMicroseconds,
  IE.observationTimeMilliseconds,
];

/**
 * The first clock that gives a duration is used. Where no clock has both times, a start and an end of two clocks make a
 * pair, or the export is the end. NSEL has the time of its event for an end.
 */
function planDuration(list: LoadList): void {
  const find = (element: number): number => list.fields.find(element, 1, MAX_INTEGER_BYTES);
  const add = (loader: ColumnLoader, field: number, field2: number): void => {
    list.loads.push({ loader, field, field2, minBytes: 1, maxBytes: MAX_INTEGER_BYTES });
  };
  list.one(loadSystemInit, IE.systemInitTimeMilliseconds, 1, MAX_INTEGER_BYTES);
  let hasPair = false;
  for (const [clock, start, end] of TIMES) {
    const [startField, endField] = [find(start), find(end)];
    if (startField === NO_FIELD || endField === NO_FIELD) continue;
    // The first pair of the usual sizes has a loader of its own.
    const areUsual = (bytes: number): boolean =>
      !hasPair && list.fields.isOfSize(startField, bytes) && list.fields.isOfSize(endField, bytes);
    if (clock === 'uptime' && areUsual(4)) add(loadUptimes, startField, endField);
    else if (clock === 'milliseconds' && areUsual(8)) add(loadMilliseconds, startField, endField);
    else add(timesLoader(clock, clock), startField, endField);
    hasPair = true;
  }
  const start = TIMES.find(([, element]) => find(element) !== NO_FIELD);
  const end = TIMES.find(([, , element]) => find(element) !== NO_FIELD);
  const eventTime = find(IE.observationTimeMilliseconds);
  if (!hasPair && (start !== undefined || end !== undefined)) {
    const endClock = end?.[0] ?? 'milliseconds';
    const endField = end === undefined ? eventTime : find(end[2]);
    add(timesLoader(start?.[0] ?? endClock, endClock), start === undefined ? NO_FIELD : find(start[1]), endField);
  }
  list.one(loadElapsedMilliseconds, IE.flowDurationMilliseconds, 1, MAX_INTEGER_BYTES);
  list.one(loadElapsedMicroseconds, IE.flowDurationMicroseconds, 1, MAX_INTEGER_BYTES);
  list.one(loadFlowEndReason, IE.flowEndReason, 1, MAX_INTEGER_BYTES);
  list.one(loadFirewallEvent, IE.firewallEvent, 1, MAX_INTEGER_BYTES);
  list.one(loadActiveTimeout, IE.flowActiveTimeout, 1, MAX_INTEGER_BYTES);
  list.one(loadDirection, IE.flowDirection, 1, MAX_INTEGER_BYTES);
}

/** A rate in the record itself comes before the rate of its sampler. True where records name a sampler. */
function planSampling(list: LoadList): boolean {
  list.both(loadSamplingPopulation, IE.samplingSize, IE.samplingPopulation, 1, MAX_INTEGER_BYTES);
  list.both(loadSamplingSpace, IE.samplingPacketInterval, IE.samplingPacketSpace, 1, MAX_INTEGER_BYTES);
  list.one(loadSamplingInterval, IE.samplerRandomInterval, 1, MAX_INTEGER_BYTES);
  list.one(loadSamplingInterval, IE.samplingInterval, 1, MAX_INTEGER_BYTES);
  const bySamplerId = list.one(loadSampler, IE.samplerId, 1, MAX_INTEGER_BYTES);
  const bySelectorId = list.one(loadSampler, IE.selectorId, 1, MAX_INTEGER_BYTES);
  return bySamplerId || bySelectorId;
}
