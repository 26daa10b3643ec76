/** Interrupts of a served device: its server adds to eventfds that it is given. */
import type { InterruptControl } from '../vfio/interrupts.ts';
import type { VfioUserClient } from './client.ts';
import { irqInfo, irqSet } from './payloads.ts';
import { COMMAND } from './protocol.ts';

/** By messages. Once the server is gone, setting does nothing: there is nobody left to interrupt. */
export function servedInterrupts(client: VfioUserClient): InterruptControl {
  const send = (fields: Parameters<typeof irqSet.encode>[0], descriptors: readonly number[]): void => {
    client.call(COMMAND.SET_IRQS, irqSet.encode({ ...fields, argsz: irqSet.size }), descriptors);
  };
  return {
    lossDescriptor: client.descriptor,
    info: (index) =>
      client.ask(COMMAND.GET_IRQ_INFO, irqInfo.encode({ argsz: irqInfo.size, index }), (reply) =>
        irqInfo.decode(reply),
      ),
    set(request, descriptors) {
      // As many as the server takes with one message.
      const share = Math.max(1, client.version.maximumDescriptors);
      try {
        if (descriptors.length === 0) send(request, []);
        for (let start = 0; start < descriptors.length; start += share) {
          const part = descriptors.slice(start, start + share);
          send({ ...request, start, count: part.length }, part);
        }
      } catch (error) {
        if (error !== client.loss) throw error;
      }
    },
  };
}
