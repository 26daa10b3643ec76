/** UDP (RFC 768; over IPv6: RFC 8200, section 8.1). */
import { read16, write16 } from './bytes.ts';
import { internetChecksum, udpChecksum } from './checksum.ts';
import { IP_PROTOCOL_UDP, type PseudoHeader } from './ip.ts';
import { PortsView } from './ports-view.ts';

export const UDP_HEADER_LENGTH = 8;

/** A cursor over a UDP header; see `HeaderView`. */
export class UdpView extends PortsView {
  /** Bytes of header and data. */
  get length(): number {
    return read16(this.bytes, this.offset + 4);
  }
  set length(value: number) {
    write16(this.bytes, this.offset + 4, value);
  }

  /** 0: the sender calculated none, which only IPv4 allows. */
  get checksum(): number {
    return read16(this.bytes, this.offset + 6);
  }
  set checksum(value: number) {
    write16(this.bytes, this.offset + 6, value);
  }

  /** Calculates the checksum anew over `length` bytes and stores it; `ip` stands on the header below. */
  updateChecksum(ip: PseudoHeader): void {
    this.checksum = 0;
    this.checksum = udpChecksum(this.#remainder(ip));
  }

  /** True also where there is none (0). */
  isChecksumValid(ip: PseudoHeader): boolean {
    return this.checksum === 0 || this.#remainder(ip) === 0;
  }

  #remainder(ip: PseudoHeader): number {
    return internetChecksum(this.bytes, this.offset, this.length, ip.pseudoHeaderSum(IP_PROTOCOL_UDP, this.length));
  }
}
