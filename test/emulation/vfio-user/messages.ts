/** What clients say that speak without `VfioUserClient`. */
import { encodeMessage } from '../../../src/pci/vfio-user/protocol.ts';
import { encodeVersion } from '../../../src/pci/vfio-user/version.ts';

export const version = { major: 0, minor: 0, maximumDescriptors: 8, maximumTransfer: 1 << 20 };
export const greeting = encodeVersion({ ...version, doorbells: false });
export const askingForDoorbells = encodeVersion({ ...version, doorbells: true });

export function message(command: number, payload: Uint8Array, flags = 0, id = 1): Uint8Array {
  return encodeMessage({ id, command, flags, error: 0 }, payload);
}
