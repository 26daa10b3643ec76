/** Ports for tests, and what their packets say. */
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { NetDevice } from '../../src/drivers/net-device.ts';
import type { PacketBatch } from '../../src/memory/packet-batch.ts';
import { CaptureFileReader, CaptureFileWriter } from '../../src/packets/index.ts';
import { type OpenOptions, open } from '../../src/ports/index.ts';
import { temporaryDirectory } from '../support/process.ts';

/** Opens a port that is closed when the test is over. */
export async function openPort(uri: string, options?: OpenOptions): Promise<NetDevice> {
  const port = await open(uri, options);
  onTestFinished(() => port.close());
  return port;
}

/** The batch's frames, chains put together. */
export function framesOf({ pool, packets, length }: PacketBatch): Uint8Array[] {
  return Array.from(packets.subarray(0, length), (first) => {
    const parts: Uint8Array[] = [];
    for (let packet = first; packet >= 0; packet = pool.next[packet]) {
      parts.push(pool.bytes.slice(pool.offset(packet), pool.offset(packet) + pool.length[packet]));
    }
    return new Uint8Array(Buffer.concat(parts));
  });
}

/** A path in an empty directory that is removed when the test is over. */
export function temporaryFile(name: string): string {
  return join(temporaryDirectory(), name);
}

export function writeCapture(path: string, frames: readonly Uint8Array[]): void {
  const writer = new CaptureFileWriter(path);
  for (const frame of frames) writer.write(frame, 0, frame.length, 0, 0);
  writer.close();
}

export function readCapture(path: string): Uint8Array[] {
  const frames: Uint8Array[] = [];
  for (const { bytes, offset, length } of new CaptureFileReader(path))
    frames.push(bytes.slice(offset, offset + length));
  return frames;
}
