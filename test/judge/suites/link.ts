/** A cable that is pulled, and plugged in again. */
import { expect, it } from 'vitest';
import { type Bench, carrier, INTERFACE, kernelLog, until } from '../bench.ts';
import { FAR } from '../judged-nic.ts';

export function testLink(bench: Bench): void {
  const { guest, nic } = bench;

  it('notices that its cable is pulled, and plugged in', async () => {
    const changes = async (): Promise<string[]> => (await kernelLog(bench)).match(/NIC Link is (Up|Down)/g) ?? [];
    const before = (await changes()).length;
    nic().wire.plugged = false;
    await guest().output(until(carrier(false)));
    expect(await guest().output(`ethtool ${INTERFACE}`)).toContain('Link detected: no');
    expect(nic().device.model.linkUp).toBe(false);
    nic().wire.forget();
    expect((await guest().run(`ping -q -n -c 1 -W 1 ${FAR.ip}`)).status).not.toBe(0);
    expect(nic().wire.sent).toEqual([]);

    nic().wire.plugged = true;
    await guest().output(until(carrier(true)));
    await guest().output(`ping -q -n -c 3 -i 0.01 -W 5 ${FAR.ip}`);
    expect(nic().wire.sent.length).toBeGreaterThanOrEqual(3);
    expect((await changes()).slice(before)).toEqual(['NIC Link is Down', 'NIC Link is Up']);
  });
}
