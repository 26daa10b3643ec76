/**
 * What becomes of a frame that has passed the address filters (datasheet rev 3.4, sections 7.1.2 and 7.1.6.2): the VLAN
 * filter, the choice of a queue, and what its descriptor reports. Left out: 5-tuple and SYN filters, pools, traffic classes.
 */
import {
  RX_ERROR_IP_CHECKSUM,
  RX_ERROR_L4_CHECKSUM,
  RX_RSS_FLOW_DIRECTOR,
  RX_STATUS_FLOW_DIRECTOR,
  RX_STATUS_TIME_STAMP,
  RX_TYPE_IPV4,
  RX_TYPE_IPV4_OPTIONS,
  RX_TYPE_IPV6,
  RX_TYPE_IPV6_EXTENSIONS,
  RX_TYPE_SCTP,
  RX_TYPE_TCP,
  RX_TYPE_UDP,
} from '../../../datasheet/ixgbe/descriptors.ts';
import { ixgbe } from '../../../datasheet/ixgbe/index.ts';
import { IP_PROTOCOL_TCP, IP_PROTOCOL_UDP } from '../../../packets/ip.ts';
import { NONE, PacketHeaders } from '../../packet-headers.ts';
import type { ModelContext } from '../context.ts';
import { CHECKSUM_ERRORS, FLOW_HITS, FLOW_MISSES, type Traffic } from '../statistics.ts';
import type { TimeStamps } from '../time/time-stamps.ts';
import { EtherTypeFilters } from './ether-type-filters.ts';
import { FlowDirector } from './flow-director.ts';
import type { ReceiveReport } from './receive-report.ts';
import { checkChecksums } from './received-checksums.ts';
import { Rss } from './rss.ts';
import { VlanFilter } from './vlan-filter.ts';

const { RXCSUM } = ixgbe;

export class Classifier {
  /** The queue of the frame that was classified last. */
  queue = 0;
  /** Its VLAN tag, or `NONE`. */
  tag = NONE;
  readonly #context: ModelContext;
  readonly #traffic: Traffic;
  readonly #stamps: TimeStamps;
  readonly #headers = new PacketHeaders();
  readonly #vlans: VlanFilter;
  readonly #etherTypes: EtherTypeFilters;
  readonly #flows: FlowDirector;
  readonly #rss: Rss;

  constructor(context: ModelContext, traffic: Traffic, stamps: TimeStamps) {
    this.#context = context;
    this.#traffic = traffic;
    this.#stamps = stamps;
    this.#vlans = new VlanFilter(context);
    this.#etherTypes = new EtherTypeFilters(context);
    this.#flows = new FlowDirector(context, (hit) => {
      traffic.totals[hit ? FLOW_HITS : FLOW_MISSES]++;
    });
    this.#rss = new Rss(context);
    context.registers.onWrite(RXCSUM, (value) => {
      context.registers.set(RXCSUM, value);
      this.#rss.configure();
      return value;
    });
  }

  reset(): void {
    this.#vlans.reset();
    this.#etherTypes.reset();
    this.#flows.reset();
    this.#rss.reset();
  }

  /** Whether software has switched anything on that this is for. */
  get wanted(): boolean {
    if (this.#vlans.enabled || this.#etherTypes.enabled || this.#flows.enabled) return true;
    return this.#rss.enabled || this.#stamps.receives || this.#context.registers.get(RXCSUM) !== 0;
  }

  /** Prepares queue and report for frames that pass without a look at them. */
  pass(report: ReceiveReport): void {
    this.queue = 0;
    this.tag = NONE;
    report.clear();
  }

  /** Classifies a frame and fills in its report; false if it does not pass the VLAN filter. */
  classify(bytes: Uint8Array, offset: number, length: number, report: ReceiveReport): boolean {
    const headers = this.#headers;
    headers.parse(bytes, offset, length, this.#vlans.tagType);
    this.tag = headers.vlan;
    if (!this.#vlans.passes(headers.vlan)) return false;
    const checks = checkChecksums(bytes, headers);
    if ((checks & (RX_ERROR_IP_CHECKSUM | RX_ERROR_L4_CHECKSUM)) !== 0) this.#traffic.totals[CHECKSUM_ERRORS]++;
    report.status = checks;
    report.type = headers.network === NONE ? 0 : typeOf(headers);
    report.hash = 0;
    this.queue = 0;
    const filtered = this.#etherTypes.enabled && this.#etherTypes.match(headers.etherType);
    if (filtered) this.#takeEtherType(report);
    else if (headers.network !== NONE) this.#steer(bytes, offset, report);
    if (this.#stamps.receives) this.#stamp(bytes, offset, filtered, report);
    return true;
  }

  #takeEtherType(report: ReceiveReport): void {
    const { type, queue } = this.#etherTypes;
    report.type = type;
    if (queue !== NONE) this.queue = queue;
  }

  /** By Flow Director, or else by RSS; the hash is reported in either case. */
  #steer(bytes: Uint8Array, offset: number, report: ReceiveReport): void {
    const rss = this.#rss;
    const flows = this.#flows;
    const headers = this.#headers;
    if (rss.enabled) {
      rss.classify(bytes, headers);
      report.type |= rss.type;
      report.hash = rss.hash;
      this.queue = rss.queue;
    }
    if (!flows.enabled) return;
    flows.classify(bytes, offset, headers);
    if (flows.queue !== NONE) this.queue = flows.queue;
    if (flows.matched) report.status |= RX_STATUS_FLOW_DIRECTOR;
    if (!flows.reports) return;
    report.type |= RX_RSS_FLOW_DIRECTOR;
    report.hash = flows.report;
  }

  #stamp(bytes: Uint8Array, offset: number, filtered: boolean, report: ReceiveReport): void {
    const marked = filtered && this.#etherTypes.isTimeMessage;
    if (this.#stamps.stampReceived(bytes, offset, this.#headers, marked)) report.status |= RX_STATUS_TIME_STAMP;
  }
}

function typeOf(headers: Readonly<PacketHeaders>): number {
  const { isIpv4, hasOptions, protocol } = headers;
  const network = isIpv4
    ? RX_TYPE_IPV4 | (hasOptions ? RX_TYPE_IPV4_OPTIONS : 0)
    : RX_TYPE_IPV6 | (hasOptions ? RX_TYPE_IPV6_EXTENSIONS : 0);
  if (protocol === NONE) return network;
  if (protocol === IP_PROTOCOL_TCP) return network | RX_TYPE_TCP;
  return network | (protocol === IP_PROTOCOL_UDP ? RX_TYPE_UDP : RX_TYPE_SCTP);
}
