/** Which frames reach the guest's kernel: by address, by VLAN, with all filters off. */
import { describe, expect, it } from 'vitest';
import { ixgbe } from '../../../src/datasheet/ixgbe/index.ts';
import { extract } from '../../../src/datasheet/registers.ts';
import { internetChecksum, type PacketDescription, PacketTemplate, TCP_RST } from '../../../src/packets/index.ts';
import { type Bench, type Check, change, driverCounters, INTERFACE, until } from '../harness/bench.ts';
import { listening, STRANGER } from '../harness/ear.ts';
import { FAR, GUEST } from '../harness/judged-nic.ts';

const { FCTRL, MTA, VFTA, VLNCTRL } = ixgbe;
const BROADCAST = 'ff:ff:ff:ff:ff:ff';
const GROUP = '01:00:5e:01:02:03';
const OTHER_GROUP = '01:00:5e:01:02:04';

/** Where the checksums of IPv4, TCP and UDP are in a frame. */
const IP_CHECKSUM = 24;
const TCP_CHECKSUM = 50;
const UDP_CHECKSUM = 40;

const VLAN = 42;
const OTHER_VLAN = 43;
/** Bytes ahead of a ping's payload: Ethernet with a tag, IPv4, ICMP. */
const VLAN_HEADERS = 46;
const SHORTEST_FRAME = 60;
const TAG_BYTES = 4;
const VLAN_PINGS = [0, 18, 56, 1472];
const VLAN_PEER = '10.99.42.1';

export function testFilters(bench: Bench): void {
  describe('filters', () => {
    it('let only those frames pass that are meant', () => passMeantFrames(bench));
    it('are open while promiscuous', () => areOpenWhilePromiscuous(bench));
    it('let groups pass that were joined', () => passJoinedGroups(bench));
    it('let all groups pass on request', () => passAllGroups(bench));
    it('let frames pass for each address of the guest', () => passAllOwnAddresses(bench));
    it('find wrong checksums', () => findWrongChecksums(bench));
    it('let those VLANs pass that the guest is a member of', () => passJoinedVlans(bench));
    it('leave tags to the card: it puts them in and takes them out', () => handleTags(bench));
    it('are closed to a VLAN that the guest has left', () => closeToLeftVlans(bench));
  });
}

const ALL = [STRANGER, GUEST.mac, GROUP, OTHER_GROUP, BROADCAST];

export const passMeantFrames: Check = (bench) =>
  listening(bench, async (ear) => {
    expect(await ear.heard(...ALL)).toEqual([GUEST.mac, BROADCAST]);
  });

export const areOpenWhilePromiscuous: Check = (bench) =>
  listening(bench, async (ear) => {
    const { nic } = bench;
    await change(bench, `ip link set ${INTERFACE} promisc on`);
    expect(extract(FCTRL.bits.UPE, nic().register(FCTRL))).toBe(1);
    expect(await ear.heard(...ALL)).toEqual(ALL);
    await change(bench, `ip link set ${INTERFACE} promisc off`);
    expect(extract(FCTRL.bits.UPE, nic().register(FCTRL))).toBe(0);
    expect(await ear.heard(...ALL)).toEqual([GUEST.mac, BROADCAST]);
  });

export const passJoinedGroups: Check = (bench) =>
  listening(bench, async (ear) => {
    await change(bench, `ip maddress add ${GROUP} dev ${INTERFACE}`);
    const bits = Array.from({ length: MTA.length }, (_, i) => bench.nic().register(MTA, i));
    expect(bits.filter((word) => word !== 0).length).toBeGreaterThan(0);
    expect(await ear.heard(...ALL)).toEqual([GUEST.mac, GROUP, BROADCAST]);
    await change(bench, `ip maddress del ${GROUP} dev ${INTERFACE}`);
    expect(await ear.heard(...ALL)).toEqual([GUEST.mac, BROADCAST]);
  });

export const passAllGroups: Check = (bench) =>
  listening(bench, async (ear) => {
    await change(bench, `ip link set ${INTERFACE} allmulticast on`);
    expect(await ear.heard(...ALL)).toEqual([GUEST.mac, GROUP, OTHER_GROUP, BROADCAST]);
    await change(bench, `ip link set ${INTERFACE} allmulticast off`);
    expect(await ear.heard(...ALL)).toEqual([GUEST.mac, BROADCAST]);
  });

export const passAllOwnAddresses: Check = (bench) =>
  listening(bench, async (ear) => {
    const own = ['02:00:00:00:01:00', '02:00:00:00:01:01'];
    const add = own.map((mac, i) => `ip link add link ${INTERFACE} name own${i} address ${mac} up type macvlan`);
    await change(bench, ['modprobe macvlan', ...add].join(' && '));
    expect(await ear.heard(STRANGER, ...own, BROADCAST)).toEqual([...own, BROADCAST]);
    await change(bench, own.map((_, i) => `ip link del own${i}`).join(' && '));
    expect(await ear.heard(...own)).toEqual([]);
  });

export const findWrongChecksums: Check = async (bench) => {
  const { guest, nic } = bench;
  const before = await driverCounters(bench);
  // What the card says of UDP is not trusted: it takes datagrams without a checksum for wrong ones.
  const frames = [segment(), segment(IP_CHECKSUM), segment(), segment(TCP_CHECKSUM), datagram(UDP_CHECKSUM)];
  nic().wire.inject(...frames);
  const all = before.rx_packets + frames.length;
  await guest().output(until(`ethtool -S ${INTERFACE} | grep -q ' rx_packets: ${all}'`));
  const after = await driverCounters(bench);
  expect(after.rx_csum_offload_errors - before.rx_csum_offload_errors).toBe(2);
};

export const passJoinedVlans: Check = (bench) =>
  listening(bench, async (ear) => {
    const { nic } = bench;
    expect(extract(VLNCTRL.bits.VFE, nic().register(VLNCTRL))).toBe(1);
    expect(await ear.heard(VLAN, OTHER_VLAN)).toEqual([]);
    await joinVlan(bench);
    expect([VLAN, OTHER_VLAN].map((vlan) => isMember(bench, vlan))).toEqual([true, false]);
    expect(await ear.heard(VLAN, OTHER_VLAN)).toEqual([VLAN]);
    await leaveVlan(bench);
  });

export const handleTags: Check = async (bench) => {
  const { guest, nic } = bench;
  await joinVlan(bench);
  const received = 'cat /sys/class/net/vlan/statistics/rx_packets';
  const before = Number(await guest().output(received));
  const bytesBefore = (await driverCounters(bench)).rx_bytes;
  nic().wire.forget();
  nic().wire.answer = echo;
  const pings = VLAN_PINGS.map((size) => `ping -n -c 1 -W 2 -s ${size} ${VLAN_PEER}`);
  expect(await guest().output(pings.join(' && '))).not.toContain('wrong data');
  nic().wire.answer = () => undefined;
  const { sent, taken } = nic().wire;
  expect(sent.map(tagOf)).toEqual(VLAN_PINGS.map(() => VLAN));
  const lengths = VLAN_PINGS.map((size) => Math.max(SHORTEST_FRAME, VLAN_HEADERS + size));
  expect(sent.map(({ length }) => length)).toEqual(lengths);
  expect(taken).toHaveLength(VLAN_PINGS.length);
  expect(Number(await guest().output(received)) - before).toBe(VLAN_PINGS.length);
  // The driver counts what is in memory, which it pads.
  const stripped = taken.reduce((sum, { length }) => sum + Math.max(SHORTEST_FRAME, length - TAG_BYTES), 0);
  expect((await driverCounters(bench)).rx_bytes - bytesBefore).toBe(stripped);
  await leaveVlan(bench);
};

export const closeToLeftVlans: Check = (bench) =>
  listening(bench, async (ear) => {
    await joinVlan(bench);
    await leaveVlan(bench);
    expect(isMember(bench, VLAN)).toBe(false);
    expect(await ear.heard(VLAN, OTHER_VLAN)).toEqual([]);
  });

function joinVlan(bench: Bench): Promise<string> {
  return change(
    bench,
    `modprobe 8021q && ip link add link ${INTERFACE} name vlan type vlan id ${VLAN} && ` +
      'ip address add 10.99.42.2/24 dev vlan && ip link set vlan up && ' +
      `ip neighbour add ${VLAN_PEER} lladdr ${STRANGER} dev vlan`,
  );
}

function leaveVlan(bench: Bench): Promise<string> {
  return change(bench, 'ip link del vlan');
}

function isMember({ nic }: Bench, vlan: number): boolean {
  return ((nic().register(VFTA, vlan >>> 5) >>> (vlan & 31)) & 1) === 1;
}

/** The end of a connection that there never was, which nobody answers; with one of its bytes wrong. */
function segment(wrong?: number): Uint8Array {
  return withWrong({ tcp: { sourcePort: 9, destinationPort: 9, flags: TCP_RST } }, wrong);
}

function datagram(wrong: number): Uint8Array {
  return withWrong({ udp: { sourcePort: 9, destinationPort: 9 } }, wrong);
}

function withWrong(transport: Pick<PacketDescription, 'tcp' | 'udp'>, wrong?: number): Uint8Array {
  const { bytes } = new PacketTemplate({
    ethernet: { source: STRANGER, destination: GUEST.mac },
    ipv4: { source: FAR.ip, destination: GUEST.ip },
    ...transport,
  });
  if (wrong !== undefined) bytes[wrong] ^= 0xff;
  return bytes;
}

function tagOf(frame: Uint8Array): number | undefined {
  return frame[12] === 0x81 && frame[13] === 0 ? ((frame[14] & 0xf) << 8) | frame[15] : undefined;
}

/** The reply to a tagged ping; undefined for all else. */
function echo(frame: Uint8Array): Uint8Array | undefined {
  const [ip, icmp] = [18, 38];
  if (tagOf(frame) === undefined || frame[ip + 9] !== 1 || frame[icmp] !== 8) return undefined;
  const reply = frame.slice();
  reply.set(frame.subarray(6, 12), 0);
  reply.set(frame.subarray(0, 6), 6);
  reply.set(frame.subarray(ip + 16, ip + 20), ip + 12);
  reply.set(frame.subarray(ip + 12, ip + 16), ip + 16);
  const end = ip + ((frame[ip + 2] << 8) | frame[ip + 3]);
  reply.set([0, 0, 0, 0], icmp);
  const checksum = internetChecksum(reply, icmp, end - icmp);
  reply.set([checksum >>> 8, checksum & 0xff], icmp + 2);
  return reply;
}
