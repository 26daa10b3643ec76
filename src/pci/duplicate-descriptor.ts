/** A descriptor of what another one has open, which goes on when that one is closed. */
import { addon } from '../native/addon.ts';

/** The caller closes it with the addon's `close`. Throws a system error. */
export function duplicateDescriptor(descriptor: number): number {
  // What comes through a socket is a new descriptor for the same thing.
  const [from, to] = addon().socketPair(addon().constants.SOCK_STREAM);
  try {
    const letter = new Uint8Array(1);
    addon().sendmsg(from, letter, [descriptor]);
    return addon().recvmsg(to, letter, 1).descriptors[0];
  } finally {
    addon().close(from);
    addon().close(to);
  }
}
