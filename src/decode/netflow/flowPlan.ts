/*
 * Decides which field of a template becomes which column, and which one is preferred where a template has several: the
 * only place that knows what exporters mean by their elements. Runs when a template is learned, never for a record.
 */
import { type ColumnLoad, type ColumnLoader, type FlowPlan, NO_FIELD } from '../exporter/template.ts';
import {
  fillBytes,
  fillDestinationPort,
  fillInInterface,
  fillIpv6Pair,
  fillOutInterface,
  fillPackets,
  fillSourcePort,
  fillTotalBytes,
  fillTotalPackets,
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
import { bothMarks, counterKind, findReverse, reverseMarks } from './counterKinds.ts';
import { CISCO, CISCO_IE, IE, REVERSE, type TemplateField, VARIABLE_LENGTH } from './informationElements.ts';
import { MAX_INTEGER_BYTES } from './recordFields.ts';
import { Fields } from './templateFields.ts';
import {
  type Clock,
  loadElapsedMicroseconds,
  loadElapsedMilliseconds,
  loadMilliseconds,
  loadSystemInit,
  loadUptimes,
  timesLoader,
} from './timeLoaders.ts';

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

/** Those that read packets, and those that read bytes. */
const COUNTER_LOADERS: readonly (readonly ColumnLoader[])[] = [
  [loadPackets, fillTotalPackets],
  [loadBytes, fillTotalBytes],
];

class LoadList {
  readonly loads: ColumnLoad[] = [];
  readonly fields: Fields;

  constructor(fields: Fields) {
    this.fields = fields;
  }

  /**
   * Loads the column from the first of the elements that the template has, and fills zeros from the others; the `special`
   * one is always filled, by a loader of its own.
   */
  prefer(
    load: ColumnLoader,
    fill: ColumnLoader,
    elements: readonly number[],
    minBytes: number,
    maxBytes: number,
    special?: readonly [element: number, fill: ColumnLoader],
  ): void {
    let loader = load;
    for (const element of elements) {
      const isLoaded = this.one(element === special?.[0] ? special[1] : loader, element, minBytes, maxBytes);
      if (isLoaded) loader = fill;
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
  const counters = counterKind(fields);
  const ethernet = fields.find(IE.dataLinkFrameSection, 1, VARIABLE_LENGTH);
  return {
    loads: list.loads,
    loadsCommonColumns: COMMON_COLUMNS.every((loader) => list.loads.some((load) => load.loader === loader)),
    loadsTimes: list.loads.some(({ loader }) => loader === loadUptimes),
    hasTimes: fields.findAny(TIME_ELEMENTS, 1, MAX_INTEGER_BYTES) !== NO_FIELD,
    hasAddresses,
    hasCounters,
    hasPacketsAndBytes: COUNTER_LOADERS.every((loaders) => list.loads.some(({ loader }) => loaders.includes(loader))),
    namesSampler,
    reverseBytes: findReverse(fields, IE.responderOctets, IE.octetDeltaCount, IE.octetTotalCount),
    reversePackets: findReverse(fields, IE.responderPackets, IE.packetDeltaCount, IE.packetTotalCount),
    isBiflow: !fields.has(IE.responderOctets) && !fields.has(IE.responderPackets),
    reverseTcpFlags: fields.find(IE.tcpControlBits, 1, MAX_INTEGER_BYTES, REVERSE),
    counters,
    reverseMarks: counters === 'mixed' ? reverseMarks(fields) : 0,
    bothMarks: bothMarks(fields),
    // Of deltas only the config says that they are totals.
    packetLimit: fields.limitOf(IE.packetTotalCount, IE.packetDeltaCount),
    byteLimit: fields.limitOf(IE.octetTotalCount, IE.octetDeltaCount),
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
  const { fields } = list;
  const isMixed = counterKind(fields) === 'mixed';
  list.prefer(
    loadPackets,
    fillPackets,
    packets,
    1,
    MAX_INTEGER_BYTES,
    isMixed ? [IE.packetTotalCount, fillTotalPackets] : undefined,
  );
  list.prefer(
    loadBytes,
    fillBytes,
    bytes,
    1,
    MAX_INTEGER_BYTES,
    isMixed ? [IE.octetTotalCount, fillTotalBytes] : undefined,
  );
  const reverse = Math.max(
    findReverse(fields, IE.responderOctets, IE.octetDeltaCount, IE.octetTotalCount),
    findReverse(fields, IE.responderPackets, IE.packetDeltaCount, IE.packetTotalCount),
  );
  return list.loads.length > before || reverse !== NO_FIELD;
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
