/** What is in a recording. */
import { CaptureFileReader } from '../../../src/packets/capture-file.ts';
import { SequenceChecker, type SequenceCheckerOptions } from '../../../src/packets/sequence-checker.ts';

/** The frames of a capture file. */
export function framesOf(file: string): Buffer[] {
  return Array.from(new CaptureFileReader(file), ({ bytes, offset, length }) =>
    Buffer.from(bytes.subarray(offset, offset + length)),
  );
}

/** What became of numbered packets (`ixy pktgen`) that were recorded. */
export function checkSequence(file: string, options?: SequenceCheckerOptions): SequenceChecker {
  const checker = new SequenceChecker(options);
  for (const { bytes, offset, length } of new CaptureFileReader(file)) checker.check(bytes, offset, length);
  return checker;
}
