/**
 * A virtio-net device whose registers say anything: configuration space with bytes or capabilities that make no sense, any
 * features, sizes and doorbells, an own configuration that changes at every look, commands that fail; and then faults of any
 * kind. The driver opens it or says why not, accesses nothing that is not there, and gives everything back.
 *
 * 600 cases, always the same; 10,000 of them in CI and with IXY_FUZZ_CASES=10000. IXY_FUZZ_CASE=17 repeats one.
 */
import { expect, test } from 'vitest';
import type { EmulatedPciDevice } from '../../src/emulation/index.ts';
import type { VirtioNetFault } from '../../src/emulation/virtio/faults.ts';
import { LEGACY_BAR, MODERN_BAR, STRUCTURES } from '../../src/emulation/virtio/pci/config.ts';
import type { Random } from '../../src/emulation/wires/random.ts';
import { PacketPool } from '../../src/memory/packet-pool.ts';
import type { PciConfigSpace, RegisterFile } from '../../src/pci/pci-device.ts';
import { Application, attempt, expectTyped, FUZZ_TIMEOUT, fuzz, pick } from './fuzz.ts';
import { frame } from './lab.ts';
import { MEETINGS, VirtioLab } from './virtio-lab.ts';
import { WrappedDevice } from './wrapped-device.ts';

/** What the driver reads is now and then something else. */
class LyingDevice extends WrappedDevice {
  override readonly config: PciConfigSpace;
  readonly #random: Random;
  /** How often registers lie. */
  readonly #rate: number;
  /** By offset in configuration space: what is read there; the same each time. */
  readonly #lies = new Map<number, number>();

  constructor(device: EmulatedPciDevice<'virtio'>, random: Random) {
    super(device);
    this.#random = random;
    this.#rate = pick(random, [0, 0, 0.003, 0.03, 0.3]);
    const lies = pick(random, [0, 0, 1, 3, 200]);
    for (let i = 0; i < lies; i++) {
      const value = pick(random, [random.below(256), 0x09, 0x11, 4 * random.below(64), 0]);
      this.#lies.set(0x34 + random.below(0x100 - 0x34), value);
    }
    const { config } = device;
    const read = (offset: number, bytes: 1 | 2 | 4): number => {
      const honest = bytes === 1 ? config.read8(offset) : bytes === 2 ? config.read16(offset) : config.read32(offset);
      let value = 0;
      for (let i = bytes - 1; i >= 0; i--) {
        value = value * 256 + (this.#lies.get(offset + i) ?? Math.floor(honest / 2 ** (8 * i)) % 256);
      }
      return value;
    };
    this.config = {
      read8: (offset) => read(offset, 1),
      read16: (offset) => read(offset, 2),
      read32: (offset) => read(offset, 4),
      write8: (offset, value) => config.write8(offset, value),
      write16: (offset, value) => config.write16(offset, value),
      write32: (offset, value) => config.write32(offset, value),
    };
  }

  override bar(index: number): RegisterFile {
    const file = this.inner.bar(index);
    if (this.#rate === 0 || (index !== MODERN_BAR && index !== LEGACY_BAR)) return file;
    return {
      ...file,
      read8: (offset) => this.#perhaps(file.read8(offset), offset, 1),
      read16: (offset) => this.#perhaps(file.read16(offset), offset, 2),
      read32: (offset) => this.#perhaps(file.read32(offset), offset, 4),
    };
  }

  /** The device's own configuration lies ten times as often. */
  #perhaps(value: number, offset: number, bytes: number): number {
    const random = this.#random;
    const own = offset >= STRUCTURES.device.offset && offset < STRUCTURES.notify.offset;
    if (!random.chance(Math.min(1, own ? 10 * this.#rate : this.#rate))) return value;
    const anything = pick(random, [
      random.below(2 ** 31) * 2,
      random.below(300),
      0,
      1,
      2 ** 32 - 1,
      2 ** random.below(16),
    ]);
    return anything % 2 ** (8 * bytes);
  }
}

function anyFault(random: Random): VirtioNetFault {
  const schedule = { after: random.below(pick(random, [3, 30, 300])), count: 1 + random.below(pick(random, [2, 100])) };
  return pick<VirtioNetFault>(random, [
    { kind: 'stuck-reset', ...schedule },
    { kind: 'features-refused', ...schedule },
    { kind: 'needs-reset', ...schedule },
    { kind: 'link-flap', ...schedule, nanoseconds: random.below(1e7) },
    { kind: 'removal', ...schedule },
    { kind: 'no-vector', ...schedule },
    { kind: 'config-race', ...schedule },
    { kind: 'control-error', ...schedule },
    { kind: 'control-stall', ...schedule },
    { kind: 'capability-loop', ...schedule },
    { kind: 'capability-offset', ...schedule },
    { kind: 'capability-bar', ...schedule },
    { kind: 'capability-length', ...schedule },
    { kind: 'used-length-too-long', ...schedule, excess: random.below(2 ** 17) },
    { kind: 'used-id-out-of-range', ...schedule, id: random.below(2 ** 16) },
    { kind: 'used-id-twice', ...schedule },
    { kind: 'used-index-jump', ...schedule, by: random.below(300) },
    { kind: 'ring-garbage', ...schedule, seed: random.below(1000) },
  ]);
}

function act(lab: VirtioLab, application: Application, random: Random): void {
  const { nic, wire, device } = lab;
  for (let i = random.below(20); i > 0; i--) wire.send(frame(i, pick(random, [60, 300, 1514])));
  device.step(random.below(20));
  application.receive(random.below(nic.rx.length));
  application.send(random.below(nic.tx.length), random.below(20));
  attempt(() => {
    nic.checkLink();
    if (random.chance(0.1)) nic.setAllMulticast(random.chance(0.5));
    if (random.chance(0.1)) nic.setMac('02:00:00:00:00:05');
    if (random.chance(0.1)) nic.registers();
  });
}

/** Uses the open driver until something has gone wrong, or nothing has. */
async function use(lab: VirtioLab, random: Random): Promise<void> {
  const { nic } = lab;
  const events: unknown[] = [];
  nic.on('failed', (error) => events.push(error));
  nic.on('removed', (error) => events.push(error));
  const application = new Application(nic, lab.pool, 2 ** 16);
  for (let i = 0; i < 10; i++) act(lab, application, random);
  await new Promise((done) => setImmediate(done));
  expect(events.length).toBeLessThanOrEqual(1);
  for (const event of events) expectTyped(event);
  application.finish();
  lab.close();
}

test(
  'a device whose registers say anything is opened and used, or it is said why not',
  async () => {
    let opened = 0;
    let refused = 0;
    await fuzz(0x1041, async (random) => {
      const { options } = pick(random, MEETINGS);
      const lab = new VirtioLab({
        ...options,
        model: { ...options.model, queueSize: pick(random, [16, 64]), strict: false },
        Pool: PacketPool,
        spare: 64,
        transport: pick(random, ['msix', 'intx'] as const),
        wrap: (device) => new LyingDevice(device, random),
      });
      const { faults } = lab.device.model;
      for (let i = random.below(3); i > 0; i--) faults.inject(anyFault(random));
      const begin = lab.device.clock.now();
      try {
        const failure: unknown = await lab.open().then(
          () => undefined,
          (error: unknown) => error,
        );
        if (failure === undefined) {
          opened++;
          await use(lab, random);
        } else {
          refused++;
          expectTyped(failure);
          lab.expectEverythingBack();
        }
      } finally {
        lab.dispose();
      }
      expect(lab.device.clock.now() - begin).toBeLessThan(20_000);
    });
    if (process.env.IXY_FUZZ_CASE === undefined) {
      expect(opened).toBeGreaterThan(100);
      expect(refused).toBeGreaterThan(100);
    }
  },
  FUZZ_TIMEOUT,
);
