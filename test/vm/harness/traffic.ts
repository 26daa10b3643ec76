/** Numbered packets for the far end of a guest's cables to send. */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { CaptureFileReader } from '../../../src/packets/capture-file.ts';
import type { Guest } from './guest.ts';
import type { Nic } from './nics.ts';

/**
 * Path of a capture file with so many numbered packets, made by `ixy pktgen` with these options; each is made once in the
 * life of a guest.
 */
export async function numberedPackets({ host }: Guest, count: number, options = ''): Promise<string> {
  const file = host.file(`numbered-${count}${options.replaceAll(/[^\w.-]/g, '')}.pcap`).here;
  if (!existsSync(file)) {
    await host.output(
      `node dist/cli/main.js pktgen pcap:${file}.part --count ${count} ${options} && mv ${file}.part ${file}`,
    );
  }
  return file;
}

/** Makes cables hold so many frames, so that none is lost however long the guest takes for them; see `Cable.hold`. */
export async function holdFrames(guest: Guest, nics: readonly Nic[], frames: number, mtu?: number): Promise<void> {
  await Promise.all(nics.map((nic) => guest.cable(nic).hold(frames, mtu)));
}

/** One value for all frames of a capture file in their order, with every byte; not for their times. */
export function digestOf(file: string): string {
  const hash = createHash('sha256');
  for (const { bytes, offset, length } of new CaptureFileReader(file)) {
    hash.update(Uint8Array.of(length & 0xff, length >>> 8)).update(bytes.subarray(offset, offset + length));
  }
  return hash.digest('hex');
}
