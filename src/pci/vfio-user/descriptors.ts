/** Descriptors that came from another process. */
import { addon } from '../../native/addon.ts';

/** Closes them all, whatever they are: some report at their end what went wrong before, which is not our concern. */
export function closeDescriptors(descriptors: readonly number[]): void {
  for (const descriptor of descriptors) {
    try {
      addon().close(descriptor);
    } catch {
      // It is closed all the same.
    }
  }
}
