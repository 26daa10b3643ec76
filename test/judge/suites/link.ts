/** A cable that is pulled, and plugged in again. */
import { expect, it } from 'vitest';
import { type Bench, type Check, carrier, INTERFACE, kernelLog, ping, until } from '../harness/bench.ts';
import { FAR } from '../harness/judged-nic.ts';

/**
 * The kernel has stopped handing frames to the driver: it does so some time after the carrier is lost, under the lock that
 * this question waits for. Frames that the card cannot send any more make the driver reset it, and warn.
 */
const STOPPED = `ip link show ${INTERFACE} | grep -q "state DOWN"`;

export function testLink(bench: Bench): void {
  it('notices that its cable is pulled, and plugged in', () => noticesCable(bench));
}

export const noticesCable: Check = async (bench) => {
  const { guest, nic } = bench;
  const changes = async (): Promise<string[]> => (await kernelLog(bench)).match(/NIC Link is (Up|Down)/g) ?? [];
  const before = (await changes()).length;
  nic().wire.plugged = false;
  await guest().output(`${until(carrier(false))} && ${until(STOPPED)}`);
  expect(await guest().output(`ethtool ${INTERFACE}`)).toContain('Link detected: no');
  expect(nic().device.model.linkUp).toBe(false);
  nic().wire.forget();
  expect((await guest().run(`ping -q -n -c 1 -W 1 ${FAR.ip}`)).status).not.toBe(0);
  expect(nic().wire.sent).toEqual([]);

  nic().wire.plugged = true;
  await guest().output(`${until(carrier(true))} && ${ping(FAR.ip)}`);
  expect(nic().wire.sent.length).toBeGreaterThanOrEqual(3);
  expect((await changes()).slice(before)).toEqual(['NIC Link is Down', 'NIC Link is Up']);
};
