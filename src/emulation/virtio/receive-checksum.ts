/** What a device tells of the checksum in a frame that it received (virtio 1.2, sections 5.1.6.4 and 5.1.6.4.1). */
import { NET_HEADER_DATA_VALID, NET_HEADER_NEEDS_CHECKSUM } from '../../datasheet/virtio/net.ts';
import { write16 } from '../../packets/bytes.ts';
import { internetChecksum } from '../../packets/checksum.ts';
import { IP_PROTOCOL_TCP, IP_PROTOCOL_UDP } from '../../packets/ip.ts';
import { ABSENT, PacketStack } from '../../packets/stack.ts';
import { checksumsValid } from '../../packets/verify.ts';
import { FrameCopier } from '../wires/frame-copier.ts';

/**
 * Of TCP's and UDP's checksums that are right: nothing; that they are; or, as another guest's frames come through a host,
 * that they are still to be completed, and the frame has no more than the sum of the pseudo-header.
 */
export type ChecksumReport = 'none' | 'valid' | 'partial';

/** Where the checksum is in a TCP header, and in a UDP header. */
const TCP_FIELD = 16;
const UDP_FIELD = 6;

export class ReceiveChecksum {
  /** The frame as it is to be stored. */
  bytes: Uint8Array = new Uint8Array(0);
  offset = 0;
  /** What the header says: flags, csum_start and csum_offset. */
  flags = 0;
  start = 0;
  field = 0;
  readonly #report: ChecksumReport;
  readonly #stack = new PacketStack();
  readonly #copy: FrameCopier;

  constructor(report: ChecksumReport, maximumFrame: number) {
    this.#report = report;
    this.#copy = new FrameCopier(new Uint8Array(report === 'partial' ? maximumFrame : 0));
  }

  check(bytes: Uint8Array, offset: number, length: number): void {
    this.bytes = bytes;
    this.offset = offset;
    if (this.#report === 'none') return;
    this.flags = 0;
    this.start = 0;
    this.field = 0;
    const stack = this.#stack.parse(bytes, offset, length);
    if (!hasChecksum(bytes, stack) || !checksumsValid(bytes, stack)) return;
    if (this.#report === 'valid') this.flags = NET_HEADER_DATA_VALID;
    else if (length <= this.#copy.target.length) this.#undo(length);
  }

  /** Takes the checksum out of a copy of the frame. */
  #undo(length: number): void {
    const { target } = this.#copy;
    const { transport, transportLength, protocol } = this.#stack;
    this.start = transport - this.offset;
    this.field = protocol === IP_PROTOCOL_TCP ? TCP_FIELD : UDP_FIELD;
    this.flags = NET_HEADER_NEEDS_CHECKSUM;
    this.#copy.copy(this.bytes, this.offset, 0, length);
    // A right checksum makes everything add up to nothing: what the transport lacks for that is the pseudo-header.
    write16(target, this.start + this.field, internetChecksum(this.bytes, transport, transportLength));
    this.bytes = target;
    this.offset = 0;
  }
}

/** Whether the frame has a whole TCP or UDP packet in it, with a checksum. */
function hasChecksum(bytes: Uint8Array, { transport, protocol, fragmented, cut }: Readonly<PacketStack>): boolean {
  if (transport === ABSENT || fragmented || cut) return false;
  if (protocol === IP_PROTOCOL_TCP) return true;
  return protocol === IP_PROTOCOL_UDP && (bytes[transport + UDP_FIELD] | bytes[transport + UDP_FIELD + 1]) !== 0;
}
