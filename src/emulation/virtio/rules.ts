/**
 * The rules that strict mode checks outside of the rings, with the section of virtio 1.2 that states each. `broken` rules
 * leave a device in an undefined state or lose data; `advice` costs speed or relies on luck.
 */
import { advice, broken, type Judge, type RuleText } from '../judge.ts';
import { QUEUE_RULES } from './queue-rules.ts';

/** Those that have nothing to do with rings. */
export const DEVICE_RULES = {
  'register.unknown': broken('4.1.4', 'no field lies at this offset'),
  'register.width': broken('4.1.3.1', 'a field must be accessed as wide as it is, a 64-bit one by its halves'),
  'register.read-only': broken('4.1.4.3.2', 'a read-only field was written'),
  'window.range': broken('4.1.4.9.2', 'the window must lie over 1, 2 or 4 aligned bytes of a structure'),

  'status.order': broken('3.1.1', 'ACKNOWLEDGE, DRIVER, FEATURES_OK and DRIVER_OK must be set in this order'),
  'status.cleared': broken('2.1.1', 'a bit of the status was cleared: only a reset does that'),
  'status.unknown-bit': broken('2.1', 'the status has no such bit on this interface'),
  'status.failed': broken('2.1.1', 'after FAILED the driver must reset the device before anything else'),
  'status.features-unread': broken(
    '3.1.1',
    'after FEATURES_OK the status must be read, to see whether it is still set',
  ),
  'reset.not-awaited': broken('4.1.4.3.2', 'after a reset the driver must wait until the status reads 0'),

  'features.not-offered': broken('2.2.1', 'a feature was accepted that the device does not offer'),
  'features.dependency': broken('2.2.1', 'a feature was accepted without the one that it needs'),
  'features.version': broken('6.1', 'VERSION_1 must be accepted where it is offered'),
  'features.platform': broken('6.1', 'ACCESS_PLATFORM was not accepted: the device can translate no address'),
  'features.early': broken('3.1.1', 'features are negotiated after DRIVER is set'),
  'features.late': broken('3.1.1', 'no feature may be accepted or dropped after FEATURES_OK'),

  'setup.before-features': broken('3.1.1', 'queues are set up after FEATURES_OK'),
  'setup.after-start': broken('3.1.1', 'queues are set up before DRIVER_OK'),
  'setup.no-queue': broken('4.1.5.1.3', 'the device has no such queue, or not with the features negotiated'),
  'setup.while-enabled': broken('4.1.4.3.2', 'the queue must not change once it is enabled'),
  'setup.size': broken(
    '4.1.4.3.2',
    'a queue must not be larger than the device allows, nor have a size that is no size',
  ),
  'setup.disabled': broken('4.1.4.3.2', '0 must not be written to queue_enable'),
  'setup.reset': broken('4.1.4.3.2', 'queue_reset takes a 1, of a queue that is enabled, with RING_RESET negotiated'),
  'vector.range': broken('4.1.5.1.2.2', 'the MSI-X table has no such vector'),
  'vector.unread': broken('4.1.5.1.2.2', 'a vector must be read back: the device may have refused it'),
  'vector.no-messages': broken('4.1.5.1.2', 'vectors belong to MSI-X, which is not enabled'),

  'notify.early': broken('3.1.1', 'the device must not be notified before DRIVER_OK'),
  'notify.not-enabled': broken('4.1.5.2', 'the queue that the device was notified of is not enabled'),
  'notify.no-queue': broken('4.1.5.2', 'the device was notified of a queue that it does not have'),
  'notify.value': broken('4.1.5.2.1', 'a notification must be the index of the queue whose address it is written to'),
  'notify.width': broken('4.1.5.2.1', 'without NOTIFICATION_DATA a notification is 16 bits wide'),
  'dma.bus-master': broken('4.1', 'the device is live while bus mastering is off'),
  'isr.with-messages': advice('4.1.4.5.2', 'the ISR status says nothing while MSI-X is enabled'),

  'config.not-offered': broken('2.5.1', 'a field was read that exists only with a feature which is not offered'),
  'config.written': broken('5.1.4.2', 'the configuration of a network device is read-only'),

  'control.layout': broken('5.1.6.5', 'a command is class, command and data to read, and one byte to write'),
  'control.length': broken('5.1.6.5', 'the data of a command is not as long as the command says'),
  'control.unknown': broken('5.1.6.5', 'there is no such command'),
  'control.not-negotiated': broken('5.1.6.5', 'a command was sent whose feature was not negotiated'),
  'control.switch': broken('5.1.6.5.1', 'a switch is 0 or 1'),
  'control.address': broken(
    '5.1.6.5.2.2',
    'the unicast table holds unicast addresses, the multicast table multicast ones',
  ),
  'control.vlan': broken('5.1.6.5.3', 'a VLAN id is 0 to 4095'),
  'control.pairs': broken('5.1.6.5.6.1', 'the queue pairs in use are 1 up to what the device has'),
  'control.pairs-not-enabled': broken('5.1.6.5.6.1', 'queues must be set up before they are taken into use'),
  'control.hash-types': broken('5.1.6.5.7.2', 'only hash types that the device supports may be asked for'),
  'control.hash-key': broken('5.1.6.5.7.2', 'a key must not be longer than rss_max_key_size'),
  'control.rss-table': broken(
    '5.1.6.5.7.2',
    'a table has a power of two of entries, and not more than rss_max_indirection_table_length',
  ),
  'control.rss-queue': broken('5.1.6.5.7.2', 'a table names only queues that the device has'),
  'tx.pair-unused': broken('5.1.6.5.6.1', 'packets must be queued only on queues that are in use'),
} as const satisfies Readonly<Record<string, RuleText>>;

/** Every rule by its name. */
export const VIRTIO_NET_RULES = { ...DEVICE_RULES, ...QUEUE_RULES } as const;

/** Name of a rule. */
export type VirtioNetRule = keyof typeof VIRTIO_NET_RULES;
export type VirtioNetJudge = Judge<VirtioNetRule>;
