/** The driver, and the judge: whatever is negotiated, the emulated device finds nothing to complain of, and nothing is lost. */
import { describe, expect, test } from 'vitest';
import type { FeatureName } from '../../src/datasheet/virtio/features.ts';
import { openVirtio, type VirtioNetDevice, type VirtioOptions } from '../../src/drivers/virtio/index.ts';
import { EmulatedPciDevice } from '../../src/emulation/index.ts';
import { CableRegistry, createWire } from '../../src/emulation/wires/index.ts';
import { PacketBatch } from '../../src/memory/packet-batch.ts';
import { allocatePlainMemory } from '../../src/memory/plain-memory.ts';
import { BROADCAST, expectFrames, frame } from './lab.ts';
import { MEETINGS, VirtioLab } from './virtio-lab.ts';

const INTERFACES = [
  { kind: 'legacy', legacy: false, ring: 'split' },
  { kind: 'transitional', legacy: true, ring: 'split' },
  { kind: 'transitional', legacy: false, ring: 'split' },
  { kind: 'modern', legacy: false, ring: 'split' },
  { kind: 'modern', legacy: false, ring: 'packed' },
] as const;
const WITHOUT: readonly (readonly FeatureName[])[] = [
  [],
  ['EVENT_IDX'],
  ['IN_ORDER'],
  ['EVENT_IDX', 'IN_ORDER'],
  ['ANY_LAYOUT'],
  ['CTRL_VQ'],
];
const BURST = 32;

/** Sends `bursts` to a loopback, and receives what comes back; how many packets went, and came. */
function exchange(nic: VirtioNetDevice, step: () => void, bursts: number): { sent: number; received: number } {
  const [sending, receiving] = [new PacketBatch(BURST), new PacketBatch(BURST)];
  const { pool } = nic.rx[0];
  let sent = 0;
  let received = 0;
  for (let burst = 0; burst < bursts; burst++) {
    sending.allocate(pool, BURST);
    for (let i = 0; i < sending.length; i++) {
      pool.length[sending.packets[i]] = 60 + burst;
      pool.bytes.fill(i, sending.offset(i), sending.offset(i) + 60 + burst);
    }
    sent += nic.tx[burst % nic.tx.length].transmit(sending);
    step();
    for (const queue of nic.rx) {
      queue.interrupt?.arm();
      received += queue.receive(receiving);
      queue.interrupt?.disarm();
      receiving.free();
    }
    sending.free();
  }
  return { sent, received };
}

describe.each(INTERFACES)('the $kind interface (legacy: $legacy) with $ring rings', ({ kind, legacy, ring }) => {
  describe.each(['msix', 'intx'] as const)('and %s', (interrupts) => {
    test.each(WITHOUT.flatMap((without) => [1500, 6000].map((mtu) => ({ without, mtu }))))(
      'keeps the rules without $without and with an MTU of $mtu',
      async ({ without, mtu }) => {
        const control = !without.includes('CTRL_VQ');
        // Frames in several buffers take a header that may share the first of them.
        const shared = kind === 'modern' || (kind === 'transitional' && !legacy) || !without.includes('ANY_LAYOUT');
        const largest = shared ? mtu : 1500;
        const wire = createWire({ kind: 'loopback' }, new CableRegistry());
        const device = new EmulatedPciDevice({ model: 'virtio', kind, interrupts, wire, queuePairs: 2, mtu: largest });
        const options: Partial<VirtioOptions> = { ring, legacy, mtu: largest, rxQueues: control ? 2 : 1 };
        const nic = await openVirtio(device, {
          allocateMemory: allocatePlainMemory,
          checked: true,
          promiscuous: true,
          without,
          ...options,
        });
        expect(nic.link().up).toBe(true);
        if (control) {
          nic.setMac('52:54:00:00:00:77');
          nic.setMacFilter({ unicast: ['02:00:00:00:00:01'], multicast: ['33:33:00:00:00:01'] });
        }
        const { sent, received } = exchange(nic, () => device.simulation.settle(), 40);
        expect(sent).toBe(40 * BURST);
        expect(received).toBe(sent);
        expect(Object.keys(nic.registers()).length).toBeGreaterThan(5);
        nic.close();
        expect(device.model.violations).toEqual([]);
      },
    );
  });
});

describe.each(MEETINGS)('$name', ({ options }) => {
  test('many openings and closings, in the middle of traffic', async () => {
    const lab = new VirtioLab(options);
    for (let round = 0; round < 20; round++) {
      await lab.open();
      const frames = Array.from({ length: 40 }, (_, i) => frame(i, 60 + i));
      for (const each of frames) lab.wire.send(each);
      expectFrames(lab.receive(), frames);
      for (const queue of lab.nic.tx.keys()) expect(lab.send(frames, queue)).toBe(frames.length);
      // Half of what is under way has no time to arrive; part of a jumbo frame may be in memory.
      for (let i = 0; i < 20; i++) lab.wire.send(frame(i, lab.nic.mtu + 14));
      lab.device.step(7);
      lab.nic.registers();
      lab.close();
      lab.sent.length = 0;
      while (lab.wire.pending > 0) lab.wire.poll({ deliver: () => true }, 64, 0);
    }
    expect(lab.violations).toEqual([]);
    expect(lab.warnings).toEqual([]);
    expect(lab.device.model.dmaFaults).toBe(0);
  });

  test('a loop that sleeps on each queue until an interrupt comes', async () => {
    const lab = new VirtioLab(options);
    await lab.open();
    const [queue] = lab.nic.rx;
    for (let round = 0; round < 50; round++) {
      expect(queue.interrupt?.arm()).toBe(true);
      lab.wire.send(frame(round, 60));
      lab.settle();
      expect(queue.interrupt?.wait(1)).toBe(true);
      expectFrames(lab.receive(), [frame(round, 60)]);
      queue.interrupt?.disarm();
    }
    lab.close();
    expect(lab.violations).toEqual([]);
  });

  test('filters that change under traffic take effect at once', async () => {
    const lab = new VirtioLab(options);
    const nic = await lab.open();
    const hears = (to: string): boolean => {
      lab.wire.send(frame(1, 60, to));
      return lab.nic.rx.flatMap((_, queue) => lab.receive(queue)).length === 1;
    };
    const group = '01:00:5e:00:00:05';
    for (let round = 0; round < 10; round++) {
      const [old, mac] = [nic.mac, `02:00:00:00:01:${16 + round}`];
      nic.setMac(mac);
      expect([hears(mac), hears(old), hears(group), hears(BROADCAST)]).toEqual([true, false, false, true]);
      nic.setAllMulticast(true);
      expect([hears(mac), hears(old), hears(group)]).toEqual([true, false, true]);
      nic.setPromiscuous(true);
      expect([hears(old), hears(group)]).toEqual([true, true]);
      nic.setAllMulticast(false);
      nic.setPromiscuous(false);
    }
    lab.close();
    expect(lab.violations).toEqual([]);
  });
});
