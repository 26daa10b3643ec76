/** Receive filters by destination address and VLAN, set by control commands (virtio 1.2, section 5.1.6.5.1 … 5.1.6.5.3). */

/** Addresses in each table; given more, the device lets all of their kind pass (5.1.6.5.2 leaves it the choice). */
const TABLE_ADDRESSES = 64;
const VLANS = 4096;
const VLAN_TYPE_HIGH = 0x81;

/** The switches of class 0, by command. */
export const SWITCHES = [
  'promiscuous',
  'allMulticast',
  'allUnicast',
  'noMulticast',
  'noUnicast',
  'noBroadcast',
] as const;
export type FilterSwitch = (typeof SWITCHES)[number];

export class ReceiveFilter {
  readonly switches: Record<FilterSwitch, boolean> = {
    promiscuous: false,
    allMulticast: false,
    allUnicast: false,
    noMulticast: false,
    noUnicast: false,
    noBroadcast: false,
  };
  /** Whether frames are filtered by address: only where the driver can change the filter (CTRL_RX). */
  byAddress = false;
  /** Whether tagged frames need a VLAN of the table (CTRL_VLAN). */
  byVlan = false;
  readonly unicast = new AddressTable();
  readonly multicast = new AddressTable();
  readonly #vlans = new Uint8Array(VLANS);
  #low = 0;
  #high = 0;

  /** As after a reset: nothing is switched on, and the tables are empty. */
  reset(): void {
    for (const name of SWITCHES) this.switches[name] = false;
    this.byAddress = false;
    this.byVlan = false;
    this.unicast.clear();
    this.multicast.clear();
    this.#vlans.fill(0);
  }

  /** The station's own address: six bytes from `bytes[offset]` on. */
  setAddress(bytes: Uint8Array, offset = 0): void {
    this.#low = lowPart(bytes, offset);
    this.#high = highPart(bytes, offset);
  }

  setVlan(id: number, listed: boolean): void {
    this.#vlans[id] = listed ? 1 : 0;
  }

  /** Whether the frame that begins at `bytes[offset]` (14 bytes at least) is for the driver. */
  accepts(bytes: Uint8Array, offset: number): boolean {
    if (this.byAddress && this.switches.promiscuous) return true;
    return (!this.byAddress || this.#wants(bytes, offset)) && (!this.byVlan || this.#wantsVlan(bytes, offset));
  }

  #wants(bytes: Uint8Array, offset: number): boolean {
    const { switches } = this;
    const low = lowPart(bytes, offset);
    const high = highPart(bytes, offset);
    if (low === -1 && high === 0xffff) return !switches.noBroadcast;
    if ((low & 1) !== 0) return !switches.noMulticast && (switches.allMulticast || this.multicast.has(low, high));
    if (switches.noUnicast) return false;
    return switches.allUnicast || (low === this.#low && high === this.#high) || this.unicast.has(low, high);
  }

  #wantsVlan(bytes: Uint8Array, offset: number): boolean {
    if (bytes[offset + 12] !== VLAN_TYPE_HIGH || bytes[offset + 13] !== 0) return true;
    return this.#vlans[((bytes[offset + 14] & 0x0f) << 8) | bytes[offset + 15]] !== 0;
  }
}

/** A list of addresses, as the first four bytes and the last two. */
class AddressTable {
  readonly #low = new Int32Array(TABLE_ADDRESSES);
  readonly #high = new Int32Array(TABLE_ADDRESSES);
  #count = 0;

  clear(): void {
    this.#count = 0;
  }

  /** Takes over `count` addresses from `bytes[offset]` on. */
  set(bytes: Uint8Array, offset: number, count: number): void {
    this.#count = count;
    for (let i = 0; i < Math.min(count, TABLE_ADDRESSES); i++) {
      this.#low[i] = lowPart(bytes, offset + 6 * i);
      this.#high[i] = highPart(bytes, offset + 6 * i);
    }
  }

  has(low: number, high: number): boolean {
    if (this.#count > TABLE_ADDRESSES) return true;
    for (let i = 0; i < this.#count; i++) {
      if (this.#low[i] === low && this.#high[i] === high) return true;
    }
    return false;
  }
}

function lowPart(bytes: Uint8Array, offset: number): number {
  return bytes[offset] | (bytes[offset + 1] << 8) | (bytes[offset + 2] << 16) | (bytes[offset + 3] << 24);
}

function highPart(bytes: Uint8Array, offset: number): number {
  return bytes[offset + 4] | (bytes[offset + 5] << 8);
}
