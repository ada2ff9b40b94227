/*
 * `kapkan flowgen`: acts as an exporter that sees a named attack, to try a config without routers.
 */
import { lookup } from 'node:dns/promises';
import { parseArgs } from 'node:util';
import { formatSocketAddress } from '../config/socketAddress.ts';
import { messageOf } from '../errors.ts';
import { ATTACK_NAMES, type AttackName, findAttack, hasFragments } from '../flowgen/attackProfiles.ts';
import { AttackTraffic, meanPacketBytes, shortestPacketBytes } from '../flowgen/attackTraffic.ts';
import { protocolProblem, TELEMETRY_PROTOCOLS, type TelemetryProtocol } from '../flowgen/createEncoder.ts';
import { type SendReport, SendSchedule, sendTelemetry } from '../flowgen/sendTelemetry.ts';
import { type Address, formatAddress, parseAddress } from '../net/address.ts';
import {
  type CommandIo,
  EXIT_DONE,
  EXIT_FAILED,
  EXIT_UNREACHABLE,
  numberFlag,
  UsageError,
  withUsage,
} from './command.ts';

const USAGE = `Usage: kapkan flowgen --target IP [options]

Sends synthetic telemetry of an attack on one address, as a router or switch would.

  --target IP         the address under attack
  --attack NAME       ${wrap(ATTACK_NAMES, 22)}
                      (default udp_flood; "ntp" is enough for ntp_amplification)
  --pps N             packets a second of the attack, before sampling (default 100000)
  --bytes N           length of each packet from the IP header on (default: usual for the attack);
                      sFlow counts 14 bytes of Ethernet header on top
  --sampling N        one in N packets is sampled, and the telemetry says so (default 100)
  --seconds N         how long (default 10)
  --protocol NAME     ${TELEMETRY_PROTOCOLS.join(', ')} (default ipfix)
  --to HOST:PORT      the collector (default 127.0.0.1:2055, for sflow5 127.0.0.1:6343)

Example:
  kapkan flowgen --target 192.0.2.9 --attack ntp --pps 250000 --seconds 30
`;

/** Most flow records a second; above it, one record holds several packets. */
const MAX_RECORDS_PER_SECOND = 20_000;

const SEED = 1;

interface FlowgenPlan {
  readonly attack: AttackName;
  readonly target: Address;
  readonly protocol: TelemetryProtocol;
  readonly packetsPerSecond: number;
  /** Undefined = usual for the attack. */
  readonly packetBytes: number | undefined;
  readonly sampling: number;
  readonly seconds: number;
  readonly to: string;
}

/** Exit codes: 0 sent, 2 wrong usage, 4 nobody listens at the collector's address. */
export async function flowgenCommand(args: readonly string[], io: CommandIo): Promise<number> {
  return withUsage(USAGE, args, io, async () => {
    const plan = readPlan(args);
    const collector = await resolveCollector(plan.to);
    const sampledPerSecond = plan.packetsPerSecond / plan.sampling;
    const schedule = new SendSchedule(sampledPerSecond, plan.seconds);
    if (schedule.totalPackets === 0) {
      throw new UsageError(`at ${sampledPerSecond} sampled packets a second, none is seen in ${plan.seconds} seconds`);
    }
    const packetsPerRecord = Math.ceil(sampledPerSecond / MAX_RECORDS_PER_SECOND);
    const traffic = new AttackTraffic({ ...plan, packetsPerRecord, seed: SEED });
    io.stdout.write(describePlan(plan, collector));
    try {
      const report = await sendTelemetry({ ...collector, ...plan, traffic, schedule });
      return finish(plan, report, io);
    } catch (error) {
      io.stderr.write(`kapkan: cannot send to ${formatSocketAddress(collector)}: ${messageOf(error)}\n`);
      return EXIT_FAILED;
    }
  });
}

function readPlan(args: readonly string[]): FlowgenPlan {
  const { values } = parseArgs({
    args: [...args],
    options: {
      attack: { type: 'string', default: 'udp_flood' },
      target: { type: 'string' },
      protocol: { type: 'string', default: 'ipfix' },
      pps: { type: 'string', default: '100000' },
      bytes: { type: 'string' },
      sampling: { type: 'string', default: '100' },
      seconds: { type: 'string', default: '10' },
      to: { type: 'string' },
    },
  });
  const attack = findAttack(values.attack);
  if (attack === undefined)
    throw new UsageError(`--attack must be one of ${ATTACK_NAMES.join(', ')}, got "${values.attack}"`);
  const protocol = TELEMETRY_PROTOCOLS.find((name) => name === values.protocol);
  if (protocol === undefined) {
    throw new UsageError(`--protocol must be one of ${TELEMETRY_PROTOCOLS.join(', ')}, got "${values.protocol}"`);
  }
  if (values.target === undefined) throw new UsageError('--target is missing: which address is attacked?');
  const target = parseAddress(values.target);
  if (target === undefined) throw new UsageError(`--target must be an IP address, got "${values.target}"`);
  const sampling = numberFlag('--sampling', values.sampling, { min: 1, max: 1_000_000, whole: true });
  const problem = protocolProblem(protocol, { version: target.version, sampling, fragments: hasFragments(attack) });
  if (problem !== undefined) throw new UsageError(problem);
  return {
    attack,
    target,
    protocol,
    sampling,
    packetsPerSecond: numberFlag('--pps', values.pps, { min: 1, max: 1e9, whole: false }),
    packetBytes: values.bytes === undefined ? undefined : readPacketBytes(values.bytes, attack, target),
    seconds: numberFlag('--seconds', values.seconds, { min: 0.1, max: 86_400, whole: false }),
    to: values.to ?? (protocol === 'sflow5' ? '127.0.0.1:6343' : '127.0.0.1:2055'),
  };
}

function readPacketBytes(text: string, attack: AttackName, target: Address): number {
  // What a jumbo frame carries; no link carries IPv4's own limit of 65,535.
  return numberFlag('--bytes', text, { min: shortestPacketBytes(attack, target.version), max: 9_216, whole: true });
}

/** `HOST:PORT` where HOST is a name or an address; an empty HOST is this machine. */
async function resolveCollector(text: string): Promise<{ host: string; port: number }> {
  const match = /^(?:\[([^\]]+)\]|([^:[\]]*)):(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  if (match === null || port < 1 || port > 65_535)
    throw new UsageError(`--to must be HOST:PORT or [IPv6]:PORT, got "${text}"`);
  const name = match[1] ?? match[2];
  try {
    return { host: (await lookup(name === '' ? '127.0.0.1' : name)).address, port };
  } catch {
    throw new UsageError(`--to must name a host, got "${name}", which is not known`);
  }
}

function describePlan(plan: FlowgenPlan, collector: { host: string; port: number }): string {
  const bytes = plan.packetBytes ?? meanPacketBytes(plan.attack, plan.target.version);
  const mbps = (plan.packetsPerSecond * bytes * 8) / 1e6;
  return (
    `${plan.attack} on ${formatAddress(plan.target)}: ${formatCount(plan.packetsPerSecond)} packets/s, ` +
    `${mbps.toFixed(1)} Mbit/s, for ${plan.seconds} s; ${plan.protocol} with 1 in ${plan.sampling} sampled, ` +
    `to ${formatSocketAddress(collector)}\n`
  );
}

function finish(plan: FlowgenPlan, report: SendReport, io: CommandIo): number {
  const packets = report.sampledPackets * plan.sampling;
  const rate = packets / (report.elapsedMs / 1_000);
  io.stdout.write(
    `sent ${formatCount(report.sampledPackets)} sampled packets, which stand for ${formatCount(packets)} ` +
      `(${formatCount(rate)} a second), in ${formatCount(report.datagrams)} datagrams of ` +
      `${formatCount(report.bytes / report.datagrams)} bytes on average\n`,
  );
  // If nothing listens, about every second send fails: the kernel reports the refusal of one datagram at the next send.
  if (report.refused < report.datagrams / 4) return EXIT_DONE;
  io.stderr.write(`kapkan: nobody listens at ${plan.to}: ${formatCount(report.refused)} datagrams were refused\n`);
  return EXIT_UNREACHABLE;
}

function formatCount(count: number): string {
  return Math.round(count).toLocaleString('en-US');
}

/** Names separated by commas, in lines behind an indentation. */
function wrap(names: readonly string[], indent: number): string {
  const lines = [''];
  for (const name of names) {
    const last = lines.length - 1;
    const separator = lines[last] === '' ? '' : ', ';
    if (lines[last].length + name.length < 70) lines[last] += separator + name;
    else {
      lines[last] += ',';
      lines.push(name);
    }
  }
  return lines.join(`\n${' '.repeat(indent)}`);
}
