/** The least that moves frames through a served 82599: a ring each way, in memory of any kind, by messages alone. */
import {
  DESCRIPTOR_BYTES,
  RX_STATUS_DD,
  TX_CMD_DATA,
  TX_CMD_EOP,
  TX_CMD_RS,
  TX_PAYLEN_SHIFT,
} from '../../../src/datasheet/ixgbe/descriptors.ts';
import { ixgbe } from '../../../src/datasheet/ixgbe/index.ts';
import type { Register } from '../../../src/datasheet/registers.ts';
import { addressHigh, addressLow } from '../../../src/memory/dma-memory.ts';
import { PCI_COMMAND, PCI_COMMAND_BUS_MASTER, PCI_COMMAND_MEMORY } from '../../../src/pci/pci-device.ts';
import { REGION } from '../../../src/pci/vfio-user/payloads.ts';
import type { Lab } from './lab.ts';

const RING = 16;
const BUFFER = 2048;
const RX_BUFFERS = 0x1000;
const TX_RING = 0x800;
export const TX_BUFFERS = RX_BUFFERS + RING * BUFFER;
/** Bytes of memory that the rings and their buffers take. */
export const RINGS_BYTES = TX_BUFFERS + RING * BUFFER;

export class ServedRings {
  readonly #lab: Lab;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #address: number;
  #received = 0;
  #sent = 0;

  /** `bytes`: at least `RINGS_BYTES`, which the device sees at `address`. */
  constructor(lab: Lab, bytes: Uint8Array, address: number) {
    this.#lab = lab;
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset);
    this.#address = address;
  }

  start(): this {
    const lab = this.#lab;
    lab.write(REGION.config, PCI_COMMAND, new Uint8Array([PCI_COMMAND_MEMORY | PCI_COMMAND_BUS_MASTER, 0]));
    this.#write(ixgbe.CTRL, ixgbe.CTRL.bits.RST.mask);
    lab.run(100);
    for (let i = 0; i < RING; i++)
      this.#descriptor(i * DESCRIPTOR_BYTES, this.#address + RX_BUFFERS + i * BUFFER, 0, 0);
    this.#write(ixgbe.FCTRL, ixgbe.FCTRL.bits.UPE.mask | ixgbe.FCTRL.bits.MPE.mask | ixgbe.FCTRL.bits.BAM.mask);
    this.#ring([ixgbe.RDBAL, ixgbe.RDBAH, ixgbe.RDLEN], this.#address);
    this.#write(ixgbe.SRRCTL, 0x0200_0402);
    this.#write(ixgbe.RXDCTL, ixgbe.RXDCTL.bits.ENABLE.mask);
    lab.run();
    this.#write(ixgbe.RDT, RING - 1);
    this.#write(ixgbe.RXCTRL, ixgbe.RXCTRL.bits.RXEN.mask);
    this.#ring([ixgbe.TDBAL, ixgbe.TDBAH, ixgbe.TDLEN], this.#address + TX_RING);
    this.#write(ixgbe.DMATXCTL, ixgbe.DMATXCTL.bits.TE.mask);
    this.#write(ixgbe.TXDCTL, ixgbe.TXDCTL.bits.ENABLE.mask);
    lab.run(1000);
    return this;
  }

  /** Queues a frame, at most `RING` − 1 before the first one is sent. */
  transmit(frame: Uint8Array): void {
    const index = this.#sent % RING;
    this.#bytes.set(frame, TX_BUFFERS + index * BUFFER);
    const command = TX_CMD_DATA | TX_CMD_EOP | TX_CMD_RS | frame.length;
    const buffer = this.#address + TX_BUFFERS + index * BUFFER;
    this.#descriptor(TX_RING + index * DESCRIPTOR_BYTES, buffer, command, frame.length << TX_PAYLEN_SHIFT);
    this.#sent++;
    this.#write(ixgbe.TDT, this.#sent % RING);
  }

  /** The next frame, whose descriptor is given back; undefined if none has come. */
  receive(): Uint8Array | undefined {
    const index = this.#received % RING;
    const at = index * DESCRIPTOR_BYTES;
    if ((this.#view.getUint32(at + 8, true) & RX_STATUS_DD) === 0) return undefined;
    const length = this.#view.getUint16(at + 12, true);
    const frame = this.#bytes.slice(RX_BUFFERS + index * BUFFER, RX_BUFFERS + index * BUFFER + length);
    this.#descriptor(at, this.#address + RX_BUFFERS + index * BUFFER, 0, 0);
    this.#received++;
    this.#write(ixgbe.RDT, index);
    return frame;
  }

  #ring([low, high, length]: readonly Register[], address: number): void {
    this.#write(low, addressLow(address));
    this.#write(high, addressHigh(address));
    this.#write(length, RING * DESCRIPTOR_BYTES);
  }

  #write(register: Register, value: number): void {
    this.#lab.write32(0, register.at(0), value >>> 0);
  }

  #descriptor(at: number, address: number, command: number, status: number): void {
    this.#view.setInt32(at, addressLow(address), true);
    this.#view.setInt32(at + 4, addressHigh(address), true);
    this.#view.setInt32(at + 8, command, true);
    this.#view.setInt32(at + 12, status, true);
  }
}
