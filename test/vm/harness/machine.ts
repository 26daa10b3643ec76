/** A virtual machine: what a test asks for, and QEMU's command line for it. */
import { bridgeArguments, isServed, type Nic, nicArguments, socketOf } from './nics.ts';
import { AGENT, INITRD, KERNEL, PROJECT } from './setup.ts';

/** A NIC that somebody else serves over vfio-user. */
export interface AttachedNic {
  /** The socket file that it is served at. */
  readonly socket: string;
  /** As `Nic.slot`. */
  readonly slot: number;
  /** Of a device with several: which function of it this is. Default: there is but one. */
  readonly function?: number;
}

export interface Machine {
  /** Those whose model is `served` are served by the guest's own process. */
  readonly nics: readonly Nic[];
  /** Further ones, which the test serves itself. The machine's memory is shared with those who serve, unless it is `private`. */
  readonly served?: readonly AttachedNic[];
  /** Nobody else can map the machine's memory. Default: those who serve NICs can. */
  readonly private?: boolean;
  /** An IOMMU (VT-d) that translates, and remaps interrupts. Default: none. */
  readonly iommu?: boolean;
  /** The test needs VFIO's no-IOMMU mode, whose modules are built apart. */
  readonly noIommuMode?: boolean;
  /** Huge pages of 2 MiB. Default: none. */
  readonly hugePages?: number;
  /** A third serial port leads to the terminal that this process has, which becomes raw. Default: there is none. */
  readonly terminal?: boolean;
}

/** Descriptors that QEMU inherits: sockets for the agent's serial port and for the monitor. */
export const AGENT_DESCRIPTOR = 3;
export const MONITOR_DESCRIPTOR = 4;

const MEMORY = '1024M';
const SHARED_MEMORY = [
  ...['-machine', 'q35,memory-backend=memory'],
  ...['-object', `memory-backend-memfd,id=memory,size=${MEMORY},share=on`],
];
/** First release of QEMU that takes served NICs. */
export const SERVED_SINCE = 10.1;

/** `share`: a directory for files and the console's log, which the guest can write. */
export function qemuArguments(machine: Machine, share: string): string[] {
  const served = attachedNics(machine, share);
  return [
    ...(served.length > 0 && !machine.private ? SHARED_MEMORY : ['-machine', 'q35']),
    ...['-accel', 'tcg,thread=multi', '-cpu', 'max', '-smp', '2', '-m', MEMORY],
    ...['-nodefaults', '-no-user-config', '-no-reboot', '-display', 'none'],
    ...['-kernel', `${KERNEL}/vmlinux`, '-initrd', INITRD, '-append', kernelCommandLine(machine)],
    ...['-serial', `file:${consoleLog(share)}`],
    ...['-chardev', `socket,id=agent,fd=${AGENT_DESCRIPTOR}`, '-serial', 'chardev:agent'],
    ...(machine.terminal ? ['-chardev', 'stdio,id=terminal,signal=off', '-serial', 'chardev:terminal'] : []),
    ...['-chardev', `socket,id=monitor,fd=${MONITOR_DESCRIPTOR}`, '-mon', 'chardev=monitor,mode=control'],
    ...(machine.iommu ? ['-device', iommu(served.length > 0)] : []),
    ...fileSystem('root', '/', 0x1d, ',readonly=on'),
    ...fileSystem('share', share, 0x1e),
    ...bridgeArguments(machine.nics),
    ...machine.nics.filter((nic) => !isServed(nic)).flatMap((nic) => nicArguments(nic, machine.iommu ?? false)),
    ...served.flatMap(attachedArguments),
  ];
}

/** All whose devices are outside of QEMU. */
function attachedNics({ nics, served = [] }: Machine, share: string): AttachedNic[] {
  return [...nics.filter(isServed).map((nic) => ({ socket: socketOf(nic, share), slot: nic.slot })), ...served];
}

/** It comes before the devices behind it. Who maps memory for devices outside must hear of each new mapping too. */
function iommu(tellsOfMappings: boolean): string {
  return `intel-iommu,intremap=on${tellsOfMappings ? ',caching-mode=on' : ''}`;
}

function attachedArguments({ socket, slot, function: part }: AttachedNic): string[] {
  const address = slot.toString(16);
  const place = {
    ...(part === undefined ? { addr: address } : { addr: `${address}.${part}`, multifunction: part === 0 }),
    rombar: 0,
  };
  return ['-device', JSON.stringify({ driver: 'vfio-user-pci', socket: { type: 'unix', path: socket }, ...place })];
}

/** Whether it needs interfaces of the machine that it runs on, and so root. */
export function hasTaps(machine: Machine): boolean {
  return machine.nics.some((nic) => nic.tap);
}

export function consoleLog(share: string): string {
  return `${share}/console.log`;
}

function fileSystem(tag: string, path: string, slot: number, options = ''): string[] {
  return [
    ...['-fsdev', `local,id=${tag},path=${path},security_model=none,multidevs=remap${options}`],
    ...['-device', `virtio-9p-pci,fsdev=${tag},mount_tag=${tag},disable-legacy=on,addr=${slot.toString(16)}`],
  ];
}

function kernelCommandLine(machine: Machine): string {
  return [
    'console=ttyS0 loglevel=4',
    // A panic ends QEMU (-no-reboot) instead of hanging.
    'panic=-1',
    // What an emulated machine need not spend time on: waiting for entropy, calibrating clocks, hardening.
    'random.trust_cpu=on tsc=reliable no_timer_check mitigations=off',
    ...(machine.iommu ? ['intel_iommu=on'] : []),
    // Words that the kernel does not know become the environment of the first process.
    `agent=${AGENT} project=${PROJECT} kernel=${KERNEL}`,
  ].join(' ');
}
