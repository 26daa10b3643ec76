/** Everything that programs may use: `import { open, poll, PacketBatch } from 'ixy.ts'`. */
export * from './apps/index.ts';
export * from './drivers/index.ts';
export * from './emulation/index.ts';
export * from './errors.ts';
export * from './memory/index.ts';
export * from './packets/index.ts';
export { EventInterrupt } from './pci/descriptor-interrupt.ts';
export { type OpenPciOptions, openPciDevice } from './pci/open-pci-device.ts';
export type * from './pci/pci-device.ts';
export * from './ports/index.ts';
export * from './workers/index.ts';
