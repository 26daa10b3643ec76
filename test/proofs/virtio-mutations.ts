/** The vocabulary of mutations of the virtio driver: what they are, and ways to change what it writes and reads. */
import type { VirtioNetRule } from '../../src/emulation/index.ts';
import type { CommonField, MutantLab, VirtioMutant } from './virtio-mutant.ts';

export type RingFormat = 'split' | 'packed';

export interface VirtioMutation {
  /** What the driver does wrong. */
  readonly what: string;
  /** What finds it out; 'frames': not every frame arrives as it was sent. */
  readonly caught: VirtioNetRule | 'frames';
  /** Ring formats that it concerns. Default: both. */
  readonly format?: RingFormat;
  /** Before the driver opens the device. */
  readonly mutate: (mutant: VirtioMutant, lab: MutantLab) => void;
  /** What the open driver does beside sending and receiving. */
  readonly use?: (lab: MutantLab, mutant: VirtioMutant) => void;
}

/** Every write to a register is changed, or with undefined lost. */
export function changes(
  what: string,
  caught: VirtioNetRule,
  name: CommonField,
  change: (value: number) => number | undefined,
): VirtioMutation {
  return {
    what,
    caught,
    mutate: (mutant) => {
      mutant.onWrite = (written, value) => (written === name ? change(value) : value);
    },
  };
}

/** Something happens before the first write to a register. */
export function before(
  what: string,
  caught: VirtioNetRule,
  name: CommonField,
  action: (mutant: VirtioMutant) => void,
): VirtioMutation {
  return {
    what,
    caught,
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

/** A register is not read; the driver believes `value`. */
export function unread(
  what: string,
  caught: VirtioNetRule,
  name: CommonField,
  value: (last: number) => number,
): VirtioMutation {
  return {
    what,
    caught,
    mutate: (mutant) => {
      let last = 0;
      mutant.onWrite = (written, content) => {
        if (written === name) last = content;
        return content;
      };
      mutant.onRead = (read, load) => (read === name ? value(last) : load());
    },
  };
}
