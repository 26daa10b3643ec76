/** The card's clock (IEEE 1588) as a device of the kernel, and the times at which frames passed by it: against model time. */
import { describe, expect, it } from 'vitest';
import { ixgbe } from '../../../src/datasheet/ixgbe/index.ts';
import { PacketTemplate } from '../../../src/packets/index.ts';
import { type Bench, type Check, INTERFACE } from '../harness/bench.ts';
import { STRANGER } from '../harness/ear.ts';
import { GUEST } from '../harness/judged-nic.ts';
import { accessesOf } from '../harness/watching.ts';

const { SYSTIML } = ixgbe;
const SECOND = 1e9;
/** The clock's cycle of 6.4 ns at either end of an interval; and the driver's increment, a number of 21 binary digits. */
const GRAIN = 16;
const PRECISION = 1e-6;
const FASTER = 0.1;
const ETHERTYPE_PTP = 0x88f7;
/** Messages of version 2: sync, which is stamped, and follow-up, which is not. */
const [SYNC, FOLLOW_UP] = [0, 8];

export function testPtp(bench: Bench): void {
  describe('the clock', () => {
    it('runs, is set, moved and sped up', () => keepsTime(bench));
    it('stamps messages that come and go', () => stampsMessages(bench));
  });
}

export const keepsTime: Check = async (bench) => {
  await clock(bench, 'time.clock_settime_ns(clock, 1000 * 10**9)');
  const set = await look(bench);
  expect(set.time).toBeGreaterThanOrEqual(1000 * SECOND);
  const later = await look(bench);
  expectElapsed(set, later, 1);
  await clock(bench, 'adjust(ADJ_SETOFFSET | ADJ_NANO, seconds=70)');
  const moved = await look(bench);
  expectElapsed({ ...later, time: later.time + 70 * SECOND }, moved, 1);

  await clock(bench, `adjust(ADJ_FREQUENCY, frequency=int(${FASTER} * 10**6 * 2**16))`);
  const faster = await look(bench);
  expectElapsed(faster, await look(bench), 1 + FASTER);
  await clock(bench, 'adjust(ADJ_FREQUENCY); time.clock_settime_ns(clock, time.time_ns())');
};

export const stampsMessages: Check = async (bench) => {
  const { guest, nic } = bench;
  await clock(bench, 'time.clock_settime_ns(clock, 1000 * 10**9)');
  nic().wire.forget();
  const listener = guest().start(python(STAMPS));
  await listener.printed('ready');
  nic().wire.inject(message(SYNC));
  await listener.printed('stamp 1');
  nic().wire.inject(message(FOLLOW_UP), message(SYNC));
  await listener.printed('stamp 3');
  // The message that the guest then sends.
  let sentAt = 0;
  nic().wire.answer = () => {
    sentAt = nic().device.model.now;
    return undefined;
  };
  listener.kill('USR1');
  const { stdout } = await listener.ended;
  nic().wire.answer = () => undefined;
  const [first, unstamped, second, sent] = [...stdout.matchAll(/stamp \d+: (\d+)/g)].map(([, time]) => Number(time));
  expect(unstamped).toBe(0);
  const [firstAt, , secondAt] = nic().wire.takenAt;
  expectElapsed({ time: first, at: [firstAt] }, { time: second, at: [secondAt] }, 1);
  expectElapsed({ time: first, at: [firstAt] }, { time: sent, at: [sentAt] }, 1);
  await clock(bench, 'time.clock_settime_ns(clock, time.time_ns())');
};

interface Look {
  /** What the clock said, in nanoseconds. */
  readonly time: number;
  /** Model times at which it may have said so: the driver looks at its clock by itself, too. */
  readonly at: readonly number[];
}

/** Looks at the clock. */
async function look(bench: Bench): Promise<Look> {
  let time = 0;
  const at = await accessesOf(bench, SYSTIML, 'read', async () => {
    time = Number(await clock(bench, 'print(time.clock_gettime_ns(clock))'));
  });
  return { time, at };
}

/** Between two looks as much time has passed for the clock as for the model, times `rate`. */
function expectElapsed(from: Look, to: Look, rate: number): void {
  const passed = to.time - from.time;
  const errors = from.at.flatMap((begin) => to.at.map((end) => Math.abs(passed - rate * (end - begin))));
  expect(Math.min(...errors)).toBeLessThan(GRAIN + PRECISION * passed);
}

function message(type: number): Uint8Array {
  return new PacketTemplate({
    ethernet: { source: STRANGER, destination: GUEST.mac, etherType: ETHERTYPE_PTP },
    payload: Uint8Array.of(type, 2, ...new Uint8Array(42)),
  }).bytes;
}

/** Runs Python with `clock`, the interface's, and `adjust`, clock_adjtime(2), in scope; what it prints. */
function clock({ guest }: Bench, body: string): Promise<string> {
  return guest().output(python(body));
}

function python(body: string): string {
  return `exec python3 - <<'END'\n${PRELUDE}\n${body}\nEND`;
}

const PRELUDE = `
import ctypes, os, time

ADJ_FREQUENCY, ADJ_SETOFFSET, ADJ_NANO = 0x0002, 0x0100, 0x2000
device = os.listdir('/sys/class/net/${INTERFACE}/device/ptp')[0]
clock = (~os.open('/dev/' + device, os.O_RDWR) << 3) | 3

class Timex(ctypes.Structure):
    _fields_ = [('modes', ctypes.c_uint)]
    _fields_ += [(name, ctypes.c_long) for name in ('offset', 'frequency', 'maximum', 'estimated')]
    _fields_ += [('status', ctypes.c_int)]
    _fields_ += [(name, ctypes.c_long) for name in ('constant', 'precision', 'tolerance', 'seconds', 'nanoseconds')]
    _fields_ += [('rest', ctypes.c_long * 20)]

def adjust(modes, **values):
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.clock_adjtime(clock, ctypes.byref(Timex(modes, **values))) < 0:
        raise OSError(ctypes.get_errno(), 'clock_adjtime')
`;

/** Prints the card's time stamps of three messages that come, and of one that it then sends. */
const STAMPS = `
import fcntl, signal, socket, struct

SIOCSHWTSTAMP, SO_TIMESTAMPING = 0x89b0, 37
STAMPING = 1 << 0 | 1 << 2 | 1 << 6 # of what is sent, of what comes, as the card has it
FILTER_PTP_V2_EVENT, SENT = 12, 1
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
port = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(${ETHERTYPE_PTP}))
port.bind(('${INTERFACE}', ${ETHERTYPE_PTP}))
settings = ctypes.create_string_buffer(struct.pack('iii', 0, SENT, FILTER_PTP_V2_EVENT))
fcntl.ioctl(port, SIOCSHWTSTAMP, struct.pack('16sP16x', b'${INTERFACE}', ctypes.addressof(settings)))
port.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPING, STAMPING)

def report(number, flags=0):
    _, extra, _, _ = port.recvmsg(2048, 256, flags)
    stamps = [struct.unpack('6q', data[:48])[4:] for _, kind, data in extra if kind == SO_TIMESTAMPING]
    seconds, nanoseconds = stamps[0] if stamps else (0, 0)
    print(f'stamp {number}: {seconds * 10**9 + nanoseconds}', flush=True)

print('ready', flush=True)
for number in 1, 2, 3:
    report(number)
signal.sigwait([signal.SIGUSR1])
signal.alarm(5) # the stamp may never come
port.send(bytes.fromhex('${STRANGER}${GUEST.mac}'.replace(':', '')) + struct.pack('>HBB42x', ${ETHERTYPE_PTP}, ${SYNC}, 2))
while True:
    try:
        report(4, socket.MSG_ERRQUEUE)
        break
    except BlockingIOError:
        pass
`;
