/** The control queue (virtio 1.2, section 5.1.6.5): takes commands, has them done, and acknowledges each. */
import { CONTROL_ERROR, CONTROL_OK } from '../../../datasheet/virtio/net.ts';
import type { Chain } from '../chain.ts';
import type { VirtioContext } from '../context.ts';
import type { DeviceQueue } from '../device-queue.ts';
import type { Negotiation } from '../negotiation.ts';
import { type ControlTarget, controlCommand } from './control-commands.ts';
import type { Refusal } from './refusal.ts';

const HEADER_BYTES = 2;
/** More than any command needs: tables of 64 addresses each. Longer ones are refused. */
const MAXIMUM_COMMAND = 4096;

export class Control {
  readonly #context: VirtioContext;
  readonly #negotiation: Negotiation;
  readonly #target: ControlTarget;
  readonly #command = new Uint8Array(MAXIMUM_COMMAND);
  readonly #view = new DataView(this.#command.buffer);

  constructor(context: VirtioContext, negotiation: Negotiation, target: ControlTarget) {
    this.#context = context;
    this.#negotiation = negotiation;
    this.#target = target;
  }

  /** Does the commands that wait in `queue`; true if the driver wants an interrupt for it. */
  run(queue: DeviceQueue): boolean {
    queue.listen();
    const { faults } = this.#context;
    let done = 0;
    while (done < queue.size && !faults.strikes('control-stall') && queue.take()) {
      this.#answer(queue);
      done++;
    }
    if (done > 0) queue.wantKicks(true);
    return queue.publish();
  }

  #answer(queue: DeviceQueue): void {
    const { chain } = queue;
    const length = gather(chain, this.#command);
    const refusal = this.#run(chain, length);
    if (refusal) this.#context.judge.record(refusal.rule, { queue: queue.index, found: refusal.found });
    const refused = this.#context.faults.strikes('control-error') !== undefined || refusal !== undefined;
    queue.use(acknowledge(chain, refused ? CONTROL_ERROR : CONTROL_OK) ? 1 : 0);
  }

  /** Does the command of `length` bytes that was gathered; why not, if it did not. */
  #run(chain: Chain, length: number): Refusal | undefined {
    if (length < HEADER_BYTES || chain.writableBytes < 1) {
      return { rule: 'control.layout', found: `${chain.readableBytes} bytes to read, ${chain.writableBytes} to write` };
    }
    const [commandClass, number] = this.#command;
    const command = controlCommand(commandClass, number);
    if (!command) return { rule: 'control.unknown', found: `class ${commandClass}, command ${number}` };
    const { name, feature } = command;
    if (!this.#negotiation.has(feature)) return { rule: 'control.not-negotiated', found: `${name} needs ${feature}` };
    const data = length - HEADER_BYTES;
    if (command.length !== undefined && command.length !== data) {
      return { rule: 'control.length', found: `${name} with ${data} bytes` };
    }
    return command.run(new DataView(this.#view.buffer, HEADER_BYTES, data), this.#target);
  }
}

/** Copies what the device may read to `into`; returns the bytes, 0 if they are too many or not all there. */
function gather({ regions, offsets, lengths, readable, readableBytes, mapped }: Chain, into: Uint8Array): number {
  if (!mapped || readableBytes > into.length) return 0;
  let at = 0;
  for (let i = 0; i < readable; i++) {
    into.set(regions[i].bytes.subarray(offsets[i], offsets[i] + lengths[i]), at);
    at += lengths[i];
  }
  return at;
}

/** Writes the acknowledgement to the first byte that the device may write; false if there is none. */
function acknowledge({ regions, offsets, lengths, readable, count }: Chain, value: number): boolean {
  for (let i = readable; i < count; i++) {
    if (lengths[i] === 0 || offsets[i] < 0) continue;
    regions[i].bytes[offsets[i]] = value;
    return true;
  }
  return false;
}
