/**
 * Flow Director (datasheet rev 3.4, sections 7.1.2.7 and 8.2.3.21): filters that software adds and removes by commands, and
 * that send flows to queues. In one mode they match by a hash and a signature, in the other by the fields themselves (IPv4
 * only). Left out: pools, limits of a bucket's length.
 */
import { FDIR_ADD, FDIR_IDLE, FDIR_QUERY, FDIR_REMOVE } from '../../../datasheet/ixgbe/flow-director.ts';
import { ixgbe } from '../../../datasheet/ixgbe/index.ts';
import { extract, insert } from '../../../datasheet/registers.ts';
import { NONE, type PacketHeaders } from '../../packet-headers.ts';
import { MICROSECOND } from '../../timers.ts';
import type { ModelContext } from '../context.ts';
import { FLOW_IPV6, FLOW_L4_TYPE, Flow, type FlowMask } from './flow.ts';
import { type FlowFilter, FlowTable } from './flow-table.ts';

const INITIALISATION_TIME = 10 * MICROSECOND;
/** Perfect filters in 64 KiB of packet buffer; PBALLOC doubles it. Of the others, four times as many fit. */
const PERFECT_IN_64_KIB = 2048;
/** Buckets have numbers of 15 bits; perfect filters use 13. */
const PERFECT_BUCKETS = 0x1fff;

const { FDIRCTRL, FDIRCMD, FDIRHASH, FDIRM, FDIRFREE, FDIRLEN, FDIRUSTAT, FDIRFSTAT } = ixgbe;
const { FDIRIPSA, FDIRIPDA, FDIRPORT, FDIRVLAN, FDIRSIP4M, FDIRDIP4M, FDIRTCPM, FDIRUDPM } = ixgbe;
const { CMD, FILTER_VALID, FILTER_UPDATE, CLEARHT, L4TYPE, IPV6, QUEUE_EN, RX_QUEUE, DROP } = FDIRCMD.bits;

export class FlowDirector {
  /** Whether packets are looked up. */
  enabled = false;
  /** What the last call of `classify` found. */
  matched = false;
  /** Queue for the flow, or `NONE`: the filter chooses none. */
  queue = NONE;
  /** What descriptors report: software's index or the signature in the upper half, the hash in the lower. */
  report = 0;
  /** Whether descriptors report it. */
  reports = false;
  readonly #context: ModelContext;
  readonly #countPacket: (matched: boolean) => void;
  readonly #table = new FlowTable();
  readonly #flow = new Flow();
  #mask: FlowMask = { source: -1, destination: -1, tcpPorts: -1, udpPorts: -1, vlan: -1, flexible: -1, kind: -1 };
  #perfect = false;
  #reportsMatches = false;
  #reportsAlways = false;
  #flexibleAt = 0;
  #dropQueue = 0;
  #bucketKey = 0;
  #signatureKey = 0;

  /** `count` is told of each packet whether it matched. */
  constructor(context: ModelContext, count: (matched: boolean) => void) {
    this.#context = context;
    this.#countPacket = count;
    const { registers, timers } = context;
    registers.onWrite(FDIRCTRL, (value) => {
      timers.after(INITIALISATION_TIME, () => {
        if (extract(FDIRCTRL.bits.PBALLOC, registers.get(FDIRCTRL)) === 0) return;
        registers.set(FDIRCTRL, registers.get(FDIRCTRL) | FDIRCTRL.bits.INIT_DONE.mask);
        this.configure();
      });
      return value & ~FDIRCTRL.bits.INIT_DONE.mask;
    });
    registers.onWrite(FDIRCMD, (value) => this.#command(value));
    for (const register of [FDIRM, FDIRSIP4M, FDIRDIP4M, FDIRTCPM, FDIRUDPM, ixgbe.FDIRHKEY, ixgbe.FDIRSKEY]) {
      registers.onWrite(register, (value) => {
        registers.set(register, value);
        this.configure();
        return value;
      });
    }
  }

  reset(): void {
    this.#table.clear();
    this.configure();
  }

  /** Takes over what the registers say. */
  configure(): void {
    const { registers } = this.#context;
    const control = registers.get(FDIRCTRL);
    const { PBALLOC, INIT_DONE, PERFECT_MATCH, REPORT_STATUS, REPORT_STATUS_ALWAYS } = FDIRCTRL.bits;
    const allocation = extract(PBALLOC, control);
    this.enabled = allocation !== 0 && (control & INIT_DONE.mask) !== 0;
    this.#perfect = (control & PERFECT_MATCH.mask) !== 0;
    this.#reportsMatches = (control & REPORT_STATUS.mask) !== 0;
    this.#reportsAlways = (control & REPORT_STATUS_ALWAYS.mask) !== 0;
    this.#dropQueue = extract(FDIRCTRL.bits.DROP_QUEUE, control);
    this.#flexibleAt = extract(FDIRCTRL.bits.FLEX_OFFSET, control) * 2;
    this.#bucketKey = registers.get(ixgbe.FDIRHKEY);
    this.#signatureKey = registers.get(ixgbe.FDIRSKEY);
    const perfect = allocation === 0 ? 0 : PERFECT_IN_64_KIB << (allocation - 1);
    this.#table.capacity = this.#perfect ? perfect : perfect * 4;
    this.#mask = this.#readMask();
    this.#showSize();
  }

  /** Looks an IP packet up. */
  classify(bytes: Uint8Array, offset: number, headers: Readonly<PacketHeaders>): void {
    const flow = this.#flow;
    flow.take(bytes, offset, headers, this.#flexibleAt);
    flow.mask(this.#mask);
    const bucket = flow.hash(this.#bucketKey);
    const signature = this.#perfect ? 0 : flow.hash(this.#signatureKey);
    const filter = this.#find(bucket, signature, headers.isIpv4);
    this.matched = filter !== undefined;
    this.reports = this.#reportsAlways || (this.matched && this.#reportsMatches);
    this.#countPacket(this.matched);
    if (!filter) {
      this.queue = NONE;
      this.report = (signature << 16) | bucket;
      return;
    }
    this.report = (filter.identity << 16) | filter.hash;
    const { command } = filter;
    if ((command & DROP.mask) !== 0) this.queue = this.#dropQueue;
    else this.queue = (command & QUEUE_EN.mask) !== 0 ? extract(RX_QUEUE, command) : NONE;
  }

  #find(bucket: number, signature: number, isIpv4: boolean): FlowFilter | undefined {
    if (!this.#perfect) return this.#table.find(bucket, signature);
    return isIpv4 ? this.#table.match(bucket & PERFECT_BUCKETS, this.#flow) : undefined;
  }

  /** Carries out a command at once; what is left in FDIRCMD. */
  #command(value: number): number {
    const { judge } = this.#context;
    const action = extract(CMD, value);
    if ((value & CLEARHT.mask) !== 0) {
      this.#table.clear();
      this.#showSize();
    }
    const idle = insert(CMD, value, FDIR_IDLE);
    if (action === FDIR_IDLE) return idle;
    if (!this.enabled) {
      judge.record('rx.flow-director-off', { register: 'FDIRCMD' });
      return idle;
    }
    if (action === FDIR_ADD) this.#add(value);
    else if (action === FDIR_REMOVE) this.#remove();
    else if (action === FDIR_QUERY) return insert(FILTER_VALID, idle, this.#addressed() ? 1 : 0);
    return idle;
  }

  #add(command: number): void {
    const { registers } = this.#context;
    const hash = registers.get(FDIRHASH);
    const flow = this.#programmedFlow(command);
    const bucket = extract(FDIRHASH.bits.HASH, hash) & (this.#perfect ? PERFECT_BUCKETS : -1);
    const identity = extract(FDIRHASH.bits.SIGNATURE_OR_INDEX, hash);
    const known = this.#perfect ? this.#table.match(bucket, flow) : this.#table.find(bucket, identity);
    if (known && (command & FILTER_UPDATE.mask) !== 0) {
      known.command = command;
      return;
    }
    const added = this.#table.add({ hash: bucket, identity, flow, command });
    const { ADD } = FDIRUSTAT.bits;
    const { FADD } = FDIRFSTAT.bits;
    if (added) this.#count(FDIRUSTAT, ADD);
    else this.#count(FDIRFSTAT, FADD);
    this.#noteDepth(bucket);
    this.#showSize();
  }

  #remove(): void {
    const filter = this.#addressed();
    if (filter) this.#table.remove(filter);
    if (filter) this.#count(FDIRUSTAT, FDIRUSTAT.bits.REMOVE);
    else this.#count(FDIRFSTAT, FDIRFSTAT.bits.FREMOVE);
    this.#showSize();
  }

  /** The filter that FDIRHASH names. */
  #addressed(): FlowFilter | undefined {
    const hash = this.#context.registers.get(FDIRHASH);
    const bucket = extract(FDIRHASH.bits.HASH, hash) & (this.#perfect ? PERFECT_BUCKETS : -1);
    return this.#table.find(bucket, extract(FDIRHASH.bits.SIGNATURE_OR_INDEX, hash));
  }

  /** The flow that the registers describe, masked. Addresses and flexible bytes lie there as in memory. */
  #programmedFlow(command: number): Flow {
    const { registers } = this.#context;
    const flow = new Flow();
    const ports = registers.get(FDIRPORT);
    flow.kind = extract(L4TYPE, command) | ((command & IPV6.mask) !== 0 ? FLOW_IPV6 : 0);
    flow.source = swapBytes(registers.get(FDIRIPSA));
    flow.destination = swapBytes(registers.get(FDIRIPDA));
    flow.ports = (ports << 16) | (ports >>> 16);
    flow.vlan = extract(FDIRVLAN.bits.VLAN, registers.get(FDIRVLAN));
    flow.flexible = swapBytes(registers.get(FDIRVLAN)) & 0xffff;
    flow.mask(this.#mask);
    return flow;
  }

  #readMask(): FlowMask {
    const { registers } = this.#context;
    const ignored = registers.get(FDIRM);
    const { VLAN_ID, VLAN_PRIORITY, FLEX, L4P } = FDIRM.bits;
    const ignores = (bit: { readonly mask: number }): boolean => (ignored & bit.mask) !== 0;
    return {
      source: ~swapBytes(registers.get(FDIRSIP4M)),
      destination: ~swapBytes(registers.get(FDIRDIP4M)),
      tcpPorts: ~reversedPorts(registers.get(FDIRTCPM)),
      udpPorts: ~reversedPorts(registers.get(FDIRUDPM)),
      vlan: (ignores(VLAN_ID) ? 0 : 0x0fff) | (ignores(VLAN_PRIORITY) ? 0 : 0xe000),
      flexible: ignores(FLEX) ? 0 : 0xffff,
      kind: ignores(L4P) ? FLOW_IPV6 : FLOW_IPV6 | FLOW_L4_TYPE,
    };
  }

  #noteDepth(bucket: number): void {
    const { registers } = this.#context;
    const { MAXLEN, MAXHASH } = FDIRLEN.bits;
    const depth = this.#table.depth(bucket) - 1;
    if (depth <= extract(MAXLEN, registers.get(FDIRLEN))) return;
    registers.set(FDIRLEN, insert(MAXLEN, insert(MAXHASH, 0, bucket), depth));
  }

  #showSize(): void {
    const { registers } = this.#context;
    registers.set(FDIRFREE, insert(FDIRFREE.bits.FREE, registers.get(FDIRFREE), this.#table.free));
  }

  #count(register: typeof FDIRUSTAT | typeof FDIRFSTAT, field: { shift: number; width: number; mask: number }): void {
    const { registers } = this.#context;
    const value = registers.get(register);
    registers.set(register, insert(field, value, Math.min(extract(field, value) + 1, 2 ** field.width - 1)));
  }
}

function swapBytes(value: number): number {
  return (value << 24) | ((value & 0xff00) << 8) | ((value >>> 8) & 0xff00) | (value >>> 24);
}

/** Ports as in `Flow`, from a register that has the bits of each in reverse order and the source port in its lower half. */
function reversedPorts(value: number): number {
  let ports = 0;
  for (let bit = 0; bit < 32; bit++) ports |= ((value >>> bit) & 1) << (31 - bit);
  return ports;
}
