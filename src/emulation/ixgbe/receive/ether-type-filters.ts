/** EtherType filters (datasheet rev 3.4, section 7.1.2.3): eight EtherTypes that get a queue, or a time stamp, of their own. */
import { RX_PACKET_TYPE_SHIFT, RX_TYPE_ETYPE_FILTER } from '../../../datasheet/ixgbe/descriptors.ts';
import { ixgbe } from '../../../datasheet/ixgbe/index.ts';
import { extract } from '../../../datasheet/registers.ts';
import { NONE } from '../../packet-headers.ts';
import type { ModelContext } from '../context.ts';

const { ETQF, ETQS } = ixgbe;
const { ETYPE, IEEE_1588, FILTER_ENABLE } = ETQF.bits;
const { RX_QUEUE, QUEUE_ENABLE } = ETQS.bits;
const FILTERS = ETQF.length;

export class EtherTypeFilters {
  /** Whether there is any. */
  enabled = false;
  /** What the last call of `match` found: what descriptors report, a queue or `NONE`, and the mark for time stamps. */
  type = 0;
  queue = NONE;
  isTimeMessage = false;
  readonly #context: ModelContext;
  /** EtherType by filter, `NONE` where there is no filter. */
  readonly #types = new Int32Array(FILTERS).fill(NONE);

  constructor(context: ModelContext) {
    this.#context = context;
    context.registers.onWrite(ETQF, (value, _before, index) => {
      this.#types[index] = (value & FILTER_ENABLE.mask) !== 0 ? extract(ETYPE, value) : NONE;
      this.enabled = this.#types.some((type) => type !== NONE);
      return value;
    });
  }

  reset(): void {
    this.#types.fill(NONE);
    this.enabled = false;
  }

  /** Whether a filter has this EtherType. */
  match(etherType: number): boolean {
    const index = this.#types.indexOf(etherType);
    if (index < 0) return false;
    const { registers } = this.#context;
    const action = registers.get(ETQS, index);
    this.type = RX_TYPE_ETYPE_FILTER | (index << RX_PACKET_TYPE_SHIFT);
    this.queue = (action & QUEUE_ENABLE.mask) !== 0 ? extract(RX_QUEUE, action) : NONE;
    this.isTimeMessage = (registers.get(ETQF, index) & IEEE_1588.mask) !== 0;
    return true;
  }
}
