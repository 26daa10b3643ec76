/** The vocabulary of mutations: ways to make the real driver break a rule, and what to do with it until it is caught. */
import { type IxgbeRegister, ixgbe } from '../../src/datasheet/ixgbe/index.ts';
import { type Field, insert, type Register } from '../../src/datasheet/registers.ts';
import { frame, type Lab } from './lab.ts';
import type { MutantDevice, Side } from './mutant-device.ts';

export interface Mutation {
  /** What the driver does wrong. */
  readonly what: string;
  /** Before the driver opens the device. */
  readonly mutate?: (mutant: MutantDevice, lab: Lab) => void;
  /** What the open driver does; default: `traffic`. */
  readonly use?: (lab: Lab, mutant: MutantDevice) => void | Promise<void>;
  readonly mtu?: number;
}

/** Frames each way: more than a block of descriptors. */
export function traffic(lab: Lab): void {
  for (let round = 0; round < 3; round++) {
    const frames = Array.from({ length: 50 }, (_, i) => frame(round * 50 + i, 64));
    for (const each of frames) lab.wire.send(each);
    lab.receive();
    lab.send(frames);
    lab.settle();
  }
}

/** Every write to `name` is changed, or with undefined lost. */
export function changes(what: string, name: IxgbeRegister, change: (value: number) => number | undefined): Mutation {
  return {
    what,
    mutate: (mutant) => {
      mutant.onWrite = (written, value) => (written === name ? change(value) : value);
    },
  };
}

/** A field is always written as `content`. */
export function writes(what: string, name: IxgbeRegister, field: string, content: number): Mutation {
  const { bits } = ixgbe[name] as Register & { bits: Record<string, Field> };
  return changes(what, name, (value) => insert(bits[field], value, content));
}

/** Something happens before the first write to `name`. */
export function before(what: string, name: IxgbeRegister, action: (mutant: MutantDevice) => void): Mutation {
  return {
    what,
    mutate: (mutant) => {
      let done = false;
      mutant.onWrite = (written, value) => {
        if (written === name && !done) {
          done = true;
          action(mutant);
        }
        return value;
      };
    },
  };
}

/** The descriptors of one side are changed before the device gets them; word `at` is a descriptor's first. */
export function descriptors(what: string, side: Side, change: (words: Int32Array, at: number) => void): Mutation {
  return {
    what,
    mutate: (mutant) => {
      mutant.onDescriptor = (of, words, at) => {
        if (of === side) change(words, at);
      };
    },
  };
}

/** Another tail than the driver's. */
export function doorbells(
  what: string,
  side: Side,
  change: (tail: number, mutant: MutantDevice) => number,
  use?: Mutation['use'],
): Mutation {
  const mutate = (mutant: MutantDevice): void => {
    mutant.onDoorbell = (of, tail) => (of === side ? change(tail, mutant) : tail);
  };
  return use ? { what, mutate, use } : { what, mutate };
}

/** Descriptors are taken to be contiguous where only pages of 4 KiB are. */
export const smallPages: Mutation = {
  what: 'takes memory of small pages to be contiguous',
  mutate: (mutant) => {
    mutant.pageSize = 4096;
  },
};

/** A bit far above all addresses that are mapped. */
export const FAR = 0x4000;
