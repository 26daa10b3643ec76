import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { Report } from '../../src/demo/report.ts';

function record(json: boolean, signal = new AbortController().signal): { report: Report; text: () => string } {
  const stream = new PassThrough().setEncoding('utf8');
  const report = new Report({ json, stream: stream as unknown as NodeJS.WriteStream, signal });
  return { report, text: () => String(stream.read() ?? '') };
}

describe('Report', () => {
  it('passes if all checks have passed', async () => {
    const { report, text } = record(false);
    await report.stage('one', 'The first stage', async (stage) => {
      stage.note('a remark');
      stage.check(true, 'this is right');
    });
    report.leaveOut('the rest', 'there is no time', 'this');
    expect(report.end()).toBe(true);
    expect(text()).toMatch(
      /The first stage.*\n {2}a remark\n {2}.*✓.* this is right\n[\s\S]*1 of 1 checks passed[\s\S]*the rest: there is no time/,
    );
  });

  it('goes on after a check that failed, and names it at the end', async () => {
    const { report, text } = record(false);
    await report.stage('one', 'First', async (stage) => stage.check(false, 'this is wrong'));
    await report.stage('two', 'Second', async (stage) => stage.check(true, 'this is right'));
    expect(report.end()).toBe(false);
    expect(text()).toMatch(/✗.* this is wrong[\s\S]*✗ 1 of 2 checks passed[\s\S]*\n {2}one: this is wrong\n/);
  });

  it('tells once of an error that ends a stage', async () => {
    const { report, text } = record(true);
    const failing = report.stage('one', 'First', async (stage) => {
      stage.check(true, 'this is right');
      throw new Error('the cable broke');
    });
    await expect(failing).rejects.toThrow('the cable broke');
    report.fail(await failing.catch((error: unknown) => error));
    expect(report.end()).toBe(false);
    const lines = text()
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(lines.at(-1)).toMatchObject({
      type: 'summary',
      passed: false,
      checks: [
        { stage: 'one', passed: true, text: 'this is right' },
        { stage: 'one', passed: false, text: 'the cable broke' },
      ],
    });
  });

  it('tells of an error between stages too', () => {
    const { report } = record(true);
    report.fail(new Error('no'));
    expect(report.end()).toBe(false);
  });

  it('blames what followed an interruption on the interruption', async () => {
    const interruption = new AbortController();
    const { report, text } = record(true, interruption.signal);
    const failing = report.stage('one', 'First', async () => {
      interruption.abort(new Error('interrupted by hand'));
      throw new Error('the station ended');
    });
    await expect(failing).rejects.toThrow('interrupted by hand');
    await expect(report.stage('two', 'Second', async () => {})).rejects.toThrow('interrupted by hand');
    expect(text()).not.toContain('the station ended');
  });
});
