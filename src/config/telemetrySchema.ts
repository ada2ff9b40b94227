/*
 * The sections of the config file about telemetry and what is measured in it: where it arrives, who sends it, how it
 * was sampled, which rates are an attack.
 */
import * as z from 'zod';
import {
  address,
  choice,
  flag,
  integer,
  list,
  number,
  oneOrMore,
  positive,
  socketAddress,
  zeroOrMore,
} from './fields.ts';

/** One in 2^32 - 1 packets is the most that NetFlow, IPFIX and sFlow can state. */
const samplingRate = number(1, 4_294_967_295);

const sockets = oneOrMore(socketAddress(), '"HOST:PORT" or ":PORT"');

export const listenSchema = z
  .strictObject({
    netflow: sockets.optional().describe('NetFlow v5, v9 and IPFIX: "HOST:PORT", ":PORT" (IPv4 and IPv6) or a list'),
    sflow: sockets.optional().describe('sFlow v5: "HOST:PORT", ":PORT" (IPv4 and IPv6) or a list'),
  })
  .describe('UDP sockets that telemetry is received on; at least one');

export const ingestSchema = z
  .strictObject({
    workers: z
      .union([integer(1, 64), choice(['auto'])], { error: 'must be an integer from 1 to 64, or "auto"' })
      .default(1)
      .describe('Receiving threads for each listener, or "auto" for one less than the cores of the machine'),
    receive_buffer_bytes: integer(4096, 1_073_741_824)
      .default(8_388_608)
      .describe('Socket buffer asked of the kernel; a warning in the log says when it grants less'),
  })
  .prefault({})
  .describe('Receiving telemetry');

export const samplingSchema = z
  .strictObject({
    default_rate: samplingRate.default(1).describe('One in how many packets, for exporters that do not state theirs'),
    overrides: list(
      z
        .strictObject({
          exporter: address().describe('Source address of the exporter; for sFlow its agent address'),
          rate: samplingRate.describe('One in how many packets; wins over what the exporter states'),
        })
        .describe('The rate of one exporter'),
    )
      .default([])
      .describe('Rates of exporters that state none or a wrong one'),
  })
  .prefault({})
  .describe('How the packets behind the telemetry were sampled');

export const detectionSchema = z
  .strictObject({
    window_seconds: integer(1, 60).default(5).describe('Sliding window that rates are measured over, 1 to 60'),
  })
  .prefault({})
  .describe('Measuring rates');

export const samplesSchema = z
  .strictObject({
    enabled: flag().default(true).describe('Keep flows, to show what an attack was made of'),
    buffer_flows: integer(1, 1_048_576).default(65_536).describe('Newest flows kept, at most 1048576'),
    flows_per_attack: integer(0, 1000).default(20).describe('Flows shown with an attack'),
  })
  .prefault({})
  .describe('Flow samples of attacks');

const rate = positive();
const offOrRate = zeroOrMore();

/** Limits on one protocol's share of a host's traffic; optional everywhere. */
const protocolLimits = {
  tcp_pps: offOrRate.optional().describe('TCP packets a second; 0 or absent is off'),
  tcp_mbps: offOrRate.optional().describe('TCP megabits a second; 0 or absent is off'),
  udp_pps: offOrRate.optional().describe('UDP packets a second; 0 or absent is off'),
  udp_mbps: offOrRate.optional().describe('UDP megabits a second; 0 or absent is off'),
  icmp_pps: offOrRate.optional().describe('ICMP packets a second; 0 or absent is off'),
  icmp_mbps: offOrRate.optional().describe('ICMP megabits a second; 0 or absent is off'),
  tcp_syn_pps: offOrRate.optional().describe('Packets a second of TCP SYN without ACK; 0 or absent is off'),
  tcp_syn_mbps: offOrRate.optional().describe('Megabits a second of TCP SYN without ACK; 0 or absent is off'),
  frag_pps: offOrRate.optional().describe('IP fragments a second; 0 or absent is off'),
  frag_mbps: offOrRate.optional().describe('Megabits a second of IP fragments; 0 or absent is off'),
};

export const thresholdsSchema = z
  .strictObject({
    pps: rate.describe('Packets a second, above 0'),
    mbps: rate.describe('Megabits (10^6 bits) a second, above 0'),
    flows_per_sec: rate.describe('Flow records a second, above 0'),
    ...protocolLimits,
  })
  .describe('Rates of one host, incoming, above which it is under attack; any crossed limit is enough');

export const groupThresholdsSchema = z
  .strictObject({
    pps: offOrRate.optional().describe('Packets a second; 0 is off'),
    mbps: offOrRate.optional().describe('Megabits (10^6 bits) a second; 0 is off'),
    flows_per_sec: offOrRate.optional().describe('Flow records a second; 0 is off'),
    ...protocolLimits,
  })
  .describe('Limits of this group; what is absent comes from the global thresholds, 0 turns a limit off');
