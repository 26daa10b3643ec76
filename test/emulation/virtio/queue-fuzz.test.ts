/** Whatever a driver puts into its rings, the device does not fail, works no more than asked, and stays in its memory. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { FeatureName } from '../../../src/datasheet/virtio/features.ts';
import { NetReceive } from '../../../src/emulation/virtio/net-receive.ts';
import { NetTransmit } from '../../../src/emulation/virtio/net-transmit.ts';
import { Random } from '../../../src/emulation/wires/random.ts';
import { allocatePlainMemory } from '../../../src/memory/plain-memory.ts';
import { FORMATS, type Format, Lab } from './queue-lab.ts';

const BUDGET = 16;
const FRAME = Buffer.alloc(300, 9);
const FEATURES: FeatureName[] = ['VERSION_1', 'EVENT_IDX', 'CSUM', 'GUEST_CSUM'];

/** A device with a queue each way, drivers gone mad, and memory that none of them may touch. */
class HostileLab {
  readonly labs: readonly Lab[];
  readonly #transmit: NetTransmit;
  readonly #receive: NetReceive;
  /** By device address: memory that was mapped, and is no longer. */
  readonly #secrets = new Map<number, Int32Array>();

  constructor(format: Format, size: number, strict: boolean, merges: boolean) {
    const features: FeatureName[] = merges ? [...FEATURES, 'MRG_RXBUF', 'IN_ORDER'] : FEATURES;
    this.labs = [0, 1].map(
      () => new Lab(format, { size, features, strict, batchesUsed: merges, bufferBytes: 1 << 14 }),
    );
    const [tx, rx] = this.labs;
    const settings = { features: tx.features, maximumFrame: 1514 };
    this.#transmit = new NetTransmit(tx.context, tx.queue, settings);
    this.#receive = new NetReceive(rx.context, rx.queue, settings);
    for (const { domain } of this.labs) {
      const secret = allocatePlainMemory(4096);
      domain.map(secret);
      this.#secrets.set(domain.addressOf(secret, 0), new Int32Array(secret.buffer));
      domain.unmap(secret);
    }
  }

  /** A word of a ring: random, or one that leads further. */
  word(lab: Lab, random: Random): number {
    const { size } = lab.driver;
    const [forbidden] = this.#secrets.keys();
    const address = (random.chance(0.9) ? lab.address : forbidden) + random.below(1 << 14);
    const words = [
      random.below(2 ** 31) * 2,
      random.below(2 * size),
      address | 0,
      Math.floor(address / 2 ** 32),
      random.below(8) | (random.below(size + 1) << 16),
      random.below(size) | ((random.below(8) | (random.chance(0.5) ? 0x80 : 0x8000)) << 16),
      random.below(2000),
    ];
    return words[random.below(words.length)];
  }

  step(): number {
    const [tx, rx] = this.labs;
    let delivered = 0;
    const sink = {
      deliver: (bytes: Uint8Array, offset: number, length: number): boolean => {
        expect(length).toBeLessThanOrEqual(1514);
        expect(offset + length).toBeLessThanOrEqual(bytes.length);
        return ++delivered % 7 !== 0;
      },
    };
    tx.queue.listen();
    rx.queue.listen();
    const sent = this.#transmit.send(sink, BUDGET);
    for (let i = 0; i < BUDGET && this.#receive.store(FRAME, 0, FRAME.length); i++);
    for (const { queue } of this.labs) {
      queue.publish();
      queue.wantKicks(sent === 0);
      queue.kicked();
    }
    return sent;
  }

  /** Once broken, always broken, and told of once. */
  check(): void {
    for (const { queue, broken } of this.labs) expect(broken.length).toBe(queue.usable ? 0 : 1);
    for (const secret of this.#secrets.values()) expect(secret.every((word) => word === 0)).toBe(true);
  }
}

describe.each(FORMATS)('a %s queue', (format) => {
  test.each([true, false])('10,000 random contents of its rings (strict: %s)', (strict) => {
    let usable = 0;
    for (let seed = 0; seed < 10_000; seed++) {
      const random = new Random(seed);
      const size = 1 << random.below(4);
      const lab = new HostileLab(format, size, strict, random.chance(0.5));
      for (let round = 0; round < 3; round++) {
        for (const each of lab.labs) {
          const { words } = each.driver;
          const ring = Math.min(words.length, size * 4 + 40);
          const changes = random.below(ring);
          for (let i = 0; i < changes; i++) words[random.below(ring)] = lab.word(each, random);
          if (random.chance(0.5)) each.driver.halves[size * 8 + 1] = random.below(size + 2);
        }
        expect(lab.step()).toBeLessThanOrEqual(BUDGET);
      }
      lab.check();
      for (const { queue } of lab.labs) if (queue.usable) usable++;
    }
    // Neither is every content harmless, nor does any stop the device.
    expect(usable).toBeGreaterThan(500);
    expect(usable).toBeLessThan(19_500);
  });

  test('the longest way through a ring is no longer than the ring', () => {
    const lab = new Lab(format, { size: 1024, strict: false });
    const { driver, queue, address } = lab;
    const parts = Array.from({ length: 1024 }, () => ({ address, length: 1 }));
    driver.offer(parts);
    driver.publish();
    expect(queue.take()).toBe(true);
    expect(queue.chain.count).toBe(1024);
    queue.use(0);
    queue.publish();
    expect(driver.reap().length).toBe(1);
  });

  test('descriptors that change while they are used lead nowhere', () => {
    const change = fc.record({ word: fc.nat(63), value: fc.integer() });
    const property = fc.property(fc.array(change, { maxLength: 30 }), fc.boolean(), (changes, strict) => {
      const lab = new Lab(format, { strict });
      const { driver, queue, address } = lab;
      for (let i = 0; i < 4; i++) {
        driver.offer([
          { address, length: 100 },
          { address, length: 100, writes: true },
        ]);
      }
      driver.publish();
      queue.listen();
      for (const { word, value } of changes) {
        driver.words[word] = value;
        queue.mark();
        if (!queue.take()) break;
        if ((value & 3) === 0) queue.rewind();
        else queue.use(1);
        if ((value & 12) === 0) queue.publish();
      }
      queue.publish();
      expect(lab.broken.length).toBe(queue.usable ? 0 : 1);
    });
    fc.assert(property, { numRuns: 500, seed: 4 });
  });
});
