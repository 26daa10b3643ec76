/** Each rule of virtqueues: a driver that breaks it is found out, and a queue that cannot go on stops. */
import { describe, expect, test } from 'vitest';
import { PACKED_FLAG_USED } from '../../../src/datasheet/virtio/packed-ring.ts';
import { createDeviceQueue } from '../../../src/emulation/virtio/create-device-queue.ts';
import type { QueueRule } from '../../../src/emulation/virtio/queue-rules.ts';
import { FORMATS, type Format, Lab, type LabOptions } from './queue-lab.ts';
import { PackedDriver, SplitDriver } from './ring-driver.ts';

const ID_FLAGS = 3;
const NEXT = 1;
const INDIRECT = 4;

/** What the driver does, with chains of one descriptor unless it says otherwise. */
interface Case {
  readonly rule: QueueRule;
  /** Whether the queue stops. */
  readonly stops?: boolean;
  readonly options?: LabOptions;
  act(lab: Lab): void;
}

function split({ driver }: Lab): SplitDriver {
  if (!(driver instanceof SplitDriver)) throw new Error('the queue is not split');
  return driver;
}

function packed({ driver }: Lab): PackedDriver {
  if (!(driver instanceof PackedDriver)) throw new Error('the queue is not packed');
  return driver;
}

function offer(lab: Lab, length = 64, writes = false): number {
  return lab.driver.offer([{ address: lab.address, length, writes }]);
}

/** Offers the first chain; returns its descriptor. */
function offerFirst(lab: Lab): number {
  const id = offer(lab);
  return lab.driver instanceof SplitDriver ? id : 0;
}

const BOTH: readonly Case[] = [
  {
    rule: 'queue.indirect',
    stops: true,
    act(lab) {
      const descriptor = offerFirst(lab);
      lab.driver.publish();
      lab.driver.words[descriptor * 4 + ID_FLAGS] |= lab.driver instanceof SplitDriver ? INDIRECT : INDIRECT << 16;
    },
  },
  {
    rule: 'queue.write-before-read',
    stops: true,
    act(lab) {
      const { address } = lab;
      lab.driver.offer([
        { address, length: 1, writes: true },
        { address, length: 1 },
      ]);
    },
  },
  {
    rule: 'queue.zero-length',
    act: (lab) => offer(lab, 0),
  },
  {
    rule: 'queue.buffer-unmapped',
    act: (lab) => lab.driver.offer([{ address: lab.address + (1 << 18) - 10, length: 11 }]),
  },
  {
    rule: 'queue.buffer-unmapped',
    act: (lab) => offer(lab, 0xffff_ffff),
  },
  {
    rule: 'queue.buffer-crosses-page',
    options: { bufferBytes: 3 << 21 },
    act: (lab) => lab.driver.offer([{ address: lab.address + (1 << 21) - 1, length: 2 }]),
  },
  {
    rule: 'queue.descriptor-changed',
    act(lab) {
      const descriptor = offerFirst(lab);
      lab.driver.publish();
      lab.queue.listen();
      lab.driver.words[descriptor * 4 + 2]--;
    },
  },
  {
    rule: 'queue.event-flags',
    act(lab) {
      offer(lab);
      lab.driver.interruptFlags[0] = 2;
    },
  },
  {
    rule: 'queue.event-flags',
    options: { features: ['EVENT_IDX'] },
    act(lab) {
      offer(lab);
      lab.driver.interruptFlags[0] = 3;
    },
  },
  {
    rule: 'queue.kick-unwanted',
    act(lab) {
      lab.queue.wantKicks(false);
      lab.queue.kicked();
      lab.queue.wantKicks(false);
      lab.queue.kicked();
    },
  },
  {
    rule: 'queue.kick-missing',
    act(lab) {
      lab.queue.wantKicks(true);
      offer(lab);
      lab.driver.publish();
      lab.serve();
      lab.queue.wantKicks(false);
      lab.queue.wantKicks(true);
      lab.timers.advanceTo(10e9);
    },
  },
];

const SPLIT: readonly Case[] = [
  {
    rule: 'queue.index-jump',
    stops: true,
    act(lab) {
      split(lab).available[1] = 9;
    },
  },
  {
    rule: 'queue.index-jump',
    stops: true,
    act(lab) {
      offer(lab);
      offer(lab);
      lab.driver.publish();
      lab.queue.take();
      split(lab).available[1] = 0;
    },
  },
  {
    rule: 'queue.head-range',
    stops: true,
    act(lab) {
      offer(lab);
      split(lab).available[2] = 8;
    },
  },
  {
    rule: 'queue.next-range',
    stops: true,
    act(lab) {
      lab.driver.words[offer(lab) * 4 + ID_FLAGS] = NEXT | (8 << 16);
    },
  },
  {
    rule: 'queue.chain-length',
    stops: true,
    act(lab) {
      const { address } = lab;
      const [first, second] = [7, 6];
      lab.driver.offer([
        { address, length: 1 },
        { address, length: 1 },
      ]);
      lab.driver.words[second * 4 + ID_FLAGS] = NEXT | (first << 16);
    },
  },
  {
    rule: 'queue.descriptor-twice',
    act(lab) {
      const id = offer(lab);
      split(lab).available[3] = id;
      lab.driver.publish();
      split(lab).available[1] = 2;
    },
  },
  {
    rule: 'queue.descriptor-twice',
    act(lab) {
      const id = offer(lab);
      const other = offer(lab);
      lab.driver.words[other * 4 + ID_FLAGS] = NEXT | (id << 16);
    },
  },
  {
    rule: 'queue.order',
    options: { features: ['IN_ORDER'] },
    act(lab) {
      offer(lab);
      split(lab).available[2] = 3;
      lab.driver.words.copyWithin(12, 0, 4);
    },
  },
  {
    rule: 'queue.reserved-flags',
    act(lab) {
      lab.driver.words[offer(lab) * 4 + ID_FLAGS] |= 8;
    },
  },
  {
    rule: 'queue.event-flags',
    options: { features: ['EVENT_IDX'] },
    act(lab) {
      offer(lab);
      lab.driver.interruptFlags[0] = 1;
    },
  },
];

const PACKED: readonly Case[] = [
  {
    rule: 'queue.wrap',
    act(lab) {
      lab.driver.words[ID_FLAGS] = PACKED_FLAG_USED << 16;
    },
  },
  {
    rule: 'queue.list-incomplete',
    stops: true,
    act(lab) {
      const { address } = lab;
      lab.driver.offer([
        { address, length: 1 },
        { address, length: 1 },
      ]);
      lab.driver.words[4 + ID_FLAGS] = 0;
    },
  },
  {
    rule: 'queue.index-jump',
    stops: true,
    act(lab) {
      for (let i = 0; i < 8; i++) offer(lab);
      lab.driver.publish();
      while (lab.queue.take());
      packed(lab).words[ID_FLAGS] = PACKED_FLAG_USED << 16;
    },
  },
  {
    rule: 'queue.id-outstanding',
    act(lab) {
      offer(lab);
      offer(lab);
      lab.driver.publish();
      lab.driver.words[4 + ID_FLAGS] = lab.driver.words[ID_FLAGS];
    },
  },
  {
    rule: 'queue.reserved-flags',
    act(lab) {
      offer(lab);
      lab.driver.publish();
      lab.driver.words[ID_FLAGS] |= 8 << 16;
    },
  },
  {
    rule: 'queue.event-range',
    options: { features: ['EVENT_IDX'] },
    act(lab) {
      offer(lab);
      packed(lab).driverEvent.set([8, 2]);
    },
  },
];

describe.each(FORMATS)('a %s queue', (format) => {
  const cases = [...BOTH, ...(format === 'split' ? SPLIT : PACKED)];
  test.each(cases)('$rule', ({ rule, stops = false, options, act }) => {
    const lab = new Lab(format, options);
    act(lab);
    lab.driver.publish();
    lab.queue.listen();
    for (let i = 0; i < 8 && lab.queue.take(); i++) lab.queue.use(0);
    lab.queue.publish();
    expect(lab.rules).toEqual([rule]);
    expect([lab.queue.usable, lab.broken]).toEqual(stops ? [false, [3]] : [true, []]);
  });

  test.each(cases.filter(({ stops }) => stops))('$rule stops the queue, judged or not', ({ options, act }) => {
    const lab = new Lab(format, { ...options, strict: false });
    act(lab);
    lab.driver.publish();
    lab.serve();
    expect([lab.queue.usable, lab.broken, lab.rules]).toEqual([false, [3], []]);
    expect([lab.queue.take(), lab.queue.publish(), lab.queue.wantKicks(true)]).toEqual([false, false, false]);
  });
});

test.each<[string, Format, number, Partial<{ descriptors: number; driver: number; device: number }>, QueueRule]>([
  ['no descriptors', 'split', 0, {}, 'queue.size'],
  ['no power of two', 'split', 6, {}, 'queue.size'],
  ['too many', 'packed', 32_769, {}, 'queue.size'],
  ['a table that is not aligned', 'split', 8, { descriptors: 8 }, 'queue.alignment'],
  ['an available ring that is not aligned', 'split', 8, { driver: 1 }, 'queue.alignment'],
  ['events that are not aligned', 'packed', 8, { device: 2 }, 'queue.alignment'],
  ['a ring in no memory', 'packed', 8, { descriptors: -(2 ** 36) }, 'queue.unmapped'],
  ['a used ring that leaves its memory', 'split', 8, { device: 4000 }, 'queue.unmapped'],
])('%s', (_, format, size, shift, rule) => {
  const lab = new Lab(format);
  const { descriptors, driver, device } = lab.driver.addresses;
  const queue = createDeviceQueue(lab.context, {
    index: 5,
    size,
    features: lab.features,
    descriptors: descriptors + (shift.descriptors ?? 0),
    driver: driver + (shift.driver ?? 0),
    device: device + (shift.device ?? 0),
  });
  queue.listen();
  expect([queue.usable, queue.take(), queue.publish(), queue.wantKicks(true)]).toEqual([false, false, false, false]);
  expect([lab.rules, lab.broken]).toEqual([[rule], [5]]);
});

test('the flags of the used ring are 0 in the beginning', () => {
  const lab = new Lab('split');
  split(lab).used[0] = 1;
  const settings = { index: 4, size: 8, features: lab.features, ...lab.driver.addresses };
  expect(createDeviceQueue(lab.context, settings).usable).toBe(true);
  expect(lab.rules).toEqual(['queue.used-flags']);
});
