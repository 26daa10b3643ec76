/** The judge notices cards that are wrong about frames. */
import { describeMutations } from './mutations/describe-mutations.ts';
import { OF_FRAMES } from './mutations/index.ts';

describeMutations(OF_FRAMES);
