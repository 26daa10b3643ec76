/** `emulated:virtio?…`: an emulated virtio-net device with a wire of one's choice, driven by the same driver as in a VM. */
import { openVirtio } from '../drivers/virtio/index.ts';
import type { ModelOptions } from '../emulation/index.ts';
import { IxyError } from '../errors.ts';
import { emulatedScheme } from './emulated-scheme.ts';
import type { Values } from './parameters.ts';
import { integerFrom, oneOf } from './quantities.ts';
import { parseFeatures } from './virtio-features.ts';

/** A notification by a port is a call to the device's thread: while traffic flows it looks by itself, as hosts do. */
const POLL_NANOSECONDS = 50_000;

const parameters = {
  kind: {
    syntax: 'legacy|transitional|modern',
    meaning: 'which interfaces the device has; the driver prefers the modern one',
    default: 'transitional',
    parse: oneOf('legacy', 'transitional', 'modern'),
  },
  ring: {
    syntax: 'split|packed',
    meaning: 'format of the rings; default: packed, but split with kind=legacy, which has no other',
    parse: oneOf('split', 'packed'),
  },
  queues: {
    syntax: 'N',
    meaning: 'receive and transmit queues that the device has, 1 to 128 of each',
    default: '1',
    parse: integerFrom(1, 128),
  },
  without: {
    syntax: 'FEATURE,…',
    meaning: 'features that the device does not offer, by the names of the specification: MRG_RXBUF,CTRL_VQ',
    parse: parseFeatures,
  },
  mtu: {
    syntax: 'BYTES',
    meaning: 'largest MTU that the device takes, 68 to 65535',
    default: '9500',
    parse: integerFrom(68, 65_535),
  },
} as const;

export const emulatedVirtioScheme = emulatedScheme({
  model: 'virtio',
  summary:
    "An emulated virtio-net device, driven through its registers and rings by the same driver as a machine's own.",
  parameters,
  examples: [
    'emulated:virtio?wire=tap:tap0',
    'emulated:virtio?wire=cable:a&kind=legacy',
    'emulated:virtio?wire=generator&ring=split&without=EVENT_IDX,MRG_RXBUF',
  ],
  modelOptions,
  openDriver: openVirtio,
});

function modelOptions({ kind, ring, queues, without = [], mtu }: Values<typeof parameters>): ModelOptions<'virtio'> {
  if (ring === 'packed' && (kind === 'legacy' || without.includes('RING_PACKED'))) {
    throw new IxyError('ERR_PORT_URI', 'ring=packed needs a device with RING_PACKED, which none with kind=legacy has');
  }
  const left = ring === 'split' ? [...without, 'RING_PACKED' as const] : without;
  return { kind, queuePairs: queues, mtu, without: left, pollTime: POLL_NANOSECONDS };
}
