/** `tap:NAME`: a TAP interface as a port. */
import { TapWire } from '../emulation/wires/tap.ts';
import { parseBoolean } from './quantities.ts';
import { portScheme } from './scheme.ts';
import { openWirePort } from './wire-port.ts';

export const tapScheme = portScheme({
  scheme: 'tap',
  syntax: 'tap:NAME',
  summary:
    'A TAP interface of the kernel: what it sends is received here, and the other way round. Needs CAP_NET_ADMIN.',
  parameters: {
    create: {
      syntax: '1|0',
      meaning: 'make the interface if there is none, and take it away when the port is closed',
      default: '1',
      parse: parseBoolean,
    },
  },
  examples: ['tap:tap0'],
  async open({ name, target, values, options }) {
    const wire = new TapWire({ name: target, create: values.create });
    return openWirePort({ name, driver: 'tap', description: `TAP interface ${target}`, wire }, options);
  },
});
