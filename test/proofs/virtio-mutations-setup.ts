/** Mutations of how the virtio driver sets its device up, and of its notifications. */
import { COMMON } from '../../src/datasheet/virtio/pci.ts';
import type { VirtioNetRule } from '../../src/emulation/index.ts';
import { STRUCTURES } from '../../src/emulation/virtio/pci/config.ts';
import { frame } from './lab.ts';
import { RING_SIZE, type VirtioMutant } from './virtio-mutant.ts';
import { before, changes, unread, type VirtioMutation } from './virtio-mutations.ts';

/** Notifications are changed. */
function notifies(
  what: string,
  caught: VirtioNetRule,
  notify: (mutant: VirtioMutant, queue: number, ring: () => void) => void,
  use?: VirtioMutation['use'],
): VirtioMutation {
  const mutate: VirtioMutation['mutate'] = (mutant) => {
    mutant.onNotify = (queue, ring) => notify(mutant, queue, ring);
  };
  return use ? { what, caught, mutate, use } : { what, caught, mutate };
}

const doorbell = (queue: number): number => STRUCTURES.notify.offset + 4 * queue;

export const SETUP: readonly VirtioMutation[] = [
  unread('does not wait for the end of a reset', 'reset.not-awaited', 'DEVICE_STATUS', (last) => last),
  {
    what: 'does not look whether FEATURES_OK stays',
    caught: 'status.features-unread',
    mutate: (mutant) => {
      let last = 0;
      mutant.onWrite = (name, value) => {
        if (name === 'DEVICE_STATUS') last = value;
        return value;
      };
      mutant.onRead = (name, load) => (name === 'DEVICE_STATUS' && last !== 0 ? last : load());
    },
  },
  changes('forgets ACKNOWLEDGE', 'status.order', 'DEVICE_STATUS', (value) => value & ~1),
  changes(
    'forgets the bits that it has set',
    'status.cleared',
    'DEVICE_STATUS',
    (value) => value && 1 << (31 - Math.clz32(value)),
  ),
  changes('accepts everything', 'features.not-offered', 'DRIVER_FEATURE', () => 0xffff_ffff),
  before('sets up queues before features', 'setup.before-features', 'DRIVER_FEATURE_SELECT', ({ file }) =>
    file.write16(COMMON.QUEUE_SIZE, 16),
  ),
  changes('sets up queues after DRIVER_OK', 'setup.after-start', 'DEVICE_STATUS', (value) => value && value | 4),
  changes('wants more descriptors than there are', 'setup.size', 'QUEUE_SIZE', () => 4 * RING_SIZE),
  changes('gets the high half of an address wrong', 'queue.unmapped', 'QUEUE_DRIVER', (value) => value + 2 ** 31),
  changes('misaligns its descriptors', 'queue.alignment', 'QUEUE_DESC', (value) => value + 4),
  before('enables a queue twice', 'setup.while-enabled', 'QUEUE_ENABLE', ({ file }) =>
    file.write16(COMMON.QUEUE_ENABLE, 1),
  ),
  unread('does not look whether its vectors are taken', 'vector.unread', 'QUEUE_MSIX_VECTOR', (last) => last),
  changes('asks for a vector that there is not', 'vector.range', 'QUEUE_MSIX_VECTOR', () => 900),
  before('notifies the device before it is ready', 'notify.early', 'QUEUE_ENABLE', ({ file }) =>
    file.write16(doorbell(0), 0),
  ),
  {
    what: 'forgets bus mastering',
    caught: 'dma.bus-master',
    mutate: (mutant) => {
      mutant.keepsBusMaster = true;
    },
  },
  {
    what: 'frees its memory without a reset',
    caught: 'queue.unmapped',
    mutate: () => {},
    use: (lab, mutant) => {
      mutant.keepsBusMaster = true;
      mutant.onWrite = (name, value) => (name === 'DEVICE_STATUS' ? undefined : value);
      mutant.onRead = (name, load) => (name === 'DEVICE_STATUS' ? 0 : load());
      lab.nic.close();
      lab.device.step();
    },
  },
];

export const NOTIFICATIONS: readonly VirtioMutation[] = [
  notifies(
    'forgets to notify',
    'queue.kick-missing',
    () => {},
    (lab) => {
      lab.device.clock.pause(200);
      lab.send([frame(1, 60)]);
      lab.settle();
      lab.device.clock.pause(3000);
      lab.device.step();
    },
  ),
  {
    what: 'notifies whether the device wants it or not',
    caught: 'queue.kick-unwanted',
    mutate: ({ file }, lab) => {
      lab.beforeSettling = () => file.write16(doorbell(1), 1);
    },
  },
  notifies('writes the wrong queue to a doorbell', 'notify.value', ({ file }, queue) =>
    file.write16(doorbell(queue), queue ^ 1),
  ),
  notifies('rings with 32 bits', 'notify.width', ({ file }, queue) => file.write32(doorbell(queue), queue)),
  notifies('rings for a queue that there is not', 'notify.not-enabled', ({ file }) => file.write16(doorbell(9), 9)),
];
