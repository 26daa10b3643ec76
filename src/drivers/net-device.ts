/**
 * What every driver offers: the interface that ports hand out and packet loops are written against.
 */
import type { EventEmitter } from 'node:events';
import type { IxyError } from '../errors.ts';
import type { PacketBatch } from '../memory/packet-batch.ts';
import type { PacketPool } from '../memory/packet-pool.ts';
import type { LoanRequest, QueueLoan } from './lending/loan.ts';
import type { RssOptions, RssState } from './rss.ts';

/** A link, as it was when asked for. */
export interface LinkState {
  readonly up: boolean;
  /** Mbit/s; 0 while the link is down, and where the device does not say. */
  readonly speed: number;
  readonly fullDuplex: boolean;
}

/**
 * How a receive queue wakes a loop that sleeps. Armed, it interrupts once, for what arrives from now on or, on most devices,
 * has arrived since it interrupted last; so a loop arms, receives once more, and sleeps only if that gave nothing. It may
 * wake a loop for nothing, but never leaves one asleep over a packet.
 */
export interface RxInterrupt {
  /** Returns false if no interrupt will ever come: the device is gone, or closed. */
  arm(): boolean;
  /** Takes `arm` back; harmless if it has interrupted already. */
  disarm(): void;
  /**
   * Waits, and blocks this thread, for at most `milliseconds` (−1: for ever); whether it has interrupted. A signal or
   * another interrupt of the device may end the wait early.
   */
  wait(milliseconds: number): boolean;
  /** Calls `handler` from the event loop when it interrupts, and when the device goes or is closed; undefined ends that. */
  handle(handler: (() => void) | undefined): void;
  /** Whether the handler keeps the event loop, and so the process, from ending. Default false. */
  keepAlive(enabled: boolean): void;
}

/** Where received packets come from. It belongs to the thread that opened the port. */
export interface RxQueue {
  /** Absent where the queue can only be polled. */
  readonly interrupt?: RxInterrupt | undefined;
  /** Where this queue's buffers come from; `receive` makes it the batch's pool. */
  readonly pool: PacketPool;
  /**
   * Appends received packets to `batch`, up to its capacity; returns how many. The caller owns them afterwards. Never
   * throws for what the device did: a bad frame is dropped and counted. Throws `ERR_ARGUMENT` if `batch` holds packets
   * of another pool.
   */
  receive(batch: PacketBatch): number;
}

/** Where packets to send go. It belongs to the thread that opened the port. */
export interface TxQueue {
  /**
   * Queues packets from the front of `batch`; returns how many. Those belong to the device and go back to their pool
   * once sent; what did not fit stays in the batch, moved to its front, and stays the caller's. Call it with an empty
   * batch too when nothing was received: if the pool is empty, it takes back what has been sent. Packets may come from any
   * number of pools. Throws `ERR_CLOSED` for those of a pool that is closed, and its memory gone.
   */
  transmit(batch: PacketBatch): number;
  /**
   * How much `transmit` took that has not left yet, in packets or pieces of them; 0 once the queue is idle, or will never
   * send again. For whoever waits at the end: it takes back what has been sent, and may read a register.
   */
  pending(): number;
}

/** Totals since the device was opened; they never wrap (exact up to 2^53). */
export interface DeviceStatistics {
  readonly rxPackets: number;
  readonly rxBytes: number;
  readonly txPackets: number;
  readonly txBytes: number;
  /** Frames that reached the device but not the caller: no descriptor, no buffer, filtered out by size. */
  readonly rxDropped: number;
  /** Frames with a wrong CRC, length or symbol. */
  readonly rxErrors: number;
  readonly txDropped: number;
  readonly txErrors: number;
}

/** What a device can do, by the terms of the field, for people and for `ixy info`. */
export interface DeviceCapabilities {
  readonly maxRxQueues: number;
  readonly maxTxQueues: number;
  /** Largest MTU in bytes (payload of an Ethernet frame, without header and CRC). */
  readonly maxMtu: number;
  readonly speeds: readonly number[];
  readonly features: readonly string[];
}

/** Destination addresses to receive beside the station's own and broadcast. */
export interface MacFilter {
  /** 'aa:bb:cc:dd:ee:ff' each; a virtio device takes up to 510 in both lists together. */
  readonly unicast?: readonly string[];
  readonly multicast?: readonly string[];
}

/** What a device emits, with what listeners get. */
export interface NetDeviceEvents {
  /** The link went up or down, changed its speed, or wants stations to announce themselves anew. */
  link: [LinkState];
  /** The device broke its own rules, or asks to be reset; its queues drop and count from now on. Only `close` helps. */
  failed: [IxyError];
  /** The device does not answer any more (surprise removal); its queues drop and count from now on. */
  removed: [Error];
  closed: [];
}

/** An open port: a NIC, real or emulated, a TAP interface, a capture file. Whoever opened it closes it. */
export interface NetDevice extends EventEmitter<NetDeviceEvents> {
  /** The port's name: its PCI address or URI. */
  readonly name: string;
  /** Name of the driver: 'ixgbe', 'virtio', 'tap', 'pcap'. */
  readonly driver: string;
  /** What it is, in words: 'Intel 82599ES 10-Gigabit SFI/SFP+'. */
  readonly description: string;
  readonly rx: readonly RxQueue[];
  readonly tx: readonly TxQueue[];
  readonly capabilities: DeviceCapabilities;
  /** 'aa:bb:cc:dd:ee:ff', lower case. */
  readonly mac: string;
  /** Payload bytes of the largest frame, without Ethernet header and CRC. */
  readonly mtu: number;
  /**
   * Whether this port will never receive again, although its link is up: a capture file was read to its end. Loops stop
   * once it is true and `receive` gives nothing (behind an emulated NIC, for a while). Absent where traffic has no end
   * of its own.
   */
  readonly ended?: boolean;
  /** The link as it is now. */
  link(): LinkState;
  /** Waits until the link is up; throws `ERR_TIMEOUT`. Default 10,000 ms. */
  waitForLink(timeoutMilliseconds?: number): Promise<LinkState>;
  /** Makes `mac` the station's address until the port is closed. NICs throw `ERR_ARGUMENT` for what no station may have. */
  setMac(mac: string): void;
  /** Whether to receive every good frame, whoever it is for. Ports without a filter always do. */
  setPromiscuous(enabled: boolean): void;
  /** Whether to receive every multicast frame. */
  setAllMulticast(enabled: boolean): void;
  /** Which other destinations to receive, instead of those set before. Absent where the driver has no such filter. */
  readonly setMacFilter?: ((filter: MacFilter) => void) | undefined;
  /** With `vlanFilter`: receive frames of VLAN `id`, 0 … 4095. Absent where the driver has no such filter. */
  readonly addVlan?: ((id: number) => void) | undefined;
  /** Takes `addVlan` back. */
  readonly removeVlan?: ((id: number) => void) | undefined;
  /**
   * Lends queues to another thread, which takes them with `borrowQueues`. Packets in them go back to this thread's
   * pools; here they find and take nothing from now on, also when they have been taken back: then they may be lent
   * again. Counters of this port go on counting what they do. Blocks for some milliseconds at most.
   *
   * Throws `ERR_ARGUMENT` for queues that there are not, or that are lent already, `ERR_DEVICE_UNSUPPORTED` if no other
   * thread can reach this device, `ERR_TIMEOUT`, and what mapping memory throws. Absent where the driver lends none.
   */
  readonly lend?: ((request: LoanRequest) => QueueLoan) | undefined;
  /**
   * Changes how flows are spread over the receive queues, and says how they are now; undefined if they are not. Packets
   * on their way may still follow what was set before. Throws `ERR_ARGUMENT`, also where it is off, and
   * `ERR_DEVICE_UNSUPPORTED`. Absent where the driver cannot spread.
   */
  readonly rss?: ((change?: RssOptions) => RssState | undefined) | undefined;
  /** Totals as of now; may read a few dozen registers. After `close`, what they were then. */
  statistics(): DeviceStatistics;
  /** Every counter the device has, by its own names, as totals. */
  counters(): Record<string, number>;
  /** Every register of the device's table by name, as a value each; reads have the side effects that the datasheet says. */
  registers(): Record<string, number>;
  /**
   * Stops the queues, forbids DMA, then releases memory. Packets in its rings go back to their pools; packets the caller
   * holds stay valid until their pool is closed. Idempotent, synchronous, bounded in time.
   */
  close(): void;
}
