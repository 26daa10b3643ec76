/** Brings guest and NIC back to where checks begin, whatever a check that failed has left behind. */
import { type Bench, carrier, INTERFACE, until } from './bench.ts';
import { FAR, GUEST } from './judged-nic.ts';

/** What checks set for a while; where there is nothing to undo, these commands fail. */
const UNDO = [
  ...['vlan', 'raw', 'own0', 'own1'].map((name) => `link del ${name}`),
  `link set ${INTERFACE} promisc off allmulticast off mtu 1500`,
  `maddress del 01:00:5e:01:02:03 dev ${INTERFACE}`,
];

/** For the next check of the same broken card. */
export async function tidy({ guest, nic }: Bench): Promise<void> {
  nic().wire.calm();
  await guest().run(`printf '${UNDO.join('\\n')}' | ip -force -batch - 2>/dev/null
    ethtool -K ${INTERFACE} ntuple off
    ethtool -C ${INTERFACE} rx-usecs 1`);
}

/** Whether the driver is there, and has a link. */
export async function isUp({ guest }: Bench): Promise<boolean> {
  return (await guest().run(carrier(true))).status === 0;
}

/** For a card that works again, or is broken from now on: the driver sets it up, or looks for it if it has given it up. */
export async function beginAnew(bench: Bench): Promise<void> {
  const { guest, nic } = bench;
  await tidy(bench);
  const mac = await nic().far.mac();
  await guest().run(
    `[ -e /sys/class/net/${INTERFACE} ] || { rmmod ixgbe; modprobe ixgbe; }
    ip link set ${INTERFACE} down
    ip address replace ${GUEST.ip}/24 dev ${INTERFACE}
    ip link set ${INTERFACE} up
    ip neighbour replace ${FAR.ip} lladdr ${mac} dev ${INTERFACE}
    ${until(carrier(true))}`,
  );
}
