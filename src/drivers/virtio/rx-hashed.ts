/** Receive bursts that hand on what the device hashed. The factory is copied for each queue (see specialise.ts): it uses its parameters only. */
import type { Receive, RxContext } from './rx-context.ts';

/**
 * `receive`, of any ring format, and then a look at the headers of what it received (virtio 1.2, section 5.1.6.4.3): the bursts
 * that read no hash stay as they are.
 */
export function makeHashedReceive(context: RxContext, receive: Receive): Receive {
  const { hashes: $hashes, headers: $headers, headerBytes } = context;
  const { STRIDE, HEADROOM, HASH_VALUE, HASH_REPORT, HASH_NONE } = context.constants;
  const headerStride = STRIDE >> 1;
  const headerOffset = (HEADROOM - headerBytes) >> 1;

  return function receiveHashed(batch) {
    const hashes = $hashes;
    const headers = $headers;

    const received = receive(batch);
    const packets = batch.packets;
    for (let i = (batch.length - received) | 0, end = batch.length; i < end; i = (i + 1) | 0) {
      const packet = packets[i];
      const header = Math.imul(packet, headerStride) + headerOffset;
      const value = headers[header + HASH_VALUE] | (headers[header + HASH_VALUE + 1] << 16);
      hashes[packet] = headers[header + HASH_REPORT] === HASH_NONE ? 0 : value;
    }
    return received;
  };
}
