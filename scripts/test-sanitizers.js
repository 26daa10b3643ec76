// Builds the addon with AddressSanitizer and UndefinedBehaviorSanitizer and runs the tests that use it. Any report fails
// the run; of leaks, those whose memory the addon itself allocated, as Node leaves its own to the system when it exits. A
// suppression list could not tell them apart: Node is on every stack.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';

const build = resolve('build-asan');
const reports = join(build, 'reports');

function run(command, args, env = {}) {
  const { status, error } = spawnSync(command, args, { stdio: 'inherit', env: { ...process.env, ...env } });
  if (error) throw error;
  return status === 0;
}

/** Whether the addon comes before Node on the way up from the allocation. */
function isOurs(leak) {
  const [allocation] = leak.split(process.execPath);
  return (
    /^(Direct|Indirect) leak/.test(leak) &&
    [`${resolve('native')}/`, '/node-addon-api/'].some((path) => allocation.includes(path))
  );
}

/** What a report says about the addon: all of an error's, but of leaks only our own. */
function findings(report) {
  return report.includes('LeakSanitizer') ? report.split('\n\n').filter(isOurs) : [report];
}

if (!run('npx', ['cmake-js', 'compile', '--silent', '--out', build, '--CDIXY_SANITIZE=ON'])) process.exit(1);
rmSync(reports, { recursive: true, force: true });
mkdirSync(reports);

const log = `log_path=${join(reports, 'report')}`;
// One process, so that its end is the end of every test and leaks of all of them are seen.
const oneProcess = ['--pool=threads', '--no-file-parallelism'];
const passed = run('npx', ['vitest', 'run', ...oneProcess, 'test/native', 'test/memory', 'test/pci'], {
  IXY_ADDON: join(build, 'Release/ixy.node'),
  LD_PRELOAD: execFileSync('gcc', ['-print-file-name=libasan.so'], { encoding: 'utf8' }).trim(),
  ASAN_OPTIONS: `detect_leaks=1:${log}`,
  LSAN_OPTIONS: 'exitcode=0',
  UBSAN_OPTIONS: `print_stacktrace=1:${log}`,
});
const found = readdirSync(reports).flatMap((name) => findings(readFileSync(join(reports, name), 'utf8')));
for (const finding of found) console.error(`\n${finding}`);
if (found.length > 0) console.error(`sanitizers: ${found.length} reports, kept in ${reports}`);
else console.log(passed ? 'sanitizers: no report' : 'sanitizers: the tests failed, or were ended by a report above');
process.exit(passed && found.length === 0 ? 0 : 1);
