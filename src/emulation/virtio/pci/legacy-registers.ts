/** The legacy interface: ports in BAR 0 (virtio 1.2, section 4.1.4.10). */
import { STATUS_DRIVER, STATUS_DRIVER_OK } from '../../../datasheet/virtio/features.ts';
import { LEGACY, LEGACY_CONFIG, LEGACY_CONFIG_MSIX } from '../../../datasheet/virtio/pci.ts';
import { hexadecimal } from '../../../hexadecimal.ts';
import type { AccessBytes } from '../../device-model.ts';
import type { DeviceParts } from './common-registers.ts';
import { FieldSpace, type FieldWatcher, type RegisterField } from './field-space.ts';

export class LegacyRegisters {
  readonly #parts: DeviceParts;
  /** Without and with the two fields that MSI-X brings. */
  readonly #fields: FieldSpace;
  readonly #fieldsWithMessages: FieldSpace;

  /** `notify`: the driver has written this to QUEUE_NOTIFY. */
  constructor(parts: DeviceParts, watcher: FieldWatcher, notify: (queue: number) => void) {
    this.#parts = parts;
    const fields = [...this.#deviceFields(), ...this.#queueFields(notify)];
    this.#fields = new FieldSpace(fields, watcher);
    this.#fieldsWithMessages = new FieldSpace([...fields, ...this.#vectorFields()], watcher);
  }

  read(offset: number, bytes: AccessBytes): number {
    const { interrupts, netConfig } = this.#parts;
    const config = interrupts.usesMessages ? LEGACY_CONFIG_MSIX : LEGACY_CONFIG;
    if (offset >= config) return netConfig.readLegacy(offset - config, bytes);
    return (interrupts.usesMessages ? this.#fieldsWithMessages : this.#fields).read(offset, bytes);
  }

  write(offset: number, bytes: AccessBytes, value: number): void {
    const { interrupts, netConfig } = this.#parts;
    const config = interrupts.usesMessages ? LEGACY_CONFIG_MSIX : LEGACY_CONFIG;
    if (offset >= config) netConfig.writeLegacy(offset - config, bytes, value);
    else (interrupts.usesMessages ? this.#fieldsWithMessages : this.#fields).write(offset, bytes, value);
  }

  #deviceFields(): RegisterField[] {
    const { negotiation, status, interrupts } = this.#parts;
    return [
      { name: 'device_features', offset: LEGACY.DEVICE_FEATURES, bytes: 4, read: () => negotiation.offeredWord(0) },
      {
        name: 'driver_features',
        offset: LEGACY.DRIVER_FEATURES,
        bytes: 4,
        read: () => negotiation.acceptedWord(0),
        write: (bits) => this.#accept(bits),
      },
      {
        name: 'device_status',
        offset: LEGACY.DEVICE_STATUS,
        bytes: 1,
        read: () => status.read(),
        write: (value) => status.write(value, true),
      },
      { name: 'isr_status', offset: LEGACY.ISR_STATUS, bytes: 1, read: () => interrupts.readCauses() },
    ];
  }

  #queueFields(notify: (queue: number) => void): RegisterField[] {
    const { queues } = this.#parts;
    return [
      {
        name: 'queue_address',
        offset: LEGACY.QUEUE_ADDRESS,
        bytes: 4,
        read: () => queues.page,
        write: (page) => queues.setPage(page),
      },
      { name: 'queue_size', offset: LEGACY.QUEUE_SIZE, bytes: 2, read: () => queues.current?.size ?? 0 },
      {
        name: 'queue_select',
        offset: LEGACY.QUEUE_SELECT,
        bytes: 2,
        read: () => queues.selected,
        write: (index) => {
          queues.selected = index;
        },
      },
      { name: 'queue_notify', offset: LEGACY.QUEUE_NOTIFY, bytes: 2, read: () => 0, write: notify },
    ];
  }

  #vectorFields(): RegisterField[] {
    const { interrupts, queues } = this.#parts;
    const { configVector } = interrupts;
    return [
      {
        name: 'config_msix_vector',
        offset: LEGACY.CONFIG_MSIX_VECTOR,
        bytes: 2,
        read: () => interrupts.confirm(configVector),
        write: (vector) => interrupts.choose(configVector, vector),
      },
      {
        name: 'queue_msix_vector',
        offset: LEGACY.QUEUE_MSIX_VECTOR,
        bytes: 2,
        read: () => {
          const { current } = queues;
          return current ? interrupts.confirm(current.choice) : 0xffff;
        },
        write: (vector) => {
          const slot = queues.current;
          if (slot) interrupts.choose(slot.choice, vector, slot.index);
        },
      },
    ];
  }

  #accept(bits: number): void {
    const { context, status, negotiation } = this.#parts;
    const place = { register: 'driver_features', found: `${hexadecimal(bits)}` };
    if (status.has(STATUS_DRIVER_OK)) context.judge.record('features.late', place);
    else if (!status.has(STATUS_DRIVER)) context.judge.record('features.early', place);
    negotiation.accept(0, bits);
  }
}
