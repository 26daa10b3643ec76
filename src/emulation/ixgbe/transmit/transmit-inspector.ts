/** Strict mode for transmit descriptors (datasheet rev 3.4, sections 7.2.1, 7.2.3.2 and 8.2.3.9.10). */
import {
  DESCRIPTOR_WORDS,
  TX_CMD_DEXT,
  TX_CMD_EOP,
  TX_CMD_IFCS,
  TX_CMD_RS,
  TX_CMD_TSE,
  TX_CMD_VLE,
  TX_DESCRIPTORS_PER_PACKET,
  TX_DTYP_CONTEXT,
  TX_DTYP_DATA,
  TX_DTYP_MASK,
  TX_INSERT_IP_CHECKSUM,
  TX_INSERT_L4_CHECKSUM,
  TX_IPSEC,
  TX_LENGTH_MASK,
  TX_LENGTH_MAXIMUM,
  TX_MAC_LINKSEC,
  TX_PACKET_MINIMUM,
  TX_PAYLEN_SHIFT,
  TX_READ_ADDRESS_HIGH,
  TX_READ_ADDRESS_LOW,
  TX_READ_COMMAND,
  TX_READ_STATUS,
  TX_REPORT_INTERVAL,
} from '../../../datasheet/ixgbe/descriptors.ts';
import { ixgbe } from '../../../datasheet/ixgbe/index.ts';
import { extract } from '../../../datasheet/registers.ts';
import { crossesPage } from '../../dma-regions.ts';
import type { DmaTranslator } from '../../dma-translator.ts';
import type { ModelContext } from '../context.ts';
import { MINIMUM_FRAME } from '../frame.ts';
import type { DescriptorRing } from '../ring.ts';
import type { IxgbeRule } from '../rules.ts';
import type { TransmitContext, TransmitContexts } from './transmit-context.ts';

const ADVANCED_RESERVED = (3 << 16) | (1 << 26) | (1 << 28);
const LEGACY_RESERVED = (1 << 28) | (1 << 31);
const STATUS_RESERVED = 0xf;
/** Bytes that headers have at least, and all of a segment's together at most. */
const MINIMUM_MAC = 14;
const MINIMUM_IPV4 = 20;
const MINIMUM_IPV6 = 40;
const MINIMUM_L4 = 8;
const HEADERS_LIMIT = 512;

const { TXDCTL, HLREG0 } = ixgbe;

export class TransmitInspector {
  readonly #context: ModelContext;
  readonly #ring: DescriptorRing;
  readonly #buffers: DmaTranslator;
  readonly #contexts: TransmitContexts;
  #sinceReport = 0;

  constructor(context: ModelContext, ring: DescriptorRing, buffers: DmaTranslator, contexts: TransmitContexts) {
    this.#context = context;
    this.#ring = ring;
    this.#buffers = buffers;
    this.#contexts = contexts;
  }

  /** The ring begins anew, and with it the count of descriptors without a report. */
  restart(): void {
    this.#sinceReport = 0;
  }

  /** Judges the packet whose `descriptors` descriptors begin at the head. */
  inspect(descriptors: number): void {
    const { words, base, head, count } = this.#ring;
    const first = base + head * DESCRIPTOR_WORDS;
    const longest = (words[first + TX_READ_COMMAND] & TX_CMD_TSE) !== 0 ? TX_LENGTH_MASK : TX_LENGTH_MAXIMUM;
    let total = 0;
    for (let i = 0, index = head; i < descriptors; i++) {
      this.#ring.verifyUnchanged(index);
      this.#inspectReport(words[base + index * DESCRIPTOR_WORDS + TX_READ_COMMAND]);
      total += this.#inspectDescriptor(base + index * DESCRIPTOR_WORDS, index, longest);
      if (++index === count) index = 0;
    }
    if ((words[first + TX_READ_COMMAND] & TX_DTYP_MASK) === TX_DTYP_CONTEXT) return;
    if (descriptors > TX_DESCRIPTORS_PER_PACKET) this.#record('tx.too-many-descriptors', `${descriptors}`);
    this.#inspectWhole(words[first + TX_READ_COMMAND], words[first + TX_READ_STATUS], total);
  }

  /** One descriptor, which may carry up to `longest` bytes; returns those that it does. */
  #inspectDescriptor(at: number, index: number, longest: number): number {
    const { words } = this.#ring;
    const command = words[at + TX_READ_COMMAND];
    const advanced = (command & TX_CMD_DEXT) !== 0;
    const type = command & TX_DTYP_MASK;
    const where = `descriptor ${index}`;
    if (advanced && type === TX_DTYP_CONTEXT) {
      if (index !== this.#ring.head) this.#record('tx.context-inside', where);
      return 0;
    }
    if (advanced && type !== TX_DTYP_DATA) this.#record('tx.descriptor-type', where);
    const reserved = command & (advanced ? ADVANCED_RESERVED : LEGACY_RESERVED);
    if (reserved !== 0 || (words[at + TX_READ_STATUS] & STATUS_RESERVED) !== 0) {
      this.#record('tx.descriptor-reserved', where);
    }
    const length = command & TX_LENGTH_MASK;
    if (length === 0 || length > longest) this.#record('tx.zero-length', `${where}: ${length} bytes`);
    this.#inspectBuffer(words[at + TX_READ_ADDRESS_LOW], words[at + TX_READ_ADDRESS_HIGH], length, where);
    return length;
  }

  #inspectBuffer(low: number, high: number, length: number, where: string): void {
    const offset = this.#buffers.translate(low, high, length);
    if (offset < 0) this.#record('tx.buffer-unmapped', where);
    else if (length > 0 && crossesPage(this.#buffers.region, offset, length)) {
      this.#record('tx.buffer-crosses-page', where);
    }
  }

  #inspectReport(command: number): void {
    const threshold = extract(TXDCTL.bits.WTHRESH, this.#context.registers.get(TXDCTL, this.#ring.queue));
    const reports = (command & TX_CMD_RS) !== 0;
    if (threshold > 0) {
      if (reports) this.#record('tx.rs-with-wthresh', `WTHRESH ${threshold}`);
      return;
    }
    if (reports && (command & TX_CMD_EOP) === 0) this.#record('tx.rs-without-eop', '');
    this.#sinceReport = reports ? 0 : this.#sinceReport + 1;
    if (this.#sinceReport === TX_REPORT_INTERVAL) this.#record('tx.rs-missing', `${TX_REPORT_INTERVAL} descriptors`);
  }

  #inspectWhole(command: number, status: number, total: number): void {
    if ((command & TX_CMD_DEXT) !== 0) this.#inspectOffloads(command, status, total);
    if (total > 0 && total < TX_PACKET_MINIMUM) this.#record('tx.packet-too-short', `${total} bytes`);
    const control = this.#context.registers.get(HLREG0);
    const pads = (control & HLREG0.bits.TXPADEN.mask) !== 0 && (command & TX_CMD_IFCS) !== 0;
    if (total < MINIMUM_FRAME && !pads) this.#record('tx.no-padding', `${total} bytes`);
  }

  #inspectOffloads(command: number, status: number, total: number): void {
    const segmented = (command & TX_CMD_TSE) !== 0;
    const summed = segmented || (status & (TX_INSERT_IP_CHECKSUM | TX_INSERT_L4_CHECKSUM)) !== 0;
    const context = this.#contexts.named(status);
    const payload = status >>> TX_PAYLEN_SHIFT;
    const expected = segmented ? total - context.headers : total;
    if (payload !== expected) this.#record('tx.payload-length', `PAYLEN ${payload}, ${expected} bytes in the buffers`);
    if ((status & TX_IPSEC) !== 0 || (command & TX_MAC_LINKSEC) !== 0) this.#record('tx.offload', '');
    if (!summed && (command & TX_CMD_VLE) === 0) return;
    if (!context.loaded) this.#record('tx.context-missing', '');
    else if (summed) this.#inspectLengths(context, segmented, total);
  }

  #inspectLengths(context: Readonly<TransmitContext>, segmented: boolean, total: number): void {
    const { macLength, ipLength, l4Length, isIpv4, mss, headers } = context;
    const transport = segmented ? l4Length >= MINIMUM_L4 && headers < HEADERS_LIMIT : true;
    const network = ipLength >= (segmented && !isIpv4 ? MINIMUM_IPV6 : MINIMUM_IPV4);
    if (macLength < MINIMUM_MAC || !network || !transport || macLength + ipLength > total) {
      this.#record('tx.context-lengths', `${macLength}, ${ipLength} and ${l4Length} of ${total} bytes`);
    }
    if (segmented && mss === 0) this.#record('tx.segment-size', `MSS ${mss}`);
  }

  #record(rule: IxgbeRule, found: string): void {
    this.#context.judge.record(rule, { queue: this.#ring.queue, found });
  }
}
