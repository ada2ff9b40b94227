/*
 * The config that the demo runs on: small limits, short times, and a GoBGP address where none can be, so that a demo
 * started beside a live daemon never touches its GoBGP.
 */

/** Ports to listen on; 0 leaves the choice to the kernel. */
export interface DemoPorts {
  readonly api: number;
  readonly flow: number;
}

/** Who is attacked in the demo, and who is not. */
export const DEMO_HOSTS = {
  quiet: '203.0.113.20',
  web: '203.0.113.10',
  customer: '203.0.113.99',
  resolver: '203.0.113.53',
} as const;

/** `directory`: absolute, the demo's own. */
export function demoConfig(ports: DemoPorts, directory: string): string {
  return `# The sample config of "kapkan demo". dry_run is not written, so it is on: nothing is announced.
listen:
  netflow: "127.0.0.1:${ports.flow}"

networks: [203.0.113.0/24, "2001:db8::/32"]

# Never announced: the resolver that everybody needs.
protected_whitelist: [${DEMO_HOSTS.resolver}]

detection:
  window_seconds: 2
thresholds:
  pps: 50000
  mbps: 400
  flows_per_sec: 5000

# A host under attack is blackholed ...
mitigation: blackhole
bgp:
  next_hop: 192.0.2.1
ban:
  ttl_seconds: 60
  unban_hysteresis_seconds: 2
  max_active_bans: 10

# ... but for web servers FlowSpec rules discard only the attack.
hostgroups:
  - name: web
    networks: [203.0.113.0/27]
    mitigation: flowspec

gobgp:
  address: "unix:${directory}/there-is-no-gobgp"
storage:
  path: state
api:
  listen: "127.0.0.1:${ports.api}"
`;
}
