/** The harness itself: what the other tests rely on. */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { canBoot, describeGuest } from './harness/describe-guest.ts';
import { built, Guest } from './harness/guest.ts';
import type { Machine } from './harness/machine.ts';
import { kernelRelease, PROJECT } from './harness/setup.ts';

const bare: Machine = { nics: [] };

/** Ends when the children of a command are gone too, which may be a moment later than the command. */
const UNTIL_NOBODY_SLEEPS = 'while pgrep -x sleep; do :; done';

describeGuest('a guest', bare, (guest) => {
  it('runs a kernel of its own on the machine’s files', async () => {
    expect(await guest().output('uname -r')).toBe(kernelRelease());
    expect(await guest().output('cat package.json')).toBe(readFileSync(`${PROJECT}/package.json`, 'utf8').trimEnd());
  });

  it('keeps what it writes to itself', async () => {
    expect(await guest().output('echo guest > package.json && cat package.json')).toBe('guest');
    expect(JSON.parse(readFileSync(`${PROJECT}/package.json`, 'utf8'))).toHaveProperty('name');
    await guest().output('rm package.json');
  });

  it('reports output and exit status', async () => {
    expect(await guest().run('echo out; echo err >&2; exit 7')).toEqual({
      status: 7,
      stdout: 'out\n',
      stderr: 'err\n',
    });
    expect(await guest().run('kill -TERM $$')).toEqual({ status: 128 + 15, stdout: '', stderr: '' });
    await expect(guest().output('echo why >&2; false')).rejects.toThrow(/exit status 1.*\nwhy/s);
  });

  it('passes a megabyte on unchanged', async () => {
    const command = 'head -c 1000000 /dev/urandom | base64 -w 0 | tee /tmp/noise';
    const noise = await guest().output(command);
    const [sum] = (await guest().output('sha256sum /tmp/noise')).split(' ');
    expect(sum).toBe(execFileSync('sha256sum', { input: noise, encoding: 'utf8' }).split(' ')[0]);
  });

  it('runs commands of an unprivileged user', async () => {
    const identity = 'id -u; id -G; grep -E "^Cap(Prm|Eff)" /proc/self/status; ulimit -l';
    const [user, groups, permitted, effective, locked] = (
      await guest().output(identity, { user: 'nobody', lockableMemory: 2 ** 20 })
    ).split('\n');
    expect([user, groups, locked]).toEqual(['65534', '65534', '1024']);
    expect([permitted, effective]).toEqual(['CapPrm:\t0000000000000000', 'CapEff:\t0000000000000000']);
    expect(await guest().run('cat /proc/kcore', { user: 'nobody' })).toMatchObject({ status: 1 });
    expect(await guest().output('node --version', { user: 'nobody' })).toBe(process.version);
  });

  it('runs commands side by side', async () => {
    const reader = guest().start('mkfifo /tmp/between; echo made; cat /tmp/between');
    await reader.printed('made');
    await guest().output('echo hello > /tmp/between');
    expect(await reader.ended).toMatchObject({ status: 0, stdout: 'made\nhello\n' });
  });

  it('signals a command and its children', async () => {
    const command = guest().start('sleep 1000 & echo started; wait');
    await command.printed('started');
    command.kill('TERM');
    expect(await command.ended).toMatchObject({ status: 128 + 15 });
    await guest().output(UNTIL_NOBODY_SLEEPS);
  });

  it('kills what takes too long, and shows its output', async () => {
    const command = guest().run('echo begun; sleep 1000', { timeout: 500 });
    await expect(command).rejects.toThrow(/killed after 500 ms.*begun/s);
    await guest().output(UNTIL_NOBODY_SLEEPS);
  });

  it('a command that ends without the text awaited is an error', async () => {
    await expect(guest().start('echo something else').printed('ready')).rejects.toThrow('something else');
  });

  it('runs the built package, with its addon', async () => {
    const program = `import { addon } from ${built('native/addon.js')};
      console.log(JSON.stringify([process.pid > 1, addon().getAffinity()]));`;
    expect(await guest().script(program)).toEqual([true, [0, 1]]);
  });

  it('shows its physical memory to the monitor', async () => {
    const bios = await guest().physicalMemory(0xf_fff0, 16);
    expect(bios[0]).toBe(0xea); // the reset vector: a far jump
    await expect(guest().monitor.execute('no-such-command')).rejects.toThrow('no-such-command');
  });
});

describe.runIf(canBoot('a guest whose kernel panics', bare))('a guest whose kernel panics', () => {
  it('is reported with its console, and leaves no process', async () => {
    const doomed = await Guest.boot(bare);
    const { pid } = doomed;
    const waiting = doomed.run('sleep 1000');
    await expect(doomed.run('echo c > /proc/sysrq-trigger')).rejects.toThrow(/the guest is gone.*Kernel panic/s);
    await expect(waiting).rejects.toThrow('the guest is gone');
    await doomed.close();
    await doomed.close();
    expect(existsSync(`/proc/${pid}`)).toBe(false);
    await expect(doomed.run('true')).rejects.toThrow('closed');
  });
});
