/** Writes bursts of packets to a capture file or pipe as they pass, without ever holding up the loop they pass in. */
import { closeChecksum } from '../memory/complete-checksum.ts';
import type { PacketBatch } from '../memory/packet-batch.ts';
import { NO_PACKET, type PacketPool } from '../memory/packet-pool.ts';
import { CaptureWriter, type CaptureWriterOptions } from '../packets/index.ts';
import { BurstClock } from './burst-clock.ts';
import { CaptureOutput } from './capture-output.ts';
import type { Recorder } from './recorder.ts';

/** A capture file that grows while packets pass. The caller closes it. */
export class PacketRecorder implements Recorder {
  /** Packets written. */
  recorded = 0;
  /** Packets left out because the reader of a pipe was too slow, or because nobody can complete their checksum. */
  dropped = 0;
  readonly #output: CaptureOutput;
  readonly #writer: CaptureWriter;
  readonly #clock = new BurstClock();
  #closed = false;

  /**
   * `path`: a file to create, a named pipe, or '-' for standard output. The format is that of the name ('.pcapng', else
   * pcap with nanoseconds) unless options say it. A reader sees the file's header at once. Throws `ERR_SYSTEM`,
   * `ERR_ARGUMENT`.
   */
  constructor(path: string, options: CaptureWriterOptions = {}) {
    const format = path.endsWith('.pcapng') ? 'pcapng' : 'pcap';
    this.#writer = new CaptureWriter((bytes, length) => this.#output.write(bytes, length), { format, ...options });
    this.#output = new CaptureOutput(path);
    this.#writer.flush();
  }

  /** The reader of the pipe has gone: recording on is of no use. */
  get ended(): boolean {
    return this.#output.ended;
  }

  /**
   * Writes all packets of `batch`, which stay the caller's, with the time of this call; or none, if a pipe's reader is
   * behind. Checksums left open are completed first, in the packets themselves. Throws `ERR_SYSTEM`.
   */
  record(batch: PacketBatch): void {
    const { pool, packets, length } = batch;
    if (!this.#output.ready()) {
      this.dropped += length;
      return;
    }
    this.#clock.tick();
    for (let i = 0; i < length; i++) {
      if (closeChecksum(pool, packets[i])) {
        this.#write(pool, packets[i]);
        this.recorded++;
      } else this.dropped++;
    }
    // A full burst says that more is waiting; at the last one of a row, readers get to see all of them.
    if (length < batch.capacity) this.flush();
  }

  flush(): void {
    if (this.#output.ready()) this.#writer.flush();
  }

  /** Flushes and closes. Idempotent. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    try {
      this.flush();
    } finally {
      this.#output.close();
    }
  }

  #write(pool: PacketPool, packet: number): void {
    const { seconds, nanoseconds } = this.#clock;
    const writer = this.#writer;
    if (pool.next[packet] === NO_PACKET) {
      writer.write(pool.bytes, pool.offset(packet), pool.length[packet], seconds, nanoseconds);
      return;
    }
    writer.begin(pool.totalLength(packet), seconds, nanoseconds);
    for (let segment = packet; segment !== NO_PACKET; segment = pool.next[segment]) {
      writer.append(pool.bytes, pool.offset(segment), pool.length[segment]);
    }
    writer.end();
  }
}
