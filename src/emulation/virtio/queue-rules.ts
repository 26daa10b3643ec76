/**
 * The rules of virtqueues and of packets in them that strict mode checks, with the section of virtio 1.2 that states each.
 * `broken` rules leave a device in an undefined state or lose data; `advice` costs speed or relies on luck.
 */
import { advice, broken, type RuleText } from '../judge.ts';

/** Every rule by its name. */
export const QUEUE_RULES = {
  'queue.size': broken('2.7', 'a queue has 1 to 32768 descriptors: a power of two of them, unless it is packed'),
  'queue.alignment': broken('2.7', 'a part of the queue is not aligned'),
  'queue.unmapped': broken('2.7', 'the queue lies in memory that the device cannot reach'),
  'queue.crosses-page': broken(
    '2.7',
    'a part of the queue straddles a page: its memory is not contiguous for a device',
  ),
  'queue.used-flags': broken('2.7.10.1', 'the flags of the used ring must be 0 when the driver enables the queue'),

  'queue.index-jump': broken('2.7.13', 'more buffers were made available than the queue has descriptors'),
  'queue.head-range': broken('2.7.6', 'an entry of the available ring names no descriptor of the table'),
  'queue.next-range': broken('2.7.5', 'next names no descriptor of the table'),
  'queue.chain-length': broken('2.7.5.2', 'a chain is longer than the queue, or runs in a circle'),
  'queue.descriptor-twice': broken('2.7.13.1', 'a descriptor was made available again while the device owned it'),
  'queue.descriptor-changed': broken('2.7.13.3', 'a descriptor changed while the device owned it'),
  'queue.order': broken(
    '2.7.5.2',
    'with IN_ORDER, descriptors must be used in the order in which they lie in the table',
  ),
  'queue.indirect': broken('2.7.5.3.1', 'INDIRECT is set, and the feature was not negotiated'),
  'queue.reserved-flags': broken('2.7.5', 'reserved flags of a descriptor must be 0'),
  'queue.write-before-read': broken('2.7.4.2', 'buffers that the device writes must come behind those that it reads'),
  'queue.zero-length': advice('2.7.5', 'a buffer of no bytes: many devices refuse the queue for it'),
  'queue.buffer-unmapped': broken('2.7.5', 'a buffer lies in memory that the device cannot reach'),
  'queue.buffer-crosses-page': broken('2.7.5', 'a buffer straddles a page: its memory is not contiguous for a device'),
  'queue.wrap': broken(
    '2.8.1',
    'AVAIL and USED do not say whether the descriptor is available in this round of the ring',
  ),
  'queue.list-incomplete': broken('2.8.17', 'a list was made available before all of its descriptors were'),
  'queue.id-outstanding': broken('2.8.13', 'a buffer id was made available again while the device owned it'),
  'queue.event-flags': broken('2.7.7.1', 'the flags of event suppression are reserved, or of a feature not negotiated'),
  'queue.event-range': broken('2.8.14', 'an event is asked for at a descriptor that the ring does not have'),
  'queue.kick-unwanted': advice('2.7.10.1', 'the device is notified again and again while it asks not to be'),
  'queue.kick-missing': broken(
    '2.7.10.1',
    'buffers were made available, and the device that asked for it was not notified',
  ),

  'rx.readable': broken('5.1.6.3', 'a receive buffer must be one that the device writes'),
  'rx.too-small': advice('5.1.6.3.1', 'without MRG_RXBUF each buffer must hold the largest frame and its header'),
  'rx.no-header': broken('5.1.6.3.1', 'a receive buffer must have room for the header at least'),
  'rx.framing': broken('2.7.4.3', 'a legacy header needs a descriptor of its own unless ANY_LAYOUT was negotiated'),
  'tx.writable': broken('5.1.6.2', 'a buffer to be sent must be one that the device reads'),
  'tx.no-header': broken('5.1.6.2', 'a buffer to be sent must begin with a header, and a frame must follow'),
  'tx.framing': broken('2.7.4.3', 'a legacy header needs a descriptor of its own unless ANY_LAYOUT was negotiated'),
  'tx.flags': broken('5.1.6.2.1', 'a flag of the header is reserved, or of a feature not negotiated'),
  'tx.gso': broken('5.1.6.2.1', 'gso_type asks for segmentation, which was not negotiated'),
  'tx.num-buffers': broken('5.1.6.2.1', 'num_buffers must be 0 in packets that are sent'),
  'tx.checksum-range': broken('5.1.6.2.1', 'the checksum to be completed lies outside the frame'),
  'tx.frame-length': broken('5.1.6.2', 'the frame is longer than the device sends'),
} as const satisfies Readonly<Record<string, RuleText>>;

/** Name of a rule. */
export type QueueRule = keyof typeof QUEUE_RULES;
