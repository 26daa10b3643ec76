/** A VLAN tag (IEEE 802.1Q, clause 9.6): the 4 bytes behind an EtherType of 0x8100 or 0x88a8. */
import { read16, write16 } from './bytes.ts';
import { HeaderView } from './header-view.ts';

export const VLAN_TAG_LENGTH = 4;

/** Stands on the tag control information, just behind the EtherType that announces it. */
export class VlanView extends HeaderView {
  /** Priority code point, 0 … 7. */
  get priority(): number {
    return this.bytes[this.offset] >>> 5;
  }
  set priority(value: number) {
    this.bytes[this.offset] = (this.bytes[this.offset] & 0x1f) | (value << 5);
  }

  get dropEligible(): boolean {
    return (this.bytes[this.offset] & 0x10) !== 0;
  }
  set dropEligible(value: boolean) {
    this.bytes[this.offset] = (this.bytes[this.offset] & 0xef) | (value ? 0x10 : 0);
  }

  /** VLAN identifier, 0 … 4095 (0: priority only). */
  get id(): number {
    return read16(this.bytes, this.offset) & 0x0fff;
  }
  set id(value: number) {
    write16(this.bytes, this.offset, (read16(this.bytes, this.offset) & 0xf000) | (value & 0x0fff));
  }

  /** EtherType of what follows the tag. */
  get etherType(): number {
    return read16(this.bytes, this.offset + 2);
  }
  set etherType(value: number) {
    write16(this.bytes, this.offset + 2, value);
  }
}
