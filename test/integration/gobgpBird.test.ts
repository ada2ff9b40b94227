/*
 * BIRD as the router: an implementation that shares nothing with GoBGP reads what Kapkan announces.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { blackhole, flowspec, wanted } from '../fixtures/routeFixture.ts';
import { Bird } from './bird.ts';
import { requireDaemon } from './daemons.ts';
import { eventually } from './eventually.ts';
import { ALL_FAMILIES, freePort, loopbackAddress } from './gobgpd.ts';
import { executableOf, INJECTOR_ASN, ROUTER_ASN, startAnnouncer, startInjector } from './gobgpLab.ts';

for (const api of ['v3', 'v4'] as const) {
  test(`${api}: BIRD hears blackhole and FlowSpec routes as they are meant, and loses them`, async (t) => {
    const [executable, birdExecutable] = [executableOf(t, api), requireDaemon(t, 'bird')];
    if (executable === undefined || birdExecutable === undefined) return;
    const [here, there] = [loopbackAddress(), loopbackAddress()];
    const [herePort, therePort] = [await freePort(here), await freePort(there)];
    const bird = await Bird.start({
      executable: birdExecutable,
      asn: ROUTER_ASN,
      address: there,
      port: therePort,
      neighbor: { address: here, asn: INJECTOR_ASN, port: herePort },
    });
    t.after(() => bird.dispose());
    const router = { address: there, asn: ROUTER_ASN, port: therePort, families: ALL_FAMILIES };
    const injector = await startInjector(t, executable, { address: here, port: herePort, neighbors: [router] });

    const announcer = startAnnouncer(t, injector.apiAddress);
    announcer.setWanted(
      wanted(
        blackhole('192.0.2.1'),
        blackhole('2001:db8::1'),
        flowspec('192.0.2.2', { protocols: [6], tcpFlags: { set: 0x02, clear: 0x10 } }),
        flowspec('192.0.2.3', { protocols: [17], sourcePorts: [{ from: 100, to: 200 }], fragment: true }, 125_000),
        flowspec('2001:db8::2', { protocols: [58], icmpTypes: [128], fragment: true }),
      ),
    );
    const routes = (): Promise<string> => bird.show('route', 'all', 'protocol', 'kapkan');
    await eventually(async () => {
      const text = await routes();
      assert.match(text, /192\.0\.2\.1\/32/);
      assert.match(text, /2001:db8::1\/128/);
      assert.match(text, /flow4 \{ dst 192\.0\.2\.2\/32; proto 6; tcp flags 0x2\/0x2 && !0x10\/0x10; \}/);
      assert.match(text, /flow4 \{ dst 192\.0\.2\.3\/32; proto 17; sport 100\.\.200; fragment /);
      assert.match(text, /flow6 \{ dst 2001:db8::2\/128; next header 58; icmp type 128; fragment /);
      assert.match(text, /BGP\.community: \(65535,666\)/);
      assert.match(text, /BGP\.large_community: \(65001, 19280, 1\)/);
    }, 30_000);
    t.diagnostic(
      (await routes())
        .split('\n')
        .filter((line) => /flow[46] \{/.test(line))
        .join('\n'),
    );

    announcer.setWanted(new Map());
    await eventually(async () => assert.doesNotMatch(await routes(), /192\.0\.2|2001:db8/));
  });
}
