/** `ixy serve`: emulated NICs for virtual machines and other programs. */
import type { Command } from 'commander';
import { CableRegistry, createWire, type WireCounters } from '../emulation/index.ts';
import { AccessTrace, type ServedAt, ServedDevice, VfioUserServer } from '../emulation/vfio-user/index.ts';
import { IxyError } from '../errors.ts';
import { describeEmulatedNic, type EmulatedNicSpec } from '../ports/index.ts';
import { ServeView } from './serve-view.ts';
import { Session } from './session.ts';

interface ServeOptions {
  readonly socket: readonly string[];
  readonly trace?: string;
  readonly json?: boolean;
}

const NOTES = `
Serves until Ctrl-C; a client that has gone may come again. The socket speaks vfio-user: to
ixy it is the port vfio-user:PATH, and to QEMU, 10.1 and newer, a device. QEMU's memory must
be shared for it:

  qemu-system-x86_64 -M q35,memory-backend=m -m 1G \\
    -object memory-backend-memfd,id=m,size=1G,share=on \\
    -device '{"driver":"vfio-user-pci","socket":{"type":"unix","path":"/run/nic.sock"}}' …

Examples:
  ixy serve 'emulated:ixgbe?wire=tap:tap0' --socket /run/nic.sock
  ixy serve 'emulated:ixgbe?wire=tap:tap0' --socket /run/nic.sock --trace registers.txt
  ixy serve 'emulated:ixgbe?wire=cable:a' 'emulated:ixgbe?wire=cable:a' \\
    --socket /run/left.sock --socket /run/right.sock
`;

/** What stands in a trace that misses something. */
const UNSEEN = 'from here on the driver rings doorbells in shared memory, where nobody sees them';

export function addServe(program: Command): void {
  program
    .command('serve')
    .description('Let virtual machines and other programs drive emulated NICs, over vfio-user.')
    .argument('<port...>', "emulated NICs; see 'ixy ports'")
    .requiredOption('-s, --socket <path>', 'socket file to make; one for each NIC, in their order', collect)
    .option('-t, --trace <file>', 'write down each register access, with names and fields')
    .option('--json', 'print one JSON object a second')
    .addHelpText('after', NOTES)
    .action((uris: string[], options: ServeOptions) => Session.run((session) => serve(session, uris, options)));
}

function collect(path: string, paths: readonly string[] = []): readonly string[] {
  return [...paths, path];
}

async function serve({ signal }: Session, uris: readonly string[], options: ServeOptions): Promise<void> {
  const { socket: paths, json = false } = options;
  if (paths.length !== uris.length) {
    throw new IxyError('ERR_ARGUMENT', `each NIC needs a --socket: ${uris.length} NICs, ${paths.length} sockets`);
  }
  const trace = options.trace === undefined ? undefined : new AccessTrace(options.trace);
  const view = new ServeView(process.stdout, json);
  const nics: ServedNic[] = [];
  try {
    const cables = new CableRegistry();
    const specs = uris.map(describeEmulatedNic);
    for (const [i, spec] of specs.entries()) {
      const nic = plugIn(spec, paths[i], cables);
      nics.push(nic);
      if (!trace) continue;
      const label = specs.length > 1 ? nic.path : '';
      nic.device.regions.onAccess = trace.observer(spec.model, label);
      nic.device.doorbells.onShared = () => trace.note(UNSEEN, label);
    }
    const server = new VfioUserServer(nics, (message) => view.log(message));
    try {
      view.start(server.ports, nics, () => trace?.flush());
      await server.run(signal);
    } finally {
      view.end();
      server.close();
    }
  } finally {
    view.stop();
    for (const { device } of nics) device.model.wire?.close();
    trace?.close();
  }
}

interface ServedNic extends ServedAt {
  readonly counters: WireCounters;
}

function plugIn({ model, options, wire }: EmulatedNicSpec, path: string, cables: CableRegistry): ServedNic {
  const device = ServedDevice.create(model, options);
  const end = createWire(wire, cables);
  device.model.wire = end;
  return { path, device, counters: end.counters };
}
