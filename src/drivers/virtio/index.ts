/** The driver for virtio-net devices. */
export { VirtioNetDevice } from './device.ts';
export { openVirtio, openVirtioTransport } from './open.ts';
export type { VirtioOptions } from './options.ts';
export { identifyVirtio } from './pci/open-transport.ts';
export type { QueueAddresses, QueueSetup, TransportInterrupts, VirtioTransport } from './transport.ts';
