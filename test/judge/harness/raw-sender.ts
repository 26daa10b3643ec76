/**
 * Packets that the guest's kernel hands to the card as they are, with work left to do: a packet socket takes them with a
 * header that says what (packet(7): PACKET_VNET_HDR; `struct virtio_net_hdr` of linux/virtio_net.h).
 */
import { type Bench, INTERFACE } from './bench.ts';

const HEADER_BYTES = 10;
const NEEDS_CHECKSUM = 1;
export const NOT_CUT = 0;
export const TCP_IPV4 = 1;
export const TCP_IPV6 = 4;

export interface RawPacket {
  /** A whole frame. Its transport checksum is that of the pseudo-header alone, and yet to be completed. */
  readonly bytes: Uint8Array;
  /** Where the transport header begins, and in it the checksum. */
  readonly checksumStart: number;
  readonly checksumOffset: number;
  /** `NOT_CUT`, or what it is cut into: segments with `segmentSize` bytes of payload behind headers of `headers`. */
  readonly cut: number;
  readonly headers: number;
  readonly segmentSize: number;
}

/** Resolves when all have been handed to the driver. */
export async function sendRaw({ guest }: Bench, packets: readonly RawPacket[]): Promise<void> {
  const images = packets.map((packet) => Buffer.concat([headerOf(packet), packet.bytes]).toString('base64'));
  await guest().output(`python3 - <<'END'
import base64, socket
SOL_PACKET, PACKET_VNET_HDR = 263, 15
sender = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
sender.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)
sender.bind(('${INTERFACE}', 0))
for image in '${images.join(' ')}'.split():
    sender.send(base64.b64decode(image))
END`);
}

function headerOf({ checksumStart, checksumOffset, cut, headers, segmentSize }: RawPacket): Buffer {
  const header = Buffer.alloc(HEADER_BYTES);
  header[0] = NEEDS_CHECKSUM;
  header[1] = cut;
  [headers, segmentSize, checksumStart, checksumOffset].forEach((field, i) => {
    header.writeUInt16LE(field, 2 + 2 * i);
  });
  return header;
}
