import assert from 'node:assert/strict';
import { test } from 'node:test';
import { configOf, MINIMAL, onlyProblemOf, problemsOf, withLines } from './configText.ts';

const SECRET = '0123456789abcdef';
const OTHER_SECRET = 'fedcba9876543210';

/** Each line behind the minimal file gives exactly one problem, which reads like this. */
function eachRefused(cases: readonly (readonly [string, RegExp])[], env: NodeJS.ProcessEnv = {}): void {
  for (const [line, expected] of cases) assert.match(onlyProblemOf(withLines(line), env), expected, line);
}

function eachAccepted(lines: readonly string[], env: NodeJS.ProcessEnv = {}): void {
  for (const line of lines) assert.deepEqual(problemsOf(withLines(line), env), [], line);
}

test('protected networks must not overlap, in either order', () => {
  for (const networks of ['10.0.0.0/8, 10.1.0.0/16', '10.1.0.0/16, 10.0.0.0/8', '10.0.0.0/8, 10.0.0.0/8']) {
    const text = MINIMAL.replace('192.0.2.0/24', networks);
    assert.match(onlyProblemOf(text), /^networks\[1\]: must not overlap another network/);
  }
});

test('hostgroups have their own name and networks, inside the protected ones', () => {
  eachRefused([
    ['hostgroups: [{ name: global, networks: [192.0.2.1] }]', /^hostgroups\[0\].name: must not be "global"/],
    ['hostgroups: [{ name: a, networks: [198.51.100.0/24] }]', /^hostgroups\[0\].networks\[0\]: must lie within/],
    ['hostgroups: [{ name: a, networks: [192.0.0.0/16] }]', /must lie within the protected networks/],
    ['hostgroups: [{ name: a, networks: [] }]', /^hostgroups\[0\].networks: must hold at least one prefix/],
    [
      'hostgroups: [{ name: a, networks: [192.0.2.1] }, { name: a, networks: [192.0.2.2] }]',
      /\[1\].name: must be unique/,
    ],
    [
      'hostgroups: [{ name: a, networks: [192.0.2.1] }, { name: b, networks: [192.0.2.1/32] }]',
      /^hostgroups\[1\].networks\[0\]: must be in one group only, 192.0.2.1\/32 is also in "a"$/,
    ],
  ]);
  eachAccepted(['hostgroups: [{ name: a, networks: [192.0.2.0/24] }, { name: b, networks: [192.0.2.0/25] }]']);
});

test('there is a listener, and no two on one socket', () => {
  const listening = (listen: string) => MINIMAL.replace('listen: { netflow: ":2055" }', `listen: ${listen}`);
  assert.match(onlyProblemOf(listening('{}')), /^listen: must state at least one of netflow and sflow/);
  for (const listen of [
    '{ netflow: ":2055", sflow: ":2055" }',
    '{ netflow: "0.0.0.0:2055", sflow: "192.0.2.1:2055" }',
    '{ netflow: "0.0.0.0:2055", sflow: ":2055" }',
    '{ netflow: ["[::1]:2055", "[0::1]:2055"] }',
  ]) {
    assert.match(onlyProblemOf(listening(listen)), /must not take the same socket/, listen);
  }
  for (const listen of [
    '{ netflow: ["0.0.0.0:2055", "[::1]:2055"] }',
    '{ netflow: "127.0.0.1:2055", sflow: "127.0.0.2:2055" }',
    '{ netflow: ":2055", sflow: ":6343" }',
    '{ netflow: "127.0.0.1:0", sflow: "127.0.0.1:0" }',
  ]) {
    assert.deepEqual(problemsOf(listening(listen)), [], listen);
  }
});

test('enforcing sources needs sources, and an exporter is overridden once', () => {
  eachRefused([
    ['flow_sources_enforce: true', /^flow_sources_enforce: must be false where flow_sources names no exporter/],
    [
      'sampling: { overrides: [{ exporter: 192.0.2.1, rate: 2 }, { exporter: "::ffff:192.0.2.1", rate: 3 }] }',
      /overrides\[1\].exporter: must be overridden once only/,
    ],
    [
      'sampling: { boundary: [{ exporter: 192.0.2.1, external_ifindexes: [1] }, { exporter: "::ffff:192.0.2.1", external_ifindexes: [2] }] }',
      /boundary\[1\].exporter: must have one border only, 192.0.2.1 is in the list above/,
    ],
    [
      'sampling: { boundary: [{ exporter: 192.0.2.1, external_ifindexes: [7, 8, 7] }] }',
      /boundary\[0\].external_ifindexes\[2\]: must be listed once only, 7 is in the list above/,
    ],
    [
      'sampling: { boundary: [{ exporter: 192.0.2.1, external_ifindexes: [] }] }',
      /boundary\[0\].external_ifindexes: must hold at least one interface/,
    ],
    ['sampling: { boundary: [{ exporter: 192.0.2.1 }] }', /boundary\[0\].external_ifindexes: /],
    ['sampling: { boundary: [{ external_ifindexes: [1] }] }', /boundary\[0\].exporter: /],
    [
      'sampling: { boundary: [{ exporter: 192.0.2.1, external_ifindexes: [0] }] }',
      /external_ifindexes\[0\]: must be an integer from 1 to 4294967295/,
    ],
    [
      'sampling: { boundary: [{ exporter: 192.0.2.1, external_ifindexes: [1], egress_sampling: "yes" }] }',
      /egress_sampling: must be true or false/,
    ],
    ['sampling: { default_rate: 0.5 }', /must be a number from 1 /],
  ]);
});

test('a ladder starts at 0, ascends, never weakens and has at most five rungs', () => {
  const ladder = (...rungs: (readonly [number, string])[]) =>
    `escalation: [${rungs.map(([after, action]) => `{ after_seconds: ${after}, action: ${action} }`).join(', ')}]`;
  eachRefused([
    [ladder([5, 'none']), /^escalation\[0\].after_seconds: must be 0 on the first rung, got 5$/],
    [ladder([0, 'none'], [0, 'flowspec']), /^escalation\[1\].after_seconds: must be above 0/],
    [ladder([0, 'blackhole'], [9, 'flowspec']), /^escalation\[1\].action: must not be weaker than "blackhole"/],
    [
      ladder([0, 'none'], [1, 'none'], [2, 'none'], [3, 'none'], [4, 'none'], [5, 'none']),
      /^escalation: must have at most 5 rungs/,
    ],
    [
      'hostgroups: [{ name: a, networks: [192.0.2.1], escalation: [{ after_seconds: 1, action: none }] }]',
      /^hostgroups\[0\].escalation\[0\].after_seconds: must be 0/,
    ],
  ]);
  eachAccepted([ladder([0, 'none'], [30, 'flowspec'], [60, 'flowspec'], [90, 'blackhole']), 'escalation: []']);
});

test('a rate limit needs a rate, its own or an inherited one', () => {
  const group = 'hostgroups: [{ name: a, networks: [192.0.2.1], flowspec: { action: rate_limit } }]';
  eachRefused([
    ['flowspec: { action: rate_limit }', /^flowspec.rate_mbps: is missing/],
    [group, /^hostgroups\[0\].flowspec.rate_mbps: is missing/],
  ]);
  eachAccepted([`flowspec: { rate_mbps: 10 }\n${group}`]);
});

test('the bounds of bans by hand are of the whole file, and within reason', () => {
  const ban = (keys: string) => MINIMAL.replace('max_active_bans: 100', `max_active_bans: 100, ${keys}`);
  assert.deepEqual(configOf(ban('max_ttl_seconds: 60, max_tenant_share: 0.25')).ban.maxTenantShare, 0.25);
  for (const keys of [
    'max_ttl_seconds: 0',
    'max_ttl_seconds: 31536001',
    'max_tenant_share: 0',
    'max_tenant_share: 1.1',
  ]) {
    assert.match(onlyProblemOf(ban(keys)), /^ban\.max_(ttl_seconds|tenant_share): must be/, keys);
  }
  eachRefused([
    ['hostgroups: [{ name: a, networks: [192.0.2.1], ban: { max_ttl_seconds: 60 } }]', /is not a known key/],
    ['hostgroups: [{ name: a, networks: [192.0.2.1], ban: { max_tenant_share: 1 } }]', /is not a known key/],
  ]);
});

test('the route of a blackhole is complete before dry_run is off', () => {
  eachRefused([
    ['dry_run: false', /^bgp: is missing, it is required once dry_run is false/],
    ['dry_run: false\nbgp: {}', /^bgp.next_hop: is missing, it is required for the IPv4 networks/],
    ['bgp: { next_hop: "100::1" }', /^bgp.next_hop: must be an IPv4 address, got "100::1"/],
    ['bgp: { next_hop6: 192.0.2.1 }', /^bgp.next_hop6: must be an IPv6 address/],
    ['bgp: { next_hop: 0.0.0.0 }', /neither 0 nor multicast/],
    ['bgp: { next_hop: 224.0.0.1 }', /neither 0 nor multicast/],
    ['bgp: { community: blackhole, communities: [no-export] }', /^bgp.communities: must not stand beside community/],
    ['bgp: { community: 65536:1 }', /its two parts|two parts are at most 65535/],
    ['bgp: { community: "1:2:4294967296" }', /three parts are at most 4294967295/],
    ['bgp: { community: graceful-shutdown }', /must be a community/],
  ]);
  eachAccepted(['dry_run: false\nbgp: { next_hop: 192.0.2.1 }']);
  const onlyV6 = MINIMAL.replace('192.0.2.0/24, ', '');
  assert.deepEqual(problemsOf(`${onlyV6}dry_run: false\nbgp: {}\n`), []);
});

test('communities are read in all their forms', () => {
  const text = withLines(
    'bgp: { communities: [blackhole, no-export, no-advertise, "64496:7", "4200000000:0:4294967295"] }',
  );
  assert.deepEqual(
    configOf(text).groups[0].bgp.communities.map(({ value, text }) => [value, text]),
    [
      [0xffff029a, '65535:666'],
      [0xffffff01, '65535:65281'],
      [0xffffff02, '65535:65282'],
      [64_496 * 65_536 + 7, '64496:7'],
      [[4_200_000_000, 0, 4_294_967_295], '4200000000:0:4294967295'],
    ],
  );
});

test('a group that may divert has a scrubbing next hop for each of its address families', () => {
  eachRefused([
    ['mitigation: divert\nscrubbing: { next_hop: 192.0.2.1 }', /^scrubbing.next_hop6: is missing.* IPv6 networks/],
    [
      'escalation: [{ after_seconds: 0, action: divert }]\nscrubbing: { next_hop6: "100::2" }',
      /^scrubbing.next_hop: is missing.* IPv4 networks/,
    ],
    [
      'hostgroups: [{ name: a, networks: [192.0.2.1], mitigation: divert }]',
      /^hostgroups\[0\].scrubbing.next_hop: is missing here and in scrubbing/,
    ],
  ]);
  eachAccepted([
    'hostgroups: [{ name: a, networks: [192.0.2.1], mitigation: divert, scrubbing: { next_hop: 192.0.2.1 } }]',
    'mitigation: divert\nescalation: [{ after_seconds: 0, action: none }]',
  ]);
});

test('a client certificate and its key come together, and a daemon is named once', () => {
  eachRefused([
    ['gobgp: { tls: { cert_file: a } }', /^gobgp.tls.key_file: is missing, cert_file needs it/],
    ['gobgp: { tls: { key_file: a } }', /^gobgp.tls.cert_file: is missing, key_file needs it/],
    ['gobgp: { address: [a:1, b:1, a:1] }', /^gobgp.address\[2\]: must name each daemon once/],
    ['gobgp: { address: gobgp }', /^gobgp.address: must be "host:port"/],
    ['gobgp: { address: 127.0.0.256:1 }', /^gobgp.address: must be "host:port"/],
    ['gobgp: { address: "unix:relative" }', /^gobgp.address: must be "host:port"/],
    ['gobgp: { address: 5 }', /^gobgp.address: must be .* or a list of them, got 5/],
    ['gobgp: { instance_id: 4294967296 }', /must be an integer from 0 to 4294967295/],
  ]);
});

test('an API beyond loopback needs a token, unless allow_unauthenticated is set', () => {
  for (const listen of [':8080', '0.0.0.0:8080', '[::]:8080', '192.0.2.1:8080']) {
    eachRefused([[`api: { listen: "${listen}" }`, /^api.listen: must be a loopback address unless token_env/]]);
    eachRefused([[`api: { listen: "${listen}", tokens: [] }`, /^api.listen: must be a loopback/]]);
    eachAccepted([`api: { listen: "${listen}", allow_unauthenticated: true }`]);
    eachAccepted([`api: { listen: "${listen}", token_env: TOKEN }`], { TOKEN: SECRET });
  }
  eachAccepted(
    ['127.0.0.1:8080', 'localhost:8080', '[::1]:8080', '127.9.9.9:1'].map((at) => `api: { listen: "${at}" }`),
  );
});

test('secrets come only from the environment', () => {
  const one = 'api: { token_env: TOKEN }';
  const two = (roleA: string, roleB: string) =>
    `api: { tokens: [{ name: a, token_env: A, role: ${roleA} }, { name: b, token_env: B, role: ${roleB} }] }`;
  assert.deepEqual(configOf(withLines(one), { TOKEN: SECRET }).api.tokens, [
    { name: 'operator', secret: SECRET, role: 'operator', tenant: undefined },
  ]);
  eachRefused([[one, /^api.token_env: must name an environment variable that is set, TOKEN is unset or empty/]]);
  eachRefused([[one, /TOKEN is unset or empty/]], { TOKEN: '' });
  eachRefused([[one, /TOKEN holds spaces or non-ASCII/]], { TOKEN: 'a b' });
  eachRefused([[two('viewer', 'operator'), /^api.tokens\[1\].token_env: must hold a secret of its own/]], {
    A: SECRET,
    B: SECRET,
  });
  eachAccepted([two('viewer', 'viewer')], { A: SECRET, B: SECRET });
  eachAccepted([two('viewer', 'operator')], { A: SECRET, B: OTHER_SECRET });
  eachRefused([['api: { token_env: A, tokens: [] }', /^api.tokens: must not stand beside token_env/]], { A: SECRET });
  eachRefused([[two('viewer', 'viewer').replace('name: b', 'name: a'), /tokens\[1\].name: must be unique/]], {
    A: SECRET,
    B: OTHER_SECRET,
  });
});

test('a token has at least 16 characters, for every role and tenant', () => {
  const single = 'api: { token_env: A }';
  const listed = 'api: { tokens: [{ name: a, token_env: A, role: viewer }] }';
  for (const short of ['x', '0123456789abcde']) {
    eachRefused([[single, /^api\.token_env: must name a variable with a token of at least 16 characters, A holds/]], {
      A: short,
    });
    eachRefused([[listed, /^api\.tokens\[0\]\.token_env: .* at least 16 characters, A holds a shorter one$/]], {
      A: short,
    });
    assert.doesNotMatch(onlyProblemOf(withLines(single), { A: '0123456789abcde' }), /0123456789/);
  }
  eachAccepted([single, listed], { A: SECRET });
});

test('a tenant is read for groups and tokens, and a secret cannot be that of two', () => {
  const tokens = (a: string, b: string) =>
    `api: { tokens: [{ name: a, token_env: A, role: viewer${a} }, { name: b, token_env: B, role: viewer${b} }] }`;
  const groups = 'hostgroups: [{ name: web, networks: [192.0.2.0/28], tenant: alpha }]';
  const config = configOf(withLines('tenant: beta', groups, tokens(', tenant: alpha', '')), {
    A: SECRET,
    B: OTHER_SECRET,
  });
  assert.deepEqual(
    [...config.groups, ...config.api.tokens].map(({ tenant }) => tenant),
    ['beta', 'alpha', 'alpha', undefined],
  );
  const same = { A: SECRET, B: SECRET };
  eachAccepted([tokens(', tenant: alpha', ', tenant: alpha')], same);
  eachRefused([[tokens(', tenant: alpha', ', tenant: beta'), /holds that of "a", whose tenant differs/]], same);
  eachRefused([[tokens('', ', tenant: beta'), /whose tenant differs/]], same);
  for (const nothing of ['""', 'null', '7']) {
    eachRefused([[tokens(`, tenant: ${nothing}`, ''), /tokens\[0\].tenant: must be a name/]], {
      A: SECRET,
      B: OTHER_SECRET,
    });
  }
});

test('a group without a tenant has none, also where the global group has one', () => {
  const config = configOf(withLines('tenant: beta', 'hostgroups: [{ name: web, networks: [192.0.2.0/28] }]'));
  assert.equal(config.groups[1].tenant, undefined);
});

test('a secret written where the name of its variable belongs is not repeated', () => {
  for (const written of ['"hunter2!"', '31337']) {
    const [problem] = problemsOf(withLines(`api: { token_env: ${written} }`));
    assert.match(problem.message, /must be the name of an environment variable/);
    assert.doesNotMatch(problem.message, /hunter2|31337/);
  }
});
