/** Where devices find packets whose virtio header lies in their headroom, right in front of their data. */
import type { PacketAddresses } from '../../memory/packet-pool.ts';

/**
 * Device addresses by packet, `headerBytes` ahead of `addresses`, of data at the default headroom. Slots lie within pages
 * and headers within the headroom: the low words never borrow.
 */
export function headerAddresses(addresses: PacketAddresses, headerBytes: number): Float64Array {
  const image = new Float64Array(addresses.image);
  const words = new Int32Array(image.buffer);
  for (let low = 0; low < words.length; low += 2) words[low] -= headerBytes;
  return image;
}
