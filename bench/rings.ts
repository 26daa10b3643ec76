/** Emulated NICs whose models never run, and where the driver has put its rings, for whoever completes them instead. */
import {
  EmulatedPciDevice,
  type ModelKind,
  type NetDevice,
  openIxgbe,
  openVirtio,
  type PacketPool,
  type VirtioOptions,
} from 'ixy.ts';

/** An open NIC with one receive and one transmit ring. */
export interface Rings {
  readonly nic: NetDevice;
  /** In 32-bit words, from where the ring begins. */
  readonly receive: Int32Array;
  readonly transmit: Int32Array;
  /** The transmit ring's tail, for devices that are told it; else 0. */
  transmitTail(): number;
}

export interface RingOptions {
  readonly allocateMemory: VirtioOptions['allocateMemory'];
  readonly pool: PacketPool;
  readonly rxRingSize: number;
  readonly txRingSize: number;
}

const COMMON = { linkPollInterval: 0, checked: false } as const;

/** Words of memory that the driver has mapped for the device at `address`. */
function wordsAt<Kind extends ModelKind>(device: EmulatedPciDevice<Kind>, address: number): Int32Array {
  const region = device.dma.regions.find(address, 4);
  if (!region) throw new Error(`no ring at ${address.toString(16)}`);
  return region.words.subarray((address - region.address) / 4);
}

/** Address registers of queue 0, low and high: 82599 datasheet rev 3.4, 8.2.3.8.1 and 2, 8.2.3.9.5 and 6. */
const BASES = { receive: [0x1000, 0x1004], transmit: [0x6000, 0x6004] } as const;

/** The words of an 82599's ring, four a descriptor. */
export function ringBehind(device: EmulatedPciDevice, which: keyof typeof BASES, descriptors: number): Int32Array {
  const [low, high] = BASES[which];
  const registers = device.bar(0);
  return wordsAt(device, registers.read32(high) * 2 ** 32 + registers.read32(low)).subarray(0, 4 * descriptors);
}

const TDT = 0x6018; // 8.2.3.9.9

export async function ixgbeRings(options: RingOptions): Promise<Rings> {
  const device = new EmulatedPciDevice({ strict: false });
  const nic = await openIxgbe(device, { ...options, ...COMMON });
  const { doorbells } = device.bar(0);
  // The model, which does not run, has taken the tail of 0 out of the doorbell and left -1 there.
  const transmitTail = (): number => Math.max(0, doorbells[TDT / 4]);
  return {
    nic,
    receive: ringBehind(device, 'receive', options.rxRingSize),
    transmit: ringBehind(device, 'transmit', options.txRingSize),
    transmitTail,
  };
}

/** With no feature that changes what a packet costs: as the C++ loops do it. */
export async function virtioRings(ring: 'split' | 'packed', options: RingOptions): Promise<Rings> {
  const device = new EmulatedPciDevice({ model: 'virtio', strict: false, queueSize: options.rxRingSize });
  const without = ['IN_ORDER', 'EVENT_IDX'] as const;
  const nic = await openVirtio(device, { ...options, ...COMMON, ring, without, interrupts: false });
  const registers = nic.registers();
  const at = (index: number): Int32Array => wordsAt(device, registers[`QUEUE_DESC[${index}]`]);
  return { nic, receive: at(0), transmit: at(1), transmitTail: () => 0 };
}
