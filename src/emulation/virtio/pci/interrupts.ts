/**
 * Interrupts (virtio 1.2, sections 4.1.4.5, 4.1.5.1.2, 4.1.5.3 and 4.1.5.4): messages by the vectors that the driver chose,
 * or one line whose causes are in the ISR status.
 */
import { ISR_CONFIG, ISR_QUEUE, NO_VECTOR } from '../../../datasheet/virtio/pci.ts';
import { PCI_COMMAND, PCI_COMMAND_INTX_DISABLE } from '../../../pci/pci-device.ts';
import { MsixTable } from '../../msix-table.ts';
import type { VirtioContext } from '../context.ts';
import { msixLayout, PCI_STATUS, STATUS_INTERRUPT } from './config.ts';

/** A vector that the driver may choose. */
export interface VectorChoice {
  vector: number;
  /** The driver has not looked yet whether the device took it. */
  unread: boolean;
}

export class VirtioInterrupts {
  /** Undefined if the device has the line alone. */
  readonly msix: MsixTable | undefined;
  /** The vector that tells of configuration changes. */
  readonly configVector: VectorChoice = { vector: NO_VECTOR, unread: false };
  /** Called for each interrupt: the MSI-X vector, or 0 for the interrupt line. */
  onInterrupt: (vector: number) => void = () => {};
  readonly #context: VirtioContext;
  #causes = 0;
  #asserted = false;

  constructor(context: VirtioContext) {
    this.#context = context;
    const { vectors } = context.setup;
    if (vectors === 0) return;
    const layout = msixLayout(vectors);
    this.msix = new MsixTable(context.config, layout, layout.barSize);
    this.msix.onMessage = (vector) => this.onInterrupt(vector);
  }

  get lineAsserted(): boolean {
    return this.#asserted;
  }

  /** Whether messages are used rather than the line. */
  get usesMessages(): boolean {
    return this.msix?.enabled === true;
  }

  /** As after a reset of the device: nothing is mapped and nothing pending. */
  reset(): void {
    clearVector(this.configVector);
    this.#causes = 0;
    this.updateLine();
  }

  /** The driver chooses a vector. */
  choose(choice: VectorChoice, vector: number, queue?: number): void {
    const { judge, setup, faults } = this.#context;
    if (!this.usesMessages) judge.record('vector.no-messages', { queue });
    const known = vector < setup.vectors;
    if (!known && vector !== NO_VECTOR) judge.record('vector.range', { queue, found: `${vector} of ${setup.vectors}` });
    const taken = known && !faults.strikes('no-vector');
    choice.vector = taken ? vector : NO_VECTOR;
    choice.unread = vector !== NO_VECTOR;
  }

  /** The driver reads which vector the device took. */
  confirm(choice: VectorChoice): number {
    choice.unread = false;
    return choice.vector;
  }

  /** The device starts: what should have been looked at by now? */
  inspect(): void {
    if (this.configVector.unread) this.#context.judge.record('vector.unread', { register: 'config_msix_vector' });
  }

  /** Buffers of a queue with this vector were used, and its driver wants to know. */
  queueUsed(vector: number): void {
    this.#raise(ISR_QUEUE, vector);
  }

  /** The device's configuration, or what the device thinks of itself, has changed. */
  configChanged(): void {
    this.#raise(ISR_CONFIG, this.configVector.vector);
  }

  /** The driver's read of the ISR status, which clears it and withdraws the interrupt. */
  readCauses(): number {
    if (this.usesMessages) this.#context.judge.record('isr.with-messages');
    const causes = this.#causes;
    this.#causes = 0;
    this.updateLine();
    return causes;
  }

  /** Brings the line in line with its causes, and with what configuration space permits. */
  updateLine(): void {
    const { config } = this.#context;
    const wanted = this.#causes !== 0 && !this.usesMessages;
    const others = config.read16(PCI_STATUS) & ~STATUS_INTERRUPT;
    config.store(PCI_STATUS, 2, wanted ? others | STATUS_INTERRUPT : others);
    const asserted = wanted && (config.read16(PCI_COMMAND) & PCI_COMMAND_INTX_DISABLE) === 0;
    const rises = asserted && !this.#asserted;
    this.#asserted = asserted;
    if (rises) this.onInterrupt(0);
  }

  #raise(cause: number, vector: number): void {
    const { msix } = this;
    const messages = msix?.enabled === true;
    if (!messages || cause === ISR_CONFIG) this.#causes |= cause;
    if (!messages) this.updateLine();
    else if (vector !== NO_VECTOR) msix.post(vector);
  }
}

export function clearVector(choice: VectorChoice): void {
  choice.vector = NO_VECTOR;
  choice.unread = false;
}
