/** The driver for virtio-net devices. */
export { VirtioNetDevice } from './device.ts';
export type { MacFilter } from './filters.ts';
export { openVirtio } from './open.ts';
export type { VirtioOptions } from './options.ts';
export { identifyVirtio } from './pci.ts';
