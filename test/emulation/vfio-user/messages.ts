/** What clients say that speak without `VfioUserClient`. */
import { addon } from '../../../src/native/addon.ts';
import type { VfioUserClient } from '../../../src/pci/vfio-user/client.ts';
import { type RegionWrite, regionAccess } from '../../../src/pci/vfio-user/payloads.ts';
import { encodeMessage, FLAG_NO_REPLY } from '../../../src/pci/vfio-user/protocol.ts';
import { encodeVersion } from '../../../src/pci/vfio-user/version.ts';

export const version = { major: 0, minor: 0, maximumDescriptors: 8, maximumTransfer: 1 << 20 };
export const greeting = encodeVersion({ ...version, doorbells: false });
export const askingForDoorbells = encodeVersion({ ...version, doorbells: true });

export function message(command: number, payload: Uint8Array, flags = 0, id = 1): Uint8Array {
  return encodeMessage({ id, command, flags, error: 0 }, payload);
}

/** A request that nobody answers, in the name of a client. */
export function post(client: VfioUserClient, command: number, payload: Uint8Array): void {
  addon().sendmsg(client.descriptor, message(command, payload, FLAG_NO_REPLY), []);
}

/** The payload of WRITE_MULTI: a count, and writes with room for 8 bytes each. */
export function encodeWriteMulti(writes: readonly RegionWrite[]): Uint8Array {
  const entry = regionAccess.size + 8;
  const bytes = new Uint8Array(8 + writes.length * entry);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(writes.length), true);
  for (const [i, { offset, region, data }] of writes.entries()) {
    bytes.set(regionAccess.encode({ offset, region, count: data.length }, data), 8 + i * entry);
  }
  return bytes;
}
