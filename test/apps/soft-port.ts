/** Ports for tests of packet loops: frames come from a list, and go to one; nothing of it needs a privilege. */
import { onTestFinished } from 'vitest';
import type { NetDevice } from '../../src/drivers/net-device.ts';
import { CallbackWire } from '../../src/emulation/wires/callback.ts';
import { ENDED } from '../../src/emulation/wires/counters.ts';
import type { OpenOptions } from '../../src/ports/index.ts';
import { openWirePort } from '../../src/ports/wire-port.ts';
import { Collector } from '../emulation/wires/frames.ts';

export interface SoftPort {
  readonly port: NetDevice;
  readonly wire: CallbackWire;
  /** What the port sent. */
  readonly sent: Collector;
  /** Makes the port's traffic end with the frames on the wire now. */
  end(): void;
}

/** `accept`: how many frames the far end takes before it refuses. Closed when the test is over. */
export function softPort(name: string, options: OpenOptions & { readonly accept?: number } = {}): SoftPort {
  const { accept, ...open } = options;
  const sent = new Collector(accept);
  const wire = new CallbackWire({ onFrame: sent.deliver });
  const port = openWirePort({ name, driver: 'soft', description: 'a test', wire }, open);
  onTestFinished(() => port.close());
  const end = () => {
    wire.counters[ENDED] = 1;
  };
  return { port, wire, sent, end };
}

/** Packets of the port's pool that nobody has given back. */
export function missing(port: NetDevice): number {
  const { pool } = port.rx[0];
  return pool.capacity - pool.available;
}
