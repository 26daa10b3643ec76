/** `ixy bind` and `ixy unbind`: who drives a device. */
import { once } from 'node:events';
import { Argument, type Command } from 'commander';
import { BIND_TARGETS, type Binding, type BindOptions, type BindTarget, DeviceBinder } from '../pci/binding.ts';
import { Session } from './session.ts';

interface BindCommandOptions extends BindOptions {
  readonly restoreOnExit?: boolean;
  readonly json?: boolean;
}

const BIND_NOTES = `
vfio-pci           behind an IOMMU, without root: the way to choose where there is one
uio_pci_generic    as root, without an IOMMU
kernel             the kernel's own driver for it: the network interface returns

Needs root. The system loses the device's network interface by this; where that is in
use, 'bind' says for what, and does nothing without --force.

Examples:
  ixy bind 0000:03:00.0 vfio-pci --owner $USER
  ixy bind 0000:03:00.0 vfio-pci --restore-on-exit
  ixy bind 0000:03:00.0 kernel
`;

const UNBIND_NOTES = `
Needs root. Without a driver a device is used through sysfs, as root.

Examples:
  ixy unbind 0000:03:00.0
`;

const FORCE = 'also if its interface carries addresses or routes';

export function addBind(program: Command): void {
  program
    .command('bind')
    .description('Give a network card to user space, or back to the kernel.')
    .argument('<address>', "its PCI address; see 'ixy list'")
    .addArgument(new Argument('<driver>', 'who shall have it').choices(BIND_TARGETS))
    .option('-f, --force', FORCE)
    .option('-o, --owner <user>', 'who may use it without root (vfio-pci)')
    .option('--restore-on-exit', 'stay until Ctrl-C, and then give it back')
    .option('--json', 'print a JSON object')
    .addHelpText('after', BIND_NOTES)
    .action(bind);
}

export function addUnbind(program: Command): void {
  program
    .command('unbind')
    .description('Take a network card from its driver.')
    .argument('<address>', "its PCI address; see 'ixy list'")
    .option('-f, --force', FORCE)
    .option('--json', 'print a JSON object')
    .addHelpText('after', UNBIND_NOTES)
    .action((address: string, options: Pick<BindCommandOptions, 'force' | 'json'>) => {
      report(new DeviceBinder().unbind(address, options), options.json);
    });
}

async function bind(address: string, target: BindTarget, options: BindCommandOptions): Promise<void> {
  const binder = new DeviceBinder();
  if (!options.restoreOnExit) {
    report(binder.bind(address, target, options), options.json);
    return;
  }
  await Session.run(async ({ signal }) => {
    const binding = binder.bind(address, target, options);
    report(binding, options.json);
    const alive = setInterval(() => {}, 2 ** 30); // waiting for a signal keeps no process alive
    if (!signal.aborted) await once(signal, 'abort');
    clearInterval(alive);
    report(binder.restore(binding), options.json);
  });
}

function report(binding: Binding, json = false): void {
  process.stdout.write(json ? `${JSON.stringify(binding)}\n` : `${bindingText(binding).join('\n')}\n`);
}

/** What has happened, and what is to be known before the device is used. */
export function bindingText(binding: Binding): string[] {
  const { address, previousDriver, driver, interfaces, lostInterfaces, groupFile, otherUsers } = binding;
  const already = driver === null ? 'has no driver' : `is bound to ${driver}`;
  const nobody = 'no driver';
  return [
    previousDriver === driver
      ? `${address} ${already} already`
      : `${address}: from ${previousDriver ?? nobody} to ${driver ?? nobody}`,
    ...(lostInterfaces.length > 0 ? [`  the system has lost ${lostInterfaces.join(', ')}`] : []),
    ...(interfaces.length > 0 ? [`  interface ${interfaces.join(', ')}`] : []),
    ...(groupFile === null ? [] : [`  VFIO group ${groupFile}`]),
    ...(otherUsers.length > 0
      ? [`  the group is not viable: it also has ${otherUsers.join(', ')}; bind all its devices to vfio-pci`]
      : []),
  ];
}
