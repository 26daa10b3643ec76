/** Where devices find packets whose virtio header lies in their headroom, right in front of their data. */
import type { PacketAddresses } from '../../memory/packet-pool.ts';

/** By a pool's addresses and the bytes of the header: queues share a table, as it takes room in the cache. */
const tables = new WeakMap<PacketAddresses, Map<number, Float64Array>>();

/** Device addresses by packet, `headerBytes` ahead of `addresses`, of data at the default headroom. */
export function headerAddresses(addresses: PacketAddresses, headerBytes: number): Float64Array {
  const known = tables.get(addresses) ?? new Map<number, Float64Array>();
  const table = known.get(headerBytes) ?? shifted(addresses, headerBytes);
  tables.set(addresses, known.set(headerBytes, table));
  return table;
}

/** Slots lie within pages and headers within the headroom: the low words never borrow. */
function shifted({ image }: PacketAddresses, headerBytes: number): Float64Array {
  const table = new Float64Array(image);
  const words = new Int32Array(table.buffer);
  for (let low = 0; low < words.length; low += 2) words[low] -= headerBytes;
  return table;
}
