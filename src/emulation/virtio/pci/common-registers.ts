/** The common configuration of the modern interface (virtio 1.2, section 4.1.4.3). */
import { STATUS_DRIVER, STATUS_FEATURES_OK } from '../../../datasheet/virtio/features.ts';
import { COMMON } from '../../../datasheet/virtio/pci.ts';
import { hexadecimal } from '../../../hexadecimal.ts';
import type { AccessBytes } from '../../device-model.ts';
import type { VirtioContext } from '../context.ts';
import type { Negotiation } from '../negotiation.ts';
import type { NetConfig } from '../net/net-config.ts';
import type { Queues } from '../queues.ts';
import type { DeviceStatus } from '../status.ts';
import { FieldSpace, type FieldWatcher, type RegisterField } from './field-space.ts';
import type { VirtioInterrupts } from './interrupts.ts';

/** What both interfaces lead to. */
export interface DeviceParts {
  readonly context: VirtioContext;
  readonly negotiation: Negotiation;
  readonly status: DeviceStatus;
  readonly queues: Queues;
  readonly interrupts: VirtioInterrupts;
  readonly netConfig: NetConfig;
}

export class CommonRegisters {
  readonly fields: FieldSpace;
  readonly #parts: DeviceParts;
  #deviceSelect = 0;
  #driverSelect = 0;

  constructor(parts: DeviceParts, watcher: FieldWatcher) {
    this.#parts = parts;
    this.fields = new FieldSpace([...this.#deviceFields(), ...this.#queueFields(), ...this.#addressFields()], watcher);
  }

  reset(): void {
    this.#deviceSelect = 0;
    this.#driverSelect = 0;
  }

  #deviceFields(): RegisterField[] {
    const { negotiation, status, interrupts, queues, netConfig } = this.#parts;
    const { configVector } = interrupts;
    return [
      field(
        'device_feature_select',
        COMMON.DEVICE_FEATURE_SELECT,
        4,
        () => this.#deviceSelect,
        (value) => {
          this.#deviceSelect = value;
        },
      ),
      field('device_feature', COMMON.DEVICE_FEATURE, 4, () => negotiation.offeredWord(this.#deviceSelect)),
      field(
        'driver_feature_select',
        COMMON.DRIVER_FEATURE_SELECT,
        4,
        () => this.#driverSelect,
        (value) => {
          this.#driverSelect = value;
        },
      ),
      field(
        'driver_feature',
        COMMON.DRIVER_FEATURE,
        4,
        () => negotiation.acceptedWord(this.#driverSelect),
        (value) => this.#accept(value),
      ),
      field(
        'config_msix_vector',
        COMMON.CONFIG_MSIX_VECTOR,
        2,
        () => interrupts.confirm(configVector),
        (vector) => interrupts.choose(configVector, vector),
      ),
      field('num_queues', COMMON.NUM_QUEUES, 2, () => queues.slots.length),
      field(
        'device_status',
        COMMON.DEVICE_STATUS,
        1,
        () => status.read(),
        (value) => status.write(value, false),
      ),
      field('config_generation', COMMON.CONFIG_GENERATION, 1, () => netConfig.generation),
    ];
  }

  #queueFields(): RegisterField[] {
    const { queues, interrupts, context } = this.#parts;
    return [
      field(
        'queue_select',
        COMMON.QUEUE_SELECT,
        2,
        () => queues.selected,
        (value) => {
          queues.selected = value;
        },
      ),
      field(
        'queue_size',
        COMMON.QUEUE_SIZE,
        2,
        () => queues.current?.size ?? 0,
        (value) => queues.setSize(value),
      ),
      field(
        'queue_msix_vector',
        COMMON.QUEUE_MSIX_VECTOR,
        2,
        () => {
          const { current } = queues;
          return current ? interrupts.confirm(current.choice) : 0xffff;
        },
        (vector) => {
          const slot = queues.changing('queue_msix_vector');
          if (slot) interrupts.choose(slot.choice, vector, slot.index);
        },
      ),
      field(
        'queue_enable',
        COMMON.QUEUE_ENABLE,
        2,
        () => (queues.current?.queue ? 1 : 0),
        (value) => {
          if (value === 1) queues.enable();
          else context.judge.record('setup.disabled', { queue: queues.selected, found: `${value}` });
        },
      ),
      field('queue_notify_off', COMMON.QUEUE_NOTIFY_OFF, 2, () => queues.current?.index ?? 0),
      field(
        'queue_reset',
        COMMON.QUEUE_RESET,
        2,
        () => (queues.current?.resetting ? 1 : 0),
        (value) => queues.takeBack(value),
      ),
    ];
  }

  /** Each address is two fields of 32 bits, the low half first. */
  #addressFields(): RegisterField[] {
    const { queues } = this.#parts;
    const parts = [
      ['queue_desc', COMMON.QUEUE_DESC],
      ['queue_driver', COMMON.QUEUE_DRIVER],
      ['queue_device', COMMON.QUEUE_DEVICE],
    ] as const;
    return parts.flatMap(([name, offset], part) =>
      [0, 1].map((half) =>
        field(
          name,
          offset + 4 * half,
          4,
          () => queues.current?.addresses[2 * part + half] ?? 0,
          (value) => {
            const slot = queues.changing(name);
            if (slot) slot.addresses[2 * part + half] = value;
          },
        ),
      ),
    );
  }

  #accept(bits: number): void {
    const { context, status, negotiation } = this.#parts;
    const place = { register: 'driver_feature', found: `${hexadecimal(bits)} in word ${this.#driverSelect}` };
    if (status.has(STATUS_FEATURES_OK)) {
      context.judge.record('features.late', place);
      return;
    }
    if (!status.has(STATUS_DRIVER)) context.judge.record('features.early', place);
    negotiation.accept(this.#driverSelect, bits);
  }
}

function field(
  name: string,
  offset: number,
  bytes: AccessBytes,
  read: () => number,
  write?: (value: number) => void,
): RegisterField {
  return write ? { name, offset, bytes, read, write } : { name, offset, bytes, read };
}
