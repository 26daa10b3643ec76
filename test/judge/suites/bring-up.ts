/** From the module's first look at the card to an interface with a link. */
import { expect, it } from 'vitest';
import { ixgbe } from '../../../src/datasheet/ixgbe/index.ts';
import { type Bench, type Check, carrier, INTERFACE, kernelLog, until } from '../harness/bench.ts';
import { FAR, GUEST } from '../harness/judged-nic.ts';

export function testBringUp(bench: Bench): void {
  it('is probed as the card that it is', () => isProbed(bench));
  it('has its link up', () => hasLink(bench));
}

/** Loads the module, which must not be there. */
export const isProbed: Check = async (bench) => {
  const { guest, nic } = bench;
  nic().wire.forget();
  await guest().output('dmesg --clear && modprobe ixgbe');
  const log = await kernelLog(bench);
  for (const line of [
    'Multiqueue Enabled: Rx Queue count = 2, Tx Queue count = 2',
    'MAC: 2, PHY: 14, SFP+: 3, PBA No: IXYTS-0001', // an 82599 with a direct attach cable
    GUEST.mac,
    'Intel(R) 10 Gigabit Network Connection',
  ]) {
    expect(log).toContain(`ixgbe 0000:00:0a.0: ${line}`);
  }
  expect(nic().log).toEqual([expect.stringContaining('a client has come')]);
  expect(nic().wire.sent).toEqual([]);
};

/** Brings the interface up: on that, all other checks rely. */
export const hasLink: Check = async ({ guest, nic }) => {
  const mac = await nic().far.mac();
  await guest().output(
    `echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6 && ip address replace ${GUEST.ip}/24 dev ${INTERFACE} && ` +
      `ip neighbour replace ${FAR.ip} lladdr ${mac} dev ${INTERFACE} && ip link set ${INTERFACE} up && ` +
      until(carrier(true)),
  );
  await nic().far.host.output(`ip neighbour replace ${GUEST.ip} lladdr ${GUEST.mac} dev ${nic().far.interface}`);
  expect(nic().device.model.linkUp).toBe(true);
  const settings = await guest().output(`ethtool ${INTERFACE}`);
  for (const line of ['Speed: 10000Mb/s', 'Duplex: Full', 'Port: Direct Attach Copper', 'Link detected: yes']) {
    expect(settings).toContain(line);
  }
  const { CTRL_EXT, RXCTRL, DMATXCTL } = ixgbe;
  expect(nic().register(CTRL_EXT) & CTRL_EXT.bits.DRV_LOAD.mask).not.toBe(0);
  expect(nic().register(RXCTRL) & RXCTRL.bits.RXEN.mask).not.toBe(0);
  expect(nic().register(DMATXCTL) & DMATXCTL.bits.TE.mask).not.toBe(0);
};
