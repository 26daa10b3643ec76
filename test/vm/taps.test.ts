/** The far end of a guest's cables: what suites about traffic rely on, shown with the kernel's own drivers in the guest. */
import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { haveTools, tshark } from '../support/tools.ts';
import { canBoot, describeGuest } from './harness/describe-guest.ts';
import { Guest } from './harness/guest.ts';
import { type Nic, nicAddress, nicMac, tapName } from './harness/nics.ts';
import { checkSequence, framesOf } from './harness/recording.ts';

const haveTshark = haveTools('tshark');

const NICS = [
  { model: 'virtio-legacy', slot: 4, tap: 'offloads' },
  { model: 'virtio-transitional', slot: 5, tap: 'offloads' },
  { model: 'virtio-modern', slot: 6, tap: 'offloads' },
  { model: 'virtio-packed', slot: 7, tap: 'plain' },
  { model: 'virtio-multiqueue', slot: 8, tap: 'offloads' },
  { model: 'e1000e', slot: 9, tap: 'plain' },
] as const satisfies readonly Nic[];
const [LEGACY, , MODERN, PACKED, MULTIQUEUE] = NICS;

/** What the guest's driver has agreed on with each, by number (virtio 1.2, sections 5.1.3 and 6). */
const FEATURES = { checksum: 0, multiqueue: 22, version1: 32, packed: 34 } as const;
const AGREED: Record<string, (keyof typeof FEATURES)[]> = {
  'virtio-legacy': ['checksum'],
  'virtio-transitional': ['checksum', 'version1'],
  'virtio-modern': ['checksum', 'version1'],
  'virtio-packed': ['version1', 'packed'],
  'virtio-multiqueue': ['checksum', 'multiqueue', 'version1'],
};

const PINGS = 5;
const FRAMES = 1000;

describeGuest('the far end of cables', { nics: NICS }, (guest) => {
  it('is seen by nobody else, and silent', async () => {
    expect(NICS.filter((nic) => existsSync(`/sys/class/net/${tapName(nic)}`))).toEqual([]);
    const interfaces = (await guest().host.output('ls /proc/sys/net/ipv4/conf')).split('\n');
    expect(interfaces).toEqual(expect.arrayContaining(NICS.map(tapName)));
    expect(await guest().host.output('ip -6 address')).toBe('');
  });

  it.each(Object.entries(AGREED))('%s offers what it should', async (model, agreed) => {
    const nic = NICS.find((other) => other.model === model) ?? LEGACY;
    const bits = await guest().output(`cat /sys/bus/pci/devices/${nicAddress(nic)}/virtio*/features`);
    const names = Object.entries(FEATURES).filter(([, bit]) => bits[bit] === '1');
    expect(names.map(([name]) => name)).toEqual(agreed);
  });

  it('virtio-multiqueue has four pairs of queues', async () => {
    const channels = await guest().output(`ethtool -l ${await guest().interfaceOf(MULTIQUEUE)}`);
    expect(/^Combined:\s+(\d+)$/m.exec(channels)?.[1]).toBe('4');
  });

  it.runIf(haveTshark).each(NICS)('$model: what the guest says and hears is recorded', async (nic) => {
    const name = await guest().interfaceOf(nic);
    const network = `10.0.${nic.slot}`;
    await guest().output(`ip link set ${name} up && ip address add ${network}.2/24 dev ${name}`);
    await guest().host.output(`ip address add ${network}.1/24 dev ${tapName(nic)}`);
    const recording = await guest()
      .cable(nic)
      .record({ filter: 'icmp', count: 2 * PINGS });
    await guest().output(`ping -q -i 0.002 -c ${PINGS} -s 1400 ${network}.1`);
    const packets = tshark(await recording.ended(), ['eth.src', 'icmp.type', 'frame.len']);
    const request = [nicMac(nic), '8', '1442'];
    expect(packets.filter(([source]) => source === nicMac(nic))).toEqual(Array(PINGS).fill(request));
    expect(packets.filter(([, type]) => type === '0')).toHaveLength(PINGS);
  });

  it('sees each direction by itself, until told to stop', async () => {
    const network = `10.0.${MODERN.slot}`;
    const from = { guest: '8', host: '0' } as const;
    for (const [side, type] of Object.entries(from)) {
      const recording = await guest()
        .cable(MODERN)
        .record({ from: side as keyof typeof from, filter: 'icmp' });
      await guest().output(`ping -q -c 1 ${network}.1`);
      const types = framesOf(await recording.stop()).map((frame) => String(frame[34]));
      expect(types).toEqual([type]);
    }
  });

  it('pulls cables, and plugs them in', async () => {
    const carrier = `/sys/class/net/${await guest().interfaceOf(PACKED)}/carrier`;
    for (const up of [false, true]) {
      await guest().cable(PACKED).plug(up);
      await guest().output(`until [ "$(cat ${carrier})" = ${Number(up)} ]; do :; done`);
    }
  });

  it('sends numbered packets, all of which the guest passes on', async () => {
    const ends = await Promise.all([LEGACY, PACKED].map((nic) => guest().interfaceOf(nic)));
    const ports = ends.map((end) => `ip address flush ${end}; ip link set ${end} master switch up`);
    await guest().output(`
      echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6
      ip link add switch type bridge && ip link set switch up
      ${ports.join('\n')}
      for end in ${ends.join(' ')}; do
        until [ "$(cat /sys/class/net/$end/brport/state)" = 3 ]; do :; done
      done`);
    const { host } = guest();
    const packets = host.file('numbered.pcap').here;
    await host.output(`node dist/cli/main.js pktgen pcap:${packets} --count ${FRAMES} --size 100`);
    const recording = await guest().cable(PACKED).record({ from: 'guest', filter: 'udp', count: FRAMES });
    await guest().cable(LEGACY).send(packets);
    const file = await recording.ended();
    expect(checkSequence(file)).toMatchObject({ unique: FRAMES, lost: 0, reordered: 0, corrupted: 0, foreign: 0 });
    expect(framesOf(file)).toEqual(framesOf(packets));
    expect(await guest().cable(LEGACY).dropped()).toBe(0);
  });

  it('counts what a guest does not fetch', async () => {
    const { host } = guest();
    await guest().output(`ip link set ${await guest().interfaceOf(MODERN)} down`);
    const packets = host.file('many.pcap').here;
    await host.output(
      `node dist/cli/main.js pktgen pcap:${packets} --count ${20 * FRAMES} --dst-mac ${nicMac(MODERN)}`,
    );
    await guest().cable(MODERN).send(packets);
    expect(await guest().cable(MODERN).dropped()).toBeGreaterThan(9 * FRAMES);
  });

  it('a frame that is larger than its interface takes is an error', async () => {
    const packets = guest().host.file('large.pcap').here;
    await guest().host.output(`node dist/cli/main.js pktgen pcap:${packets} --count 1 --size 4000`);
    await expect(guest().cable(LEGACY).send(packets)).rejects.toThrow('frames were not sent');
  });
});

const one = { nics: [{ model: 'virtio-modern', slot: 4, tap: 'plain' }] } as const;

describe.runIf(canBoot('the far end of a closed guest', one))('the far end of a closed guest', () => {
  it('is gone, with all that ran there', async () => {
    const closing = await Guest.boot(one);
    const running = closing.host.start('echo $$; sleep 1000');
    const pid = Number(await running.printed('\n'));
    await closing.close();
    await expect(running.ended)
      .resolves.toMatchObject({ status: 128 + 9 })
      .catch(() => {});
    expect(existsSync(`/proc/${pid}`)).toBe(false);
    expect(() => closing.host.start('true')).toThrow('closed');
  });
});
