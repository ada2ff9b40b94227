/*
 * The information elements that are read, by their names in IANA's registry "IPFIX Information Elements".
 * NetFlow v9 field types have the same numbers (RFC 3954 §8, RFC 7012 §4).
 */

export const IE = {
  octetDeltaCount: 1,
  packetDeltaCount: 2,
  protocolIdentifier: 4,
  tcpControlBits: 6,
  sourceTransportPort: 7,
  sourceIPv4Address: 8,
  ingressInterface: 10,
  destinationTransportPort: 11,
  destinationIPv4Address: 12,
  egressInterface: 14,
  flowEndSysUpTime: 21,
  flowStartSysUpTime: 22,
  postOctetDeltaCount: 23,
  postPacketDeltaCount: 24,
  sourceIPv6Address: 27,
  destinationIPv6Address: 28,
  icmpTypeCodeIPv4: 32,
  samplingInterval: 34,
  samplingAlgorithm: 35,
  flowActiveTimeout: 36,
  samplerId: 48,
  samplerMode: 49,
  samplerRandomInterval: 50,
  flowDirection: 61,
  octetTotalCount: 85,
  packetTotalCount: 86,
  fragmentOffset: 88,
  exporterIPv4Address: 130,
  exporterIPv6Address: 131,
  flowEndReason: 136,
  icmpTypeCodeIPv6: 139,
  exportingProcessId: 144,
  templateId: 145,
  observationDomainId: 149,
  flowStartSeconds: 150,
  flowEndSeconds: 151,
  flowStartMilliseconds: 152,
  flowEndMilliseconds: 153,
  flowStartMicroseconds: 154,
  flowEndMicroseconds: 155,
  flowStartNanoseconds: 156,
  flowEndNanoseconds: 157,
  flowStartDeltaMicroseconds: 158,
  flowEndDeltaMicroseconds: 159,
  systemInitTimeMilliseconds: 160,
  flowDurationMilliseconds: 161,
  flowDurationMicroseconds: 162,
  icmpTypeIPv4: 176,
  icmpCodeIPv4: 177,
  icmpTypeIPv6: 178,
  icmpCodeIPv6: 179,
  udpSourcePort: 180,
  udpDestinationPort: 181,
  tcpSourcePort: 182,
  tcpDestinationPort: 183,
  fragmentFlags: 197,
  postNATSourceIPv4Address: 225,
  postNATDestinationIPv4Address: 226,
  initiatorOctets: 231,
  responderOctets: 232,
  firewallEvent: 233,
  ingressPhysicalInterface: 252,
  egressPhysicalInterface: 253,
  postNATSourceIPv6Address: 281,
  postNATDestinationIPv6Address: 282,
  initiatorPackets: 298,
  responderPackets: 299,
  selectorId: 302,
  selectorAlgorithm: 304,
  samplingPacketInterval: 305,
  samplingPacketSpace: 306,
  samplingSize: 309,
  samplingPopulation: 310,
  samplingProbability: 311,
  dataLinkFrameSize: 312,
  ipHeaderPacketSection: 313,
  dataLinkFrameSection: 315,
  observationTimeMilliseconds: 323,
  layer2OctetDeltaCount: 352,
} as const;

/** Private Enterprise Number of the reverse direction: its elements have the numbers of the forward ones (RFC 5103 §6.1). */
export const REVERSE = 29_305;

/** Private Enterprise Number of the elements below. 0 stands for IANA's registry. */
export const CISCO = 9;

/** Cisco AVC sends addresses and ports of the connection in its own elements, and not in 8, 12, 7 and 11. */
export const CISCO_IE = {
  connectionClientIPv4Address: 12236,
  connectionServerIPv4Address: 12237,
  connectionClientIPv6Address: 12238,
  connectionServerIPv6Address: 12239,
  connectionClientTransportPort: 12240,
  connectionServerTransportPort: 12241,
} as const;

/** One field of a template record. `enterprise` 0 is IANA's registry. */
export interface TemplateField {
  readonly enterprise: number;
  readonly element: number;
  /** Bytes, or `VARIABLE_LENGTH`. */
  readonly length: number;
}

/** The length of a field that states its own length in each record (RFC 7011 §7). H3C uses it in NetFlow v9 too. */
export const VARIABLE_LENGTH = 65_535;
