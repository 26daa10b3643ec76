/** What a program asks of a port, whatever kind it is. */
import type { RssOptions } from '../drivers/rss.ts';
import type { DmaMemory } from '../memory/dma-memory.ts';
import type { PacketPool } from '../memory/packet-pool.ts';

/** What `open` is asked for. Each kind of port takes what applies to it; more queues than it has are `ERR_ARGUMENT`. */
export interface OpenOptions {
  /** Receive and transmit queues; default 1. Ports without a NIC have one each. */
  readonly rxQueues?: number;
  readonly txQueues?: number;
  /** Descriptors per ring; default and range are the driver's. */
  readonly rxRingSize?: number;
  readonly txRingSize?: number;
  /**
   * NICs only: how flows are spread over the receive queues, by a hash of addresses and ports; false: not at all. Default: over
   * all of them, where there are several.
   */
  readonly rss?: RssOptions | false;
  /** Payload bytes of the largest frame; default 1500. */
  readonly mtu?: number;
  /** Receive every frame, whoever it is for. Default false; ports without a NIC always do. */
  readonly promiscuous?: boolean;
  /** Use interrupts where a NIC has them: to wake loops that sleep, and to tell of the link. Default true. */
  readonly interrupts?: boolean;
  /**
   * Virtio devices only, as the two below; drivers that do not know an option refuse it. Drop frames with a VLAN tag, but
   * those of `addVlan`. Default false.
   */
  readonly vlanFilter?: boolean;
  /** Let the device complete checksums of `requestChecksum`, else the driver does. Default true. */
  readonly transmitChecksum?: boolean;
  /**
   * Let the device check the checksums of what is received, and say so in `pool.offloads`. Packets from the same machine may
   * then arrive with a partial one. Default false.
   */
  readonly receiveChecksum?: boolean;
  /** Where received packets go; it stays the caller's. Default: a pool of the port's own, closed with it. */
  readonly pool?: PacketPool;
  /**
   * Gives at least `minimumBytes` for rings and pools; the port frees it. Default: huge pages for PCI devices, shared
   * memory for devices of other processes, ordinary memory for others. Use `allocateHugeMemory` for another port too if a PCI
   * device shall send what it receives, and `allocateSharedMemory` if a device of another process shall.
   */
  readonly allocateMemory?: (minimumBytes: number) => DmaMemory;
  /** Check at every burst who owns which packet. Default: whether IXY_CHECK is set to 1. */
  readonly checked?: boolean;
  /**
   * What the port is for; default 'both'. It decides for a port that can do one of the two only: a capture file is written
   * for 'transmit', read for 'receive', and for 'both' read if it exists.
   */
  readonly use?: 'receive' | 'transmit' | 'both';
}

/** What of it a NIC's driver takes. */
export function driverOptions({ use, ...options }: OpenOptions): Omit<OpenOptions, 'use'> {
  return options;
}
