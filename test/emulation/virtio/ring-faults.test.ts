/** Injected faults: what a driver finds in the ring then, and no trace of them in the judge's book. */
import { describe, expect, test } from 'vitest';
import { FORMATS, Lab } from './queue-lab.ts';
import { SplitDriver } from './ring-driver.ts';

/** Uses `chains` buffers of 100 bytes; what the driver then finds: id, length and, before and after, how many are used. */
function burst(lab: Lab, chains = 1): { ids: number[]; returned: [number, number][]; used: number } {
  const { driver, address } = lab;
  const ids = Array.from({ length: chains }, () => driver.offer([{ address, length: 100, writes: true }]));
  driver.publish();
  lab.serve(chains, 60);
  return { ids, ...look(lab, chains) };
}

function look({ driver }: Lab, chains: number): { returned: [number, number][]; used: number } {
  const returned: [number, number][] = [];
  if (driver instanceof SplitDriver) {
    const used = driver.words.subarray((driver.addresses.device - driver.addresses.descriptors) / 4);
    for (let i = 0; i < chains; i++) returned.push([used[1 + 2 * i], used[2 + 2 * i]]);
    return { returned, used: driver.used[1] };
  }
  let used = 0;
  for (let i = 0; i < driver.size; i++) {
    if (i < chains) returned.push([driver.words[4 * i + 3] & 0xffff, driver.words[4 * i + 2]]);
    if (((driver.words[4 * i + 3] >>> 16) & 0x8080) === 0x8080) used++;
  }
  return { returned, used };
}

describe.each(FORMATS)('a %s queue', (format) => {
  test('tells of more bytes than the buffer has', () => {
    const lab = new Lab(format);
    lab.faults.inject({ kind: 'used-length-too-long', after: 1, count: 1, excess: 28 });
    const { ids, returned } = burst(lab, 3);
    expect(returned).toEqual([
      [ids[0], 60],
      [ids[1], 128],
      [ids[2], 60],
    ]);
  });

  test('gives back an id that there is not', () => {
    const lab = new Lab(format);
    lab.faults.inject({ kind: 'used-id-out-of-range', count: 1 });
    const { ids, returned } = burst(lab, 2);
    expect(returned.map(([id]) => id)).toEqual([8, ids[1]]);
    lab.faults.inject({ kind: 'used-id-out-of-range', id: 0xffff });
  });

  test('gives back the same buffer twice', () => {
    const lab = new Lab(format);
    lab.faults.inject({ kind: 'used-id-twice', after: 1, count: 1 });
    const { ids, returned } = burst(lab, 3);
    expect(returned.map(([id]) => id)).toEqual([ids[0], ids[0], ids[2]]);
  });

  test('jumps ahead of what was used', () => {
    const lab = new Lab(format);
    lab.faults.inject({ kind: 'used-index-jump', count: 1 });
    expect(burst(lab, 2).used).toBe(format === 'split' ? 11 : 8);
    const other = new Lab(format);
    other.faults.inject({ kind: 'used-index-jump', by: 3 });
    expect(burst(other, 2).used).toBe(5);
  });

  test('fills the ring with garbage, the same for the same seed, interrupts, and does no more', () => {
    const contents = (seed: number): string => {
      const lab = new Lab(format);
      lab.faults.inject({ kind: 'ring-garbage', seed });
      const { driver, queue, address } = lab;
      driver.offer([{ address, length: 100, writes: true }]);
      driver.publish();
      queue.listen();
      expect([queue.take(), queue.publish(), queue.publish()]).toEqual([false, true, false]);
      expect([lab.judge.violations, lab.broken]).toEqual([[], []]);
      const { descriptors, device } = driver.addresses;
      const begin = format === 'split' ? (device - descriptors) / 2 : 0;
      return driver.halves.subarray(begin, begin + 30).join();
    };
    expect(contents(1)).toBe(contents(1));
    expect(contents(1)).not.toBe(contents(2));
  });

  test('strikes no more than asked for, and nothing is held against the driver', () => {
    const lab = new Lab(format);
    lab.faults.inject({ kind: 'used-length-too-long', count: 1 });
    burst(lab);
    lab.driver.reap();
    for (let i = 0; i < 20; i++) {
      burst(lab);
      expect(lab.driver.reap()).toEqual([{ id: expect.any(Number), length: 60 }]);
    }
    expect([lab.judge.violations, lab.broken]).toEqual([[], []]);
  });
});
