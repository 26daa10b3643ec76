/**
 * Time stamps of packets (datasheet rev 3.4, sections 7.9.3 and 8.2.3.26): one register pair for each direction, locked until
 * software has read its upper half.
 */
import { ixgbe } from '../../../datasheet/ixgbe/index.ts';
import { extract, type Register } from '../../../datasheet/registers.ts';
import { IP_PROTOCOL_UDP } from '../../../packets/ip.ts';
import { NONE, type PacketHeaders } from '../../packet-headers.ts';
import type { ModelContext } from '../context.ts';
import type { SystemTime } from './system-time.ts';

const { TSYNCRXCTL, TSYNCTXCTL, RXSTMPL, RXSTMPH, TXSTMPL, TXSTMPH, RXMTRL } = ixgbe;
/** TSYNCRXCTL.TYPE: which messages are stamped. */
const VERSION_2_LAYER_2 = 0;
const VERSION_1 = 1;
const VERSION_2 = 2;
const EVENTS_OF_VERSION_2 = 5;
/** Message types 0 … 3 are events. */
const EVENTS = 4;
const UDP_HEADER = 8;
const VLAN_TAG = 4;
const ETHERNET_HEADER = 14;
const VERSION_1_CONTROL = 32;

export class TimeStamps {
  /** Whether packets of either direction are stamped. */
  receives = false;
  sends = false;
  readonly #context: ModelContext;
  readonly #time: SystemTime;

  constructor(context: ModelContext, time: SystemTime) {
    this.#context = context;
    this.#time = time;
    const { registers } = context;
    registers.onWrite(TSYNCRXCTL, (value, before) => {
      this.receives = (value & TSYNCRXCTL.bits.EN.mask) !== 0;
      return (value & ~TSYNCRXCTL.bits.RXTT.mask) | (before & TSYNCRXCTL.bits.RXTT.mask);
    });
    registers.onWrite(TSYNCTXCTL, (value, before) => {
      this.sends = (value & TSYNCTXCTL.bits.EN.mask) !== 0;
      return (value & ~TSYNCTXCTL.bits.TXTT.mask) | (before & TSYNCTXCTL.bits.TXTT.mask);
    });
    unlockedBy(context, RXSTMPH, TSYNCRXCTL, TSYNCRXCTL.bits.RXTT.mask);
    unlockedBy(context, TXSTMPH, TSYNCTXCTL, TSYNCTXCTL.bits.TXTT.mask);
  }

  reset(): void {
    this.receives = false;
    this.sends = false;
  }

  /** Stamps a packet that is sent, unless the last stamp has not been read yet. */
  stampSent(): void {
    this.#latch(TSYNCTXCTL, TSYNCTXCTL.bits.TXTT.mask, TXSTMPL, TXSTMPH);
  }

  /**
   * Stamps a received packet if it is one of the messages asked for; whether it was. `marked`: an EtherType filter says that
   * it is a message of IEEE 1588.
   */
  stampReceived(bytes: Uint8Array, offset: number, headers: Readonly<PacketHeaders>, marked: boolean): boolean {
    if (!this.#wanted(bytes, offset, headers, marked)) return false;
    return this.#latch(TSYNCRXCTL, TSYNCRXCTL.bits.RXTT.mask, RXSTMPL, RXSTMPH);
  }

  #wanted(bytes: Uint8Array, offset: number, headers: Readonly<PacketHeaders>, marked: boolean): boolean {
    const { registers } = this.#context;
    const type = extract(TSYNCRXCTL.bits.TYPE, registers.get(TSYNCRXCTL));
    const match = registers.get(RXMTRL);
    if (marked) {
      const message = offset + ETHERNET_HEADER + (headers.vlan === NONE ? 0 : VLAN_TAG);
      return type !== VERSION_1 && isVersion2(bytes[message], type, match);
    }
    if (headers.protocol !== IP_PROTOCOL_UDP || type === VERSION_2_LAYER_2) return false;
    const port = (bytes[headers.transport + 2] << 8) | bytes[headers.transport + 3];
    if (port !== extract(RXMTRL.bits.UDPT, match) || headers.transportLength <= UDP_HEADER + VERSION_1_CONTROL)
      return false;
    const message = headers.transport + UDP_HEADER;
    if (type === VERSION_1) return bytes[message + VERSION_1_CONTROL] === extract(RXMTRL.bits.CTRLT, match);
    return isVersion2(bytes[message], type, match);
  }

  #latch(control: Register, locked: number, low: Register, high: Register): boolean {
    const { registers } = this.#context;
    if ((registers.get(control) & locked) !== 0) return false;
    const now = this.#time.now();
    registers.set(low, Number(BigInt.asIntN(32, now)));
    registers.set(high, Number(BigInt.asIntN(32, now >> 32n)));
    registers.set(control, registers.get(control) | locked);
    return true;
  }
}

function isVersion2(first: number, type: number, match: number): boolean {
  const message = first & 0xf;
  if (type === EVENTS_OF_VERSION_2) return message < EVENTS;
  return (type === VERSION_2 || type === VERSION_2_LAYER_2) && message === (extract(RXMTRL.bits.MSGT, match) & 0xf);
}

function unlockedBy({ registers }: ModelContext, high: Register, control: Register, locked: number): void {
  registers.onRead(high, (stored) => {
    registers.set(control, registers.get(control) & ~locked);
    return stored;
  });
}
