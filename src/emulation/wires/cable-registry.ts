/** Cables by name: the first NIC that asks for one gets one end, the second gets the other. */
import { IxyError } from '../../errors.ts';
import { Cable, type CableEnd, type CableOptions } from './cable.ts';
import type { WireCounters } from './counters.ts';

/** The cables of one thread; NICs that share one must get their wires from the same registry. */
export class CableRegistry {
  readonly #cables = new Map<string, Cable>();

  /**
   * A free end of cable `name`, which is laid if there is none; `options` count then. The link comes up when both ends
   * are taken; an end that was closed is free again. Throws `ERR_ARGUMENT` when both ends are taken.
   */
  take(name: string, options: CableOptions, counters: WireCounters): CableEnd {
    const end = this.#cable(name, options).ends.find(({ plugged }) => !plugged);
    if (!end)
      throw new IxyError('ERR_ARGUMENT', `both ends of cable ${name} are plugged in already; choose another name`);
    end.counters = counters;
    end.plug();
    return end;
  }

  #cable(name: string, options: CableOptions): Cable {
    let cable = this.#cables.get(name);
    if (!cable) {
      cable = new Cable(options);
      cable.unplug();
      this.#cables.set(name, cable);
    }
    return cable;
  }
}
