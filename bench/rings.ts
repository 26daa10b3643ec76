/** Where the driver has put its rings, for whoever completes them in the place of a model that never runs. */
import type { EmulatedPciDevice } from 'ixy.ts';

/** Address registers of queue 0, low and high: 82599 datasheet rev 3.4, 8.2.3.8.1 and 2, 8.2.3.9.5 and 6. */
const BASES = { receive: [0x1000, 0x1004], transmit: [0x6000, 0x6004] } as const;
const DESCRIPTOR_BYTES = 16;

/** The ring's words, four a descriptor. */
export function ringBehind(device: EmulatedPciDevice, which: keyof typeof BASES, descriptors: number): Int32Array {
  const [low, high] = BASES[which];
  const registers = device.bar(0);
  const address = registers.read32(high) * 2 ** 32 + registers.read32(low);
  const bytes = descriptors * DESCRIPTOR_BYTES;
  const region = device.dma.regions.find(address, bytes);
  if (!region) throw new Error(`no ring at ${address.toString(16)}`);
  const first = (address - region.address) / 4;
  return region.words.subarray(first, first + bytes / 4);
}
