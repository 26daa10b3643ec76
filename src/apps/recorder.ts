/** Who keeps what passes a loop. */
import type { PacketBatch } from '../memory/packet-batch.ts';

export interface Recorder {
  /** Packets kept so far, and packets left out because keeping them would have held up the loop. */
  readonly recorded: number;
  readonly dropped: number;
  /** Recording on is of no use. */
  readonly ended: boolean;
  /** Keeps the packets of `batch` without waiting for anything. Those that stay in the batch are the caller's. */
  record(batch: PacketBatch): void;
}
