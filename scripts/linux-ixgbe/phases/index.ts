/** The phases of a card's life under Linux. */
import type { Step } from '../segment.ts';
import { DOWN, REMOVAL } from './down.ts';
import { PROBE } from './probe.ts';
import { RUNNING } from './running.ts';
import { UP } from './up.ts';

export type PhaseName = 'probe' | 'up' | 'running' | 'down' | 'removal';

export interface Phase {
  readonly title: string;
  /** What a person types for it. */
  readonly command: string;
  readonly about: string;
  readonly steps: readonly Step[];
}

export const PHASES: Readonly<Record<PhaseName, Phase>> = {
  probe: {
    title: 'Probe',
    command: 'modprobe ixgbe',
    about:
      'The driver finds the card on the PCI bus, makes sure that it is quiet, resets it, reads who it is, and registers ' +
      'an interface. The link stays down, and no queue exists yet.',
    steps: PROBE,
  },
  up: {
    title: 'Up, and link',
    command: 'ip link set eth0 up',
    about:
      'Memory for the rings is allocated, the data paths are set up from buffers to queues to interrupts, and then opened. ' +
      'The link is left to a work queue, which looks at the module first, and tells the kernel when LINKS says so.',
    steps: UP,
  },
  running: {
    title: 'Running',
    command: 'ping …',
    about: 'Frames move by DMA. All that is left for registers are tails and interrupts, and a look at the counters.',
    steps: RUNNING,
  },
  down: {
    title: 'Down',
    command: 'ip link set eth0 down',
    about:
      'Everything stops, and the memory of the rings may be given back. What follows is half of the probe once more: the ' +
      'card is left as it was found.',
    steps: DOWN,
  },
  removal: {
    title: 'Removal',
    command: 'rmmod ixgbe',
    about: 'There is little left to do.',
    steps: REMOVAL,
  },
};
