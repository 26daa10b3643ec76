/** A request that is understood, and cannot be granted: the client is told, and the connection goes on. */
import { constants } from 'node:os';

const { EACCES, EEXIST, EINVAL, EIO, ENOENT, ENOSPC, ENOTSUP } = constants.errno;
const REASONS = { EACCES, EEXIST, EINVAL, EIO, ENOENT, ENOSPC, ENOTSUP };

export class Refusal extends Error {
  /** What the client gets to see. */
  readonly errno: number;

  constructor(reason: keyof typeof REASONS, message: string) {
    super(message);
    this.errno = REASONS[reason];
  }
}
