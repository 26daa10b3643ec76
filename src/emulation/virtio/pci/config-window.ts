/**
 * What of PCI configuration space is alive: the window through which a driver reaches the structures without any BAR
 * (virtio 1.2, section 4.1.4.9), and capabilities that a fault has garbled.
 */
import { CAPABILITY } from '../../../datasheet/virtio/pci.ts';
import type { RegisterAccess } from '../../bar-registers.ts';
import type { AccessBytes } from '../../device-model.ts';
import type { VirtioContext } from '../context.ts';
import { FIRST_CAPABILITY, MODERN_BAR, STRUCTURES, VIRTIO_CAPABILITIES, WINDOW_DATA } from './config.ts';

const { common, notify, isr, device, window } = VIRTIO_CAPABILITIES;

/** Where the window lies. */
interface View {
  readonly offset: number;
  readonly bytes: AccessBytes;
}

export class ConfigWindow {
  readonly #context: VirtioContext;
  readonly #access: RegisterAccess;

  constructor(context: VirtioContext, access: RegisterAccess) {
    this.#context = context;
    this.#access = access;
  }

  /** Ahead of the driver's read at `offset` in configuration space. */
  beforeRead(offset: number): void {
    if (offset === FIRST_CAPABILITY && this.#context.faults.armed) this.#garble();
    if (offset !== WINDOW_DATA) return;
    const view = this.#view();
    if (view) this.#context.config.store(WINDOW_DATA, 4, this.#access.read(MODERN_BAR, view.offset, view.bytes));
  }

  /** After the driver's write at `offset` in configuration space. */
  afterWrite(offset: number): void {
    if (offset !== WINDOW_DATA) return;
    const view = this.#view();
    if (!view) return;
    const data = this.#context.config.load32(WINDOW_DATA);
    const mask = view.bytes === 4 ? -1 : (1 << (8 * view.bytes)) - 1;
    this.#access.write(MODERN_BAR, view.offset, view.bytes, data & mask);
  }

  #view(): View | undefined {
    const { config, judge } = this.#context;
    const bar = config.read8(window + CAPABILITY.bar);
    const offset = config.read32(window + CAPABILITY.offset);
    const bytes = config.read32(window + CAPABILITY.size);
    const known = (bytes === 1 || bytes === 2 || bytes === 4) && offset % bytes === 0;
    if (known && bar === MODERN_BAR && isInStructure(offset, bytes)) return { offset, bytes };
    judge.record('window.range', { found: `${bytes} bytes at ${offset} of BAR ${bar}` });
    return undefined;
  }

  #garble(): void {
    const { config, faults } = this.#context;
    if (faults.strikes('capability-loop')) config.store(window + CAPABILITY.next, 1, common);
    const structures = [common, notify, isr, device];
    const store = (field: number, bytes: number, value: number): void => {
      for (const at of structures) config.store(at + field, bytes, value);
    };
    if (faults.strikes('capability-offset')) store(CAPABILITY.offset, 4, 0xffff_f000);
    if (faults.strikes('capability-bar')) store(CAPABILITY.bar, 1, MODERN_BAR + 1);
    if (faults.strikes('capability-length')) store(CAPABILITY.size, 4, 0);
  }
}

function isInStructure(offset: number, bytes: number): boolean {
  return Object.values(STRUCTURES).some(
    (structure) => offset >= structure.offset && offset + bytes <= structure.offset + structure.size,
  );
}
